"""The component in `dg`, each command as a user types it: in this project, and in one that Dagster laid out."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import polars as pl
import pytest

pytest.importorskip("dagster_dg_cli")
pytest.importorskip("create_dagster")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

MODULES = {"dg": "dagster_dg_cli.cli", "create-dagster": "create_dagster.cli"}
SAMPLE = """\
user_id,event_type,time,page,price
u1,view,2025-01-05T10:00:00Z,/home,
u2,view,2025-01-05T10:05:00Z,/home,
u1,buy,2025-01-05T10:07:30Z,/cart,19.90
"""


def installed(folder: Path, repository: Path) -> Path:
    """The package as pip installs it, by the entry points of pyproject.toml."""
    about = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    dist = folder / "site" / f"event_assets-{about['version']}.dist-info"
    dist.mkdir(parents=True)
    (dist / "METADATA").write_text(f"Metadata-Version: 2.1\nName: event_assets\nVersion: {about['version']}\n")
    groups = {"console_scripts": about["scripts"], **about["entry-points"]}
    lines = [f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in found.items()) for group, found in groups.items()]
    (dist / "entry_points.txt").write_text("\n".join(lines))
    return dist.parent


def command(line: str, folder: Path, *paths: Path) -> str:
    """What a command prints; it ends well."""
    program, *words = shlex.split(line)
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        "NO_COLOR": "1",
        "COLUMNS": "200",
        "DAGSTER_DG_UPDATE_CHECK_ENABLED": "0",
    }
    main = f"import sys; from {MODULES[program]} import main; sys.argv[0] = {program!r}; main()"
    for name in ("EVENT_ASSETS_INBOX", "EVENT_ASSETS_LAKE", "EVENT_ASSETS_WAREHOUSE"):
        environment.pop(name, None)
    done = subprocess.run(
        [sys.executable, "-c", main, *words], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def test_the_how_to_works_from_its_first_line_to_its_last(tmp_path: Path, repository: Path) -> None:
    page = (repository / "docs" / "how-to" / "dagster-project.md").read_text(encoding="utf-8")
    blocks = {kind: re.findall(rf"```{kind}\n(.*?)```", page, re.DOTALL) for kind in ("shell", "yaml", "python")}
    site = installed(tmp_path, repository)
    create, scaffold, schema, run = (block.splitlines() for block in blocks["shell"])
    command(create[0], tmp_path)
    project = tmp_path / "my-project"
    source = project / "src" / "my_project"
    for folder in (project, project / "data" / "inbox" / "clicks"):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "clicks_2025-01-05.csv").write_text(SAMPLE)

    def dg(line: str) -> str:
        return command(line, project, project / "src", site, repository)

    assert create[1:3] == ["cd my-project", "pip install event_assets dagster-dg-cli --editable ."]
    assert "event_assets.EventDataset" in dg(create[3])
    for line in scaffold:
        told = dg(line)
    assert "All definitions loaded successfully" in told
    declaration = source / "defs" / "clicks" / "defs.yaml"
    declaration.write_text(declaration.read_text() + blocks["yaml"][0])
    (source / "defs" / "assets.py").write_text(blocks["python"][0])
    dg(schema[0])
    assert "EventDataset" in (project / ".dg" / "schema.json").read_text()
    for line in run:
        dg(line)
    table = project / "data" / "lake" / "clicks" / "busy_users" / "event_date=2025-01-05" / "*.parquet"
    assert pl.read_parquet(table, hive_partitioning=False).select("user_id", "event_count").rows() == [("u1", 2)]
    listed = json.loads(dg("dg list defs --json"))
    assert "clicks/busy_users" in json.dumps(listed)


def test_dg_knows_this_project(repository: Path, tmp_path: Path) -> None:
    site = installed(tmp_path, repository)
    assert "event_assets.EventDataset" in command("dg list components", repository, site, repository)
    assert "validated successfully" in command("dg check yaml", repository, site, repository)
    assert "All definitions loaded successfully" in command("dg check defs", repository, site, repository)
    told = command("dg utils inspect-component event_assets.EventDataset", repository, site, repository)
    assert "A stream of events with its profiles and rules" in told

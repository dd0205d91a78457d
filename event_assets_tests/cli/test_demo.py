"""`event-assets demo`: samples for every dataset, or a folder of the user's."""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest
import yaml

from event_assets.cli.demo import _how_to_open_the_ui
from event_assets.declaration import load_datasets
from event_assets.settings import load_settings
from event_assets_tests.world import CLICKS

pytestmark = pytest.mark.timeout(600)  # five datasets, on whatever machine


def demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "event_assets", "demo", *arguments]
    environment = {**os.environ, "COLUMNS": "160"}
    return subprocess.run(command, capture_output=True, text=True, timeout=280, env=environment, check=False)


@pytest.mark.timeout(300)
def test_the_demo_makes_every_table_of_every_dataset_and_accounts_for_every_record(
    tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A dataset of one's own has no generator: the demo passes over it.
    (tmp_path / "datasets" / "clicks").mkdir(parents=True)
    declared = {"type": "event_assets.EventDataset", "attributes": yaml.safe_load(CLICKS)}
    (tmp_path / "datasets" / "clicks" / "defs.yaml").write_text(yaml.safe_dump(declared))
    monkeypatch.setenv("EVENT_ASSETS_DATASETS", str(tmp_path / "datasets"))
    done = demo()
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    lake = tmp_path / "lake"
    for name in load_datasets():
        facts = pl.read_parquet(lake / name / "joined_facts" / "event_date=*" / "*.parquet")
        assert facts.height > 100, name
        assert name in done.stdout
    holds = next(line for line in done.stdout.splitlines() if "all equations hold" in line)
    assert holds.split().count("yes") == len(load_datasets())
    # Every kind of mess is there.
    for reason in ("malformed_record", "invalid_timestamp", "missing_user_id", "duplicates"):
        assert reason in done.stdout
    assert "make ui" in done.stdout
    assert not list((tmp_path / "dagster" / "storage").rglob("*.complete")), "a step had its output captured"
    # The tour of the README goes on from here.
    for command in readme_commands(repository, "event-assets run"):
        went = subprocess.run(
            [sys.executable, "-m", *command.replace("event-assets", "event_assets").split()],
            capture_output=True,
            text=True,
            timeout=100,
            env=os.environ,
            check=False,
        )
        assert went.returncode == 0, f"{command}\n{went.stderr}"


@pytest.mark.long  # half a demo
def test_ctrl_c_in_the_demo_is_one_line_and_exit_code_130(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "event_assets", "demo"]
    stop = "stopped: what was published stays, the rest is made by the same command again"
    for table in ("raw_events", "sessions", "top_users_overall"):
        with subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
        ) as going:
            deadline = time.monotonic() + 100
            while not (tmp_path / "lake" / "activity" / table).exists() and time.monotonic() < deadline:
                time.sleep(0.05)
            os.killpg(going.pid, signal.SIGINT)  # as a terminal does: to every process of the command
            _, said = going.communicate(timeout=100)
        assert (going.returncode, said.decode().splitlines()) == (130, [stop])
        shutil.rmtree(tmp_path / "lake")


@pytest.mark.parametrize(
    ("makefile", "hint"), [("ui:\n\ttrue\n", "make ui"), (None, "dagster dev -m event_assets.definitions")]
)
def test_the_way_to_the_ui_is_one_that_exists_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, makefile: str | None, hint: str
) -> None:
    monkeypatch.chdir(tmp_path)
    if makefile:
        (tmp_path / "Makefile").write_text("demo:\n\ttrue\n\n" + makefile)
    assert hint in _how_to_open_the_ui(load_settings())
    assert "EVENT_ASSETS_" not in _how_to_open_the_ui(load_settings())
    other = dataclasses.replace(load_settings(), inbox=Path("/exports"))
    assert "EVENT_ASSETS_INBOX=/exports" in _how_to_open_the_ui(other)


def test_the_readme_names_make_targets_that_exist(repository: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (repository / "Makefile").read_text(), re.MULTILINE))
    named = {command.split()[1] for command in readme_commands(repository, "make ")}
    assert {"demo", "test"} <= named <= targets


def readme_commands(repository: Path, beginning: str) -> list[str]:
    """The commands of the README's shell blocks that begin so, without their comments."""
    blocks = re.findall(r"```bash\n(.*?)```", (repository / "README.md").read_text(), re.DOTALL)
    lines = [line.strip().split("  #")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line.startswith(beginning)]


def test_a_folder_of_the_users_that_has_no_dataset_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "exports").mkdir()
    done = demo("--inbox", str(tmp_path / "exports"))
    assert done.returncode == 1
    assert "has no folder of a dataset; make one of activity, app_events" in done.stderr

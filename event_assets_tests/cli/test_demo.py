"""`event-assets demo`: samples for every dataset, or a folder of the user's."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from event_assets.declaration import load_datasets

pytestmark = pytest.mark.timeout(600)  # five datasets, on whatever machine


def demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "event_assets", "demo", *arguments]
    environment = {**os.environ, "COLUMNS": "160"}
    return subprocess.run(command, capture_output=True, text=True, timeout=280, env=environment, check=False)


@pytest.mark.timeout(300)
def test_the_demo_makes_every_table_of_every_dataset_and_accounts_for_every_record(
    tmp_path: Path, repository: Path
) -> None:
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

"""`event-assets demo`: samples for every dataset, or a folder of the user's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from event_assets.dataset import load_datasets


def demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "event_assets", "demo", *arguments]
    environment = {**os.environ, "COLUMNS": "160"}
    return subprocess.run(command, capture_output=True, text=True, timeout=280, env=environment, check=False)


@pytest.mark.timeout(300)
def test_the_demo_makes_every_table_of_every_dataset_and_accounts_for_every_record(tmp_path: Path) -> None:
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


def test_a_folder_of_the_users_that_has_no_dataset_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "exports").mkdir()
    done = demo("--inbox", str(tmp_path / "exports"))
    assert done.returncode == 1
    assert "has no folder of a dataset; make one of activity, app_events" in done.stderr

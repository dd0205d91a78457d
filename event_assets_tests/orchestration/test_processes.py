"""A run whose ops have a process each, as in a project with Dagster's default executor."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from event_assets_tests.world import World, clicks, lines

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(900)]

#: A code location in which one date of `cleaned_events` breaks its contract, in every process.
BROKEN = """
import dagster as dg
import narwhals as nw
import pytest

from event_assets.orchestration.dataset_definitions import dataset_definitions
from event_assets_tests.orchestration.platform import break_table
from event_assets_tests.world import clicks

break_table(pytest.MonkeyPatch(), "cleaned_events", "2025-01-06", lambda frame: nw.concat([frame, frame]))
defs = dg.Definitions.merge(
    dataset_definitions(clicks(mode="fail_fast")),
    dg.Definitions(executor=dg.multiprocess_executor.configured({"max_concurrent": 2})),
)
"""


def run(folder: Path, repository: Path) -> list[str]:
    """Execute the job in processes; the failure of each step that failed."""
    (folder / "broken_location.py").write_text(BROKEN)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(repository)])}
    command = [sys.executable, "-m", "dagster", "job", "execute", "-m", "broken_location", "-j", "clicks"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode != 0, done.stderr
    with dg.DagsterInstance.get() as instance:
        [run] = instance.get_runs(limit=1)
        failed = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
        assert run.status == dg.DagsterRunStatus.FAILURE
        lines = [entry.get_dagster_event().step_failure_data.user_failure_data for entry in failed]
        return [f"{e.step_key}: {line.description if line else ''}" for e, line in zip(failed, lines, strict=True)]


def test_the_last_step_fails_for_what_another_process_refused(tmp_path: Path, repository: Path) -> None:
    world = World(tmp_path, clicks(mode="fail_fast"))
    world.drop("clicks_1.csv", lines(*(f"ann,view,2025-01-0{day}T10:00:00,/a,1.00" for day in (5, 6, 8))))
    [line] = run(tmp_path, repository)
    assert line.startswith(
        "clicks_tables.reconciliation: clicks/cleaned_events 2025-01-06: was not published (the previous version is "
        "kept): event_id is unique: 1 rows"
    )
    assert world.table("cleaned_events")["event_date"].to_list() == ["2025-01-05", "2025-01-08"]


def test_the_last_step_fails_for_a_file_that_another_process_could_not_land(tmp_path: Path, repository: Path) -> None:
    World(tmp_path).drop("clicks_1.csv", lines("ann,view,soon,/a,1.00"))
    [line] = run(tmp_path, repository)
    assert line.startswith("clicks_tables.reconciliation: ")
    assert "clicks_1.csv" in line

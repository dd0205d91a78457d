"""The sensor under strain: very many files, files that are still being written, landings that fail, restarts."""

from __future__ import annotations

import json
import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest

from event_assets.storage.ledger_entries import Binding, SourceFile
from event_assets_tests.faults import children
from event_assets_tests.orchestration.platform import Platform, failure
from event_assets_tests.world import NOW, World, clicks, lines

FILES = 10_000
GIGABYTE = 10**9


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    with opened(tmp_path) as platform:
        yield platform


@contextmanager
def opened(folder: Path) -> Iterator[Platform]:
    platform = Platform(folder)
    with platform.instance:
        yield platform


def day(user: str, date: str = "2025-01-05") -> str:
    return lines(f"{user},view,{date}T10:00:00,/a,1.00")


def settled(platform: World, name: str, content: str) -> Path:
    """A file that was dropped a while ago."""
    path = platform.drop(name, content)
    os.utime(path, (time.time() - 60, time.time() - 60))
    return path


def tick_and_tell(folder: Path) -> None:
    """One look of the sensor: what it found, how long it took and how much memory its process has taken by then."""
    with opened(folder) as platform:
        began = time.monotonic()
        found = platform.tick("clicks_new_files")
        seconds = time.monotonic() - began
    # Kilobytes on Linux, as `getrusage` tells.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    told = found if isinstance(found, str) else found[0].tags["event_assets/why"]
    (folder / "told.json").write_text(json.dumps({"told": told, "seconds": seconds, "bytes": peak}))


def look(folder: Path) -> dict:
    assert children.run(tick_and_tell, folder) == 0
    return dict(json.loads((folder / "told.json").read_text()))


def test_ten_thousand_files_are_looked_at_in_one_tick(tmp_path: Path) -> None:
    world = World(tmp_path)
    for number in range(FILES):
        settled(world, f"clicks_{number:05d}.csv", day(f"u{number}"))
    found = look(tmp_path)
    assert found["told"] == "10000 new files"
    assert found["seconds"] < 60
    assert found["bytes"] < GIGABYTE


@pytest.mark.long
def test_ten_thousand_files_that_were_landed_are_passed_over_in_one_tick(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.drop("clicks_first.csv", day("ann"))
    rules = world.land().landed[0].rules
    for number in range(FILES):
        settled(world, f"clicks_{number:05d}.csv", day(f"u{number}"))
    from event_assets.pipeline.pending_files import pending

    with world.workspace.writing():
        world.workspace.ledger.append(
            entry
            for file in pending(world.workspace)[0]
            for entry in (
                SourceFile(file.name, "events", rules, NOW, 1, 1, 1, 0, {"2025-01-05": 1}),
                Binding(file.name, "events", file.name, file.signature),
            )
        )
    found = look(tmp_path)
    assert "nothing new" in found["told"]
    assert found["seconds"] < 60
    assert found["bytes"] < GIGABYTE


def test_a_file_still_being_written_is_not_taken_and_holds_nothing_up(platform: Platform) -> None:
    settled(platform, "clicks_1.csv", day("ann"))
    platform.drop("clicks_2.csv", day("bob")[:-10])
    [request] = platform.tick("clicks_new_files")
    assert request.tags["event_assets/why"] == "1 new file"


def test_what_was_landed_is_known_after_a_restart(platform: Platform) -> None:
    """The cursor is the ledger: a new process, instance and code server find in it what was taken."""
    settled(platform, "clicks_1.csv", day("ann"))
    [request] = platform.tick("clicks_new_files")
    assert platform.obey(request).success
    with opened(platform.folder) as again:
        [request] = again.tick("clicks_new_files")
        assert request.tags["event_assets/why"].endswith("that no run reported"), "this instance knows of no run"
        assert again.obey(request).success
        assert "nothing new" in again.tick("clicks_new_files")
        settled(again, "clicks_2.csv", day("bob"))
        [request] = again.tick("clicks_new_files")
    assert request.tags["event_assets/why"] == "1 new file"


def test_a_landing_that_fails_is_shown_and_tried_again_and_holds_up_no_other_file(platform: Platform) -> None:
    platform.use(clicks(mode="fail_fast"))
    settled(platform, "clicks_1.csv", lines("ann,view,soon,/a,1.00"))
    settled(platform, "clicks_2.csv", day("bob"))
    for _ in range(4):  # with the other file, and three times alone
        [request] = platform.tick("clicks_new_files")
        assert "clicks_1.csv: record 1 is refused (invalid_timestamp)" in failure(platform.obey(request))
        assert platform.table("daily_summary")["user_id"].to_list() == ["bob"]
    # What failed three times by itself is left to a person...
    assert "failed 3 times" in platform.tick("clicks_new_files")
    # ... and a file that comes later isn't.
    settled(platform, "clicks_3.csv", day("cat", "2025-01-06"))
    [request] = platform.tick("clicks_new_files")
    assert not platform.obey(request).success
    assert platform.table("daily_summary")["user_id"].to_list() == ["bob", "cat"]
    settled(platform, "clicks_1.csv", day("ann"))
    [request] = platform.tick("clicks_new_files")
    assert platform.obey(request).success
    assert platform.table("daily_summary")["user_id"].to_list() == ["ann", "bob", "cat"]


def test_a_run_that_was_killed_leaves_the_sensor_free_to_try_again(platform: Platform) -> None:
    settled(platform, "clicks_1.csv", day("ann"))
    [first] = platform.tick("clicks_new_files")
    run = platform.instance.create_run_for_job(
        platform.definitions.resolve_job_def("clicks"), status=dg.DagsterRunStatus.STARTED, tags=dict(first.tags)
    )
    platform.instance.report_run_failed(run)  # as run monitoring does
    [second] = platform.tick("clicks_new_files")
    assert platform.obey(second).success
    assert "nothing new" in platform.tick("clicks_new_files")

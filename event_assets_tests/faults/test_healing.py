"""What a crash, an older copy of the lake or a lost event leave behind is made good at the sensors' next tick."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from event_assets_tests.defs.platform import Platform
from event_assets_tests.faults import children, crash
from event_assets_tests.faults.lakes import at_rest, rows_of, same
from event_assets_tests.world import World, lines


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    """A platform at rest with two dates."""
    platform = Platform(tmp_path)
    with platform.instance:
        settled(platform, "clicks_1.csv", lines(*(f"ann,view,2025-01-0{day}T10:00:00,/a,1.00" for day in (5, 6))))
        assert platform.run().success
        yield platform


def settled(world: World, name: str, content: str) -> None:
    path = world.drop(name, content)
    os.utime(path, (time.time() - 60, time.time() - 60))


def heal(platform: Platform) -> list[str]:
    """Do what the sensors ask for until they ask for nothing more; what they gave as reasons."""
    why = []
    for _ in range(5):
        requests = [
            request
            for sensor in ("clicks_new_files", "clicks_stale")
            if not isinstance(found := platform.tick(sensor), str)
            for request in found
        ]
        if not requests:
            return why
        assert isinstance(requests[0], dg.RunRequest)
        why.append(requests[0].tags["event_assets/why"])
        assert platform.obey(requests[0]).success
    raise AssertionError(f"never at rest: {why}")


def run_and_die(folder: Path, step: str) -> None:
    """Land and make, and die right before the last step of that name (which `crash` numbers)."""
    crash.in_small_steps()
    crash.die_at(step_number(folder, step), folder / "died.txt")
    World(folder).refresh()


def step_number(folder: Path, step: str) -> int:
    steps = (folder / crash.STEPS).read_text().splitlines()
    return max(number for number, name in enumerate(steps) if name.startswith(step))


def run_whole(folder: Path) -> None:
    crash.in_small_steps()
    crash.die_at(None, folder / crash.STEPS)
    World(folder).refresh()


@pytest.mark.parametrize(
    ("step", "why"),
    [
        ("commit ledger", "1 new file"),
        ("commit raw_events", "landed tables behind the ledger"),
        ("commit joined_facts", "stale partition"),
        ("delete clicks/top_users_overall", "what a killed run left"),
    ],
)
def test_a_crash_heals_at_the_next_tick(
    platform: Platform, tmp_path_factory: pytest.TempPathFactory, step: str, why: str
) -> None:
    settled(platform, "clicks_2.csv", lines("bob,view,2025-01-06T10:10:00,/b,2.00"))
    clean = Path(shutil.copytree(platform.folder, tmp_path_factory.mktemp("clean"), dirs_exist_ok=True))
    assert children.run(run_whole, clean) == 0
    shutil.copyfile(clean / crash.STEPS, platform.folder / crash.STEPS)
    assert children.run(run_and_die, platform.folder, step) == children.KILLED
    assert why in heal(platform)[0]
    same(rows_of(platform), rows_of(World(clean)))
    at_rest(platform)


def test_an_older_copy_of_the_lake_is_brought_up_to_date(platform: Platform) -> None:
    older = shutil.copytree(platform.settings.lake, platform.folder / "older")
    settled(platform, "clicks_2.csv", lines("bob,view,2025-01-06T10:10:00,/b,2.00"))
    assert heal(platform) == ["1 new file"]
    expected = rows_of(platform)
    shutil.rmtree(platform.settings.lake)
    older.replace(platform.settings.lake)
    platform.use(platform.dataset)
    assert heal(platform) == ["1 new file"]
    same(rows_of(platform), expected)
    at_rest(platform)


@pytest.mark.parametrize(
    "table", ["cleaned_events", "session_parts", "joined_facts", "top_users_overall", "source_files"]
)
def test_an_older_copy_of_one_table_is_brought_up_to_date(platform: Platform, table: str) -> None:
    folder = platform.settings.lake / "clicks" / table
    older = shutil.copytree(folder, platform.folder / "older")
    settled(platform, "clicks_2.csv", lines("bob,view,2025-01-06T10:10:00,/b,2.00"))
    assert heal(platform) == ["1 new file"]
    expected = rows_of(platform)
    shutil.rmtree(folder)
    older.replace(folder)
    platform.use(platform.dataset)
    heal(platform)
    same(rows_of(platform), expected)
    at_rest(platform)


def test_a_file_that_no_run_was_started_for_is_found_at_the_next_tick(platform: Platform) -> None:
    """The event was lost: a tick asked for a run that never came."""
    settled(platform, "clicks_2.csv", lines("bob,view,2025-01-06T10:10:00,/b,2.00"))
    [lost] = platform.tick("clicks_new_files")
    assert heal(platform) == ["1 new file"]
    assert platform.table("joined_facts").height == 3
    assert lost.run_key

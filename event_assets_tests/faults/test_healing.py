"""What a crash, an older copy of the lake or a lost event leave behind is repaired at the sensors' next tick."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from event_assets.orchestration.published_but_unreported import unreported
from event_assets.pipeline.workspace import Workspace
from event_assets_tests.faults import children, crash
from event_assets_tests.faults.lakes import at_rest, rows_of, same
from event_assets_tests.orchestration.platform import Platform, failure
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
        requests = platform.tick("clicks_new_files")
        if isinstance(requests, str):
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
    folder = Path(platform.workspace.stores[table].folder)
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


def test_what_a_killed_run_published_and_did_not_tell_of_is_told_of_by_the_next(
    platform: Platform, tmp_path_factory: pytest.TempPathFactory
) -> None:
    settled(platform, "clicks_2.csv", lines("bob,view,2025-01-06T10:10:00,/b,2.00"))
    clean = Path(shutil.copytree(platform.folder, tmp_path_factory.mktemp("clean"), dirs_exist_ok=True))
    assert children.run(run_whole, clean) == 0
    shutil.copyfile(clean / crash.STEPS, platform.folder / crash.STEPS)
    assert children.run(run_and_die, platform.folder, "commit joined_facts") == children.KILLED
    untold = set(unreported(platform.instance, opened(platform)))
    assert {("raw_events", dt.date(2025, 1, 6)), ("cleaned_events", dt.date(2025, 1, 6))} <= untold
    assert platform.run().success
    assert not list(unreported(platform.instance, opened(platform)))
    told = platform.instance.get_latest_materialization_event(dg.AssetKey(["clicks", "cleaned_events"]))
    assert told
    assert told.asset_materialization
    assert told.asset_materialization.partition == "2025-01-06"
    assert "ended before it could report it" in str(told.asset_materialization.metadata["reported late"].value)
    assert platform.checked("cleaned_events", "contract")["2025-01-06"] == "SUCCEEDED"


def test_a_lake_that_dagster_knows_nothing_of_is_told_of_once(platform: Platform) -> None:
    """As after Dagster's own storage was lost."""
    assert "every table of clicks is what its inputs say" in platform.tick("clicks_new_files")
    whole = {name for name in platform.tables() if not platform.workspace.tables[name].internal}
    with dg.DagsterInstance.ephemeral() as platform.instance:
        [why] = heal(platform)
        assert why.endswith("partitions that no run reported")
        told = platform.instance.all_asset_keys()
        assert {key.path[-1] for key in told} >= whole
        dates = platform.instance.get_materialized_partitions(dg.AssetKey(["clicks", "joined_facts"]))
        assert dates == {"2025-01-05", "2025-01-06"}


def test_a_look_at_what_dagster_knows_is_taken_once_for_each_state_of_the_lake(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[str] = []
    storage = platform.instance.event_log_storage
    ask = storage.get_latest_tags_by_partition

    def counted(key: dg.AssetKey, *arguments: Any) -> Any:
        looks.append(key.path[-1])
        return ask(key, *arguments)

    monkeypatch.setattr(storage, "get_latest_tags_by_partition", counted)
    monkeypatch.setattr("event_assets.orchestration.sensors.STALE_SECONDS", 0)
    definition = platform.definitions.get_repository_def().get_sensor_def("clicks_new_files")
    cursor, looked = None, []
    for _ in range(3):
        looks.clear()
        with dg.build_sensor_context(
            instance=platform.instance, definitions=platform.definitions, cursor=cursor
        ) as context:
            cursor = definition.evaluate_tick(context).cursor
        looked.append("joined_facts" in looks)
        if len(looked) == 2:
            settled(platform, "clicks_2.csv", lines("bob,view,2025-01-06T10:10:00,/b,2.00"))
            assert platform.run().success
    assert looked == [True, False, True]


@pytest.mark.parametrize("restored", ["raw_events", "landing_rejects"])
def test_landed_rows_that_are_gone_are_landed_again_from_the_inbox(platform: Platform, restored: str) -> None:
    folder = platform.settings.lake / "clicks" / restored
    older = shutil.copytree(folder, platform.folder / "older") if folder.exists() else None
    settled(platform, "clicks_2.csv", lines("bob,view,2025-01-06T10:10:00,/b,2.00", "eve,view,never,/b,2.00"))
    assert heal(platform) == ["1 new file"]
    expected = rows_of(platform)
    shutil.rmtree(folder)
    if older:
        older.replace(folder)
    platform.use(platform.dataset)
    assert heal(platform)[0] in ("landed tables behind the ledger", "1 stale partition")
    same(rows_of(platform), expected)
    at_rest(platform)


def test_landed_rows_that_are_gone_with_their_file_are_named(platform: Platform) -> None:
    for path in (platform.settings.lake / "clicks" / "raw_events").glob("event_date=*/*.parquet"):
        path.unlink()
    (platform.settings.inbox / "clicks" / "clicks_1.csv").unlink()
    result = platform.run()
    assert not result.success
    assert "clicks_1.csv: its landed rows are missing from the lake; nothing of it was changed;" in failure(result)
    platform.use(platform.dataset)
    platform.retract("clicks_1.csv")
    assert platform.run().success
    assert platform.table("joined_facts").height == 0


def opened(platform: Platform) -> Workspace:
    """The platform's lake as it is now."""
    platform.use(platform.dataset)
    platform.workspace.refresh()
    return platform.workspace


def test_a_tick_of_the_sensor_recomputes_missing_files_however_often_they_are_lost(platform: Platform) -> None:
    expected = rows_of(platform)
    for _ in range(2):
        for table in ("sessions", "raw_events"):
            for path in (platform.settings.lake / "clicks" / table).glob("event_date=*/*.parquet"):
                path.unlink()
            heal(platform)
            same(rows_of(platform), expected)
            at_rest(platform)

"""Files of the lake that are missing, cut off or overwritten: the next run recomputes them, or names what it can't."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from event_assets.errors import DamagedFileError, LakeError, LandingError
from event_assets.pipeline.erase import erase
from event_assets.pipeline.staleness.stale_partitions import stale_units
from event_assets.pipeline.sync_raw_tables import raw_tables_match_ledger
from event_assets.storage.damaged_files import damaged_files, marked_files
from event_assets.warehouse.query import read, read_rows
from event_assets_tests.world import World, clicks, lines

USER = {"name": "user_id", "required": True, "description": "Who."}
WEDNESDAY = lines("ann,view,2025-01-08T10:00:00,/a,1.00", "bob,buy,2025-01-08T23:50:00,/b,2.00")
THURSDAY = lines("bob,view,2025-01-09T00:10:00,/c,3.00", "cat,view,bad,/c,", "cat,view,2025-01-09T12:00:00,/d,x")


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    world.drop("clicks_1.csv", WEDNESDAY)
    world.drop("clicks_2.csv", THURSDAY)
    world.refresh()
    return world


def whole_lake(world: World) -> dict[str, pl.DataFrame]:
    """Every table, and a check that plain readers of the folders see the same rows."""
    world.workspace.refresh()
    for name, store in world.workspace.stores.items():
        listed = {store.file(path) for entry in store.entries().values() for path in entry.files}
        assert world.files_on_disk(name) == listed, name
    return {name: world.table(name) for name in sorted(world.workspace.tables)}


def missing(path: Path) -> None:
    path.unlink()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:50])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def zeroed(path: Path) -> None:
    """Of the right size, so that no listing shows it."""
    path.write_bytes(bytes(path.stat().st_size))


def scrambled(path: Path, begin: int, end: int) -> None:
    """Of the right size, with its first and last four bytes, and other bits between two places."""
    found = bytearray(path.read_bytes())
    found[begin:end] = (byte ^ 0x5A for byte in found[begin:end])
    path.write_bytes(found)


DAMAGES = [missing, cut, empty]
#: A scrambled footer, page header and page: DuckDB raises another class of error for each.
UNREADABLE: dict[str, Callable[[Path], None]] = {
    "zeroed": zeroed,
    "no end": lambda path: path.write_bytes(path.read_bytes()[:-30] + bytes(30)),
    "footer": lambda path: scrambled(path, -200, -8),
    "all but the magic": lambda path: scrambled(path, 4, -8),
    "page header": lambda path: scrambled(path, 4, 20),
    "page": lambda path: scrambled(path, 20, 24),  # the length of its compressed bytes
}
TABLES = ("sessions", "session_edges", "cleaned_events", "quarantine", "top_users", "top_users_overall", "user_funnel")


def files_of(world: World, table: str) -> list[Path]:
    return sorted(world.files_on_disk(table))


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_damaged_tables_are_stale_and_recomputed_and_no_others(world: World, damage: Callable[[Path], None]) -> None:
    before = whole_lake(world)
    for table in TABLES:
        damage(files_of(world, table)[0])
    steps = {world.workspace.step_of[table] for table in TABLES}
    assert {(unit.step, unit.why) for unit in _stale(world)} == {
        (step, "its file is missing or damaged") for step in steps
    }
    outcomes = world.refresh()
    assert {outcome.table for outcome in outcomes} == {table for step in steps for table in step.tables}
    assert all(before[name].equals(frame) for name, frame in whole_lake(world).items())
    assert world.refresh() == []


def test_a_materialization_by_hand_of_other_dates_recomputes_damaged_ones_too(world: World) -> None:
    before = whole_lake(world)
    cut(files_of(world, "session_edges")[0])
    world.make(dates=["2025-01-09"])
    assert all(before[name].equals(frame) for name, frame in whole_lake(world).items())


def test_a_step_whose_unselected_input_is_damaged_waits(world: World) -> None:
    before = world.table("daily_summary")
    for path in files_of(world, "joined_facts"):
        cut(path)
    outcomes = world.make(dates=["2025-01-08"], tables=["daily_summary"])
    assert {(outcome.table, outcome.state) for outcome in outcomes} == {("daily_summary", "waiting")}
    assert world.table("daily_summary").equals(before)


@pytest.mark.parametrize("table", ["cleaned_events", "session_parts", "profiles", "joined_facts"])
def test_an_unreadable_file_of_the_right_size_is_recomputed_by_the_run_that_reads_it(
    tmp_path: Path, table: str
) -> None:
    profiles = {
        "files": ["users*.csv"],
        "format": "csv",
        "columns": [USER, {"name": "country", "description": "Where."}],
    }
    world = World(tmp_path, clicks(profiles=profiles))
    world.drop("users.csv", "user_id,country\nann,SE\nbob,NO\n")
    world.drop("clicks_1.csv", WEDNESDAY)
    world.drop("clicks_2.csv", THURSDAY)
    world.refresh()
    before = whole_lake(world)
    zeroed(files_of(world, table)[0])
    world.use(world.dataset)
    outcomes = world.make(dates=["2025-01-08", "2025-01-09"])
    assert {outcome.state for outcome in outcomes} == {"materialized"}
    assert all(before[name].equals(frame) for name, frame in whole_lake(world).items())
    assert marked_files(world.workspace.lake.state("clicks")) == set()
    assert world.refresh() == []


def test_an_unreadable_file_of_an_unselected_table_is_marked_and_the_next_run_recomputes_it(world: World) -> None:
    before = whole_lake(world)
    zeroed(files_of(world, "cleaned_events")[0])
    reader = next(step for step in world.workspace.steps if "cleaned_events" in {s.table for s in step.inputs})
    outcomes = world.make(tables=reader.tables, dates=["2025-01-08", "2025-01-09"])
    day = dt.date(2025, 1, 8)
    assert ("waiting", day, ("cleaned_events", day)) in {(o.state, o.date, o.waits_for) for o in outcomes}
    assert {unit.step.name for unit in _stale(world)} == {"cleaned_events"}
    world.refresh()
    assert all(before[name].equals(frame) for name, frame in whole_lake(world).items())
    assert marked_files(world.workspace.lake.state("clicks")) == set()


def test_unreadable_raw_rows_hold_up_what_reads_them_alone_and_are_landed_again_by_the_next_run(world: World) -> None:
    world.drop("clicks_3.csv", lines("dan,view,2025-01-20T10:00:00,/a,1.00"))
    world.refresh()
    before = whole_lake(world)
    [path] = [path for path in files_of(world, "raw_events") if "2025-01-08" in str(path)]
    zeroed(path)
    outcomes = world.make(dates=["2025-01-08", "2025-01-20"])
    states = {(o.table, str(o.date)): o.state for o in outcomes}
    assert (states["cleaned_events", "2025-01-08"], states["joined_facts", "2025-01-08"]) == ("waiting", "waiting")
    assert (states["cleaned_events", "2025-01-20"], states["top_users", "2025-01-20"]) == (
        "materialized",
        "materialized",
    )
    world.refresh()
    assert all(before[name].equals(frame) for name, frame in whole_lake(world).items())
    assert marked_files(world.workspace.lake.state("clicks")) == set()


def _stale(world: World) -> list:  # type: ignore[type-arg]
    world.workspace.refresh()
    return list(stale_units(world.workspace))


@pytest.mark.parametrize(
    ("table", "damage"), [("raw_events", missing), ("raw_events", cut), ("landing_rejects", empty)]
)
def test_raw_rows_are_landed_again_from_the_source_with_its_first_landed_at(
    world: World, table: str, damage: Callable[[Path], None]
) -> None:
    before = whole_lake(world)
    damage(files_of(world, table)[-1])
    world.workspace.refresh()
    assert not raw_tables_match_ledger(world.workspace)  # what the sensor looks at
    assert world.refresh() == []
    assert all(before[name].equals(frame) for name, frame in whole_lake(world).items())


def test_raw_rows_are_landed_again_without_erased_and_retracted_ones(world: World) -> None:
    with world.workspace.writing():
        world.workspace.refresh()
        erase(world.workspace, "bob")
    world.retract("clicks_2.csv")
    world.refresh()
    before = whole_lake(world)
    for path in files_of(world, "raw_events"):
        missing(path)
    world.refresh()
    after = whole_lake(world)
    assert "bob" not in after["raw_events"]["user_id"].to_list()
    assert all(before[name].equals(frame) for name, frame in after.items())


def test_where_the_source_is_missing_too_the_run_names_it_changes_nothing_of_it_and_fails(world: World) -> None:
    before = whole_lake(world)
    (world.settings.inbox / "clicks" / "clicks_2.csv").unlink()
    for path in world.files_on_disk("raw_events"):
        if "event_date=2025-01-09" in str(path):
            missing(path)
    world.drop("clicks_3.csv", lines("dan,view,2025-01-10T10:00:00,/a,1.00"))
    with pytest.raises(LandingError, match=r"clicks_2.csv: its landed rows are missing from the lake"):
        world.land()
    world.make()  # the others go on
    assert world.table("cleaned_events")["user_id"].to_list().count("dan") == 1
    for name in ("cleaned_events", "sessions", "joined_facts"):
        old = world.table(name).filter(pl.col("event_date") < "2025-01-10")
        assert old.equals(before[name]), name
    world.drop("clicks_2.csv", THURSDAY)
    world.refresh()
    assert world.table("raw_events").filter(pl.col("event_date") < "2025-01-10").equals(before["raw_events"])


LOGS: dict[str, Callable[[Path], None]] = {
    "cut": lambda log: cut(sorted(log.glob("*.json"))[-1]),
    "zeroed": lambda log: zeroed(sorted(log.glob("*.json"))[-1]),
    "empty": lambda log: empty(sorted(log.glob("*.json"))[-1]),
    "first missing": lambda log: missing(sorted(log.glob("*.json"))[0]),
    "all missing": lambda log: [path.unlink() for path in log.glob("*")] and None,
    "folder missing": lambda log: shutil.rmtree(log),
}


@pytest.mark.parametrize("damage", LOGS.values(), ids=LOGS.keys())
def test_tables_whose_log_cannot_be_read_are_rebuilt(world: World, damage: Callable[[Path], None]) -> None:
    tables = ["raw_events", "source_files", "sessions", "top_users_overall"]
    before = whole_lake(world)
    world.drop("clicks_2.csv", THURSDAY.replace("/d", "/e"))
    world.refresh()  # a second version of the logs
    world.drop("clicks_2.csv", THURSDAY)
    world.refresh()
    for table in tables:
        damage(world.workspace.stores[table].folder / "_delta_log")
    world.use(world.dataset)
    landed = world.land()
    assert len(landed.warnings) <= len(tables)
    assert all("its log is" in warning and "\n" not in warning for warning in landed.warnings)
    world.make()
    assert all(
        before[name].drop("event_date", strict=False).equals(frame.drop("event_date", strict=False))
        for name, frame in whole_lake(world).items()
        if name != "source_files"
    )
    assert world.refresh() == []


@pytest.mark.parametrize("damage", [*DAMAGES, zeroed], ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("what", ["entries", "log"])
def test_where_the_ledger_cannot_be_read_nothing_is_changed(
    world: World, what: str, damage: Callable[[Path], None]
) -> None:
    ledger = world.settings.lake / "clicks" / "_state" / "ledger"
    for path in ledger.glob("*.parquet" if what == "entries" else "_delta_log/*"):
        damage(path)
    before = snapshot(world.settings.lake)
    world.use(world.dataset)
    with pytest.raises(LakeError, match=r"ledger.*nothing was changed"):
        world.refresh()
    assert snapshot(world.settings.lake) == before


def test_a_missing_ledger_beside_landed_rows_is_not_taken_for_a_new_dataset(world: World) -> None:
    (world.settings.lake / "clicks" / "_state" / "ledger").rename(world.folder / "elsewhere")
    world.use(world.dataset)
    with pytest.raises(LakeError, match="it is missing although records were landed"):
        world.refresh()


def snapshot(lake: Path) -> dict[str, bytes]:
    names = {path.relative_to(lake).as_posix(): path for path in lake.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in names.items() if "lease" not in name and "unfinished" not in name}


@pytest.mark.parametrize("as_frames", [False, True], ids=["rows", "frames"])
@pytest.mark.parametrize("damage", UNREADABLE.values(), ids=UNREADABLE)
def test_a_query_marks_an_unreadable_file_and_names_the_command_that_recomputes_it(
    world: World, damage: Callable[[Path], None], as_frames: bool
) -> None:
    def rows() -> list[tuple[object, ...]]:
        sql, datasets = "FROM clicks.sessions ORDER BY session_id", {"clicks": world.dataset}
        if as_frames:
            return read(sql, datasets, world.settings, lambda frames: pl.concat(frames).rows())
        return read_rows(sql, datasets, world.settings, lambda found: list(found.rows))

    expected = rows()
    damage(files_of(world, "sessions")[0])
    with pytest.raises(DamagedFileError, match="event-assets run clicks recomputes it"):
        rows()
    assert {unit.step.name for unit in _stale(world)} == {"sessions"}
    world.refresh()
    assert rows() == expected


def test_a_query_over_a_missing_file_names_the_command_that_recomputes_it(world: World) -> None:
    missing(files_of(world, "sessions")[0])
    with pytest.raises(LakeError, match="event-assets run clicks recomputes them"):
        read_rows("FROM clicks.sessions", {"clicks": world.dataset}, world.settings, lambda found: list(found.rows))


def test_a_file_that_cannot_be_opened_for_other_reasons_is_not_marked(world: World) -> None:
    assert damaged_files([*files_of(world, "sessions"), world.folder / "nowhere.parquet"]) == []


@pytest.mark.parametrize("table", ["sessions", "raw_events"])
def test_a_file_in_place_of_a_tables_folder_is_named_and_its_removal_recomputes_the_table(
    world: World, table: str
) -> None:
    before = whole_lake(world)
    folder = world.settings.lake / "clicks" / table
    shutil.rmtree(folder)
    folder.write_text("no folder")
    with pytest.raises(LakeError, match=rf"/{table}: is a file, but .*; delete or move the file; the next run"):
        world.refresh()
    folder.unlink()
    world.use(world.dataset)  # as a new process
    world.refresh()
    assert whole_lake(world).keys() == before.keys()
    assert all(frame.equals(before[name]) for name, frame in whole_lake(world).items())

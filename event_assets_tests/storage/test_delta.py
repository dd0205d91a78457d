"""Our logs as other readers of Delta Lake see them: delta-rs, Polars and, where its extension is there, DuckDB."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import duckdb
import polars as pl
import pytest
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from event_assets.errors import LakeError
from event_assets.storage.files import LocalFiles
from event_assets.storage.table_log import TableLog
from event_assets_tests.world import World, lines

FIRST = lines("ann,view,2025-01-08T10:00:00,/a,1.00", "bob,buy,2025-01-09T23:50:00,/b,2.00")
LATER = lines("bob,view,2025-01-08T10:00:00,/c,3.00")


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    world.drop("clicks_1.csv", FIRST)
    world.refresh()
    return world


def logs(world: World) -> dict[str, Path]:
    return {name: Path(str(store.folder)) for name, store in world.workspace.stores.items() if store.entries()}


def test_every_version_that_is_listed_can_be_read(world: World) -> None:
    for content in (LATER, LATER.replace("/c", "/d"), LATER):
        world.drop("clicks_2.csv", content)
        world.refresh()
    for name, folder in logs(world).items():
        for entry in DeltaTable(folder).history():
            found = DeltaTable(folder, version=entry["version"])
            listed = found.get_add_actions(flatten=True).column("num_records").to_pylist()
            assert found.to_pyarrow_table().num_rows == sum(listed), name
        assert list(folder.glob("_delta_log/*.checkpoint.parquet")), name


def test_other_readers_see_the_rows_that_ours_see(world: World) -> None:
    world.drop("clicks_2.csv", LATER)
    world.refresh()
    for name, folder in logs(world).items():
        ours = world.table(name)
        theirs = pl.scan_delta(str(folder)).collect()
        if "event_date" in ours.columns and world.workspace.by_date(name):
            ours = ours.with_columns(pl.col("event_date").str.to_date())
        assert theirs.select(ours.columns).sort(pl.all()).equals(ours.sort(pl.all())), name


def test_a_read_that_a_commit_overtakes_is_done_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = logs(world)["cleaned_events"]
    log = TableLog(folder, None, "event_date")
    before = log.files()
    world.drop("clicks_2.csv", LATER)
    world.refresh()
    monkeypatch.setattr(DeltaTable, "update_incremental", lambda _self: None)  # as if it ended before the commit
    assert log.files() == TableLog(folder, None, "event_date").files() != before


def test_a_log_that_changes_at_each_read_is_an_error_and_not_an_old_table(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = TableLog(logs(world)["cleaned_events"], None, "event_date")
    monkeypatch.setattr(LocalFiles, "log_versions", lambda _self: {99: ["00000000000000000099.json"]})
    with pytest.raises(LakeError, match="cleaned_events: its log changed each time that it was read; repeat the"):
        log.files()


def test_a_log_whose_files_change_while_it_is_opened_is_not_an_empty_table(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = logs(world)["cleaned_events"]

    def overtaken(_log: TableLog) -> DeltaTable:
        monkeypatch.undo()
        world.drop("clicks_2.csv", LATER)
        world.refresh()
        raise TableNotFoundError("no log files")

    monkeypatch.setattr(TableLog, "_opened", overtaken)
    found = TableLog(folder, None, "event_date").files()
    assert found == TableLog(folder, None, "event_date").files() != []


def test_duckdb_reads_them_where_its_extension_is_there(world: World) -> None:
    connection = duckdb.connect()
    try:
        connection.execute("LOAD delta")
    except duckdb.Error:
        pytest.skip("DuckDB's delta extension is not installed here")
    folder = logs(world)["sessions"]
    found = connection.execute(f"SELECT count(*) FROM delta_scan('{folder}')").fetchall()
    assert found == [(world.table("sessions").height,)]


def statistics(folder: Path) -> list[dict[str, object]]:
    [log] = folder.glob("_delta_log/*.json")
    actions = [json.loads(line) for line in log.read_text().splitlines()]
    return [json.loads(action["add"]["stats"]) for action in actions if "add" in action]


def test_bounds_are_kept_of_numbers_and_times_where_no_person_shows(world: World) -> None:
    folders = logs(world)
    minutes = sorted(statistics(folders["events_by_minute"]), key=str)
    assert [found["minValues"] for found in minutes] == [
        {"minute": "2025-01-08T10:00:00.000000Z", "event_count": 1},
        {"minute": "2025-01-09T23:50:00.000000Z", "event_count": 1},
    ]
    assert minutes[0]["nullCount"] == {"minute": 0, "event_count": 0}
    for name, folder in folders.items():
        if world.workspace.tables[name].has_users:
            assert {key for found in statistics(folder) for key in found} == {"numRecords"}, name


def test_bounds_let_a_reader_skip_files_and_no_row(world: World) -> None:
    folder = logs(world)["events_by_minute"]
    minutes = pl.scan_delta(str(folder))
    moment = dt.datetime(2025, 1, 9, 23, 50, tzinfo=dt.UTC)
    assert minutes.filter(pl.col("minute") == moment).select("event_count").collect().rows() == [(1,)]
    table = DeltaTable(folder)
    kept = table.to_pyarrow_table(filters=[("minute", ">=", moment)])
    assert kept.num_rows == 1

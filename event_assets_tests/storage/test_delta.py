"""Our logs as other readers of Delta Lake see them: delta-rs, Polars and, where its extension is there, DuckDB."""

from __future__ import annotations

import datetime as dt
import errno
import itertools
import json
import os
import tempfile
from pathlib import Path
from urllib.parse import unquote

import duckdb
import polars as pl
import pyarrow as pa
import pytest
from deltalake import DeltaTable
from deltalake.schema import Schema as DeltaSchema
from deltalake.transaction import AddAction, create_table_with_add_actions
from hypothesis import given
from hypothesis import strategies as st

from event_assets.errors import DamagedLogError, LakeError
from event_assets.storage.atomic_write import atomic_create
from event_assets.storage.delta_actions import LogFile
from event_assets.storage.files import LocalFiles
from event_assets.storage.table_log import TableLog
from event_assets_tests.world import World, lines

FIRST = lines("ann,view,2025-01-08T10:00:00,/a,1.00", "bob,buy,2025-01-09T23:50:00,/b,2.00")
SCHEMA = pa.schema([("n", pa.int64()), ("region", pa.string())])
BOUNDS = json.dumps({"minValues": {"n": 1}, "maxValues": {"n": 2}, "nullCount": {"n": 0}})
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


@pytest.mark.parametrize("known", [False, True], ids=["first look", "later look"])
def test_a_read_that_a_commit_overtakes_is_a_version_or_done_again(
    world: World, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    log = TableLog(logs(world)["cleaned_events"], None, "event_date")
    before = log.files() if known else []
    listed = LocalFiles.log_names

    def overtaken(files: LocalFiles) -> list[str]:
        names = listed(files)
        monkeypatch.undo()
        world.drop("clicks_2.csv", LATER)
        world.refresh()  # deletes what was just listed
        return names

    monkeypatch.setattr(LocalFiles, "log_names", overtaken)
    found = log.files()
    now = TableLog(log.folder, None, "event_date").files()
    assert now not in ([], before)
    assert found == (before if known else now)
    assert log.files() == now


def test_a_log_that_changes_at_each_read_is_an_error_and_not_an_old_table(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, numbers = TableLog(logs(world)["cleaned_events"], None, "event_date"), itertools.count(99)
    monkeypatch.setattr(LocalFiles, "log_names", lambda _self: [f"{next(numbers):020d}.json"])
    with pytest.raises(LakeError, match="cleaned_events: its log changed each time that it was read; repeat the"):
        log.files()


COMMITS = st.lists(st.tuples(st.sets(st.sampled_from("abcdef")), st.booleans(), st.booleans()), max_size=8)
REGIONS = {letter: letter if letter < "d" else f"{letter} %ü" for letter in "abcdef"}


@given(COMMITS)
def test_delta_rs_reads_of_any_log_of_ours_what_we_read(commits: list[tuple[set[str], bool, bool]]) -> None:
    """Each set is what counts after a commit; a later process may read it, and our own state of it may be lost."""
    with tempfile.TemporaryDirectory() as name:
        folder, number = Path(name), itertools.count()
        log, now = TableLog(folder, lambda: SCHEMA, "region"), dict[str, LogFile]()
        for wanted, later, lost in commits:
            log = TableLog(folder, lambda: SCHEMA, "region") if later else log
            if lost:
                (folder / "_delta_log" / "_state").unlink(missing_ok=True)
            new = {
                key: LogFile(f"region={REGIONS[key]}/{next(number)}.parquet", 3, REGIONS[key], 10, BOUNDS)
                for key in wanted - now.keys()
            }
            log.commit([*new.values()], [now.pop(key).path for key in [*now] if key not in wanted])
            now |= new
            assert log.files() == TableLog(folder, None, "region").files() == sorted(now.values())
            theirs = DeltaTable(folder)
            assert theirs.version() == log.version
            actions = theirs.get_add_actions(flatten=True).select(
                ["path", "num_records", "partition.region", "size_bytes", "min.n"]
            )
            found = zip(*(column.to_pylist() for column in actions.columns), strict=True)
            assert sorted((unquote(path), *others) for path, *others in found) == [
                (*file[:4], 1) for file in log.files()
            ]


@pytest.mark.parametrize("statistics", ["", "{}", BOUNDS])
def test_a_file_may_have_no_bounds(tmp_path: Path, statistics: str) -> None:
    """As a file without rows."""
    for version in range(2):
        log = TableLog(tmp_path, lambda: SCHEMA, None)
        log.commit([LogFile(f"{version}.parquet", 0, None, 10, statistics)], [])
    assert [file.rows for file in TableLog(tmp_path, None, None).files()] == [0, 0]
    assert DeltaTable(tmp_path).get_add_actions(flatten=True).column("num_records").to_pylist() == [0, 0]


def test_a_log_of_delta_rs_is_read_and_continued(tmp_path: Path) -> None:
    """As earlier versions of the platform wrote it."""
    folder, region = tmp_path / "table", {"region": "a b"}

    def added(name: str) -> AddAction:
        return AddAction(f"region=a b/{name}.parquet", 10, region, 0, True, json.dumps({"numRecords": 3}))

    create_table_with_add_actions(
        str(folder), DeltaSchema.from_arrow(SCHEMA), [added("1")], mode="error", partition_by=["region"]
    )
    table = DeltaTable(folder)
    table.create_write_transaction([added("2")], "append", table.schema(), ["region"])
    table.update_incremental()
    expected = [LogFile(f"region=a b/{name}.parquet", 3, "a b", 10) for name in "123"]
    assert TableLog(folder, None, "region").files() == expected[:2]
    table.create_checkpoint()
    (folder / "_delta_log" / f"{0:020d}.json").unlink()
    log = TableLog(folder, lambda: SCHEMA.append(pa.field("word", pa.string())), "region")
    assert log.files() == expected[:2]
    log.commit([expected[2]], [expected[0].path])
    assert log.files() == TableLog(folder, None, "region").files() == expected[1:]
    assert [column.name for column in DeltaTable(folder).schema().fields] == ["n", "region", "word"]
    assert len(DeltaTable(folder).file_uris()) == 2


def test_columns_of_users_frames_have_the_types_that_delta_rs_gives_them(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            **{str(kind): pl.Series([1], dtype=kind) for kind in (pl.Int8, pl.UInt16, pl.Int32, pl.UInt32, pl.Float32)},
            "time": pl.Series([dt.datetime(2025, 1, 1)]),
            "kind": pl.Series(["a"], dtype=pl.Categorical),
            "bytes": [b"x"],
            "list": [[{"a": 1, "b": ["x"]}]],
            "decimal": pl.Series([1], dtype=pl.Decimal(10, 2)),
        }
    )
    schema = frame.to_arrow(compat_level=pl.CompatLevel.oldest()).schema
    log = TableLog(tmp_path / "new", lambda: schema, None)
    grown = TableLog(tmp_path / "grown", lambda: SCHEMA, None)
    grown.commit([], [])
    wider = TableLog(tmp_path / "grown", lambda: schema, None)
    for one in (log, wider):
        frame.write_parquet(Path(str(one.folder)) / "1.parquet", mkdir=True)
        one.commit([LogFile("1.parquet", 1, None, (Path(str(one.folder)) / "1.parquet").stat().st_size)], [])
        one.commit([], ["2.parquet"])
        assert len(TableLog(Path(str(one.folder)), None, None).files()) == 1
        (Path(str(one.folder)) / "_delta_log" / "_state").unlink()
        assert TableLog(Path(str(one.folder)), None, None).files() == one.files()
        columns = [(column.name, column.type) for column in DeltaSchema.from_arrow(schema).fields]
        found = [(column.name, column.type) for column in DeltaTable(str(one.folder)).schema().fields]
        assert found[-len(columns) :] == columns
        assert DeltaTable(str(one.folder)).to_pyarrow_table().num_rows == 1


def test_a_column_of_a_type_that_no_log_has_is_named(tmp_path: Path) -> None:
    log = TableLog(tmp_path / "log", lambda: pa.schema([("pause", pa.duration("us"))]), None)
    with pytest.raises(LakeError, match=r"column pause: has the type duration\[us\], which a table's log can't have"):
        log.commit([], [])
    assert not (tmp_path / "log" / "_delta_log").exists()


def test_a_log_of_a_later_version_of_the_format_is_neither_read_nor_rebuilt(world: World) -> None:
    folder = logs(world)["cleaned_events"]
    protocol = {"protocol": {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": ["deletionVectors"]}}
    (folder / "_delta_log" / f"{9:020d}.json").write_text(json.dumps(protocol))
    for version in range(1, 9):
        (folder / "_delta_log" / f"{version:020d}.json").write_text(json.dumps({"commitInfo": {}}))
    with pytest.raises(LakeError, match="its log can't be read") as caught:
        TableLog(folder, None, "event_date").files()
    assert not isinstance(caught.value, DamagedLogError)


def test_a_new_file_of_a_log_takes_no_other_ones_place_where_there_are_no_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    log = tmp_path / "log"
    assert atomic_create(log / "1.json", b"first")
    assert not atomic_create(log / "1.json", b"second")
    assert {path.name: path.read_bytes() for path in log.iterdir()} == {"1.json": b"first"}


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


def test_a_file_without_rows_has_no_bounds(world: World) -> None:
    world.drop("clicks_1.csv", FIRST.replace("2025-01-09", "2025-01-08"))
    world.refresh()
    listed = {file.hive: (file.rows, file.statistics) for file in world.workspace.stores["events_by_minute"].listed()}
    assert listed["2025-01-09"] == (0, "")


def test_bounds_let_a_reader_skip_files_and_no_row(world: World) -> None:
    folder = logs(world)["events_by_minute"]
    minutes = pl.scan_delta(str(folder))
    moment = dt.datetime(2025, 1, 9, 23, 50, tzinfo=dt.UTC)
    assert minutes.filter(pl.col("minute") == moment).select("event_count").collect().rows() == [(1,)]
    table = DeltaTable(folder)
    kept = table.to_pyarrow_table(filters=[("minute", ">=", moment)])
    assert kept.num_rows == 1

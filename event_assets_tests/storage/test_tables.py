"""Publishing through the log: what readers see, what is left on disk, what a killed writer leaves."""

from __future__ import annotations

import os
import re
import threading
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
from deltalake import DeltaTable

from event_assets.errors import ConflictError, LakeError, LeaseError
from event_assets.storage.delta_actions import LogFile
from event_assets.storage.files import LocalFiles
from event_assets.storage.lake import Lake
from event_assets.storage.lease import lease
from event_assets.storage.parquet import read_figures, write_parquet
from event_assets.storage.published_partitions import EMPTY_CONTENT, content_digest, entries, part_name
from event_assets.storage.retry_missing_files import retry_missing_files
from event_assets.storage.table_store import TableStore
from event_assets.storage.written_file import WrittenFile

SCHEMA = pa.schema([("n", pa.int64()), ("event_date", pa.date32())])
A, B = "a" * 16, "b" * 16


class Writer:
    def __init__(self, lake: Lake) -> None:
        self.lake, self.count = lake, 0
        self.staging = lake.state("shop") / "staging" / "test"
        self.store = lake.store("shop", "numbers", lambda: SCHEMA, "event_date")

    def publish(self, date: str, values: list[int], made_from: str = A, *, flush: bool = True, **figures: int) -> None:
        self.count += 1
        path = self.staging / f"{self.count}.parquet"
        write_parquet(pl.DataFrame({"n": values}, schema={"n": pl.Int64}), path, figures)
        staged = [WrittenFile(path, len(values), date)]
        self.store.publish(date, staged, made_from, content_digest(staged))
        if flush:
            self.store.flush()


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


@pytest.fixture
def writer(lake: Lake) -> Writer:
    return Writer(lake)


def reader(lake: Lake) -> TableStore:
    return lake.store("shop", "numbers", lambda: SCHEMA, "event_date")


def values(store: TableStore, date: str) -> list[int]:
    return [n for path in store.paths(date) for n in pl.read_parquet(path, hive_partitioning=False)["n"]]


def test_a_table_that_was_never_written_has_no_units(lake: Lake) -> None:
    assert reader(lake).entries() == {}
    assert reader(lake).paths("2025-01-01") == []


def test_a_published_date_replaces_the_one_before_and_leaves_other_dates(lake: Lake, writer: Writer) -> None:
    writer.publish("2025-01-01", [1])
    writer.publish("2025-01-02", [2])
    writer.publish("2025-01-01", [10, 11], B)
    found = reader(lake)
    assert (values(found, "2025-01-01"), values(found, "2025-01-02")) == ([10, 11], [2])
    assert found.entries()["2025-01-01"].made_from == B
    assert found.entries()["2025-01-01"].rows == 2


def test_the_folders_hold_exactly_the_files_that_count(lake: Lake, writer: Writer) -> None:
    for value in range(5):
        writer.publish("2025-01-01", [value])
    on_disk = {path.relative_to(writer.store.folder).as_posix() for path in writer.store.folder.glob("event_date=*/*")}
    assert on_disk == set(reader(lake).entries()["2025-01-01"].files)


def test_plain_parquet_readers_of_the_folders_see_the_table(writer: Writer) -> None:
    writer.publish("2025-01-01", [1])
    writer.publish("2025-01-02", [2])
    found = pl.read_parquet(writer.store.folder / "event_date=*" / "*.parquet", hive_partitioning=True)
    assert sorted(found.select("n", pl.col("event_date").cast(pl.String)).rows()) == [
        (1, "2025-01-01"),
        (2, "2025-01-02"),
    ]


def test_nothing_is_visible_before_the_flush_and_everything_in_one_commit_after(lake: Lake, writer: Writer) -> None:
    writer.publish("2025-01-01", [1])
    writer.publish("2025-01-01", [2], B, flush=False)
    writer.publish("2025-01-02", [3], flush=False)
    before = reader(lake)
    assert values(before, "2025-01-01") == [1]
    assert "2025-01-02" not in before.entries()
    version = DeltaTable(writer.store.folder).version()
    writer.store.flush()
    assert values(reader(lake), "2025-01-01") == [2]
    assert values(reader(lake), "2025-01-02") == [3]
    assert DeltaTable(writer.store.folder).version() == version + 1


def test_a_date_published_twice_before_a_flush_keeps_the_last(lake: Lake, writer: Writer) -> None:
    writer.publish("2025-01-01", [1], A, flush=False)
    writer.publish("2025-01-01", [2], B, flush=False)
    writer.store.flush()
    assert values(reader(lake), "2025-01-01") == [2]
    assert len(list(writer.store.folder.glob("event_date=*/*"))) == 1


def test_an_empty_partition_stands_there_with_its_columns_and_the_content_of_nothing(
    lake: Lake, writer: Writer
) -> None:
    writer.publish("2025-01-01", [])
    entry = reader(lake).entries()["2025-01-01"]
    assert (entry.rows, entry.content) == (0, EMPTY_CONTENT)
    assert pl.read_parquet(reader(lake).paths("2025-01-01")[0], hive_partitioning=False).columns == ["n"]


def test_the_content_digest_tells_rows_and_their_order_but_not_figures(writer: Writer) -> None:
    def digest(rows: list[int], **figures: int) -> str:
        path = writer.staging / "x.parquet"
        write_parquet(pl.DataFrame({"n": rows}), path, figures)
        return content_digest([WrittenFile(path, len(rows), "2025-01-01")])

    assert digest([1, 2], duplicates=1) == digest([1, 2], duplicates=7)
    assert digest([1, 2]) != digest([2, 1])
    assert digest([1, 2]) != digest([1, 2, 2])


def test_figures_live_in_the_file(lake: Lake, writer: Writer) -> None:
    writer.publish("2025-01-01", [1], duplicates=3, quarantined=0)
    assert read_figures(reader(lake).paths("2025-01-01")[0]) == {"duplicates": 3, "quarantined": 0}


def test_files_are_snappy(lake: Lake, writer: Writer) -> None:
    import pyarrow.parquet as pq

    writer.publish("2025-01-01", [1])
    assert pq.ParquetFile(reader(lake).paths("2025-01-01")[0]).metadata.row_group(0).column(0).compression == "SNAPPY"


def test_of_two_writers_that_replace_one_file_the_second_is_refused(lake: Lake, writer: Writer) -> None:
    writer.publish("2025-01-01", [1])
    other = Writer(lake)
    other.store.entries()
    writer.publish("2025-01-01", [2], B)
    with pytest.raises(ConflictError, match="written by another run meanwhile"):
        other.publish("2025-01-01", [3], B)
    assert values(reader(lake), "2025-01-01") == [2]


def test_a_reader_that_loops_while_a_writer_replaces_never_sees_anything_but_whole_partitions(
    lake: Lake, writer: Writer
) -> None:
    writer.publish("2025-01-01", [0] * 100)
    stop = threading.Event()

    def write() -> None:
        for value in range(1, 40):
            writer.publish("2025-01-01", [value] * 100, f"{value:016d}")
        stop.set()

    thread = threading.Thread(target=write)
    thread.start()
    store, seen = reader(lake), []
    while not stop.is_set() or not seen:
        found = retry_missing_files(lambda: values(store, "2025-01-01"), lambda: store.entries(again=True))
        assert len(found) == 100
        assert len(set(found)) == 1
        seen.append(found[0])
        store.entries(again=True)
    thread.join()
    assert seen == sorted(seen)


def test_what_a_killed_writer_left_is_cleared_by_the_next(lake: Lake, writer: Writer) -> None:
    writer.publish("2025-01-01", [1])
    with pytest.raises(KeyboardInterrupt), lake.writing("shop"):
        writer.publish("2025-01-01", [2], B, flush=False)  # placed, never committed
        raise KeyboardInterrupt
    assert len(list(writer.store.folder.glob("event_date=*/*"))) == 2
    with lake.writing("shop", reader(lake).sweep):
        pass
    assert values(reader(lake), "2025-01-01") == [1]
    assert len(list(writer.store.folder.glob("event_date=*/*"))) == 1
    assert not (lake.state("shop") / "staging").exists()


def test_a_dataset_has_one_writer_at_a_time(lake: Lake) -> None:
    refused = []

    def try_to_write() -> None:
        try:
            with lake.writing("shop", wait_seconds=0.1):
                pass
        except LeaseError as error:
            refused.append(str(error))

    with lake.writing("shop"):
        thread = threading.Thread(target=try_to_write)
        thread.start()
        thread.join()
    assert len(refused) == 1
    assert "another run has been writing it" in refused[0]
    with lake.writing("shop", wait_seconds=0.1):
        pass


def test_a_writer_that_waits_says_at_once_who_holds_the_lease(lake: Lake, capsys: pytest.CaptureFixture[str]) -> None:
    def wait() -> None:
        with pytest.raises(LeaseError), lake.writing("shop", wait_seconds=0.8):
            pass

    with lake.writing("shop"):
        thread = threading.Thread(target=wait)
        thread.start()
        thread.join()
    said = capsys.readouterr().err
    assert re.fullmatch(
        rf"shop is being written by process {os.getpid()} on \S+ since [\d: -]+ UTC; waiting .*\n", said
    )


def test_a_new_column_is_told_to_the_log(lake: Lake, writer: Writer) -> None:
    writer.publish("2025-01-01", [1])
    wider = lake.store("shop", "numbers", lambda: SCHEMA.append(pa.field("word", pa.string())), "event_date")
    path = writer.staging / "wide.parquet"
    write_parquet(pl.DataFrame({"n": [2], "word": ["x"]}), path)
    wider.publish("2025-01-02", [WrittenFile(path, 1, "2025-01-02")], B, B)
    wider.flush()
    assert [field.name for field in DeltaTable(str(writer.store.folder)).schema().fields] == ["n", "event_date", "word"]
    assert set(wider.entries(again=True)) == {"2025-01-01", "2025-01-02"}


def test_the_files_of_a_unit_stand_in_the_order_of_its_rows() -> None:
    folder, names = "event_date=2025-01-01", [part_name(3, A, B, number) for number in (0, 1, 2, 10)]
    logged = [LogFile(f"{folder}/{name}", 1, "2025-01-01") for name in sorted(names)]
    assert list(entries(logged, by_date=True)["2025-01-01"].files) == [f"{folder}/{name}" for name in names]


@pytest.mark.parametrize("name", ["_state", "_state/lease.lock", "_state/unfinished"])
def test_a_dataset_whose_state_cannot_be_written_is_named_with_a_remedy(tmp_path: Path, name: str) -> None:
    (tmp_path / "clicks").mkdir()
    in_the_way = tmp_path / "clicks" / name
    if name == "_state":
        in_the_way.touch()
    else:
        in_the_way.mkdir(parents=True)
    with (
        pytest.raises(LakeError, match=r"clicks: can't be written \(.+\); free space or change its"),
        lease(tmp_path / "clicks" / "_state", lambda: None),
    ):
        pytest.fail("holds the lease")


def test_what_a_failed_flush_left_is_not_published_by_a_later_run(
    lake: Lake, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a server, whose next run has the same object: the files in the queue were deleted meanwhile."""
    writer.publish("2025-01-06", [1])
    with monkeypatch.context() as patch:
        patch.setattr(LocalFiles, "create_log", lambda *_: False)
        with pytest.raises(ConflictError):
            writer.publish("2025-01-06", [2], B)
    assert writer.store.refresh() is None
    writer.store.sweep()
    writer.publish("2025-01-07", [3])
    found = reader(lake)
    assert [values(found, date) for date in ("2025-01-06", "2025-01-07")] == [[1], [3]]

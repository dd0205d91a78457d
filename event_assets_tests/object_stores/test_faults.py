"""Lost replies, killed writers, two writers, readers meanwhile: what the platform promises, in an object store."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from pathlib import Path

import polars as pl
import pytest

from event_assets.errors import ConflictError, LeaseError
from event_assets.path_or_url import ObjectUrl
from event_assets.storage import object_lease
from event_assets.storage.lake import Lake
from event_assets.storage.object_lease import unfinished_since
from event_assets.storage.object_store import Objects
from event_assets.storage.retry_missing_files import retry_missing_files
from event_assets.storage.table_log import TableLog
from event_assets.storage.written_file import WrittenFile
from event_assets_tests.faults import children
from event_assets_tests.object_stores.proxy import losing_replies
from event_assets_tests.object_stores.world import ObjectWorld, from_scratch
from event_assets_tests.world import lines

ONE = {"clicks_1.csv": lines("ann,view,2025-01-06T10:00:00Z,/home,", "bob,buy,2025-01-07T10:00:00Z,/shop,1.50")}
TWO = {**ONE, "clicks_2.csv": lines("ann,buy,2025-01-06T10:10:00Z,/shop,2.50")}


@pytest.fixture(autouse=True)
def short_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_lease, "EXPIRE_SECONDS", 6.0)


def dropped(folder: Path, bucket: ObjectUrl, files: dict[str, str]) -> ObjectWorld:
    world = ObjectWorld(folder, bucket)
    for name, content in files.items():
        world.drop(name, content)
    return world


def same(found: dict[str, pl.DataFrame], expected: dict[str, pl.DataFrame]) -> None:
    assert {name for name in expected if not found[name].equals(expected[name])} == set()


LONG = pytest.mark.long


@pytest.mark.parametrize(
    "what", ["_delta_log/", pytest.param("lease.json", marks=LONG), pytest.param(".parquet", marks=LONG)]
)
def test_a_write_whose_reply_is_lost_counts_once(
    what: str, bucket: ObjectUrl, endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost: Counter[str] = Counter()

    def loses(method: str, path: str) -> bool:
        if method == "PUT" and what in path:
            lost[path] += 1
            return lost[path] == 1 or (what == "lease.json" and lost[path] % 2 == 1)
        return False

    dropped(tmp_path / "here", bucket, ONE)
    with losing_replies(endpoint, loses) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy)
        world = ObjectWorld(tmp_path / "here", bucket)
        world.refresh()
        same(world.tables(), from_scratch(tmp_path / "disk", ONE))
        world.at_rest()
        assert world.refresh() == []
    assert lost


def _dies_at(folder: Path, bucket: ObjectUrl, when: str) -> None:
    """Lands and makes; killed right before or after the first commit to a log of that name."""
    moment, name = when.split()
    commit = TableLog.commit

    def killing(log: TableLog, add: object, remove: object) -> None:
        if log.folder.name == name and moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        commit(log, add, remove)  # type: ignore[arg-type]
        if log.folder.name == name:
            os.kill(os.getpid(), signal.SIGKILL)

    TableLog.commit = killing  # type: ignore[method-assign]
    ObjectWorld(folder, bucket).refresh()


@pytest.mark.parametrize("when", ["before ledger", "after ledger", "before sessions", "after sessions"])
def test_a_writer_killed_around_a_commit_leaves_what_was_there_and_is_cleared_up_after(
    when: str, bucket: ObjectUrl, tmp_path: Path
) -> None:
    world = dropped(tmp_path / "here", bucket, ONE)
    world.refresh()
    before = world.table("sessions")
    dropped(tmp_path / "here", bucket, TWO)

    assert children.run(_dies_at, tmp_path / "there", bucket, when) == children.KILLED

    if when != "after sessions":
        assert world.table("sessions").equals(before)
    world.refresh()  # waits for the dead one's lease, on another machine than it ran on
    same(world.tables(), from_scratch(tmp_path / "disk", TWO))
    world.at_rest()
    assert world.workspace.lake.unfinished_since("clicks") is None


def test_of_two_writers_one_waits_and_then_goes_on(bucket: ObjectUrl, tmp_path: Path) -> None:
    here, there = ObjectWorld(tmp_path / "here", bucket), ObjectWorld(tmp_path / "there", bucket)
    told: list[str] = []
    began = threading.Event()

    def first() -> None:
        with here.workspace.writing():
            began.set()
            time.sleep(1.5)
            told.append("first is done")

    thread = threading.Thread(target=first)
    thread.start()
    began.wait()
    with (
        pytest.raises(LeaseError, match="another run has been writing it"),
        there.workspace.lake.writing("clicks", wait_seconds=0.2),
    ):
        pass
    with there.workspace.writing():
        told.append("second begins")
    thread.join()
    assert told == ["first is done", "second begins"]


def test_a_lease_is_renewed_while_it_is_held_and_free_afterwards(bucket: ObjectUrl, tmp_path: Path) -> None:
    lake, objects = Lake(bucket / "lake", tmp_path), Objects(bucket / "lake").below("clicks")
    with lake.writing("clicks"), lake.writing("clicks"):
        time.sleep(object_lease.EXPIRE_SECONDS * 1.2)
        lease = object_lease.current_lease(objects)
        assert lease is not None
        lease.check()
        assert unfinished_since(objects) is None
    assert object_lease.current_lease(objects) is None
    with lake.writing("clicks", lambda: pytest.fail("nothing was left"), wait_seconds=0):
        pass


def test_a_writer_that_failed_is_recovered_from_at_once(bucket: ObjectUrl, tmp_path: Path) -> None:
    lake, told = Lake(bucket / "lake", tmp_path), list[str]()
    with pytest.raises(ZeroDivisionError), lake.writing("clicks"):
        raise ZeroDivisionError
    assert lake.unfinished_since("clicks") is not None
    with lake.writing("clicks", lambda: told.append("recovered"), wait_seconds=0):
        pass
    assert told == ["recovered"]


def test_a_frozen_writer_whose_lease_was_taken_over_publishes_nothing(bucket: ObjectUrl, tmp_path: Path) -> None:
    world = dropped(tmp_path / "here", bucket, ONE)
    world.refresh()
    dropped(tmp_path / "here", bucket, TWO)
    process = children.start(_freezes, tmp_path / "frozen", bucket)
    told = tmp_path / "frozen" / "frozen"
    while not told.exists():
        time.sleep(0.1)
    os.kill(process.pid or 0, signal.SIGSTOP)
    try:
        world.refresh()
        found = world.tables()
    finally:
        os.kill(process.pid or 0, signal.SIGCONT)
    process.join()
    assert process.exitcode == 7
    same(found, from_scratch(tmp_path / "disk", TWO))
    same(world.tables(), found)
    world.at_rest()


def _freezes(folder: Path, bucket: ObjectUrl) -> None:
    object_lease.EXPIRE_SECONDS = 6.0
    commit = TableLog.commit

    def slow(log: TableLog, add: object, remove: object) -> None:
        if log.folder.name == "sessions":
            (folder / "frozen").touch()
            time.sleep(3)
        commit(log, add, remove)  # type: ignore[arg-type]

    TableLog.commit = slow  # type: ignore[method-assign]
    try:
        ObjectWorld(folder, bucket).refresh()
    except (LeaseError, ConflictError):
        os._exit(7)


def test_of_two_writers_that_know_of_no_lease_the_log_lets_one_through(bucket: ObjectUrl, tmp_path: Path) -> None:
    table = _table(bucket, tmp_path / "a"), _table(bucket, tmp_path / "b")
    for number, store in enumerate(table):
        store.entries()
        store.publish("2025-01-06", [_staged(tmp_path / f"{number}.parquet", [number])], "0" * 16, f"{number}" * 16)
    table[0].flush()
    with pytest.raises(ConflictError, match="was written by another run meanwhile"):
        table[1].flush()
    found = _table(bucket, tmp_path / "c").paths("2025-01-06")
    assert [pl.read_parquet(path, hive_partitioning=False)["n"].to_list() for path in found] == [[0]]


def test_a_reader_never_sees_a_partition_missing_or_doubled_while_it_is_replaced(
    bucket: ObjectUrl, tmp_path: Path
) -> None:
    writer, reader = _table(bucket, tmp_path / "a"), _table(bucket, tmp_path / "b")
    stop, seen, wrong = threading.Event(), set[int](), list[object]()

    def replace(number: int) -> None:
        content = f"{number:016x}"
        writer.publish("2025-01-06", [_staged(tmp_path / "new.parquet", [number] * 3)], content, content)
        writer.flush()

    def read() -> list[int]:
        return [n for path in reader.paths("2025-01-06") for n in pl.read_parquet(path, hive_partitioning=False)["n"]]

    def watch() -> None:
        while not stop.is_set():
            reader.entries(again=True)
            rows = retry_missing_files(read, lambda: reader.entries(again=True))
            if len(rows) != 3 or len(set(rows)) != 1:
                wrong.append(rows)
            seen.update(rows)

    replace(0)
    watching = threading.Thread(target=watch)
    watching.start()
    for number in range(1, 25):
        replace(number)
    stop.set()
    watching.join()
    assert wrong == []
    assert len(seen) > 2


def _table(bucket: ObjectUrl, cache: Path):  # type: ignore[no-untyped-def]
    import pyarrow as pa

    schema = pa.schema([("n", pa.int64()), ("event_date", pa.date32())])
    return Lake(bucket / "lake", cache).store("shop", "numbers", lambda: schema, "event_date")


def _staged(path: Path, numbers: list[int]) -> WrittenFile:
    pl.DataFrame({"n": numbers}, schema={"n": pl.Int64}).write_parquet(path)
    return WrittenFile(path, len(numbers), "2025-01-06")

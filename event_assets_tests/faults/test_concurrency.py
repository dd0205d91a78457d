"""Many writers at one partition, and readers who look while it is being replaced."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pytest

from event_assets.storage.lake import Lake
from event_assets.storage.parquet import write_parquet
from event_assets.storage.published_partitions import content_digest
from event_assets.storage.retry_missing_files import retry_missing_files
from event_assets.storage.written_file import WrittenFile
from event_assets.warehouse.query import read
from event_assets_tests.faults import children
from event_assets_tests.faults.lakes import at_rest, rows_of, same
from event_assets_tests.world import World, lines

pytestmark = pytest.mark.timeout(3600)

DATE = "2025-01-06"
COUNTS = pa.schema([("n", pa.int64()), ("event_date", pa.date32())])


def record(user: str, page: str, date: str = DATE) -> str:
    return f"{user},view,{date}T10:00:00,{page},1.00"


def count_up(root: Path, runs: int) -> None:
    """So many times: read the one number of a partition, and put the next one in its place."""
    lake = Lake(root)
    for _ in range(runs):
        store = lake.store("shop", "counts", lambda: COUNTS, "event_date")
        with lake.writing("shop"), lake.staging("shop") as staging:
            before = [n for path in store.paths(DATE) for n in pl.read_parquet(path, hive_partitioning=False)["n"]]
            path = staging / "next.parquet"
            write_parquet(pl.DataFrame({"n": [(before or [0])[0] + 1]}), path)
            staged = [WrittenFile(path, 1, DATE)]
            content = content_digest(staged)
            store.publish(DATE, staged, content, content)
            store.flush()


def test_five_writers_who_count_up_one_partition_lose_no_count(tmp_path: Path) -> None:
    writers = [children.start(count_up, tmp_path, 10) for _ in range(5)]
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0] * 5
    files = list((tmp_path / "shop" / "counts").glob("event_date=*/*.parquet"))
    assert [pl.read_parquet(path, hive_partitioning=False)["n"].to_list() for path in files] == [[50]]


def drop_and_run(folder: Path, writer: int, runs: int) -> None:
    for number in range(runs):
        world = World(folder)
        name = f"clicks_{writer}_{number}.csv"
        # Complete under a name that no other writer takes yet, as a careful supplier does.
        world.drop(f"{name}.tmp", lines(record(f"u{writer}", f"/{number}"))).replace(
            world.settings.inbox / "clicks" / name
        )
        world.refresh()


@pytest.mark.parametrize(
    ("writers", "runs"), [pytest.param(3, 1, id="3x1"), pytest.param(5, 10, id="5x10", marks=pytest.mark.long)]
)
def test_writers_at_once_give_what_they_give_one_after_another(tmp_path: Path, writers: int, runs: int) -> None:
    started = [children.start(drop_and_run, tmp_path / "at_once", writer, runs) for writer in range(writers)]
    for process in started:
        process.join()
    assert [process.exitcode for process in started] == [0] * writers
    serial = World(tmp_path / "serial")
    for writer in range(writers):
        for number in range(runs):
            serial.drop(f"clicks_{writer}_{number}.csv", lines(record(f"u{writer}", f"/{number}")))
    serial.refresh()
    found = World(tmp_path / "at_once")
    assert found.table("joined_facts").height == writers * runs
    assert found.refresh() == []
    same(rows_of(found), rows_of(serial))
    at_rest(found)


def replace_for_ever(folder: Path) -> None:
    """Give one name the one and the other content by turns, and carry it to every table."""
    world = World(folder)
    number = 0
    while True:
        world.drop("clicks_1.csv", CONTENTS[number % 2])
        world.refresh()
        number += 1


#: The same rows in number, of other users and pages.
CONTENTS = [lines(*(record(f"{side}{n}", f"/{side}") for n in range(20))) for side in "ab"]
READ = ("cleaned_events", "joined_facts", "sessions", "daily_summary")
SECONDS = {"a few seconds": 4.0, "two minutes": 120.0}


def read_by_log(world: World, table: str) -> list[str]:
    store = world.workspace.stores[table]

    def users() -> list[str]:
        frames = [pl.read_parquet(path, hive_partitioning=False, glob=False) for path in store.paths(DATE)]
        return pl.concat(frames)["user_id"].to_list() if frames else []

    store.entries(again=True)
    return retry_missing_files(users, lambda: store.entries(again=True))


def read_by_view(world: World, table: str) -> list[str]:
    sql = f"SELECT user_id FROM clicks.{table} WHERE event_date = '{DATE}'"
    frames = read(sql, {"clicks": world.dataset}, world.settings, list)
    return pl.concat(frames)["user_id"].to_list()


@pytest.mark.parametrize("seconds", ["a few seconds", pytest.param("two minutes", marks=pytest.mark.long)])
def test_readers_see_whole_partitions_while_a_writer_replaces_them(tmp_path: Path, seconds: str) -> None:
    world = World(tmp_path)
    world.drop("clicks_1.csv", CONTENTS[0])
    world.refresh()
    writer = children.start(replace_for_ever, tmp_path)
    end = time.monotonic() + SECONDS[seconds]
    seen: dict[str, list[str]] = {"log": [], "view": []}
    wrong: list[str] = []

    def goes_on() -> bool:
        """A busy machine may need longer for the first replacement: there is nothing to see before."""
        replaced = set(seen["log"]) | set(seen["view"]) == {"a", "b"}
        return time.monotonic() < (end if replaced else end + 60)

    def loop(name: str, look: Callable[[World, str], list[str]]) -> None:
        reader = World(tmp_path)
        while goes_on():
            for table in READ:
                users = look(reader, table)
                sides = {user[0] for user in users}
                if len(users) != 20 or len(set(users)) != 20 or len(sides) != 1:
                    wrong.append(f"{name} {table}: {users}")
                seen[name].append(sides.pop() if sides else "")

    threads = [threading.Thread(target=loop, args=pair) for pair in (("log", read_by_log), ("view", read_by_view))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.kill()
    writer.join()
    assert wrong == []
    assert writer.exitcode == children.KILLED, "the writer ended by itself"
    assert set(seen["log"]) | set(seen["view"]) == {"a", "b"}, "nothing was replaced while they read"
    # The writer was killed; after the next run a plain reader of the folders is right as well.
    healed = World(tmp_path)
    healed.drop("clicks_1.csv", CONTENTS[1])
    healed.refresh()
    at_rest(healed)
    folder = healed.workspace.stores["joined_facts"].folder
    plain = duckdb.sql(f"SELECT user_id FROM read_parquet('{folder}/event_date=*/*.parquet')").fetchall()
    assert sorted(user for (user,) in plain) == sorted(f"b{n}" for n in range(20))

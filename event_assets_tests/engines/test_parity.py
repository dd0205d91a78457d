"""Whole datasets come out row for row alike on every engine: exact decimals, microseconds, order of text, nulls."""

from __future__ import annotations

import dataclasses
import datetime as dt
import tempfile
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from event_assets.declaration import Dataset, load_datasets
from event_assets.synthetic.generate import generate
from event_assets_tests.engines.available import OTHERS, OTHERS_OF_MANY
from event_assets_tests.world import NOW, World, clicks, lines

pytestmark = pytest.mark.timeout(3600)

#: Sessions over midnight and at the gap, a duplicate, a bad price, nulls, text beyond ASCII, prices of many digits.
RECORDS = (
    "ann,view,2025-01-06T23:50:00.000001,/a,0.10",
    "ann,BUY,2025-01-07T00:10:00,/b,12345678.90",
    "ann,view,2025-01-07T00:40:00,,",
    "bob,view,2025-01-07T10:00:00,/é,1",
    "bob,view,2025-01-07T10:00:00,/é,1",
    "zoë,buy,2025-01-07T11:00:00,/Z,0.20",
    "Zed,view,2025-01-07T11:00:00,/z,0.30",
    "bob,view,2025-01-07T12:00:00,/a,-1",
)


def on(engine: str, folder: Path, dataset: Dataset | None = None, *, inbox: Path | None = None) -> World:
    """A world whose tables are made by an engine."""
    world = World(folder / engine, dataset, inbox=inbox)
    world.settings = dataclasses.replace(world.settings, engine=engine, spark="local[2]", workers=2)
    world.use(world.dataset)
    return world


def assert_alike(world: World, expected: World) -> None:
    """Every table that a transform makes: rows, their order, types, and how the files hold them."""
    for name in expected.tables():
        wanted, found = expected.table(name), world.table(name)
        assert found.schema == wanted.schema, name
        assert found.equals(wanted), f"{name}\n{wanted}\n{found}"
        assert physical(world, name) == physical(expected, name), name


def physical(world: World, table: str) -> set[tuple[str, ...]]:
    store = world.workspace.stores[table]
    files = [pq.ParquetFile(path) for unit in store.entries() for path in store.paths(unit)]
    return {
        (column.path, column.physical_type, str(column.logical_type), file.metadata.row_group(0).column(n).compression)
        for file in files
        for n, column in enumerate(file.schema)
        if file.metadata.num_row_groups
    }


@pytest.mark.parametrize("engine", OTHERS)
def test_the_tables_of_a_small_dataset_are_the_same(engine: str, tmp_path: Path) -> None:
    worlds = [on(name, tmp_path) for name in ("polars", engine)]
    for world in worlds:
        world.drop("clicks_1.csv", lines(*RECORDS))
        assert {outcome.state for outcome in world.refresh()} == {"materialized"}
        assert world.reconciled().holds
    assert_alike(worlds[1], worlds[0])


@pytest.mark.parametrize("engine", ["duckdb"])
def test_what_one_engine_made_is_fresh_for_another(engine: str, tmp_path: Path) -> None:
    world = on("polars", tmp_path)
    world.drop("clicks_1.csv", lines(*RECORDS))
    world.refresh()
    before = world.tables()
    world.settings = dataclasses.replace(world.settings, engine=engine)
    world.use(world.dataset)
    assert world.refresh() == []
    # A late event goes through the other engine, and rows of both stand beside one another.
    world.drop("clicks_2.csv", lines("eve,view,2025-01-08T10:00:00,/a,5"))
    world.refresh()
    early = pl.col("event_date") < "2025-01-08"
    assert world.tables()["joined_facts"].filter(early).equals(before["joined_facts"])
    assert world.table("joined_facts")["user_id"].to_list()[-1] == "eve"


def assert_generated_alike(name: str, engine: str, folder: Path) -> None:
    dataset, inbox = load_datasets()[name], folder / "inbox"
    generate(name, rows=600, days=2, seed=7, out=inbox / name)
    worlds = [on(each, folder, dataset, inbox=inbox) for each in ("polars", engine)]
    for world in worlds:
        assert {outcome.state for outcome in world.refresh()} == {"materialized"}
    assert_alike(worlds[1], worlds[0])


@pytest.mark.parametrize("engine", OTHERS_OF_MANY)
def test_generated_streaming_is_the_same(engine: str, tmp_path: Path) -> None:
    """Sets of ids over all dates, addresses, minutes by region in Hive folders."""
    assert_generated_alike("streaming", engine, tmp_path)


@pytest.mark.parametrize("engine", OTHERS)
@pytest.mark.parametrize("name", ["benefits", "shop"])
@pytest.mark.long
def test_other_generated_datasets_are_the_same(name: str, engine: str, tmp_path: Path) -> None:
    """Profiles and their filter, original times; sessions by product, funnels."""
    assert_generated_alike(name, engine, tmp_path)


@pytest.mark.parametrize("engine", OTHERS)
@pytest.mark.parametrize("name", ["benefits", "shop"])
@pytest.mark.long
def test_real_datasets_are_the_same(name: str, engine: str, tmp_path: Path, realdata: Path) -> None:
    """On so many dates in their middle as an engine makes in some minutes, and over all of those."""
    most = {"duckdb": 30, "spark": 3}[engine]
    worlds = [on(each, tmp_path, load_datasets()[name], inbox=realdata) for each in ("polars", engine)]
    for world in worlds:
        world.land(lambda: dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
        dates = world.workspace.dates("raw_events")
        middle = dates[max(0, (len(dates) - most) // 2) :][:most]
        assert {outcome.state for outcome in world.make(map(str, middle))} == {"materialized"}
    assert_alike(worlds[1], worlds[0])


RECORD = st.builds(
    lambda user, kind, day, minute, page, price: (
        f"{user},{kind},2025-01-{day:02d}T{minute // 60:02d}:{minute % 60:02d}:00,{page},{price}"
    ),
    st.sampled_from(["ann", "Bob", "zoë", ""]),
    st.sampled_from(["view", "BUY"]),
    st.integers(6, 7),
    st.sampled_from([0, 29, 30, 31, 1410, 1439]),
    st.sampled_from(["/a", "/é", ""]),
    st.sampled_from(["", "1", "0.10", "-1"]),
)


@pytest.mark.parametrize("engine", OTHERS_OF_MANY)
def test_any_records_give_the_same_tables(engine: str) -> None:
    long = settings.default is not None and settings.default.max_examples >= 1000
    examples = {"duckdb": (3, 100), "spark": (1, 10)}[engine][long]

    @settings(max_examples=examples)
    @given(st.lists(RECORD, min_size=6, max_size=20))
    def alike(records: list[str]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            worlds = [on(name, Path(folder), clicks()) for name in ("polars", engine)]
            for world in worlds:
                world.drop("clicks_1.csv", lines(*records))
                world.land(lambda: NOW)
                world.make()
            assert_alike(worlds[1], worlds[0])

    alike()

"""The same answer always (SPEC §6): however records are cut into files, ordered, dated, repeated."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from event_assets_tests.world import World, clicks, lines

#: Each example makes a lake or two: a handful in every run, all of them in `make test-long`.
BOUNDED = settings(max_examples=5 if settings.default.max_examples < 1000 else 1000)  # type: ignore[union-attr]
pytestmark = pytest.mark.timeout(36000)

#: Times around midnights and around the gap of 30 minutes, on five dates.
MINUTES = [0, 10, 29, 30, 31, 700, 1400, 1415, 1430, 1439]
RECORDS = st.lists(
    st.builds(
        lambda user, kind, day, minute, second, page: (
            f"{user},{kind},2025-01-{day:02d}T{minute // 60:02d}:{minute % 60:02d}:{second:02d},{page},1.00"
        ),
        st.sampled_from(["ann", "bob", ""]),
        st.sampled_from(["view", "buy", "VIEW"]),
        st.integers(6, 10),
        st.sampled_from(MINUTES),
        st.sampled_from([0, 59]),
        st.sampled_from(["/a", "/b", ""]),
    ),
    min_size=1,
    max_size=24,
)
DATES = [f"2025-01-{day:02d}" for day in range(6, 11)]


def in_one_batch(records: list[str], **changes: object) -> dict[str, pl.DataFrame]:
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), clicks(**changes))
        world.drop("clicks_all.csv", lines(*records))
        world.refresh()
        assert world.reconciled().holds
        return world.tables()


def assert_same(expected: dict[str, pl.DataFrame], found: dict[str, pl.DataFrame]) -> None:
    for name, frame in expected.items():
        assert frame.equals(found[name]), f"{name}\n{frame}\n{found[name]}"


@BOUNDED
@given(RECORDS, st.integers(1, 4), st.randoms(use_true_random=False))
def test_any_cut_into_files_in_any_order_gives_the_tables_of_one_batch(
    records: list[str], files: int, chance: random.Random
) -> None:
    shuffled = list(records)
    chance.shuffle(shuffled)
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder))
        for number in range(files):
            piece = shuffled[number::files]
            if piece:
                world.drop(f"clicks_{number}.csv", lines(*piece))
                world.refresh()
        assert world.reconciled().holds
        assert_same(in_one_batch(records), world.tables())


@BOUNDED
@given(RECORDS, st.permutations(DATES))
def test_dates_made_one_by_one_in_any_order_give_the_tables_of_one_batch(records: list[str], order: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder))
        world.drop("clicks_1.csv", lines(*records))
        world.land()
        for date in order:
            world.make([date])
        world.make()
        expected = in_one_batch(records)
        # Dates without events got an empty partition here, which has no rows to differ.
        assert_same(expected, world.tables())


@BOUNDED
@given(RECORDS, RECORDS)
def test_a_record_within_n_days_of_an_earlier_one_is_a_duplicate_whatever_came_first(
    early: list[str], late: list[str]
) -> None:
    rules = {"deduplicate": {"keys": ["user_id", "event_type", "page"], "days": 2}}
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), clicks(**rules))
        for number, records in enumerate((late, early)):
            world.drop(f"clicks_{number}.csv", lines(*records))
            world.refresh()
        assert_same(in_one_batch(early + late, **rules), world.tables())

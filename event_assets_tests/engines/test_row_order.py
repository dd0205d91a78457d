"""`in_order` sorts numbers by numpy and the rest by Polars: what comes out is what Polars alone makes of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from event_assets.engines.polars import row_order
from event_assets.engines.polars.row_order import in_order

TYPES = {
    "day": (pl.Date(), st.dates(dt.date(1, 1, 1), dt.date(9999, 12, 31))),
    "number": (pl.Int64(), st.one_of(st.integers(-2, 2), st.integers(-(2**63), 2**63 - 1))),
    "time": (pl.Datetime("us", "UTC"), st.datetimes(timezones=st.just(dt.UTC))),
    "text": (pl.String(), st.sampled_from(["", "a", "ä", "b", "B"])),
}
ROWS = st.lists(st.fixed_dictionaries({name: values for name, (_, values) in TYPES.items()}), max_size=40)
SCHEMA = pl.Schema({name: dtype for name, (dtype, _) in TYPES.items()})


@pytest.fixture(autouse=True, scope="module", params=[1, 1000], ids="few rows are {}".format)
def _few(request: pytest.FixtureRequest) -> Iterator[None]:
    """Up to that number of rows Polars sorts alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(row_order, "_FEW_ROWS", request.param)
        yield


@given(ROWS, st.permutations([*TYPES]), st.sets(st.sampled_from([*TYPES])))
def test_rows_are_in_the_order_that_polars_gives_them(
    rows: list[dict[str, object]], order: list[str], null: set[str]
) -> None:
    frame = pl.DataFrame(rows, SCHEMA)
    some = frame.with_columns(pl.when(pl.int_range(pl.len()) % 3 != 0).then(pl.col(name)).alias(name) for name in null)
    assert_frame_equal(in_order(some, order), some.sort(order, nulls_last=False))


@pytest.mark.parametrize("users", [3, 8_900])
def test_few_and_many_rows_of_equal_numbers_are_sorted_by_the_texts_behind_them(users: int) -> None:
    frame = pl.DataFrame(
        {"user": [n * 7919 % users for n in range(9_000)], "id": [f"{n * 31 % 9_000}" for n in range(9_000)]}
    )
    assert_frame_equal(in_order(frame, ["user", "id"]), frame.sort("user", "id"))

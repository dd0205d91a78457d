"""Each figure of the page, against what DuckDB gives over the tables themselves."""

from __future__ import annotations

import datetime as dt

import polars as pl
import pytest

from event_assets.dashboard import queries
from event_assets.dashboard.page import ask
from event_assets.dashboard.queries import Question, Selection
from event_assets_tests.world import World, lines

FIRST, LAST = dt.date(2024, 3, 1), dt.date(2024, 3, 2)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Ann views and buys on the first day and views on the second; Bob views on the first; one record is refused."""
    world = World(tmp_path_factory.mktemp("clicks"))
    world.drop(
        "clicks_1.csv",
        lines(
            "ann,view,2024-03-01T10:00:00Z,home,",
            "ann,buy,2024-03-01T10:02:30Z,cart,9.99",
            "bob,view,2024-03-01T12:00:00Z,home,",
            "ann,view,2024-03-02T08:00:00Z,home,",
            "ann,view,2024-03-02T09:00:00Z,home,cheap",
        ),
    )
    world.refresh()
    return world


def answer(world: World, question: Question, first: dt.date = FIRST, last: dt.date = LAST) -> pl.DataFrame:
    query = question(Selection(world.dataset, first, last, whole=(first, last) == (FIRST, LAST)))
    assert query is not None
    return ask(query, world.dataset, world.settings)


@pytest.mark.parametrize(
    ("first", "last", "rows"),
    [
        (FIRST, LAST, [(1, "view", 2, None, 1.0), (2, "buy", 1, 0.5, 0.5)]),
        (FIRST, FIRST, [(1, "view", 2, None, 1.0), (2, "buy", 1, 0.5, 0.5)]),
        (LAST, LAST, [(1, "view", 1, None, 1.0), (2, "buy", 0, 0.0, 0.0)]),
    ],
)
def test_the_funnel_counts_users_of_the_dates(
    world: World, first: dt.date, last: dt.date, rows: list[tuple[object, ...]]
) -> None:
    assert answer(world, queries.funnel, first, last).rows() == rows

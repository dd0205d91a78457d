"""What a partition's small plot shows."""

from __future__ import annotations

import datetime as dt

import polars as pl
import pytest

from event_assets.tables import partition_plots

TEN = dt.datetime(2025, 1, 6, 10, 5, tzinfo=dt.UTC)


def test_events_stand_at_their_hour() -> None:
    found = dict(partition_plots.by_hour("event_time")(pl.DataFrame({"event_time": [TEN, TEN, TEN.replace(hour=23)]})))
    assert (found["10:00"], found["23:00"], found["00:00"], len(found)) == (2, 1, 0, 24)
    minutes = pl.DataFrame({"minute": [TEN, TEN.replace(hour=11)], "event_count": [3, 4]})
    assert dict(partition_plots.by_hour("minute", total="event_count")(minutes))["11:00"] == 4


@pytest.mark.parametrize(
    ("seconds", "label"),
    [(0, "0"), (1, "<1m"), (59, "<1m"), (60, "<5m"), (1799, "<30m"), (1800, "<1h"), (10800, "3h+")],
)
def test_a_session_stands_in_the_bar_of_its_length(seconds: int, label: str) -> None:
    found = partition_plots.by_length("duration_seconds")(pl.DataFrame({"duration_seconds": [seconds]}))
    assert [name for name, count in found if count] == [label]
    assert sum(count for _, count in found) == 1


def test_a_funnel_shows_how_many_reached_each_step() -> None:
    frame = pl.DataFrame({"furthest_step": [0, 1, 2], "view_time": [None, TEN, TEN], "buy_time": [None, None, TEN]})
    assert partition_plots.by_furthest_step(("view", "buy"))(frame) == [("view", 2), ("buy", 1)]


def test_a_quarantine_shows_its_reasons() -> None:
    frame = pl.DataFrame({"reason": ["invalid_price", "missing_user_id", "invalid_price"]})
    assert partition_plots.by_value("reason")(frame) == [("invalid_price", 2), ("missing_user_id", 1)]


def test_an_empty_partition_shows_nothing() -> None:
    empty = pl.DataFrame(schema={"duration_seconds": pl.Float64})
    assert partition_plots.by_length("duration_seconds")(empty) == []

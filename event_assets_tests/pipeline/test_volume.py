"""The volume of a date beside that of its weekday: what is usual, by how much it differs, and since when."""

from __future__ import annotations

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from event_assets.pipeline.volume_check import REACH_DAYS, judge_volume

MONDAY = dt.date(2025, 3, 3)
DAY, WEEK = dt.timedelta(days=1), dt.timedelta(weeks=1)


def weekly(weeks: int, workday: int = 1000, weekend: int = 100) -> dict[dt.date, int]:
    """So many weeks before MONDAY."""
    days = (MONDAY - n * DAY for n in range(1, 7 * weeks + 1))
    return {day: weekend if day.weekday() > 4 else workday for day in days}


def test_a_quiet_weekend_is_usual_where_weekends_are_quiet() -> None:
    counts = weekly(6)
    sunday = MONDAY - DAY
    found = judge_volume(counts, sunday, factor=5)
    assert found.passed
    assert str(found) == "100 events, 100 on the median of the last 5 Sundays (spread 0)"
    assert not judge_volume({**counts, MONDAY: 100}, MONDAY, factor=5).passed


def test_a_failure_says_by_how_much_and_since_when() -> None:
    counts = {**weekly(6), MONDAY: 100, MONDAY + DAY: 50, MONDAY + 2 * DAY: 0, MONDAY + 3 * DAY: 9000}
    assert [str(judge_volume(counts, MONDAY + n * DAY, factor=5)) for n in range(4)] == [
        "100 events, 10.0 times fewer than 1000 on the median of the last 6 Mondays (spread 0)",
        "50 events, 20.0 times fewer than 1000 on the median of the last 6 Tuesdays (spread 0),"
        " unusual since 2025-03-03",
        "0 events, against 1000 on the median of the last 6 Wednesdays (spread 0), unusual since 2025-03-03",
        "9000 events, 9.0 times more than 1000 on the median of the last 6 Thursdays (spread 0),"
        " unusual since 2025-03-03",
    ]


def test_nothing_is_learned_from_dates_that_failed_until_the_usual_ones_are_eight_weeks_old() -> None:
    counts = {**weekly(4), **{MONDAY + n * WEEK: 10 for n in range(12)}}
    assert [judge_volume(counts, MONDAY + n * WEEK, factor=5).passed for n in (0, 1, 6, 7, 8, 9)] == [
        *[False, False, False, False],
        *[True, True],
    ]
    assert judge_volume({**counts, MONDAY + 3 * WEEK: 1000}, MONDAY + 3 * WEEK, factor=5).passed


def test_a_weekday_that_varies_much_may_vary() -> None:
    mondays = {MONDAY - n * WEEK: count for n, count in enumerate([10, 400, 100, 900, 30, 700, 80, 500], start=1)}
    assert judge_volume({**mondays, MONDAY: 20}, MONDAY, factor=5).passed
    assert not judge_volume({**mondays, MONDAY: 20_000}, MONDAY, factor=5).passed


def test_the_first_date_of_a_weekday_passes() -> None:
    found = str(judge_volume({MONDAY - DAY: 5000, MONDAY: 100}, MONDAY, factor=5))
    assert found == "100 events, no usual Monday in the last 8 weeks to compare with"


@given(st.dictionaries(st.integers(1, 400), st.integers(0, 10_000), max_size=60), st.integers(0, 10_000))
def test_a_date_depends_on_no_later_one_and_on_none_of_long_ago(before: dict[int, int], events: int) -> None:
    counts = {MONDAY - n * DAY: count for n, count in before.items()} | {MONDAY: events}
    found = judge_volume(counts, MONDAY, factor=5)
    assert found == judge_volume({**counts, MONDAY + DAY: 10**6, MONDAY + WEEK: 0}, MONDAY, factor=5)
    near = {day: count for day, count in counts.items() if day >= MONDAY - REACH_DAYS * DAY}
    assert found == judge_volume(near, MONDAY, factor=5)
    assert found.since <= MONDAY
    assert found.passed or found.compared

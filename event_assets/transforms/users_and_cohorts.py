"""Active and returning users: users by date as sets, from which cohorts and active users are counted.

Nothing is counted from events here: `daily_users` has each user (each person, where `identity` is declared) of a date
once, and all other tables are computed from it. `daily_cohorts` has the counts of a date that add up to retention: a
late date counts the users of its own week only.
"""

from __future__ import annotations

import datetime as dt

import narwhals as nw

from event_assets.declaration import Dataset
from event_assets.transforms.interface import Frame, Inputs, Outputs, Scope, with_user

#: `active_users` counts the dates of a week and of four weeks that end on a date.
WEEK, MONTH = 7, 28
_DAY_MICROSECONDS = 86_400_000_000
#: Added to days since 1970-01-01, a Thursday, Mondays are multiples of 7; and no date is below 0.
_TO_MONDAY = 3 + 7 * 10_000


def who(dataset: Dataset) -> str:
    """The column of those who are counted."""
    return "person_id" if dataset.identity else "user_id"


def daily_users(inputs: Inputs, scope: Scope) -> Outputs:
    """daily_users of a date: each user or person with a fact on it. Input: joined_facts of the date."""
    column = who(scope.dataset)
    rows = inputs["joined_facts"].select(*scope.dated, column).filter(~nw.col(column).is_null())
    return scope.outputs(daily_users=scope.ports.distinct(rows))


def users_by(inputs: Inputs, scope: Scope) -> Outputs:
    """users_by of a date: the users of each value of the declared columns. Input: joined_facts of the date."""
    facts = with_user(inputs["joined_facts"], scope)
    rows = [
        facts.select(
            *scope.dated, nw.lit(column).alias("dimension"), nw.col(column).cast(nw.String).alias("value"), "user_id"
        )
        for column in scope.dataset.gold.users_by
    ]
    return scope.outputs(users_by=scope.ports.distinct(nw.concat(rows)))


def active_users(inputs: Inputs, scope: Scope) -> Outputs:
    """active_users of a date: one row. Input: daily_users of the date and the 27 before it.

    Of a user's dates in a span the first one counts: that before which the user did not come within the span.
    """
    column = who(scope.dataset)
    rows = _with_numbers(inputs["daily_users"].select("event_date", column), {"event_date": "number"}, scope)
    rows = scope.ports.previous(rows, {"number": "number before"}, by=[column], order=["event_date"])
    pause = nw.col("number") - nw.col("number before")
    pause = nw.when(pause < MONTH).then(pause).otherwise(nw.lit(MONTH)).alias("pause")
    came = rows.with_columns(pause).group_by("event_date", "number", "pause").agg(nw.len().alias("users"))
    came = scope.ports.shared(came)
    spans = {"day": 1, "week": WEEK, "month": MONTH}

    def changed(span: str, day: nw.Expr, users: nw.Expr) -> Frame:
        return came.select(day.alias("number"), *(users.alias(name) if name == span else zero(name) for name in spans))

    def zero(name: str) -> nw.Expr:
        return nw.lit(0, nw.Int64).alias(name)

    # A user counts within a span from the day on which the earlier date leaves it, to the day on which this one does.
    number, pause, users = nw.col("number"), nw.col("pause"), nw.col("users").cast(nw.Int64)
    changes = [came.select("number", *map(zero, spans))]
    for name, days in spans.items():
        wait = nw.when(pause < days).then(days - pause).otherwise(nw.lit(0))
        changes += [changed(name, number + wait, users), changed(name, number + days, 0 - users)]
    counts = nw.concat(changes).group_by("number").agg(nw.col(*spans).sum())
    counts = counts.with_columns(nw.col(*spans).cum_sum().over(order_by="number"))
    dates = scope.on_dates(came).select("event_date", "number").unique()
    return scope.outputs(active_users=dates.join(counts, on="number", how="inner"))


def first_seen(inputs: Inputs, scope: Scope) -> Outputs:
    """first_seen: the first date of each user or person. Input: daily_users of all dates."""
    first = inputs["daily_users"].group_by(who(scope.dataset)).agg(nw.col("event_date").min().alias("date"))
    return scope.outputs(first_seen=first)


def daily_cohorts(inputs: Inputs, scope: Scope) -> Outputs:
    """daily_cohorts of a date: how many of its users or persons were first seen on each date, and how many of these
    did not come earlier in the same ISO week. Inputs: daily_users of the date and the 6 before it, first_seen.
    """
    column = who(scope.dataset)
    rows = _with_numbers(inputs["daily_users"].select("event_date", column), {"event_date": "number"}, scope)
    rows = scope.ports.previous(rows, {"number": "number before"}, by=[column], order=["event_date"])
    again = (_week(nw.col("number before")) == _week(nw.col("number"))).fill_null(False)
    rows = scope.on_dates(rows.with_columns(nw.when(again).then(0).otherwise(1).alias("first of week")))
    first = inputs["first_seen"].select(column, nw.col("date").alias("cohort_date"))
    counts = (nw.len().alias("users"), nw.col("first of week").sum().alias("week_users"))
    cohorts = rows.join(first, on=column, how="inner").group_by(scope.by("cohort_date")).agg(*counts)
    return scope.outputs(daily_cohorts=cohorts)


def retention(inputs: Inputs, scope: Scope) -> Outputs:
    """retention and retention_by_week: of those first seen on a date (in an ISO week), how many came so much later.
    Input: daily_cohorts of all dates.
    """
    numbers = {"event_date": "seen day", "cohort_date": "first day"}
    days = scope.ports.shared(_with_numbers(inputs["daily_cohorts"], numbers, scope))
    seen_day, first_day = nw.col("seen day"), nw.col("first day")
    by_date = days.with_columns((seen_day - first_day).alias("offset_days"))
    by_date = by_date.group_by("cohort_date", "offset_days").agg(nw.col("users").sum())
    cohort, weeks = _monday(nw.col("cohort_date"), first_day), _week(seen_day) - _week(first_day)
    by_week = days.with_columns(cohort.alias("cohort_week"), weeks.alias("offset_weeks"))
    by_week = by_week.group_by("cohort_week", "offset_weeks").agg(nw.col("week_users").sum().alias("users"))
    by_week = by_week.filter(nw.col("users") > 0)
    return scope.outputs(retention=by_date, retention_by_week=by_week)


def _with_numbers(frame: Frame, columns: dict[str, str], scope: Scope) -> Frame:
    """The frame with an int64 column for each date column: its days since 1970-01-01."""
    times = {column: f"{column} as time" for column in columns}
    frame = frame.with_columns(*(nw.col(c).cast(nw.Datetime("us", "UTC")).alias(time) for c, time in times.items()))
    frame = scope.ports.microseconds(frame, {time: columns[column] for column, time in times.items()})
    return frame.with_columns(*(nw.col(into) // _DAY_MICROSECONDS for into in columns.values())).drop(*times.values())


def _week(day: nw.Expr) -> nw.Expr:
    """The number of the ISO week of a numbered day."""
    return (day + _TO_MONDAY) // 7


def _monday(date: nw.Expr, day: nw.Expr) -> nw.Expr:
    """The Monday of the ISO week of a date, whose number is given too."""
    monday = date
    for after in range(1, 7):
        earlier = (date - nw.lit(dt.timedelta(days=after))).cast(nw.Date)
        monday = nw.when((day + _TO_MONDAY) % 7 == after).then(earlier).otherwise(monday)
    return monday

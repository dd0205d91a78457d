"""How far users get through the funnel's steps.

From an attempt's start, the earliest possible event of each next step is always the best choice: whatever a
later one could reach, it reaches too. So an attempt is followed step by step, and at each step only those
attempts go on that found it within the window.
"""

from __future__ import annotations

import datetime as dt
from functools import reduce

import narwhals as nw

from event_assets.declaration import Dataset, Funnel, FunnelStep
from event_assets.transforms.cast_text import millionths
from event_assets.transforms.conditions import holds
from event_assets.transforms.interface import Frame, Inputs, Outputs, Scope, declared, with_user
from event_assets.transforms.row_numbers import with_place

_DAY = dt.timedelta(days=1)
_MILLION = 1_000_000


def funnel_days(dataset: Dataset) -> int:
    """How many dates after an attempt's own its window can reach into."""
    window = declared(dataset.gold.user_funnel).window
    # Where clocks change a date may be shorter than 24 hours: one more covers that.
    return -(-window // _DAY) + (0 if dataset.timezone == "UTC" else 1)


def user_funnel(inputs: Inputs, scope: Scope) -> Outputs:
    """user_funnel of dates: a row per user with a fact on it.

    Input: joined_facts of the dates and the `funnel_days` after each.
    """
    options = declared(scope.dataset.gold.user_funnel)
    numbers = range(1, len(options.steps) + 1)
    facts = with_user(inputs["joined_facts"], scope)
    meets = [_meets(step, scope).alias(_met(number)) for number, step in enumerate(options.steps, 1)]
    facts = facts.select("user_id", "event_id", "event_time", "event_date", *meets)
    users = (
        scope.on_dates(facts)
        .group_by(scope.by("user_id"))
        .agg(*(nw.col(_met(n)).cast(nw.Int64).sum().alias(f"{_name(options, n)}_count") for n in numbers))
    )
    for number, best in enumerate(_reached(facts, scope), 1):
        times = [nw.col(_time(n)).alias(f"{_time(n)} by {number}") for n in numbers[:number]]
        users = users.join(best.select(*scope.by("user_id"), *times), on=scope.by("user_id"), how="left")
    furthest = nw.lit(0)
    for number in numbers:
        furthest = nw.when(~nw.col(f"{_time(1)} by {number}").is_null()).then(nw.lit(number)).otherwise(furthest)
    # The furthest level gives all times; a lower level has no times for later steps.
    levels = {n: [f"{_time(n)} by {level}" for level in range(len(numbers), n - 1, -1)] for n in numbers}
    times = [nw.coalesce(*levels[n]).alias(f"{_name(options, n)}_time") for n in numbers]
    return scope.outputs(user_funnel=users.with_columns(furthest.alias("furthest_step"), *times))


def _meets(step: FunnelStep, scope: Scope) -> nw.Expr:
    """Whether an event meets a step's condition; never null."""
    met = holds(step.where, lambda name: declared(scope.dataset.fact_column(name)))
    return met & nw.col("event_type").is_in([*step.event_type]).fill_null(False) if step.event_type else met


def _reached(facts: Frame, scope: Scope) -> list[Frame]:
    """For each step the users (by date) with an attempt that reached it, and the times of the earliest such attempt."""
    options = declared(scope.dataset.gold.user_funnel)
    window = options.window // dt.timedelta(microseconds=1)
    facts, next_from = _in_sequence(facts, scope)
    starts = scope.on_dates(facts).filter(nw.col(_met(1)))
    attempts = starts.select(
        *scope.by("user_id", "in sequence"),
        nw.col("event_time").alias(_time(1)),
        nw.col("time us").alias("begin us"),
    ).unique()
    levels = [attempts]
    for number in range(2, len(options.steps) + 1):
        events = facts.filter(nw.col(_met(number))).select(
            "user_id",
            nw.col("in sequence").alias("next in sequence"),
            nw.col("time us").alias("next us"),
            nw.col("event_time").alias(_time(number)),
        )
        found = _next(levels[-1], events.unique(), next_from, scope)
        levels.append(found.filter(nw.col("next us") - nw.col("begin us") <= window).drop("next us"))
    # A later attempt never reaches a step earlier than one before it: the least of each time is one attempt's.
    return [
        level.group_by(scope.by("user_id")).agg(*(nw.col(_time(n)).min() for n in range(1, number + 1)))
        for number, level in enumerate(levels, 1)
    ]


def _in_sequence(facts: Frame, scope: Scope) -> tuple[Frame, int]:
    """The events with `time us` and `in sequence`: the position of each among its user's, and how much further the next
    step's event must be.

    Where each step is an event type of its own, the time alone is enough: events at one instant are in step order.
    Where an event may meet several steps, they are numbered, so that it fills only one: at one instant by the first
    step that they meet, then by their ids.
    """
    options = declared(scope.dataset.gold.user_funnel)
    facts = scope.ports.microseconds(facts, {"event_time": "time us"})
    types = [name for step in options.steps for name in step.event_type]
    if all(step.event_type for step in options.steps) and len(set(types)) == len(types):
        return facts.with_columns(nw.col("time us").alias("in sequence")), 0
    first = nw.lit(len(options.steps) + 1)
    for number in range(len(options.steps), 0, -1):
        first = nw.when(nw.col(_met(number))).then(nw.lit(number)).otherwise(first)
    some = facts.with_columns(first.alias("first met")).filter(nw.col("first met") <= len(options.steps))
    placed = with_place(some, ["time us", "first met", "event_id"], within=["user_id"])
    return placed.with_columns(nw.col("row place").alias("in sequence")), 1


def _next(attempts: Frame, events: Frame, next_from: int, scope: Scope) -> Frame:
    """Each attempt with the user's first event so far behind its own, which then is its own; without one it goes."""
    attempts = attempts.with_columns(nw.col("in sequence") + next_from)
    found = scope.ports.as_of(
        attempts, events, by=["user_id"], at="in sequence", other_at="next in sequence", forward=True
    )
    found = found.filter(~nw.col("next in sequence").is_null())
    return found.with_columns(nw.col("next in sequence").alias("in sequence")).drop("next in sequence")


def funnel_summary(inputs: Inputs, scope: Scope) -> Outputs:
    """funnel_summary: a row per step, over all dates; each user counts once, by its best date: the furthest step, of
    equal ones the earliest date. Input: user_funnel of all dates."""
    names = declared(scope.dataset.gold.user_funnel).names
    best = _best(inputs["user_funnel"])
    made: list[Frame] = []
    for number, step in enumerate(names, 1):
        levels = {"users": number, "users before": max(number - 1, 1), "users first": 1}
        reached = {name: (nw.col("furthest_step") >= level).cast(nw.Int64).sum() for name, level in levels.items()}
        users = best.select(*(count.fill_null(0).cast(nw.Int64).alias(name) for name, count in reached.items()))
        conversion = _share(nw.col("users"), nw.col("users before")) if number > 1 else nw.lit(None, nw.Decimal(9, 6))
        row = users.with_columns(
            nw.lit(number).alias("step_number"),
            nw.lit(step).alias("step"),
            conversion.alias("conversion_from_previous"),
            _share(nw.col("users"), nw.col("users first")).alias("conversion_from_first"),
        )
        if number > 1:
            row = row.join(_median(best, names[number - 2], step, scope), how="cross")
        else:
            row = row.with_columns(nw.lit(None, nw.Decimal(18, 6)).alias("median_seconds_from_previous"))
        made.append(scope.shaped(row, "funnel_summary"))
    return Outputs({"funnel_summary": reduce(lambda above, below: nw.concat([above, below]), made)})


def _best(rows: Frame) -> Frame:
    """One row per user: the row of the user's best date."""
    furthest = rows.group_by("user_id").agg(nw.col("furthest_step").max())
    first = rows.join(furthest, on=["user_id", "furthest_step"], how="inner")
    return first.join(
        first.group_by("user_id").agg(nw.col("event_date").min()), on=["user_id", "event_date"], how="inner"
    )


def _name(options: Funnel, number: int) -> str:
    return options.names[number - 1]


def _met(number: int) -> str:
    """Whether an event meets a step, as a column. Numbers in place of names: these may be any text."""
    return f"meets {number}"


def _time(number: int) -> str:
    """The column of the time at which an attempt reached a step."""
    return f"time of {number}"


def _share(part: nw.Expr, whole: nw.Expr) -> nw.Expr:
    """A share of six digits, rounded half up in whole numbers; null where the whole is nothing."""
    some = nw.when(whole > 0).then(whole)
    return millionths((part * (2 * _MILLION) + some) // (some * 2)).cast(nw.Decimal(9, 6))


def _median(best: Frame, previous: str, step: str, scope: Scope) -> Frame:
    """One row: the median time from one step to the next, in seconds; the mean of the middle two, rounded down."""
    timed = best.filter(~nw.col(f"{step}_time").is_null())
    timed = scope.ports.microseconds(timed, {f"{previous}_time": "from us", f"{step}_time": "to us"})
    waits = timed.select("user_id", (nw.col("to us") - nw.col("from us")).alias("wait us"))
    places = with_place(waits, ["wait us", "user_id"])
    count = waits.select(nw.len().cast(nw.Int64).alias("wait count"))
    half = nw.col("wait count") // 2
    middle = places.join(count, how="cross").filter(
        (nw.col("row place") == half + 1) | ((nw.col("row place") == half) & (half * 2 == nw.col("wait count")))
    )
    # One row in the middle of an odd count, two of an even one.
    total = middle.select(nw.col("wait us").sum().alias("total us"), nw.len().cast(nw.Int64).alias("row count"))
    some = nw.when(nw.col("row count") > 0).then(nw.col("row count"))
    return total.select(millionths(nw.col("total us").cast(nw.Int64) // some).alias("median_seconds_from_previous"))

"""How far users get through the funnel's steps (SPEC "Funnel").

From an attempt's start, the earliest possible event of each next step is always the best choice: whatever a
later one could reach, it reaches too. So an attempt is followed step by step, and at each step only those
attempts go on that found it within the window.
"""

from __future__ import annotations

import datetime as dt
from functools import reduce

import narwhals as nw

from event_assets.declaration import Dataset, Funnel
from event_assets.transforms.casts import millionths
from event_assets.transforms.interface import Frame, Inputs, Outputs, Scope, on_date
from event_assets.transforms.row_numbers import with_place

_DAY = dt.timedelta(days=1)
_MILLION = 1_000_000


def funnel_days(dataset: Dataset) -> int:
    """How many dates after an attempt's own its window can reach into."""
    window = _options(dataset).window
    # Where clocks change a date may be shorter than 24 hours: one more covers that.
    return -(-window // _DAY) + (0 if dataset.timezone == "UTC" else 1)


def user_funnel(inputs: Inputs, scope: Scope) -> Outputs:
    """user_funnel of one date: a row per user with a fact on it.

    Input: joined_facts of the date and the `funnel_days` after it.
    """
    steps = _options(scope.dataset).steps
    facts = inputs["joined_facts"].select("user_id", "event_type", "event_time", "event_date")
    users = (
        on_date(facts, scope.day)
        .group_by("user_id")
        .agg(*((nw.col("event_type") == step).cast(nw.Int64).sum().alias(f"{step}_count") for step in steps))
    )
    users = users.with_columns(*(nw.col(f"{step}_count").fill_null(0) for step in steps))
    reached = _reached(scope.ports.microseconds(facts, {"event_time": "us"}), scope)
    for number, best in enumerate(reached, 1):
        times = [nw.col(f"{step}_time").alias(f"{step} by {number}") for step in steps[:number]]
        users = users.join(best.select("user_id", *times), on="user_id", how="left")
    furthest = nw.lit(0)
    for number in range(1, len(steps) + 1):
        furthest = nw.when(~nw.col(f"{steps[0]} by {number}").is_null()).then(nw.lit(number)).otherwise(furthest)
    # The furthest level gives all times; one that reached less has nothing to say.
    times = [
        nw.coalesce(*(f"{step} by {level}" for level in range(len(steps), number - 1, -1))).alias(f"{step}_time")
        for number, step in enumerate(steps, 1)
    ]
    return Outputs(
        {"user_funnel": scope.shaped(users.with_columns(furthest.alias("furthest_step"), *times), "user_funnel")}
    )


def _reached(facts: Frame, scope: Scope) -> list[Frame]:
    """For each step the users with an attempt that reached it: user_id and the times up to it, of the earliest such."""
    options = _options(scope.dataset)
    first, *others = options.steps
    window = options.window // dt.timedelta(microseconds=1)
    starts = on_date(facts, scope.day).filter(nw.col("event_type") == first)
    attempts = starts.select(
        "user_id", nw.col("event_time").alias(f"{first}_time"), "us", nw.col("us").alias("begin")
    ).unique()
    levels = [attempts]
    for step in others:
        events = facts.filter(nw.col("event_type") == step).select(
            "user_id", nw.col("us").alias("next"), nw.col("event_time").alias(f"{step}_time")
        )
        found = _next(levels[-1], events.unique(), scope)
        levels.append(found.filter(nw.col("us") - nw.col("begin") <= window))
    # A later attempt never reaches a step earlier than one before it: the least of each time is one attempt's.
    return [
        level.group_by("user_id").agg(*(nw.col(f"{step}_time").min() for step in options.steps[:number]))
        for number, level in enumerate(levels, 1)
    ]


def _next(attempts: Frame, events: Frame, scope: Scope) -> Frame:
    """Each attempt with the user's first event at or after its `us`, which then is its `us`; without one it goes."""
    found = scope.ports.as_of(attempts, events, by="user_id", at="us", other_at="next", forward=True)
    return found.filter(~nw.col("next").is_null()).with_columns(nw.col("next").alias("us")).drop("next")


def funnel_summary(inputs: Inputs, scope: Scope) -> Outputs:
    """funnel_summary: a row per step, over all dates. Input: user_funnel of all dates."""
    steps = _options(scope.dataset).steps
    rows = inputs["user_funnel"]
    best = rows.group_by("user_id").agg(nw.col("furthest_step").max())
    made: list[Frame] = []
    for number, step in enumerate(steps, 1):
        users = best.select(
            *(
                (nw.col("furthest_step") >= level).cast(nw.Int64).sum().fill_null(0).cast(nw.Int64).alias(name)
                for name, level in (("users", number), ("previous", max(number - 1, 1)), ("first", 1))
            )
        )
        conversion = _share(nw.col("users"), nw.col("previous")) if number > 1 else nw.lit(None, nw.Decimal(9, 6))
        row = users.with_columns(
            nw.lit(number).alias("step_number"),
            nw.lit(step).alias("step"),
            conversion.alias("conversion_from_previous"),
            _share(nw.col("users"), nw.col("first")).alias("conversion_from_first"),
        )
        median = _median(rows, steps[number - 2], step, scope) if number > 1 else None
        row = (
            row.join(median, how="cross")
            if median is not None
            else row.with_columns(nw.lit(None, nw.Decimal(18, 6)).alias("median_seconds_from_previous"))
        )
        made.append(scope.shaped(row, "funnel_summary"))
    return Outputs({"funnel_summary": reduce(lambda above, below: nw.concat([above, below]), made)})


def _options(dataset: Dataset) -> Funnel:
    options = dataset.gold.user_funnel
    assert options is not None
    return options


def _share(part: nw.Expr, whole: nw.Expr) -> nw.Expr:
    """A share of six digits, rounded half up in whole numbers; null where the whole is nothing."""
    some = nw.when(whole > 0).then(whole)
    return millionths((part * (2 * _MILLION) + some) // (some * 2)).cast(nw.Decimal(9, 6))


def _median(rows: Frame, previous: str, step: str, scope: Scope) -> Frame:
    """One row: the median time from one step to the next, in seconds; the mean of the middle two, rounded down."""
    timed = rows.filter(~nw.col(f"{step}_time").is_null())
    timed = scope.ports.microseconds(timed, {f"{previous}_time": "from", f"{step}_time": "to"})
    waits = timed.select("user_id", "event_date", (nw.col("to") - nw.col("from")).alias("wait"))
    places = with_place(waits, ["wait", "user_id", "event_date"])
    count = waits.select(nw.len().cast(nw.Int64).alias("count"))
    middle = places.join(count, how="cross").filter(
        (nw.col("place") == (nw.col("count") + 1) // 2) | (nw.col("place") == nw.col("count") // 2 + 1)
    )
    # One row in the middle of an odd count, two of an even one.
    total = middle.select(nw.col("wait").sum().alias("total"), nw.len().cast(nw.Int64).alias("rows"))
    some = nw.when(nw.col("rows") > 0).then(nw.col("rows"))
    return total.select(millionths(nw.col("total").cast(nw.Int64) // some).alias("median_seconds_from_previous"))

"""Adds to each session the source of the user's first and last touch (session that is not direct) within `lookback`.

A touch of a session is one of the same user in the `lookback` dates that end on the session's own date, not after the
session in the order of (start, session_id). Without a touch, the session is its own first and last touch.
"""

from __future__ import annotations

import datetime as dt

import narwhals as nw

from event_assets.declaration.channels import DIRECT, DIRECT_SOURCE
from event_assets.transforms.interface import Frame, Inputs, Scope

#: The columns that describe the origin of a session.
SOURCE_COLUMNS = ("source", "medium", "campaign", "channel")
#: Before the first date that a dataset can have, and one that every engine can write.
_BEFORE_ALL = dt.date(1000, 1, 1)
FIRST, LAST = "first_touch_", "last_touch_"


def is_direct() -> nw.Expr:
    """Whether the origin of a session is unknown."""
    return (nw.col("source") == DIRECT_SOURCE) | (nw.col("channel") == DIRECT)


def with_touches(sessions: Frame, inputs: Inputs, scope: Scope) -> Frame:
    """The sessions with their channel and the channels of their touches; unchanged in a dataset without channels.

    Inputs: session_sources of the dates, session_touches of the `lookback` dates that end on each.
    """
    if scope.dataset.channels is None:
        return sessions
    columns = ["user_id", "session_id", "session_start", "event_date", *SOURCE_COLUMNS]
    touches = scope.ports.shared(
        scope.ports.microseconds(inputs["session_touches"].select(*columns), {"session_start": "start us"})
    )
    direct = scope.ports.microseconds(
        inputs["session_sources"].filter(is_direct()).select(*columns), {"session_start": "start us"}
    )
    back = nw.lit(dt.timedelta(days=scope.dataset.channels.lookback - 1))
    rows = _with_last(nw.concat([touches, direct.select(*touches.collect_schema().names())]), scope)
    rows = rows.with_columns((nw.col("event_date") - back).cast(nw.Date).alias("window start"))
    firsts = _first_of_dates(touches, scope)
    rows = scope.ports.as_of(rows, firsts, by=["user_id"], at="window start", other_at=f"{FIRST}date", forward=True)
    # Where the last touch is within the window, the first one of the window is not after it.
    reached = nw.col(f"{LAST}date") >= nw.col("window start")
    of_touches = [
        nw.when(reached).then(nw.col(f"{prefix}{name}")).otherwise(nw.col(name)).alias(f"{prefix}{name}")
        for prefix in (FIRST, LAST)
        for name in SOURCE_COLUMNS
    ]
    return scope.ports.lookup(
        sessions, scope.on_dates(rows).select("session_id", *SOURCE_COLUMNS, *of_touches), ["session_id"]
    )


def _with_last(rows: Frame, scope: Scope) -> Frame:
    """Sessions with the origin and the date of the user's last touch so far; empty texts before the first touch."""
    by, order = ["user_id"], ["start us", "session_id"]
    rows = scope.ports.previous(rows, {"session_id": "id before"}, by=by, order=order)
    is_first = nw.col("id before").is_null()
    # Null is what a later touch fills in, so a campaign that a touch lacks is the empty text meanwhile.
    last_values = {f"{LAST}{name}": (nw.col(name).fill_null(""), nw.lit("")) for name in SOURCE_COLUMNS}
    last_values[f"{LAST}date"] = nw.col("event_date"), nw.lit(_BEFORE_ALL)
    filled = (
        nw.when(~is_direct()).then(own).otherwise(nw.when(is_first).then(nothing)).alias(name)
        for name, (own, nothing) in last_values.items()
    )
    rows = scope.ports.latest(rows.with_columns(*filled), [*last_values], by=by, order=order)
    campaign = nw.col(f"{LAST}campaign")
    return rows.with_columns(nw.when(campaign != "").then(campaign).alias(f"{LAST}campaign"))


def _first_of_dates(touches: Frame, scope: Scope) -> Frame:
    """Each user's first touch of each date: user_id and, named `first_touch_`, date and the source's columns."""
    by, order = ["user_id", "event_date"], ["start us", "session_id"]
    rows = scope.ports.previous(touches, {"session_id": "id before"}, by=by, order=order)
    columns = (nw.col(name).alias(f"{FIRST}{name}") for name in SOURCE_COLUMNS)
    return rows.filter(nw.col("id before").is_null()).select(
        "user_id", nw.col("event_date").alias(f"{FIRST}date"), *columns
    )

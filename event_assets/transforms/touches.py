"""Which touch brought a user: the session's own source, and the first and last that is not direct (SPEC §10, Channels).

A touch of a session is one of the same user in the `lookback` dates that end on the session's own date, not after the
session in the order of (start, session_id). Where there is none, the session is its own first and last touch.
"""

from __future__ import annotations

import datetime as dt

import narwhals as nw

from event_assets.declaration.channels import DIRECT, DIRECT_SOURCE
from event_assets.transforms.interface import Frame, Inputs, Scope

#: What tells where a session came from.
TOLD = ("source", "medium", "campaign", "channel")
FIRST, LAST = "first_touch_", "last_touch_"


def is_direct() -> nw.Expr:
    """Whether a session tells nothing of who sent it."""
    return (nw.col("source") == DIRECT_SOURCE) | (nw.col("channel") == DIRECT)


def with_touches(sessions: Frame, inputs: Inputs, scope: Scope) -> Frame:
    """The sessions with their channel and those of their touches; as they are in a dataset without channels.

    Inputs: session_sources of the dates, session_touches of the `lookback` dates that end on each.
    """
    if scope.dataset.channels is None:
        return sessions
    back = dt.timedelta(days=scope.dataset.channels.lookback - 1)
    sources = inputs["session_sources"]
    touches = scope.ports.shared(scope.ports.microseconds(inputs["session_touches"], {"session_start": "start us"}))
    frame = scope.ports.lookup(sessions, sources.select("session_id", *TOLD), ["session_id"])
    frame = scope.ports.lookup(frame, _last(sources, touches, scope), ["session_id"])
    frame = scope.ports.lookup(frame, _named(touches, LAST, dated=True), [f"{LAST}id"])
    frame = frame.with_columns((nw.col("event_date") - nw.lit(back)).cast(nw.Date).alias("window start"))
    frame = scope.ports.as_of(
        frame, _first_of_dates(touches, scope), by="user_id", at="window start", other_at=f"{FIRST}date", forward=True
    )
    frame = scope.ports.lookup(frame, _named(touches, FIRST), [f"{FIRST}id"])
    # Where the last touch is within the window, the first one of the window is not after it.
    reached = nw.col(f"{LAST}date") >= nw.col("window start")
    return frame.with_columns(
        nw.when(reached).then(nw.col(f"{prefix}{name}")).otherwise(nw.col(name)).alias(f"{prefix}{name}")
        for prefix in (FIRST, LAST)
        for name in TOLD
    )


def _last(sources: Frame, touches: Frame, scope: Scope) -> Frame:
    """session_id and `last_touch_id`: the user's last touch up to each session of all dates; empty where none is."""
    direct = scope.ports.microseconds(sources.filter(is_direct()), {"session_start": "start us"})
    both = [
        touches.select("user_id", "session_id", "start us", nw.col("session_id").alias(f"{LAST}id")),
        direct.select("user_id", "session_id", "start us", nw.lit(None, nw.String).alias(f"{LAST}id")),
    ]
    by, order = ["user_id"], ["start us", "session_id"]
    rows = scope.ports.previous(nw.concat(both), {"session_id": "id before"}, by=by, order=order)
    is_first = nw.col("id before").is_null() & nw.col(f"{LAST}id").is_null()
    rows = rows.with_columns(nw.when(is_first).then(nw.lit("")).otherwise(nw.col(f"{LAST}id")).alias(f"{LAST}id"))
    return scope.ports.latest(rows, [f"{LAST}id"], by=by, order=order).select("session_id", f"{LAST}id")


def _first_of_dates(touches: Frame, scope: Scope) -> Frame:
    """user_id, `first_touch_date` and `first_touch_id`: each user's first touch of each date."""
    rows = touches.select(
        "user_id",
        nw.col("event_date").alias(f"{FIRST}date"),
        "start us",
        "session_id",
        nw.col("session_id").alias("id"),
    )
    ends = {"first": f"{FIRST}id", "last": "last of the date"}
    by, order = ["user_id", f"{FIRST}date"], ["start us", "session_id"]
    return scope.ports.ends(rows, by=by, column="id", order=order, **ends).select(*by, f"{FIRST}id")


def _named(touches: Frame, prefix: str, *, dated: bool = False) -> Frame:
    """What touches tell, by their ids, in columns of a prefix."""
    date = [nw.col("event_date").alias(f"{prefix}date")] if dated else []
    told = (nw.col(name).alias(f"{prefix}{name}") for name in TOLD)
    return touches.select(nw.col("session_id").alias(f"{prefix}id"), *date, *told)

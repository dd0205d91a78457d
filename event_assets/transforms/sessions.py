"""Sessions, exact over midnight though every date is computed by itself (SPEC "Sessions").

Three things make that possible. Within a date, an event more than the gap after the one before starts a
session whatever happened on other dates. Of the date before, only a user's first, last and last starting
event matter (`session_edges`). And a session covers at most two dates, since the first event of a date
starts one where the date before has no gap start.

All times are compared as int64 microseconds; the column `start` is a session's start.
"""

from __future__ import annotations

import datetime as dt

import narwhals as nw

from event_assets.transforms.ids import SESSIONS, with_id
from event_assets.transforms.scope import Frame, Inputs, Outputs, Scope, on_date
from event_assets.transforms.values import millionths

_DAY = dt.timedelta(days=1)


def session_edges(inputs: Inputs, scope: Scope) -> Outputs:
    """session_edges of one date. Input: cleaned_events of the date."""
    events = inputs["cleaned_events"].select("user_id", "event_id", "event_time")
    edges = _edges(in_date(scope.ports.microseconds(events, {"event_time": "us"}), scope))
    return Outputs({"session_edges": scope.shaped(edges, "session_edges")})


def sessions(inputs: Inputs, scope: Scope) -> Outputs:
    """sessions that start on the date, with their events past midnight.

    Inputs: cleaned_events of the date and the next, session_edges of the two dates before.
    """
    events, edges = inputs["cleaned_events"], inputs["session_edges"]
    shown = scope.dataset.sessions.column
    names = list(dict.fromkeys(["user_id", "event_id", "event_type", "event_time", *([shown] if shown else [])]))
    events = scope.ports.microseconds(events.select(*names, "event_date"), {"event_time": "us"})
    today = scope.ports.shared(in_date(on_date(events, scope.day), scope))
    own = today.join(carried(edges, scope), on="user_id", how="left").filter(~_continues(scope))

    # Who goes on after midnight: few, so the next date's events are cut down before they are put in order.
    open_ended = _open_sessions(_edges(today), on_date(edges, scope.day - _DAY), scope)
    later = on_date(events, scope.day + _DAY)
    first = later.group_by("user_id").agg(nw.col("us").min().alias("start"))
    open_ended = first.join(open_ended, on="user_id", how="inner").filter(_continues(scope)).drop("start")
    open_ended = scope.ports.shared(open_ended)
    tomorrow = in_date(later.join(open_ended.select("user_id"), on="user_id", how="semi"), scope)
    rest = tomorrow.join(open_ended, on="user_id", how="inner").filter(_continues(scope))
    rest = rest.with_columns(nw.col("carried").alias("start"))

    parts = [part.select(*names, "us", "start") for part in (own, rest)]
    return Outputs({"sessions": scope.shaped(_summed(scope.ports.shared(nw.concat(parts)), scope), "sessions")})


def with_session_id(frame: Frame, scope: Scope) -> Frame:
    """The frame with `session_id` for its user_id and `start`."""
    key = {"user_id": scope.dataset.column("user_id").type, "start": "micros"}
    return with_id(frame, "session_id", key, namespace=SESSIONS, scope=scope)


def in_date(timed: Frame, scope: Scope) -> Frame:
    """One date's events (with `us`, their time) and `start` (of their session as far as this date alone knows) and
    `gap_start` (whether the event comes more than the gap after another one of the date)."""
    within, order = scope.ports.within(["user_id"]), ["user_id", "us", "event_id"]
    frame = timed.with_columns(
        nw.col("user_id").shift(1).over(*within, order_by=order).alias("user before"),
        nw.col("us").shift(1).over(*within, order_by=order).alias("us before"),
    )
    same = (nw.col("user before") == nw.col("user_id")).fill_null(False)
    frame = frame.with_columns(
        (same & (nw.col("us") - nw.col("us before") > gap(scope))).fill_null(False).alias("gap_start")
    )
    # A user's first row always holds a start, so filling forward never reaches over from one user to the next.
    starts = nw.when(~same | nw.col("gap_start")).then(nw.col("us")).alias("start")
    frame = frame.with_columns(starts).drop("user before", "us before")
    return frame.with_columns(nw.col("start").fill_null(strategy="forward").over(*within, order_by=order))


def carried(edges: Frame, scope: Scope) -> Frame:
    """user_id, last (time of the last event), carried (start of the last session) of the users whose session of
    the date before may go on. Input: session_edges of the two dates before."""
    return _open_sessions(on_date(edges, scope.day - _DAY), on_date(edges, scope.day - 2 * _DAY), scope)


def continued(frame: Frame, open_sessions: Frame, scope: Scope) -> Frame:
    """Sessions by user_id and local `start`, with `true start`: that of the date before where they go on from it."""
    joined = frame.join(open_sessions, on="user_id", how="left")
    true = nw.when(_continues(scope)).then(nw.col("carried")).otherwise(nw.col("start"))
    return joined.with_columns(true.alias("true start")).drop("last", "carried")


def gap(scope: Scope) -> int:
    """The dataset's session gap in microseconds."""
    return scope.dataset.sessions.gap // dt.timedelta(microseconds=1)


def _continues(scope: Scope) -> nw.Expr:
    """Whether a local session goes on from the date before. Only the user's first one can lie within the gap."""
    return (nw.col("start") - nw.col("last") <= gap(scope)).fill_null(False)


def _edges(timed: Frame) -> Frame:
    time = nw.col("event_time")
    started = timed.with_columns(nw.when(nw.col("gap_start")).then(time).alias("gap time"))
    return started.group_by("user_id").agg(
        time.min().alias("first_time"), time.max().alias("last_time"), nw.col("gap time").max().alias("last_gap_start")
    )


def _open_sessions(edges: Frame, edges_before: Frame, scope: Scope) -> Frame:
    """user_id, last, carried of the users with a gap start on the edges' date. `edges_before` is the date before it."""
    times = {"first_time": "first", "last_time": "last", "last_gap_start": "last start"}
    before = scope.ports.microseconds(edges_before, {"last_time": "last before"}).select("user_id", "last before")
    frame = scope.ports.microseconds(edges, times).join(before, on="user_id", how="left")
    first_is_gap_start = (nw.col("first") - nw.col("last before") > gap(scope)).fill_null(True)
    frame = frame.filter(~nw.col("last start").is_null() | first_is_gap_start)
    return frame.select("user_id", "last", nw.coalesce("last start", "first").alias("carried"))


def _summed(events: Frame, scope: Scope) -> Frame:
    """One row a session out of its events."""
    key = ["user_id", "start"]
    aggregates = [
        nw.col("event_time").min().alias("session_start"),
        nw.col("event_time").max().alias("session_end"),
        nw.col("us").max().alias("end"),
        nw.len().alias("event_count"),
    ]
    if column := scope.dataset.sessions.column:
        # Nulls go to the far end on either side, so that they stand only where there is nothing else.
        empty = nw.when(nw.col(column).is_null()).then(nw.lit(1)).otherwise(nw.lit(0))
        events = events.with_columns(empty.alias("empty"), (1 - empty).alias("filled"))
        aggregates += [
            nw.col(column).first(order_by=["empty", "us", "event_id"]).alias(f"first_{column}"),
            nw.col(column).last(order_by=["filled", "us", "event_id"]).alias(f"last_{column}"),
        ]
    types = scope.ports.distinct_text(events, by=key, column="event_type", into="event_types")
    frame = events.group_by(*key).agg(*aggregates).join(types, on=key, how="left")
    frame = frame.with_columns(millionths(nw.col("end") - nw.col("start")).alias("duration_seconds"))
    return with_session_id(frame, scope)

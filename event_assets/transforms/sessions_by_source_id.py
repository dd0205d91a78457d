"""Sessions by the source's own session ids, whatever the pauses (`sessions: {by: source_session_id}`).

A session is all events of a user with one source id. It belongs to the date of its first event in all history: an index
of all sessions (`session_index`) knows that date, and each date takes its own out of it.
"""

from __future__ import annotations

import narwhals as nw

from event_assets.transforms import event_conversions
from event_assets.transforms.cast_text import millionths
from event_assets.transforms.first_and_last_touch import with_touches
from event_assets.transforms.ids import SESSIONS, with_id
from event_assets.transforms.interface import Frame, Inputs, Outputs, Scope
from event_assets.transforms.session_parts import BETWEEN_TYPES, part_values, sum_parts, unite_types

SOURCE_ID = "source_session_id"


def with_session_id(events: Frame, scope: Scope) -> Frame:
    """Events with `session_id`: the UUID of dataset, user and source id; null without one of the two."""
    key = {column: scope.dataset.column(column).type for column in ("user_id", SOURCE_ID)}
    named = with_id(events, "session_id", key, namespace=SESSIONS, scope=scope)
    known = ~nw.col("user_id").is_null() & ~nw.col(SOURCE_ID).is_null()
    return named.with_columns(nw.when(known).then(nw.col("session_id")).alias("session_id"))


def session_parts(inputs: Inputs, scope: Scope) -> Outputs:
    """session_parts of a date: what each session has on it. Input: cleaned_events of the date."""
    events = with_session_id(inputs["cleaned_events"], scope).filter(~nw.col("session_id").is_null())
    events = events.select(
        *scope.by("session_id", "user_id", "event_id", "event_type", "event_time"), *part_values(scope.dataset)
    )
    events = scope.ports.shared(scope.ports.microseconds(events, {"event_time": "time us"}))
    parts = sum_parts(events, scope.by("session_id", "user_id"), scope)
    parts = parts.with_columns(nw.col("part_start").alias("session_start"))
    return scope.outputs(session_parts=parts)


def session_index(inputs: Inputs, scope: Scope) -> Outputs:
    """session_index: every session whole, with the date that it belongs to. Input: session_parts of all dates."""
    parts = scope.ports.microseconds(inputs["session_parts"], {"part_start": "start us"})
    parts = scope.ports.shared(parts)
    rows = parts.group_by("session_id", "user_id").agg(
        nw.col("event_date").min().alias("start_date"),
        nw.col("part_start").min().alias("session_start"),
        nw.col("part_end").max().alias("session_end"),
        nw.col("event_count", *event_conversions.names(scope.dataset)).sum(),
    )
    by = ["session_id"]
    types = scope.ports.distinct_text(
        parts, by=by, column="event_types", into="types of parts", separator=BETWEEN_TYPES
    )
    rows = rows.join(types, on=by, how="left")
    if shown := scope.dataset.sessions.column:
        for end in ("first", "last"):
            column = f"{end}_{shown}"
            kept, other = (column, "other end") if end == "first" else ("other end", column)
            values = parts.select(*by, "start us", nw.col(column).alias("shown value"))
            ends = scope.ports.ends(values, by=by, column="shown value", order=["start us"], first=kept, last=other)
            rows = rows.join(ends.select(*by, column), on=by, how="left")
    rows = scope.ports.from_text(rows, ["types of parts"], into="event_types", function=unite_types)
    return scope.outputs(session_index=rows)


def sessions(inputs: Inputs, scope: Scope) -> Outputs:
    """sessions that begin on the date. Inputs: session_index, and the inputs of `with_touches`."""
    rows = begun(inputs["session_index"], scope)
    rows = scope.ports.microseconds(rows, {"session_start": "from us", "session_end": "to us"})
    rows = rows.with_columns(millionths(nw.col("to us") - nw.col("from us")).alias("duration_seconds"))
    return scope.outputs(sessions=with_touches(rows, inputs, scope))


def begun(index: Frame, scope: Scope) -> Frame:
    """The sessions that begin on the dates, with `event_date`. Input: session_index."""
    date = nw.col("start_date")
    return index.filter(date.is_in(scope.dates)).with_columns(date.alias("event_date"))

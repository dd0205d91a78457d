"""Groups events into sessions by gap; sessions that pass midnight are exact although each date is computed alone
(docs/explanation/sessions.md).

Three things make that possible. Within a date, an event more than the gap after the one before starts a
session whatever happened on other dates. Of the date before, only a user's first, last and last starting
event matter (`session_edges`), and whether that first one is a gap start, which the dates before it decide.
And a session covers at most two dates, since the first event of a date starts one where the date before has
no gap start.

So a date is cut into parts (`session_parts`), each all that one session has on it. A session is its part of
the date that it starts on and, where it goes on past midnight, its one part of the next.

Times are compared as int64 microseconds; the column `part us` is the start of a part.
"""

from __future__ import annotations

import datetime as dt
from functools import cache
from itertools import pairwise

import narwhals as nw

from event_assets.declaration import Dataset
from event_assets.transforms import event_conversions
from event_assets.transforms.cast_text import millionths
from event_assets.transforms.first_and_last_touch import with_touches
from event_assets.transforms.ids import SESSIONS, with_id
from event_assets.transforms.interface import Frame, Inputs, Outputs, Scope, with_user
from event_assets.transforms.session_parts import BETWEEN_TYPES, ORDER, part_values, sum_parts, unite_types

_DAY = dt.timedelta(days=1)
#: Up to here the lengths of a zone's dates are looked at: its rules do not change after the last known one.
_LAST_KNOWN = dt.date(2038, 1, 1)


@cache
def edge_days(dataset: Dataset) -> int:
    """How many dates before its own the parts of a date depend on: two, three where a date can be shorter than the gap.

    Whether the date before begins with a gap start depends on the user's event before. That is within the gap on the
    date before it only, unless that date is so short that the gap reaches over it.
    """
    if dataset.timezone == "UTC":
        return 2
    first, last = dataset.start_date.toordinal(), max(dataset.start_date.toordinal(), _LAST_KNOWN.toordinal())
    midnights = (dt.datetime.combine(dt.date.fromordinal(n), dt.time(), dataset.zone) for n in range(first, last))
    instants = [midnight.astimezone(dt.UTC) for midnight in midnights]
    shortest = min((after - before for before, after in pairwise(instants)), default=_DAY)
    return 3 if shortest < dataset.sessions.gap else 2


def session_edges(inputs: Inputs, scope: Scope) -> Outputs:
    """session_edges. Input: cleaned_events of the dates."""
    events = with_user(inputs["cleaned_events"], scope).select(*scope.by("user_id", "event_id", "event_time"))
    paused = _paused(events, scope)
    started = paused.with_columns(nw.when(nw.col("is gap start")).then(nw.col("event_time")).alias("gap time"))
    edges = started.group_by(scope.by("user_id")).agg(
        nw.col("event_time").min().alias("first_time"),
        nw.col("event_time").max().alias("last_time"),
        nw.col("gap time").max().alias("last_gap_start"),
    )
    return scope.outputs(session_edges=edges)


def session_parts(inputs: Inputs, scope: Scope) -> Outputs:
    """session_parts. Inputs: cleaned_events of the dates, session_edges of the `edge_days` before each."""
    events = with_user(inputs["cleaned_events"], scope).select(
        *scope.by("user_id", "event_id", "event_type", "event_time"), *part_values(scope.dataset)
    )
    timed = scope.ports.shared(_with_part(events, scope))
    summed = sum_parts(timed, scope.by("user_id", "part us"), scope).drop("part us")
    parts = scope.ports.microseconds(summed, {"part_start": "part us"})
    parts = parts.join(_open_sessions(inputs["session_edges"], scope), on=scope.by("user_id"), how="left")
    # Only a user's first part of the date can begin within the gap after the date before.
    goes_on = (nw.col("part us") - nw.col("last us") <= _gap(scope)).fill_null(False)
    parts = parts.with_columns(
        nw.when(goes_on).then(nw.col("carried start")).otherwise(nw.col("part_start")).alias("session_start")
    )
    key = {"user_id": scope.dataset.column("user_id").type, "session_start": "timestamp"}
    parts = with_id(parts, "session_id", key, namespace=SESSIONS, scope=scope)
    return scope.outputs(session_parts=parts)


def sessions(inputs: Inputs, scope: Scope) -> Outputs:
    """sessions that start on the dates. Inputs: session_parts of each and the next; inputs of `with_touches`."""
    parts = inputs["session_parts"]
    begun = nw.col("session_start") == nw.col("part_start")
    own = scope.on_dates(parts).filter(begun)
    later = scope.days_before(parts, -1).filter(~begun)
    # Few go on past midnight; all others are their one part.
    alone = own.join(later.select(*scope.by("session_id")), on=scope.by("session_id"), how="anti").with_columns(
        nw.col("part_end").alias("session_end"),
        nw.col("event_types").str.replace_all(BETWEEN_TYPES, ",", literal=True),
    )
    longer = _with_rest(own, later, scope).select(*alone.collect_schema().names())
    frame = scope.ports.microseconds(nw.concat([alone, longer]), {"session_start": "from us", "session_end": "to us"})
    frame = frame.with_columns(millionths(nw.col("to us") - nw.col("from us")).alias("duration_seconds"))
    return scope.outputs(sessions=with_touches(frame, inputs, scope))


def _paused(events: Frame, scope: Scope) -> Frame:
    """The events with `time us`, `us before` (that of the user's event before on the date, if any) and `is gap start`
    (whether it is more than the gap later)."""
    frame = scope.ports.microseconds(events, {"event_time": "time us"})
    frame = scope.ports.previous(frame, {"time us": "us before"}, by=scope.by("user_id"), order=ORDER)
    paused = (nw.col("time us") - nw.col("us before") > _gap(scope)).fill_null(False)
    return frame.with_columns(paused.alias("is gap start"))


def _with_part(events: Frame, scope: Scope) -> Frame:
    """The events with `time us` and `part us` (the start of their part)."""
    begins = nw.col("is gap start") | nw.col("us before").is_null()
    frame = _paused(events, scope).with_columns(nw.when(begins).then(nw.col("time us")).alias("part us"))
    return scope.ports.latest(frame, ["part us"], by=scope.by("user_id"), order=ORDER).drop("us before", "is gap start")


def _gap(scope: Scope) -> int:
    """The dataset's session gap in microseconds."""
    return scope.dataset.sessions.gap // dt.timedelta(microseconds=1)


def _open_sessions(edges: Frame, scope: Scope) -> Frame:
    """user_id, `last us` (time of the last event), `carried start` (start of the last session) of the users whose
    session of the date before may go on: those with a gap start on it. Input: edges of the `edge_days` before."""
    earlier = [
        scope.days_before(edges, days).select(*scope.by("user_id", "last_time"))
        for days in range(2, edge_days(scope.dataset) + 1)
    ]
    before = scope.ports.microseconds(nw.concat(earlier), {"last_time": "last before"})
    before = before.group_by(scope.by("user_id")).agg(nw.col("last before").max())
    yesterday = scope.days_before(edges, 1)
    frame = scope.ports.microseconds(yesterday, {"first_time": "first us", "last_time": "last us"})
    frame = frame.join(before, on=scope.by("user_id"), how="left")
    first_is_gap_start = (nw.col("first us") - nw.col("last before") > _gap(scope)).fill_null(True)
    frame = frame.filter(~nw.col("last_gap_start").is_null() | first_is_gap_start)
    carried = nw.coalesce("last_gap_start", "first_time").alias("carried start")
    return frame.select(*scope.by("user_id", "last us"), carried)


def _with_rest(own: Frame, later: Frame, scope: Scope) -> Frame:
    """Sessions of two parts, merged."""
    column = scope.dataset.sessions.column
    shown = [f"first_{column}", f"last_{column}"] if column else []
    summed = ["event_count", *event_conversions.names(scope.dataset)]
    rest = later.select(
        *scope.by("session_id"),
        *(nw.col(name).alias(f"{name} later") for name in ("part_end", *summed, "event_types", *shown)),
    )
    both = own.join(rest, on=scope.by("session_id"), how="inner").with_columns(
        nw.col("part_end later").alias("session_end"),
        *((nw.col(name) + nw.col(f"{name} later")).alias(name) for name in summed),
    )
    if column:
        first, last = shown
        both = both.with_columns(nw.coalesce(first, f"{first} later"), nw.coalesce(f"{last} later", last).alias(last))
    return scope.ports.from_text(
        both.rename({"event_types": "event_types before"}),
        ["event_types before", "event_types later"],
        into="event_types",
        function=unite_types,
    )

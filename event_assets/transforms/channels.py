"""Channels of sessions: the source of each session of a date, and what each channel brought."""

from __future__ import annotations

import narwhals as nw

from event_assets.tables.catalog import tables
from event_assets.tables.column_types import narwhals_type
from event_assets.transforms import event_conversions, sessions_by_source_id
from event_assets.transforms.first_and_last_touch import FIRST, LAST, is_direct
from event_assets.transforms.interface import Frame, Inputs, Outputs, Scope, TextFunction, declared
from event_assets.transforms.source_and_medium import arrivals, channel_of, parts

#: Prefixes of the columns of a session's own channel, and of the channels of its touches.
_PREFIXES = ("", FIRST, LAST)


def session_sources(inputs: Inputs, scope: Scope) -> Outputs:
    """session_sources: each session of the dates with its source, medium, campaign and channel; and session_touches:
    those of them that are not direct.

    Inputs: cleaned_events and session_parts of the dates; session_index where the source gives sessions.
    """
    channels = declared(scope.dataset.channels)
    fields = {name: f"its {name}" for name in channels.fields}
    rows = _first_events(inputs, fields, scope)
    rows = _read(rows, [*fields.values()], "arrival", arrivals(channels), scope)
    for place, part in enumerate(("source", "medium", "campaign")):
        rows = _read(rows, ["arrival"], part, parts(place), scope)
    rows = _read(rows, ["arrival"], "channel", channel_of(channels.ordered_rules), scope)
    rows = scope.ports.shared(scope.shaped(rows, "session_sources"))
    return Outputs({"session_sources": rows, "session_touches": rows.filter(~is_direct())})


def channel_summary(inputs: Inputs, scope: Scope) -> Outputs:
    """channel_summary of the dates: sessions by channel, and by the channels of their touches.

    Inputs: sessions of the dates, and joined_facts of them where some facts don't count. A session counts where a
    fact at its start does. Figure: left_out (sessions that don't count).
    """
    channels = [f"{prefix}channel" for prefix in _PREFIXES]
    needed = scope.by("session_id", "user_id", "session_start", *channels, *event_conversions.names(scope.dataset))
    sessions = scope.ports.shared(inputs["sessions"].select(*needed))
    counted, left_out = sessions, sessions.head(0)
    if "joined_facts" in inputs:
        facts = inputs["joined_facts"].select(*scope.by("session_id"), nw.col("event_time").alias("session_start"))
        counted = scope.ports.shared(sessions.join(facts, on=scope.by("session_id", "session_start"), how="semi"))
        left_out = sessions.join(counted, on=scope.by("session_id"), how="anti")
    rows = [_of_touch(counted, prefix, scope) for prefix in _PREFIXES]
    rows.append(_columns(counted.select(*scope.by("channel", "user_id")).unique(), {"users": nw.lit(1)}, scope))
    summary = nw.concat(rows).group_by(scope.by("channel")).agg(nw.col(*_types(scope)).sum())
    return Outputs({"channel_summary": scope.shaped(summary, "channel_summary")}, scope.counted(left_out=left_out))


def _read(rows: Frame, columns: list[str], into: str, function: TextFunction, scope: Scope) -> Frame:
    return scope.ports.from_text(rows, columns, into=into, function=function)


def _first_events(inputs: Inputs, fields: dict[str, str], scope: Scope) -> Frame:
    """The first event of each session that starts on the dates: its session and the declared fields, each under the
    name that `fields` gives it."""
    columns = declared(scope.dataset.channels).fields
    events = inputs["cleaned_events"]
    if scope.dataset.sessions.by:
        begun, key = sessions_by_source_id.begun(inputs["session_index"], scope), "session_id"
        events = sessions_by_source_id.with_session_id(events, scope)
    else:
        begun, key = inputs["session_parts"].filter(nw.col("session_start") == nw.col("part_start")), "user_id"
    begun = begun.select(*scope.by("session_id", "user_id", "session_start"))
    events = events.select(
        *scope.by(key, "event_id"),
        nw.col("event_time").alias("session_start"),
        *(nw.col(columns[name]).alias(into) for name, into in fields.items()),
    )
    events = scope.ports.shared(events.join(begun, on=scope.by(key, "session_start"), how="inner"))
    # Of several events at the start, the first by its id.
    first = events.group_by(scope.by("session_id")).agg(nw.col("event_id").min())
    return events.join(first, on=scope.by("session_id", "event_id"), how="inner")


def _of_touch(sessions: Frame, prefix: str, scope: Scope) -> Frame:
    """Each session as a row of channel_summary: its figures under the channel of one of its touches."""
    figures = {"sessions": nw.lit(1), **{name: nw.col(name) for name in ("conversions", "revenue")}}
    rows = sessions.rename({"channel": "own channel", f"{prefix}channel": "channel"}) if prefix else sessions
    return _columns(rows, {f"{prefix}{name}": figure for name, figure in figures.items()}, scope)


def _columns(rows: Frame, figures: dict[str, nw.Expr], scope: Scope) -> Frame:
    """Rows in the columns of channel_summary; figures that are not given are 0."""
    columns = (figures.get(name, nw.lit(0)).cast(dtype).alias(name) for name, dtype in _types(scope).items())
    return rows.select(*scope.by("channel"), *columns)


def _types(scope: Scope) -> dict[str, nw.dtypes.DType]:
    columns = tables(scope.dataset)["channel_summary"].columns
    return {column.name: narwhals_type(column.type) for column in columns if column.name != "channel"}

"""The sessions of a dataset, and the internal tables from which they are computed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from event_assets.declaration import Dataset
from event_assets.tables import partition_plots
from event_assets.tables.channel_tables import channel_columns, conversion_columns, source_tables
from event_assets.tables.shared_columns import computed, count, typed
from event_assets.tables.table import Column, Table

SESSION_ID = computed(
    "session_id",
    "string",
    "The session: a UUID version 5 of dataset, user and start.",
    *("user_id", "event_time", "last_gap_start"),
)
SESSION_START = computed(
    "session_start", "timestamp", "Time of the session's first event.", "event_time", "last_gap_start"
)


def session_tables(dataset: Dataset) -> Iterable[Table]:
    """The tables of sessions, upstream first."""
    user_id = typed(dataset.column("user_id"), nullable=False)
    if not dataset.sessions.by:
        yield _session_edges(user_id)
    first_and_last = tuple(_first_and_last(dataset))
    yield Table(
        "session_parts",
        "The part of a session on one date: all of it, or the events on one side of a midnight.",
        (
            SESSION_ID,
            user_id,
            computed("part_start", "timestamp", "Time of its first event on the date.", "event_time"),
            computed("part_end", "timestamp", "Time of its last event on the date.", "event_time"),
            SESSION_START,
            count("event_count", "Its events on the date.", 1, "event_id"),
            computed("event_types", "string", "Their types, sorted and joined by the unit separator.", "event_type"),
            *first_and_last,
            *conversion_columns(dataset),
        ),
        key=("session_id",),
        partitioned_by="event_date",
        layer="silver",
        internal=True,
        order=("user_id", "part_start"),
    )
    whole = (
        SESSION_ID,
        user_id,
        SESSION_START,
        computed("session_end", "timestamp", "Time of the session's last event.", "part_end"),
        computed(
            "duration_seconds", "decimal(18,6)", "End minus start, in seconds.", "session_start", "part_end", min="0"
        ),
        count("event_count", "Events in the session.", 1, "event_id"),
        computed("event_types", "string", "Its event types, sorted and joined by commas.", "event_type"),
        *first_and_last,
        *conversion_columns(dataset),
    )
    if dataset.channels:
        yield from source_tables(dataset, SESSION_ID, user_id, SESSION_START)
    if dataset.sessions.by:
        yield _session_index([column for column in whole if column.name != "duration_seconds"])
    yield Table(
        "sessions",
        "Consecutive events of a user without a pause longer than the gap, by the date of their start.",
        (*whole, *channel_columns(dataset)),
        key=("session_id",),
        partitioned_by="event_date",
        layer="silver",
        order=("user_id", "session_start"),
        plot=partition_plots.by_length("duration_seconds"),
    )


def _session_edges(user_id: Column) -> Table:
    return Table(
        "session_edges",
        "A user's first and last activity on a date: what the neighbour dates need of it to cut sessions exactly.",
        (
            user_id,
            computed("first_time", "timestamp", "Time of the user's first event of the date.", "event_time"),
            computed("last_time", "timestamp", "Time of the user's last event of the date.", "event_time"),
            Column(
                "last_gap_start",
                "timestamp",
                "Time of the last event of the date that comes more than the gap after another one of the date.",
                made_from=("event_time",),
            ),
        ),
        key=("user_id",),
        partitioned_by="event_date",
        layer="silver",
        internal=True,
    )


def _session_index(columns: Sequence[Column]) -> Table:
    """The table of the source's own sessions. A row is a whole session with the date that it belongs to."""
    session_id, user_id, start, *others = columns
    date = Column("start_date", "date", "The date of its first event in all history.", nullable=False)
    return Table(
        "session_index",
        "Every session whole, with the date that it belongs to.",
        (session_id, user_id, date, start, *others),
        key=("session_id",),
        layer="silver",
        internal=True,
    )


def _first_and_last(dataset: Dataset) -> tuple[Column, ...]:
    """first_X and last_X of the dataset's page or product column: the first and last that is not null."""
    if not dataset.sessions.column:
        return ()
    column = dataset.column(dataset.sessions.column)
    return tuple(
        Column(
            f"{place}_{column.name}",
            column.type,
            f"The {place} {column.name} of the session that is not null.",
            made_from=(column.name,),
        )
        for place in ("first", "last")
    )

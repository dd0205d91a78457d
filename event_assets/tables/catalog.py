"""Every table of a dataset, column by column: the one place where a column is described."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from event_assets.declaration import Dataset
from event_assets.declaration.dataset import Kind
from event_assets.errors import DeclarationError
from event_assets.tables import plots
from event_assets.tables.channel_tables import channel_columns, conversion_columns, source_tables
from event_assets.tables.custom_table_functions import with_custom
from event_assets.tables.gold_tables import gold_tables
from event_assets.tables.identity_tables import PERSON_ID, identity_tables
from event_assets.tables.shared_columns import (
    EVENT_ID,
    EVENT_TIME,
    FILE_ID,
    REJECT_COLUMNS,
    ROW_NUMBER,
    SOURCE_STATES,
    as_text,
    count,
    region,
    typed,
)
from event_assets.tables.table import Column, Table

#: Where every record is, by date and for the whole (docs/explanation/accounting.md).
RECONCILIATION = Table(
    "reconciliation",
    "Where every record is: one row for the whole (event_date null), and one for each date with records.",
    (
        Column("event_date", "date", "The date; null in the row for the whole."),
        count("raw", "Records in raw_events.", 0),
        count("cleaned", "Events in cleaned_events.", 0),
        count("duplicates", "Records that repeat another one.", 0),
        count("quarantined", "Records in quarantine.", 0),
        count("excluded", "Records that the declaration's `where` leaves out.", 0),
        count("facts", "Events in joined_facts.", 0),
        count("filtered", "Events that the profile filter leaves out.", 0),
        count("without_user", "Facts without a user.", 0),
        Column("records", "int64", "Records in the active files, profiles included; null by date.", min="0"),
        Column("landed", "int64", "Those of them in raw_events or raw_profiles; null by date.", min="0"),
        Column("rejected", "int64", "Those of them in landing_rejects; null by date.", min="0"),
        Column("erased", "int64", "Those of them whose user was erased; null by date.", min="0"),
        Column(
            "holds",
            "bool",
            "Whether the equations hold and no table of the date (of any date, for the whole) is stale or was refused.",
            nullable=False,
        ),
    ),
    key=("event_date",),
)

#: Which files of each date arrived, by their names (SPEC §10).
COMPLETENESS = Table(
    "completeness",
    "How many files of each date arrived: each date from the first to the last in a file's name, or with records.",
    (
        Column("event_date", "date", "The date.", nullable=False),
        count("expected", "Files that are expected for the date.", 0),
        count("arrived", "Names of active files that count for the date.", 0),
        count("missing", "Files that are still expected.", 0),
        Column("complete", "bool", "Whether as many files arrived as are expected, or more.", nullable=False),
    ),
    key=("event_date",),
    layer="bronze",
)


TRAFFIC = Column(
    "traffic",
    "string",
    "Who caused the event: human, bot (by the user agent) or internal (by the address or the user).",
    nullable=False,
    allowed=("human", "bot", "internal"),
    made_from=("user_id",),
)


@cache
def tables(dataset: Dataset) -> dict[str, Table]:
    """All tables that the dataset makes, by name, upstream first."""
    expected = (COMPLETENESS,) if dataset.expect else ()
    made = (*_landed(dataset), *expected, *_cleaned(dataset), *gold_tables(dataset), RECONCILIATION)
    found = with_custom(dataset, {table.name: table for table in made})
    for table in found.values():
        _check_names(dataset, table)
    return found


def _check_names(dataset: Dataset, table: Table) -> None:
    """DeclarationError where a declared name is one that the table has for a column of its own."""
    hive = [table.partitioned_by] if table.partitioned_by else []
    names = [name.lower() for name in (*table.names, *hive)]
    for name in names:
        if names.count(name) > 1:
            raise DeclarationError(
                f"{dataset.name}: column {name}",
                f"is also a column that {table.name} has of its own",
                "choose another name",
            )


def _landed(dataset: Dataset) -> Iterable[Table]:
    yield Table(
        "source_files",
        "Every file that was ever in the inbox, with its state and the number of its records.",
        (
            FILE_ID,
            Column("names", "string", "The names that the file had in the inbox, JSON array.", nullable=False),
            count("bytes", "The file's size.", 0),
            count("records", "Records in the file.", 0),
            count("landed", "Records in a raw table.", 0),
            count("rejected", "Records in landing_rejects.", 0),
            Column("first_date", "date", "The earliest event_date among its records."),
            Column("last_date", "date", "The latest event_date among its records."),
            Column("landed_at", "timestamp", "When the file was first landed.", nullable=False),
            Column("state", "string", f"One of {', '.join(SOURCE_STATES)}.", nullable=False, allowed=SOURCE_STATES),
            Column("reason", "string", "Why a rejected file can't be read."),
        ),
        key=("file_id",),
        order=("landed_at", "file_id"),
        layer="bronze",
    )
    extra = Column("extra", "string", "Fields of the record that no column declares, as a JSON object.", personal=True)
    lineage = (extra, FILE_ID, ROW_NUMBER)
    yield Table(
        "raw_events",
        "Every dated event record as it came.",
        (
            *as_text(dataset.columns),
            *lineage,
            EVENT_TIME,
            Column("time_text", "string", "The time's own text, of several fields joined by a blank."),
            Column("time_assumed", "bool", "Whether the time was taken from the file's name.", nullable=False),
            *_of_readers(dataset, "events"),
        ),
        key=("file_id", "row_number"),
        partitioned_by="event_date",
        layer="bronze",
    )
    if dataset.profiles:
        yield Table(
            "raw_profiles",
            "Every profile record as it came.",
            (*as_text(dataset.columns_of("profiles")), *lineage, *_of_readers(dataset, "profiles")),
            key=("file_id", "row_number"),
            layer="bronze",
            kind="profiles",
        )
    yield Table(
        "landing_rejects",
        "Records that can't be read or dated.",
        REJECT_COLUMNS,
        key=("file_id", "row_number"),
        layer="bronze",
    )


def _of_readers(dataset: Dataset, kind: Kind) -> Iterator[Column]:
    """Which block read a record, where there are several, and what its columns don't tell of it."""
    if dataset.is_mixed(kind):
        text = "Which block of files the record was read by, from 0."
        yield Column("source_block", "int64", text, nullable=False)
    if dataset.has_values_as_written(kind):
        text = (
            "Values that the text of their column doesn't tell (null, a number in a column of text), as a JSON object."
        )
        yield Column("as_written", "string", text, personal=True)


def _cleaned(dataset: Dataset) -> Iterable[Table]:
    rejects: dict[str, Any] = {
        "columns": REJECT_COLUMNS,
        "key": ("file_id", "row_number"),
        "layer": "silver",
        "plot": plots.by_value("reason"),
    }
    user_id = typed(dataset.column("user_id"), nullable=False)
    event_type = typed(dataset.column("event_type"))
    others = tuple(typed(c) for c in dataset.columns if c.name not in ("user_id", "event_type"))
    id_type = dataset.column(dataset.event_id).type if dataset.event_id else "string"
    identifying = (dataset.event_id,) if dataset.event_id else tuple(dataset.dedupe_keys)
    event_id = Column("event_id", id_type, EVENT_ID, nullable=False, made_from=identifying)
    users_optional = not dataset.column("user_id").required or dataset.sessions.by is not None
    cleaned = (event_id, typed(dataset.column("user_id")), event_type, EVENT_TIME, *others, FILE_ID, ROW_NUMBER)
    # Sorted by user and time: sessions and every table of a user read runs of rows, and text compresses best so.
    order = ("user_id", "event_time", "event_id")

    if dataset.profiles:
        yield Table(
            "profiles",
            "Who a user was, and from which day until which.",
            (
                user_id,
                *(typed(c) for c in dataset.profile_columns),
                Column(
                    "valid_from",
                    "date",
                    "The first day on which the profile holds; 1970-01-01 means since ever.",
                    nullable=False,
                    made_from=("file_id",),
                ),
                Column(
                    "valid_to",
                    "date",
                    "The first day on which it holds no longer; null while it does.",
                    made_from=("file_id",),
                ),
            ),
            key=("user_id", "valid_from"),
            layer="silver",
            kind="profiles",
        )
        yield Table("profile_quarantine", "Profile records that break the contract.", **rejects, kind="profiles")
    if dataset.dedupe_days != 0:
        yield Table(
            "event_keys",
            "The ids of a date's valid events, kept or not: what later dates compare theirs with.",
            (event_id,),
            key=("event_id",),
            partitioned_by="event_date",
            layer="silver",
            internal=True,
        )
    yield Table(
        "cleaned_events",
        "Typed, normalised, unique events.",
        cleaned,
        key=("event_id",),
        plot=plots.by_hour("event_time"),
        partitioned_by="event_date",
        layer="silver",
        order=order,
    )
    yield Table(
        "quarantine", "Dated records that break the contract.", **rejects, partitioned_by="event_date", retention="raw"
    )
    if dataset.identity:
        yield from identity_tables()
    if not dataset.sessions.by:
        yield _session_edges(user_id)
    session_id = Column(
        "session_id",
        "string",
        "The session: a UUID version 5 of dataset, user and start.",
        nullable=False,
        made_from=("user_id", "event_time", "last_gap_start"),
    )
    session_start = Column(
        "session_start",
        "timestamp",
        "Time of the session's first event.",
        nullable=False,
        made_from=("event_time", "last_gap_start"),
    )
    first_and_last = tuple(_first_and_last(dataset))
    yield Table(
        "session_parts",
        "The part of a session on one date: all of it, or the events on one side of a midnight.",
        (
            session_id,
            user_id,
            Column(
                "part_start",
                "timestamp",
                "Time of its first event on the date.",
                nullable=False,
                made_from=("event_time",),
            ),
            Column(
                "part_end",
                "timestamp",
                "Time of its last event on the date.",
                nullable=False,
                made_from=("event_time",),
            ),
            session_start,
            count("event_count", "Its events on the date.", made_from=("event_id",)),
            Column(
                "event_types",
                "string",
                "Their types, sorted and joined by the unit separator.",
                nullable=False,
                made_from=("event_type",),
            ),
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
        session_id,
        user_id,
        session_start,
        Column(
            "session_end", "timestamp", "Time of the session's last event.", nullable=False, made_from=("part_end",)
        ),
        Column(
            "duration_seconds",
            "decimal(18,6)",
            "End minus start, in seconds.",
            nullable=False,
            min="0",
            made_from=("session_start", "part_end"),
        ),
        count("event_count", "Events in the session.", made_from=("event_id",)),
        Column(
            "event_types",
            "string",
            "Its event types, sorted and joined by commas.",
            nullable=False,
            made_from=("event_type",),
        ),
        *first_and_last,
        *conversion_columns(dataset),
    )
    if dataset.channels:
        yield from source_tables(dataset, session_id, user_id, session_start)
    if dataset.sessions.by:
        yield _session_index([column for column in whole if column.name != "duration_seconds"])
    yield Table(
        "sessions",
        "Runs of a user's events without a pause longer than the gap, by the date of their start.",
        (*whole, *channel_columns(dataset)),
        key=("session_id",),
        partitioned_by="event_date",
        layer="silver",
        order=("user_id", "session_start"),
        plot=plots.by_length("duration_seconds"),
    )
    geo = (region(dataset.geo),) if dataset.geo else ()
    yield Table(
        "joined_facts",
        "An event with its session, its user's profile on that day and its region.",
        (
            *cleaned,
            replace(session_id, nullable=users_optional),
            *((PERSON_ID,) if dataset.identity else ()),
            *((TRAFFIC,) if dataset.traffic else ()),
            *geo,
            *(typed(c, nullable=True) for c in dataset.profile_columns),
            Column("has_profile", "bool", "Whether the user has a profile.", nullable=False, made_from=("user_id",)),
        ),
        key=("event_id",),
        partitioned_by="event_date",
        layer="silver",
        order=order,
    )


def _session_edges(user_id: Column) -> Table:
    return Table(
        "session_edges",
        "A user's first and last activity on a date: what the neighbour dates need of it to cut sessions exactly.",
        (
            user_id,
            Column(
                "first_time",
                "timestamp",
                "Time of the user's first event of the date.",
                nullable=False,
                made_from=("event_time",),
            ),
            Column(
                "last_time",
                "timestamp",
                "Time of the user's last event of the date.",
                nullable=False,
                made_from=("event_time",),
            ),
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
    """Of the source's own sessions: each whole, with the date that it belongs to."""
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

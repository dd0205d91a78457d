"""Every table of a dataset, column by column: the one place where a column is described."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from typing import Any

from event_assets.declaration import Dataset
from event_assets.errors import DeclarationError
from event_assets.tables import plots
from event_assets.tables.custom_table_functions import with_custom
from event_assets.tables.gold_tables import gold_tables
from event_assets.tables.identity_tables import PERSON_ID, identity_tables
from event_assets.tables.landed_tables import landed_tables
from event_assets.tables.session_tables import session_tables
from event_assets.tables.shared_columns import (
    EVENT_ID,
    EVENT_TIME,
    FILE_ID,
    REJECT_COLUMNS,
    ROW_NUMBER,
    computed,
    count,
    region,
    typed,
)
from event_assets.tables.table import Column, Table

#: The table of events that gold tables are computed from: what somebody looks for under the name `events`.
FACTS = "joined_facts"
#: Where every record is, by date and for the whole (docs/explanation/accounting.md).
RECONCILIATION = Table(
    "reconciliation",
    "The count of all records: one row for all dates (event_date null), and one for each date with records.",
    (
        Column("event_date", "date", "The date; null in the row for all dates."),
        count("raw", "Records in raw_events.", 0),
        count("cleaned", "Events in cleaned_events.", 0),
        count("duplicates", "Records that are duplicates of another one.", 0),
        count("quarantined", "Records in quarantine.", 0),
        count("excluded", "Records that the declaration's `where` excludes.", 0),
        count("facts", "Events in joined_facts.", 0),
        count("filtered", "Events that the profile filter excludes.", 0),
        count("without_user", "Facts without a user.", 0),
        Column("records", "int64", "Records in the active files, profiles included; null by date.", min="0"),
        Column("landed", "int64", "Records in raw_events or raw_profiles; null by date.", min="0"),
        Column("rejected", "int64", "Records in landing_rejects; null by date.", min="0"),
        Column("erased", "int64", "Records whose user was erased; null by date.", min="0"),
        Column(
            "holds",
            "bool",
            "Whether the equations hold and all tables of the date (or of all dates) are fresh and published.",
            nullable=False,
        ),
    ),
    key=("event_date",),
)

TRAFFIC = computed(
    "traffic",
    "string",
    "Who caused the event: human, bot (by the user agent) or internal (by the address or the user).",
    "user_id",
    allowed=("human", "bot", "internal"),
)


@cache
def tables(dataset: Dataset) -> dict[str, Table]:
    """All tables that the dataset makes, by name, upstream first."""
    made = (*landed_tables(dataset), *_cleaned(dataset), *gold_tables(dataset), RECONCILIATION)
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
    event_id = computed("event_id", id_type, EVENT_ID, *identifying)
    users_optional = not dataset.column("user_id").required or dataset.sessions.by is not None
    cleaned = (event_id, typed(dataset.column("user_id")), event_type, EVENT_TIME, *others, FILE_ID, ROW_NUMBER)
    # Sorted by user and time: sessions and every table of a user read runs of rows, and text compresses best so.
    order = ("user_id", "event_time", "event_id")

    if dataset.profiles:
        yield Table(
            "profiles",
            "The profiles of each user with their validity intervals.",
            (
                user_id,
                *(typed(c) for c in dataset.profile_columns),
                computed(
                    "valid_from",
                    "date",
                    "The first day on which the profile is valid; 1970-01-01 means always.",
                    "file_id",
                ),
                Column(
                    "valid_to",
                    "date",
                    "The first day on which it is no longer valid; null if it still is.",
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
    session_id = computed(
        "session_id",
        "string",
        "The session: a UUID version 5 of dataset, user and start.",
        "user_id",
        "event_time",
        "last_gap_start",
    )
    session_start = computed(
        "session_start", "timestamp", "Time of the session's first event.", "event_time", "last_gap_start"
    )
    yield from session_tables(dataset, user_id, session_id, session_start)
    geo = (region(dataset.geo),) if dataset.geo else ()
    yield Table(
        FACTS,
        "An event with its session, its user's profile on that day and its region.",
        (
            *cleaned,
            replace(session_id, nullable=users_optional),
            *((PERSON_ID,) if dataset.identity else ()),
            *((TRAFFIC,) if dataset.traffic else ()),
            *geo,
            *(typed(c, nullable=True) for c in dataset.profile_columns),
            computed("has_profile", "bool", "Whether the user has a profile.", "user_id"),
        ),
        key=("event_id",),
        partitioned_by="event_date",
        layer="silver",
        order=order,
    )

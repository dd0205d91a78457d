"""The tables that cleaning computes from the raw ones: profiles, events and quarantined records."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from event_assets.declaration import Dataset
from event_assets.tables import partition_plots
from event_assets.tables.shared_columns import (
    EVENT_ID,
    EVENT_TIME,
    FILE_ID,
    REJECT_COLUMNS,
    ROW_NUMBER,
    computed,
    typed,
)
from event_assets.tables.table import Column, Table

#: Sorted by user and time: sessions and every table of a user read runs of rows, and text compresses best so.
EVENT_ORDER = ("user_id", "event_time", "event_id")
_QUARANTINE: dict[str, Any] = {
    "columns": REJECT_COLUMNS,
    "key": ("file_id", "row_number"),
    "layer": "silver",
    "plot": partition_plots.by_value("reason"),
}


def cleaned_tables(dataset: Dataset) -> Iterable[Table]:
    """The typed tables of profiles and events, and what they leave out."""
    if dataset.profiles:
        yield _profiles(dataset)
        yield Table("profile_quarantine", "Profile records that break the contract.", **_QUARANTINE, kind="profiles")
    if dataset.dedupe_days != 0:
        yield Table(
            "event_keys",
            "The ids of a date's valid events, kept or not: what later dates compare theirs with.",
            (_event_id(dataset),),
            key=("event_id",),
            partitioned_by="event_date",
            layer="silver",
            internal=True,
        )
    yield Table(
        "cleaned_events",
        "Typed, normalised, unique events.",
        event_columns(dataset),
        key=("event_id",),
        plot=partition_plots.by_hour("event_time"),
        partitioned_by="event_date",
        layer="silver",
        order=EVENT_ORDER,
    )
    yield Table(
        "quarantine",
        "Dated records that break the contract.",
        **_QUARANTINE,
        partitioned_by="event_date",
        retention="raw",
    )


def event_columns(dataset: Dataset) -> tuple[Column, ...]:
    """The columns of a cleaned event."""
    user_id, event_type = typed(dataset.column("user_id")), typed(dataset.column("event_type"))
    others = (typed(column) for column in dataset.columns if column.name not in ("user_id", "event_type"))
    return (_event_id(dataset), user_id, event_type, EVENT_TIME, *others, FILE_ID, ROW_NUMBER)


def _event_id(dataset: Dataset) -> Column:
    if dataset.event_id:
        return computed("event_id", dataset.column(dataset.event_id).type, EVENT_ID, dataset.event_id)
    return computed("event_id", "string", EVENT_ID, *dataset.dedupe_keys)


def _profiles(dataset: Dataset) -> Table:
    valid_from = "The first day on which the profile is valid; 1970-01-01 means always."
    valid_to = "The first day on which it is no longer valid; null if it still is."
    return Table(
        "profiles",
        "The profiles of each user with their validity intervals.",
        (
            typed(dataset.column("user_id"), nullable=False),
            *(typed(column) for column in dataset.profile_columns),
            computed("valid_from", "date", valid_from, "file_id"),
            Column("valid_to", "date", valid_to, made_from=("file_id",)),
        ),
        key=("user_id", "valid_from"),
        layer="silver",
        kind="profiles",
    )

"""Columns that several tables have, and columns that a declaration gives to tables."""

from __future__ import annotations

from collections.abc import Iterable

from event_assets.declaration import Column as DeclaredColumn
from event_assets.tables.table import Column

FILE_ID = Column("file_id", "string", "The source file: SHA-256 of its bytes, 64 hexadecimal digits.", nullable=False)
ROW_NUMBER = Column("row_number", "int64", "The record's number in its source file, from 1.", nullable=False, min="1")
REASON = Column(
    "reason",
    "string",
    "The reason of the rejection: the first rule that the record breaks.",
    nullable=False,
    made_from=("*",),
)
REJECT_COLUMNS = (
    FILE_ID,
    ROW_NUMBER,
    REASON,
    Column(
        "reasons",
        "string",
        "All rules that the record breaks, in declared order, joined by commas.",
        nullable=False,
        made_from=("*",),
    ),
    Column("column", "string", "The column of the first reason, if the reason belongs to a column.", made_from=("*",)),
    Column(
        "raw",
        "string",
        "The original record (at most the first 64 KiB); in quarantine a JSON object of its fields.",
        personal=True,
        made_from=("*",),
    ),
)
EVENT_TIME = Column("event_time", "timestamp", "The time of the event, in UTC to the microsecond.", nullable=False)
EVENT_ID = "The event's id: declared, or a UUID version 5 of the dataset and its deduplication key."
REGIONS = ("AF", "AN", "AS", "EU", "NA", "OC", "SA", "Unknown")
SOURCE_STATES = ("active", "superseded", "retracted", "rejected")


def typed(column: DeclaredColumn, *, nullable: bool | None = None) -> Column:
    """A declared column as typed tables have it."""
    return Column(
        column.name,
        column.type,
        column.description,
        nullable=not column.required if nullable is None else nullable,
        min=column.min,
        max=column.max,
        personal=column.personal or column.name == "user_id",
    )


def as_text(columns: Iterable[DeclaredColumn]) -> tuple[Column, ...]:
    """Declared columns as a raw table keeps them: the source's text."""
    return tuple(Column(c.name, "string", f"{c.description} As the source wrote it.", personal=True) for c in columns)


def computed(
    name: str,
    type: str,
    description: str,
    *made_from: str,
    min: str | None = None,
    max: str | None = None,
    allowed: tuple[str, ...] | None = None,
) -> Column:
    """A column that a transform computes from columns of its inputs, and that is never null."""
    return Column(name, type, description, False, min, max, allowed, made_from=made_from)


def count(name: str, description: str, minimum: int = 1, *made_from: str) -> Column:
    """A column of counts, of which the least is `minimum`."""
    return computed(name, "int64", description, *made_from, min=str(minimum))


def region(ip: str | None) -> Column:
    """The continent of the declared IP column; `Unknown` where it has none."""
    description = "Continent of the IP's country, or Unknown."
    made_from = (ip,) if ip else ()
    return Column("geo_region", "string", description, nullable=False, allowed=REGIONS, made_from=made_from)

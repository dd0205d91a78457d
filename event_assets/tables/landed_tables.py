"""The tables that landing fills from the files of the inbox."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from event_assets.declaration import Dataset
from event_assets.declaration.dataset import Kind
from event_assets.tables.shared_columns import (
    EVENT_TIME,
    FILE_ID,
    REJECT_COLUMNS,
    ROW_NUMBER,
    SOURCE_STATES,
    as_text,
    count,
)
from event_assets.tables.table import Column, Table

SOURCE_FILES = "source_files"
RAW_EVENTS = "raw_events"
RAW_PROFILES = "raw_profiles"
LANDING_REJECTS = "landing_rejects"
#: Columns of the raw tables beside the declared ones.
TIME_TEXT, AS_WRITTEN, CAME_AS_NUMBER, SOURCE_BLOCK = "time_text", "as_written", "came_as_number", "source_block"
#: At most this number of bytes of the text of a rejected or quarantined record is kept.
MAX_RAW_BYTES = 64 * 1024

#: Which files of each date arrived, by their names (docs/how-to/completeness.md).
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


def landed_tables(dataset: Dataset) -> Iterable[Table]:
    """The tables that landing fills."""
    yield Table(
        SOURCE_FILES,
        "Every file that landing has read, with its state and the number of its records.",
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
            Column("reason", "string", "The reason why a rejected file can't be read."),
        ),
        key=("file_id",),
        order=("landed_at", "file_id"),
        layer="bronze",
    )
    extra = Column("extra", "string", "Fields of the record that no column declares, as a JSON object.", personal=True)
    lineage = (extra, FILE_ID, ROW_NUMBER)
    yield Table(
        RAW_EVENTS,
        "Every event record with a valid time, as the source wrote it.",
        (
            *as_text(dataset.columns),
            *lineage,
            EVENT_TIME,
            Column(TIME_TEXT, "string", "The original text of the time; several fields are joined by a blank."),
            Column("time_assumed", "bool", "Whether the time was taken from the file's name.", nullable=False),
            *_of_readers(dataset, "events"),
        ),
        key=("file_id", "row_number"),
        partitioned_by="event_date",
        layer="bronze",
    )
    if dataset.profiles:
        yield Table(
            RAW_PROFILES,
            "Every profile record, as the source wrote it.",
            (*as_text(dataset.columns_of("profiles")), *lineage, *_of_readers(dataset, "profiles")),
            key=("file_id", "row_number"),
            layer="bronze",
            kind="profiles",
        )
    yield Table(
        LANDING_REJECTS,
        "Records that can't be read or dated.",
        REJECT_COLUMNS,
        key=("file_id", "row_number"),
        layer="bronze",
    )
    if dataset.expect:
        yield COMPLETENESS


def _of_readers(dataset: Dataset, kind: Kind) -> Iterator[Column]:
    """The block that read a record (if there are several), and what the columns don't show of the record."""
    if dataset.is_mixed(kind):
        text = "Which block of files the record was read by, from 0."
        yield Column(SOURCE_BLOCK, "int64", text, nullable=False)
    if dataset.has_values_as_written(kind):
        text = "Values that their column's text doesn't show (null, a number in a column of text), as a JSON object."
        yield Column(AS_WRITTEN, "string", text, personal=True)
    if dataset.tells_numbers_from_texts(kind):
        text = (
            "The columns whose value came as a number, and not as a text with the declared marks; a blank between two."
        )
        yield Column(CAME_AS_NUMBER, "string", text)

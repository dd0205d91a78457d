"""Every table of a dataset, column by column: the one place where a column is described."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from event_assets.contracts.types import arrow_type, polars_type
from event_assets.dataset import Column as DeclaredColumn
from event_assets.dataset import Dataset

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa


@dataclass(frozen=True)
class Column:
    """One column of a table: its type in a declaration's terms, whether it may be null, its bounds."""

    name: str
    type: str
    description: str
    nullable: bool = True
    min: str | None = None
    max: str | None = None
    allowed: tuple[str, ...] | None = None
    personal: bool = False
    """Whether values may tell who somebody is: they stay out of previews, logs and messages."""


@dataclass(frozen=True)
class Table:
    """A table's contract. Rows stand in the order of `order`, no two share a `key`."""

    name: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    partitioned_by: str | None = None
    """The Hive folder column, which no file holds: `event_date`, `geo_region` or None."""
    order: tuple[str, ...] = ()
    """The total order of rows within a partition; the key where left out."""

    @property
    def row_order(self) -> tuple[str, ...]:
        return self.order or self.key

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]

    def polars_schema(self) -> pl.Schema:
        import polars as pl

        return pl.Schema({column.name: polars_type(column.type) for column in self.columns})

    def arrow_schema(self) -> pa.Schema:
        """The table's schema with its Hive column last, as the log holds it."""
        import pyarrow as pa

        fields = [pa.field(c.name, arrow_type(c.type), nullable=True) for c in self.columns]
        if self.partitioned_by == "event_date":
            fields.append(pa.field("event_date", pa.date32()))
        elif self.partitioned_by:
            fields.append(pa.field(self.partitioned_by, pa.string()))
        return pa.schema(fields)


FILE_ID = Column("file_id", "string", "The source file: SHA-256 of its bytes, 64 hexadecimal digits.", nullable=False)
ROW_NUMBER = Column("row_number", "int64", "The record's place in its source file, from 1.", nullable=False, min="1")
REASON = Column("reason", "string", "Why the record was refused: the first rule that it fails.", nullable=False)
REJECT_COLUMNS = (
    FILE_ID,
    ROW_NUMBER,
    REASON,
    Column(
        "reasons", "string", "All rules that the record fails, in declared order, joined by commas.", nullable=False
    ),
    Column("column", "string", "The column that the first reason is about, where it is about one."),
    Column("raw", "string", "The record's own text (at most the first 64 KiB).", personal=True),
)
EVENT_TIME = Column("event_time", "timestamp", "When it happened, in UTC to the microsecond.", nullable=False)
EVENT_ID = "The event's id: declared, or a UUID version 5 of the dataset and its deduplication key."
REGIONS = ("AF", "AN", "AS", "EU", "NA", "OC", "SA", "Unknown")
SOURCE_STATES = ("active", "superseded", "retracted", "rejected")


def typed(column: DeclaredColumn, *, nullable: bool | None = None) -> Column:
    """A declared column as it stands in a typed table."""
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


def count(name: str, description: str, minimum: int = 1) -> Column:
    return Column(name, "int64", description, nullable=False, min=str(minimum))


@cache
def tables(dataset: Dataset) -> dict[str, Table]:
    """All tables that the dataset makes, by name, upstream first."""
    from event_assets.contracts.custom import with_custom  # knows what a table is from here

    made = {table.name: table for table in (*_landed(dataset), *_cleaned(dataset), *_gold(dataset))}
    return with_custom(dataset, made)


def _landed(dataset: Dataset) -> Iterable[Table]:
    yield Table(
        "source_files",
        "Every file that was ever dropped, and what became of its records.",
        (
            FILE_ID,
            Column("names", "string", "The names under which the file lay in the inbox, JSON array.", nullable=False),
            count("bytes", "The file's size.", 0),
            count("records", "Records in the file.", 0),
            count("landed", "Records that stand in a raw table.", 0),
            count("rejected", "Records that stand in landing_rejects.", 0),
            Column("first_date", "date", "The earliest event_date among its records."),
            Column("last_date", "date", "The latest event_date among its records."),
            Column("landed_at", "timestamp", "When the file was first landed.", nullable=False),
            Column("state", "string", f"One of {', '.join(SOURCE_STATES)}.", nullable=False, allowed=SOURCE_STATES),
            Column("reason", "string", "Why a rejected file can't be read."),
        ),
        key=("file_id",),
        order=("landed_at", "file_id"),
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
            Column("event_time_us", "int64", "event_time as microseconds since 1970-01-01 UTC.", nullable=False),
            Column("time_assumed", "bool", "Whether the time was taken from the file's name.", nullable=False),
        ),
        key=("file_id", "row_number"),
        partitioned_by="event_date",
    )
    if dataset.profiles:
        yield Table(
            "raw_profiles",
            "Every profile record as it came.",
            (*as_text(dataset.profiles.columns), *lineage),
            key=("file_id", "row_number"),
        )
    yield Table(
        "landing_rejects",
        "Records that can't be read or dated.",
        REJECT_COLUMNS,
        key=("file_id", "row_number"),
    )


def _cleaned(dataset: Dataset) -> Iterable[Table]:
    rejects: dict[str, Any] = {"columns": REJECT_COLUMNS, "key": ("file_id", "row_number")}
    user_id = typed(dataset.column("user_id"), nullable=False)
    event_type = typed(dataset.column("event_type"))
    others = tuple(typed(c) for c in dataset.columns if c.name not in ("user_id", "event_type"))
    id_type = dataset.column(dataset.event_id).type if dataset.event_id else "string"
    event_id = Column("event_id", id_type, EVENT_ID, nullable=False)
    cleaned = (event_id, user_id, event_type, EVENT_TIME, *others, FILE_ID, ROW_NUMBER)
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
                ),
                Column("valid_to", "date", "The first day on which it holds no longer; null while it does."),
            ),
            key=("user_id", "valid_from"),
        )
        yield Table("profile_quarantine", "Profile records that break the contract.", **rejects)
    if dataset.dedupe_days != 0:
        yield Table(
            "event_keys",
            "The ids of a date's valid events, kept or not: what later dates compare theirs with.",
            (event_id,),
            key=("event_id",),
            partitioned_by="event_date",
        )
    yield Table(
        "cleaned_events",
        "Typed, normalised, unique events.",
        cleaned,
        key=("event_id",),
        partitioned_by="event_date",
        order=order,
    )
    yield Table("quarantine", "Dated records that break the contract.", **rejects, partitioned_by="event_date")
    yield Table(
        "session_edges",
        "A user's first and last activity on a date: what the neighbour dates need of it to cut sessions exactly.",
        (
            user_id,
            Column("first_time", "timestamp", "Time of the user's first event of the date.", nullable=False),
            Column("last_time", "timestamp", "Time of the user's last event of the date.", nullable=False),
            Column(
                "last_gap_start",
                "timestamp",
                "Time of the last event of the date that comes more than the gap after another one of the date.",
            ),
        ),
        key=("user_id",),
        partitioned_by="event_date",
    )
    session_id = Column(
        "session_id", "string", "The session: a UUID version 5 of dataset, user and start.", nullable=False
    )
    session_start = Column("session_start", "timestamp", "Time of the session's first event.", nullable=False)
    first_and_last = tuple(_first_and_last(dataset))
    yield Table(
        "session_parts",
        "What a session has on one date: all of it, or what lies on one side of a midnight.",
        (
            session_id,
            user_id,
            Column("part_start", "timestamp", "Time of its first event on the date.", nullable=False),
            Column("part_end", "timestamp", "Time of its last event on the date.", nullable=False),
            session_start,
            count("event_count", "Its events on the date."),
            Column("event_types", "string", "Their types, sorted and joined by the unit separator.", nullable=False),
            *first_and_last,
        ),
        key=("session_id",),
        partitioned_by="event_date",
        order=("user_id", "part_start"),
    )
    yield Table(
        "sessions",
        "Runs of a user's events without a pause longer than the gap, by the date of their start.",
        (
            session_id,
            user_id,
            session_start,
            Column("session_end", "timestamp", "Time of the session's last event.", nullable=False),
            Column("duration_seconds", "decimal(18,6)", "End minus start, in seconds.", nullable=False, min="0"),
            count("event_count", "Events in the session."),
            Column("event_types", "string", "Its event types, sorted and joined by commas.", nullable=False),
            *first_and_last,
        ),
        key=("session_id",),
        partitioned_by="event_date",
        order=("user_id", "session_start"),
    )
    geo = (
        Column("geo_region", "string", "Continent of the IP's country, or Unknown.", nullable=False, allowed=REGIONS),
    )
    yield Table(
        "joined_facts",
        "An event with its session, its user's profile on that day and its region.",
        (
            *cleaned,
            session_id,
            *(geo if dataset.geo else ()),
            *(typed(c, nullable=True) for c in dataset.profile_columns),
            Column("has_profile", "bool", "Whether the user has a profile.", nullable=False),
        ),
        key=("event_id",),
        partitioned_by="event_date",
        order=order,
    )


def _first_and_last(dataset: Dataset) -> tuple[Column, ...]:
    """first_X and last_X of the dataset's page or product column: the first and last that is not null."""
    if not dataset.sessions.column:
        return ()
    column = dataset.column(dataset.sessions.column)
    return (
        Column(f"first_{column.name}", column.type, f"The first {column.name} of the session that is not null."),
        Column(f"last_{column.name}", column.type, f"The last {column.name} of the session that is not null."),
    )


def _gold(dataset: Dataset) -> Iterable[Table]:
    gold = dataset.gold
    user_id = typed(dataset.column("user_id"), nullable=False)
    event_type = typed(dataset.column("event_type"))
    daily: dict[str, Any] = {"partitioned_by": "event_date"}
    if gold.daily_summary:
        yield Table(
            "daily_summary",
            "What each user did on a date.",
            (
                user_id,
                count("event_count", "Events of the user on the date."),
                count("session_count", "Sessions of the user with an event on the date."),
                Column("first_event_time", "timestamp", "Time of the first.", nullable=False),
                Column("last_event_time", "timestamp", "Time of the last.", nullable=False),
            ),
            key=("user_id",),
            **daily,
        )
    if gold.top_users:
        yield from _top_users(dataset, user_id)
    if gold.watch_time:
        yield from _watch_time(dataset, user_id)
    if gold.events_by_minute:
        yield Table(
            "events_by_minute",
            "Events by minute and type.",
            (
                Column("minute", "timestamp", "The minute, UTC.", nullable=False),
                event_type,
                count("event_count", "Events of the type in the minute."),
            ),
            key=("minute", "event_type"),
            **daily,
        )
    if gold.events_by_type:
        yield Table(
            "events_by_type",
            "Events and users by type.",
            (
                event_type,
                count("event_count", "Events of the type on the date."),
                count("user_count", "Users with an event of the type on the date."),
            ),
            key=("event_type",),
            **daily,
        )
    if gold.user_funnel:
        yield from _funnel(dataset, user_id)


def _top_users(dataset: Dataset, user_id: Column) -> Iterable[Table]:
    assert dataset.gold.top_users is not None
    by = dataset.gold.top_users.by
    within = (typed(dataset.column(by), nullable=False),) if by else ()
    source = dataset.events.column("source_session_id")
    session = Column(
        "session_id",
        source.type if source else "string",
        "A session of the user with an event on the date: the source's id where it gives one, else the computed one.",
        nullable=False,
    )
    scope = f" per {by}" if by else ""
    ranked = (
        *within,
        count("rank", "Place, from 1, without gaps."),
        user_id,
        count("session_count", "Distinct sessions of the user."),
    )
    key = (*((by,) if by else ()), "rank")
    yield Table(
        "platform_sessions",
        f"Rollup: the sessions{scope} that have an event on a date, from which days are merged as sets.",
        (*within, user_id, session),
        key=(*((by,) if by else ()), "user_id", "session_id"),
        partitioned_by="event_date",
    )
    yield Table("top_users", f"The most active users{scope} of a date.", ranked, key=key, partitioned_by="event_date")
    yield Table("top_users_overall", f"The most active users{scope} over all dates.", ranked, key=key)


def _watch_time(dataset: Dataset, user_id: Column) -> Iterable[Table]:
    assert dataset.gold.watch_time is not None
    scale = (dataset.column(dataset.gold.watch_time.column).decimal or (38, 2))[1]
    total = Column("total_watch_time_min", f"decimal(38,{scale})", "Minutes watched, exact.", nullable=False)
    region = Column(
        "geo_region", "string", "Continent of the IP's country, or Unknown.", nullable=False, allowed=REGIONS
    )
    logs = count("log_count", "Log records.")
    yield Table(
        "watch_time",
        "Minutes that each user watched on a date, by region.",
        (region, user_id, total, logs),
        key=("geo_region", "user_id"),
        partitioned_by="event_date",
    )
    yield Table(
        "watch_time_overall",
        "Minutes that each user watched over all dates, by region.",
        (user_id, total, logs),
        key=("user_id",),
        partitioned_by="geo_region",
    )
    yield Table(
        "watch_time_by_user",
        "Minutes that each user watched over all dates and regions.",
        (user_id, total, logs),
        key=("user_id",),
    )


def _funnel(dataset: Dataset, user_id: Column) -> Iterable[Table]:
    assert dataset.gold.user_funnel is not None
    steps = dataset.gold.user_funnel.steps
    yield Table(
        "user_funnel",
        "How far each user got through the funnel in the attempts that begin on a date.",
        (
            user_id,
            *(count(f"{step}_count", f"Events of step {step} on the date.", 0) for step in steps),
            Column(
                "furthest_step",
                "int64",
                "Number of the furthest step that an attempt of the date reached; 0 for none.",
                nullable=False,
                min="0",
                max=str(len(steps)),
            ),
            *(Column(f"{step}_time", "timestamp", f"When that attempt reached step {step}.") for step in steps),
        ),
        key=("user_id",),
        partitioned_by="event_date",
    )
    yield Table(
        "funnel_summary",
        "The funnel over all dates: users and conversion by step.",
        (
            Column("step_number", "int64", "The step's place, from 1.", nullable=False, min="1", max=str(len(steps))),
            Column("step", "string", "The step: an event type.", nullable=False, allowed=steps),
            count("users", "Users whose furthest step on any date is this one or a later one.", 0),
            Column("conversion_from_previous", "decimal(9,6)", "Users over those of the step before; null over none."),
            Column("conversion_from_first", "decimal(9,6)", "Users over those of the first step; null over none."),
            Column(
                "median_seconds_from_previous",
                "decimal(18,6)",
                "Median time since the step before, over user and date; null where nobody got here.",
            ),
        ),
        key=("step_number",),
    )

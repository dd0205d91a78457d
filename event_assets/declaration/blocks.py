"""The parts of a declaration: what each key means, and which values it takes."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, field_validator, model_validator

from event_assets.declaration.base import Declared, Duration, within
from event_assets.declaration.column import Column
from event_assets.declaration.conditions import Where


class CsvDialect(Declared):
    delimiter: str = ","
    """What stands between two fields; it may be several characters."""
    quote: str = '"'
    """What a field is wrapped in that holds a delimiter, a quote or a line end."""
    escape: str = '"'
    """What stands before a quote inside of quotes."""
    header: bool = True
    """Where false, the fields stand in the order of the declared columns' sources."""
    header_lines: int = Field(1, ge=1)
    """How many records the header takes; a field's name is its parts, joined by a blank."""
    skip_lines: int = Field(0, ge=0)
    """Lines before the header that are no data (a preamble)."""
    footer_lines: int = Field(0, ge=0)
    """Lines at the file's end that are no data, blank ones not counted."""

    @model_validator(mode="after")
    def _tells_fields_apart(self) -> Self:
        marks = {"delimiter": self.delimiter, "quote": self.quote, "escape": self.escape}
        for key, mark in marks.items():
            if "\n" in mark or "\r" in mark:
                raise ValueError(f"{key} holds a line end, which ends a record")
        if not self.delimiter or self.delimiter == self.quote:
            raise ValueError('delimiter is the text between two fields, and not the quote, such as "," or ";"')
        return self


class Time(Declared):
    """Which source field holds an event's time, and how it is written."""

    source: str
    """Where the time stands: a CSV header or a dotted path into nested JSON."""
    format: Literal["iso", "epoch_seconds", "epoch_millis", "epoch_micros"] = "iso"
    """ISO 8601 in its variants, or a number since 1970-01-01 UTC."""
    missing: Literal["reject", "file_date"] = Field("reject", alias="missing_time")
    """A record without any time is refused, or takes midnight of the date in its file's name."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Source(Declared):
    """The files of one kind (events or profiles) and how they are read."""

    files: tuple[str, ...] = Field(min_length=1)
    """Patterns of file names in the dataset's inbox; `.gz` and `.zst` after a pattern match as well."""
    format: Literal["csv", "json", "ndjson", "parquet"]
    """`json` is an array of objects; a file of one object a line is `ndjson`."""
    csv: CsvDialect = CsvDialect()
    """The dialect, where the format is `csv`."""
    encoding: str = "utf-8"
    """Python's name of an encoding; `detect` finds it out from each file (UTF-8 wherever it can be), and records it."""
    lines: Literal["plain", "quoted_whole"] = "plain"
    """`quoted_whole`: every line of the file is wrapped in quotes as a whole."""
    max_record_bytes: int = Field(16 * 1024 * 1024, ge=1024)
    """A longer record is refused as `record_too_long`."""
    columns: tuple[Column, ...] = Field(min_length=1)
    """The columns, from their place in the source to their meaning."""

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str) -> str:
        if value == "detect":
            return value
        try:
            "".encode(value)
        except LookupError:
            raise ValueError(f"{value!r} is no known encoding; write one such as cp1252, or detect") from None
        return value

    @model_validator(mode="after")
    def _unique_columns(self) -> Self:
        names = [column.name for column in self.columns]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"column {name} is declared twice")
        return self

    @model_validator(mode="after")
    def _user_is_required(self) -> Self:
        """Every record has a user, unless the declaration says `required: false`."""
        columns = tuple(
            column.model_copy(update={"required": True})
            if column.name == "user_id" and "required" not in column.model_fields_set
            else column
            for column in self.columns
        )
        object.__setattr__(self, "columns", columns)
        return self

    def column(self, name: str) -> Column | None:
        return next((column for column in self.columns if column.name == name), None)


class Events(Source):
    time: Time
    """Which field holds the time."""


class Profiles(Source):
    filter: Where = Field(default_factory=dict)
    """Column to the values that are kept, or to `{not: [...]}`; facts whose profile differs are counted as filtered."""


class Deduplicate(Declared):
    keys: tuple[str, ...] = ()
    """Columns (or `event_time`) that make two records the same; all declared columns where none are named."""
    days: int | Literal["all"] | None = None
    """How many dates back a match reaches; left out, 0 where the key holds the time, else `all`."""

    @field_validator("days")
    @classmethod
    def _not_negative(cls, value: int | str | None) -> int | str | None:
        if isinstance(value, int) and value < 0:
            raise ValueError("days is 0 or more, or all")
        return value


class Sessions(Declared):
    gap: Annotated[Duration, within(dt.timedelta(hours=24), "24h")] = dt.timedelta(minutes=30)
    """A pause longer than this ends a session; at most 24h."""
    column: str | None = None
    """The page or product column whose first and last value a session shows."""


class TopUsers(Declared):
    by: str | None = "platform"
    """The column to rank within; null ranks over all."""
    n: int = Field(10, ge=1)
    """How many places the ranking has."""


def _listed(value: object) -> object:
    return (value,) if isinstance(value, str) else value


class FunnelStep(Declared):
    """An event that meets all of this is one of the step; a plain text is an event type and the step's name."""

    name: str
    """What the step is called: its columns are `NAME_count` and `NAME_time`."""
    event_type: Annotated[tuple[str, ...], BeforeValidator(_listed)] = ()
    """The event types, compared exactly; any where left out."""
    where: Where = Field(default_factory=dict)
    """Column to its values, or to `{not: [...]}`: what the event's columns or the user's profile must hold."""

    @field_validator("name")
    @classmethod
    def _printable(cls, value: str) -> str:
        if not value.strip() or not value.isprintable():
            raise ValueError(f"step {value!r} becomes a part of column names: write a name of printable characters")
        return value

    @model_validator(mode="after")
    def _meets_something(self) -> Self:
        if not self.event_type and not self.where:
            raise ValueError(f"step {self.name!r} has no condition; give it event_type or where")
        return self


def _step(value: object) -> object:
    return {"name": value, "event_type": (value,)} if isinstance(value, str) else value


class Funnel(Declared):
    steps: tuple[Annotated[FunnelStep, BeforeValidator(_step)], ...] = Field(min_length=2)
    """Steps in order: event types, or `{name, event_type, where}`."""
    window: Annotated[Duration, within(dt.timedelta(days=31), "31d")] = dt.timedelta(days=1)
    """How long an attempt may take from its first step to its last; at most 31d."""

    @field_validator("steps")
    @classmethod
    def _distinct_names(cls, value: tuple[FunnelStep, ...]) -> tuple[FunnelStep, ...]:
        names = [_ascii_lower(step.name) for step in value]
        for step, name in zip(value, names, strict=True):
            if names.count(name) > 1:
                raise ValueError(f"step {step.name!r} is named twice (without regard to case)")
        return value

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(step.name for step in self.steps)


def _ascii_lower(text: str) -> str:
    return "".join(letter.lower() if letter.isascii() else letter for letter in text)


class WatchTime(Declared):
    column: str
    """The decimal column of minutes that is summed."""


class Nothing(Declared):
    """A table that takes no options: write `{}`."""


class Gold(Declared):
    """The gold tables that the dataset feeds; one that is left out is not made."""

    daily_summary: Nothing | None = None
    """What each user did on a date."""
    top_users: TopUsers | None = None
    """The most active users of a date and over all dates, and the rollup of sessions below both."""
    watch_time: WatchTime | None = None
    """Minutes by user and region, of a date and over all dates."""
    events_by_minute: Nothing | None = None
    """Events by minute and type."""
    events_by_type: Nothing | None = None
    """Events and users by type."""
    user_funnel: Funnel | None = None
    """How far each user got on a date, and the funnel over all dates."""
    custom: tuple[Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")], ...] = ()
    """Tables of the user's own, as `module:function` each (`tables/custom_tables.py`)."""


class Quality(Declared):
    """From where on a figure is worth a warning. Nothing is held back for it."""

    max_rejected_share: float = Field(0.05, ge=0, le=1)
    """Share of a file's or a date's records that may be refused."""
    max_orphan_share: float = Field(0.5, ge=0, le=1)
    """Share of a date's facts whose user has no profile."""
    volume_factor: float = Field(5.0, gt=1)
    """How many times more or fewer events a date may have than the median of the seven before."""
    stale_after: Duration = dt.timedelta(days=7)
    """How long it may be since the last file."""


class Retention(Declared):
    """For how many days back from the newest event's date a layer keeps its dates; one that is left out keeps all."""

    raw: int | None = Field(None, ge=1)
    """raw_events, and quarantine, which holds the text of records."""
    cleaned: int | None = Field(None, ge=1)
    """cleaned_events, sessions, joined_facts, and what they are made by."""
    gold: int | None = Field(None, ge=1)
    """The gold tables by date."""

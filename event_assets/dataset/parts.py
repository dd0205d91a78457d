"""The parts of a declaration: what each key means, and which values it takes."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

#: Columns that the platform itself adds to events; a declaration may not use these names.
RESERVED_COLUMNS = frozenset(
    {
        "event_id",
        "event_time",
        "event_time_us",
        "event_date",
        "time_assumed",
        "extra",
        "file_id",
        "row_number",
        "session_id",
        "geo_region",
        "has_profile",
        "valid_from",
        "valid_to",
        "reason",
        "reasons",
        "raw",
    }
)


NAME = re.compile(r"[a-z][a-z0-9_]*")
_TYPE = re.compile(r"string|int64|float64|bool|date|timestamp|json|decimal\((\d+), ?(\d+)\)")
_DURATION = re.compile(r"(\d+) ?(s|m|h|d)")
_DURATION_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _duration(value: object) -> object:
    """`30m`, `24h`, `90s`, `1d` as a timedelta."""
    if isinstance(value, dt.timedelta):
        return value
    match = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError("write a duration as a number and s, m, h or d, such as 30m")
    return dt.timedelta(seconds=int(match[1]) * _DURATION_SECONDS[match[2]])


def _is_of_type(text: str, declared: str) -> bool:
    """Whether a bound can be read as a value of the column's type."""
    try:
        match declared:
            case "int64":
                int(text)
            case "date":
                dt.date.fromisoformat(text)
            case "timestamp":
                dt.datetime.fromisoformat(text)
            case _:
                Decimal(text)
    except (ValueError, InvalidOperation):
        return False
    return True


Duration = Annotated[dt.timedelta, BeforeValidator(_duration)]


class Declared(BaseModel):
    """Base of every part of a declaration: unknown keys are errors, values never change afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def rules(self, *parts: str) -> dict[str, Any]:
        """The named parts (all where none are named) as plain JSON values, for digests of rules."""
        return self.model_dump(mode="json", include=set(parts) or None)


class Column(Declared):
    """One declared column, from its place in the source to its type, rules and meaning."""

    name: str
    """What the column is called in every table. `user_id` and `event_type` have to be among them."""
    description: str
    """What a value means. It stands in the UI, in the warehouse and in the data dictionary."""
    type: str = "string"
    """`string`, `int64`, `float64`, `decimal(p,s)`, `bool`, `date`, `timestamp` or `json`."""
    source: str = ""
    """Where the value stands: a CSV header or a dotted path into nested JSON; the name where left out."""
    constant: str | None = None
    """A value that every record gets, for a column that the source doesn't have."""
    required: bool = False
    """Whether a record without a value is refused, and a file without the field."""
    in_every_file: bool = False
    """Whether a CSV or Parquet file without the field is refused, though a record may leave it empty."""
    null_values: tuple[str, ...] = ()
    """Texts (after trimming) that mean null; the empty text always does."""
    aliases: Mapping[str, str] = {}
    """Text to text, looked up without regard to ASCII case."""
    case: Literal["lower", "upper"] | None = None
    """ASCII case folding of what no alias names."""
    booleans: Mapping[str, bool] = {"true": True, "false": False}
    """Text to truth value, for type `bool`."""
    min: str | None = None
    """Lowest value allowed, as text of the column's type."""
    max: str | None = None
    """Highest value allowed, as text of the column's type."""
    personal: bool = False
    """Whether values may tell who somebody is; user_id always may. They stay out of previews and logs."""

    @field_validator("min", "max", mode="before")
    @classmethod
    def _bound_as_text(cls, value: object) -> object:
        return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value

    @field_validator("name")
    @classmethod
    def _plain_name(cls, value: str) -> str:
        if not NAME.fullmatch(value):
            raise ValueError("a column's name is lower case letters, digits and _, beginning with a letter")
        if value in RESERVED_COLUMNS:
            raise ValueError(f"the platform adds {value} itself; choose another name")
        return value

    @field_validator("type")
    @classmethod
    def _known_type(cls, value: str) -> str:
        match = _TYPE.fullmatch(value)
        if match is None:
            raise ValueError("a type is string, int64, float64, decimal(p,s), bool, date, timestamp or json")
        if match[1] and not (1 <= int(match[1]) <= 38 and int(match[2]) <= int(match[1])):
            raise ValueError("decimal(p,s) takes 1 <= p <= 38 and 0 <= s <= p")
        return value.replace(" ", "")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.source:
            object.__setattr__(self, "source", self.name)
        if (self.min is not None or self.max is not None) and self.type in ("string", "json", "bool"):
            raise ValueError(f"min and max make no sense for type {self.type}")
        for key, bound in (("min", self.min), ("max", self.max)):
            if bound is not None and not _is_of_type(bound, self.type):
                raise ValueError(f"{key} {bound!r} is no {self.type}")
        return self

    @property
    def decimal(self) -> tuple[int, int] | None:
        """(precision, scale) of a decimal type, else None."""
        match = _TYPE.fullmatch(self.type)
        return (int(match[1]), int(match[2])) if match and match[1] else None


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

    def column(self, name: str) -> Column | None:
        return next((column for column in self.columns if column.name == name), None)


class Events(Source):
    time: Time
    """Which field holds the time."""


class Profiles(Source):
    filter: Mapping[str, tuple[str, ...]] = {}
    """Column to the values that are kept; facts whose profile differs are counted as filtered."""


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
    gap: Duration = dt.timedelta(minutes=30)
    """A pause longer than this ends a session; at most 24h."""
    column: str | None = None
    """The page or product column whose first and last value a session shows."""

    @field_validator("gap")
    @classmethod
    def _at_most_a_day(cls, value: dt.timedelta) -> dt.timedelta:
        if not dt.timedelta(0) < value <= dt.timedelta(hours=24):
            raise ValueError("gap is more than 0 and at most 24h")
        return value


class TopUsers(Declared):
    by: str | None = "platform"
    """The column to rank within; null ranks over all."""
    n: int = Field(10, ge=1)
    """How many places the ranking has."""


class Funnel(Declared):
    steps: tuple[str, ...] = Field(min_length=2)
    """Event types in order."""
    window: Duration = dt.timedelta(days=1)
    """How long an attempt may take from its first step to its last; at most 31d."""

    @field_validator("steps")
    @classmethod
    def _distinct_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) != len(value):
            raise ValueError("a step is named twice")
        for step in value:
            if not NAME.fullmatch(step):
                raise ValueError(f"step {step!r} becomes a column name: lower case letters, digits and _")
        return value

    @field_validator("window")
    @classmethod
    def _some_time(cls, value: dt.timedelta) -> dt.timedelta:
        if not dt.timedelta(0) < value <= dt.timedelta(days=31):
            raise ValueError("window is more than 0 and at most 31d")
        return value


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
    """Tables of the user's own, as `module:function` each (`contracts/custom.py`)."""


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

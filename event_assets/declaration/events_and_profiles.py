"""The keys `events` and `profiles`: blocks of files and how they are read (docs/reference/declaration.md)."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from event_assets.declaration.base import Declared, Duration, regular_expression, within
from event_assets.declaration.column import Column, Numbers
from event_assets.declaration.conditions import Where, check_where
from event_assets.text.field_paths import FILE_PATH, MEMBERS, PARENT, parse_path
from event_assets.text.time_formats import NUMBER_FORMATS, check_zone_name, offset_seconds, time_form

Format = Literal["csv", "json", "ndjson", "parquet", "avro", "excel", "log"]
#: Formats whose records have members within members: a source is a path.
NESTED = ("json", "ndjson", "parquet", "avro")
#: Formats whose records are read as JSON objects, with values of their own types.
AS_JSON = ("json", "ndjson", "avro")
#: Formats that have numbers and texts: a number is no text with a mark of its own for decimals.
_WITH_NUMBERS = (*NESTED, "excel")
#: What is between the quotes of a log's line, and the regular expressions of access logs by name.
_TEXT = r'(?:[^"\\]|\\.)*'
_REQUEST = rf'"(?:(?P<method>[A-Za-z]+) (?P<path>{_TEXT}?)(?: (?P<protocol>[A-Z]+/[0-9.]+))?|(?P<request>{_TEXT}))"'
_COMMON = rf"(?P<host>\S+) (?P<ident>\S+) (?P<user>.*?) \[(?P<time>[^\]]*)\] {_REQUEST} (?P<status>\S+) (?P<bytes>\S+)"
_REFERRER_AND_AGENT = rf' "(?P<referrer>{_TEXT})" "(?P<agent>{_TEXT})"'
LOG_PATTERNS = {"common": _COMMON, "combined": _COMMON + _REFERRER_AND_AGENT}
#: How the two write a time.
_LOG_TIME = "%d/%b/%Y:%H:%M:%S %z"


class CsvDialect(Declared):
    delimiter: str = ","
    """The separator of fields; it may be several characters. `whitespace` is any run of blanks and tabs."""
    quote: str = '"'
    """The character around a field that contains a delimiter, a quote or a line end."""
    escape: str = '"'
    """The character before a quote within quotes."""
    header: bool | Literal["w3c"] = True
    """Whether the first record names the fields. If false, they are `column_1`, `column_2`, ... in their order;
    `w3c` takes the names from `#Fields:` lines, which may change within a file, and reads `-` as null."""
    header_lines: int = Field(1, ge=1)
    """The number of records in the header; the parts of a field's name are joined by a blank."""
    skip_lines: int = Field(0, ge=0)
    """The number of lines before the header that are not data."""
    footer_lines: int = Field(0, ge=0)
    """The number of lines at the file's end that are not data, without blank lines."""
    comment: str | None = Field(None, min_length=1)
    """Lines that begin with this text are ignored, such as `#`."""

    @model_validator(mode="after")
    def _tells_fields_apart(self) -> Self:
        marks = {"delimiter": self.delimiter, "quote": self.quote, "escape": self.escape, "comment": self.comment or ""}
        for key, mark in marks.items():
            if "\n" in mark or "\r" in mark:
                raise ValueError(f"{key} holds a line end, which ends a record")
        if not self.delimiter or self.delimiter == self.quote:
            raise ValueError(
                'delimiter is the text between two fields, and not the quote; write such as csv: {{delimiter: ";"}}'
            )
        return self


class Log(Declared):
    pattern: str = "combined"
    """`combined` or `common` (Apache, nginx), or a regular expression whose named groups are the fields of a line. The
    fields of both are host, ident, user, time, method, path, protocol, status, bytes, and of `combined` referrer and
    agent; `-` is null."""

    @field_validator("pattern")
    @classmethod
    def _has_fields(cls, value: str) -> str:
        if not re.compile(regular_expression(LOG_PATTERNS.get(value, value))).groupindex:
            raise ValueError(
                r"pattern has no named groups; write combined, common, or such as (?P<user>\S+) (?P<kind>\S+)"
            )
        return value

    @property
    def expression(self) -> str:
        """The regular expression of a whole line."""
        return LOG_PATTERNS.get(self.pattern, self.pattern)


class Excel(Declared):
    sheet: str | None = None
    """The sheet's name; by default the first one."""


class Time(Declared):
    """Which source field contains an event's time, and how it is written."""

    source: str | tuple[str, ...]
    """The field with the time: a CSV header or a path. A list of fields (a date, a time) is joined by a blank; the time
    is missing if one of them is null."""
    format: str | None = None
    """The only format: the same as `formats` with one entry."""
    formats: tuple[str, ...] = ()
    """`iso` (ISO 8601 in its variants; the default), at most one of `epoch_seconds`, `epoch_millis`, `epoch_micros`,
    `epoch_nanos` and `excel_serial`, and `rfc2822` or patterns such as `%d.%m.%Y %H:%M`. If two of them read a text as
    two different times, the record is rejected as `ambiguous_timestamp`."""
    zones: Mapping[str, str] = {}
    """Names of zones that `%Z` reads in addition to `UTC` and `GMT`, with their offsets: `{PST: "-08:00"}`."""
    ahead: Annotated[Duration, within(dt.timedelta(days=36500), "36500d")] = dt.timedelta(hours=24)
    """How much later than its file's first landing a time may be; later times are rejected as `out_of_range`."""
    missing: Literal["reject", "file_date"] = Field("reject", alias="missing_time")
    """A record without a time is rejected, or gets midnight of the date in its file's name."""

    @model_validator(mode="after")
    def _readable(self) -> Self:
        if not self.sources:
            raise ValueError("source names no field; write one such as created_at, or [date, time]")
        if self.format is not None:
            if self.formats:
                raise ValueError("format and formats are both given; write formats alone, such as [iso, epoch_millis]")
            object.__setattr__(self, "formats", (self.format,))
            object.__setattr__(self, "format", None)
        for name, offset in self.zones.items():
            check_zone_name(name)
            offset_seconds(offset)
        numbers = [format for format in self.formats if format in NUMBER_FORMATS]
        if len(numbers) > 1:
            raise ValueError(f"formats: {' and '.join(numbers)} both read plain numbers; keep one of them")
        for format in self.formats:
            if format not in NUMBER_FORMATS:
                time_form(format, tuple(self.zones.items()))
        return self

    @property
    def sources(self) -> tuple[str, ...]:
        """The fields that make up the time, in order."""
        return (self.source,) if isinstance(self.source, str) else self.source

    @property
    def read_as(self) -> tuple[str, ...]:
        """The formats by which a text is read."""
        return self.formats or ("iso",)


class Source(Declared):
    """The files of one kind (events or profiles) and how they are read."""

    files: tuple[str, ...] = Field(min_length=1)
    """Patterns of file names in the dataset's inbox; `.gz`, `.zst`, `.bz2`, `.xz` and `.zip` after a pattern match as
    well. `**/` is any number of folders."""
    format: Format
    """`json` is an array of objects; a file of one object per line is `ndjson`. `log` is text that a regular expression
    reads. `avro` and `excel` need the packages of the extra of that name."""
    csv: CsvDialect = CsvDialect()
    """The dialect of the format `csv`."""
    log: Log = Log()
    """The pattern of a line of the format `log`."""
    excel: Excel = Excel()
    """The sheet of the format `excel`."""
    encoding: str = "utf-8"
    """Python's name of an encoding; `detect` determines it for each file (UTF-8 if the bytes are valid UTF-8), and
    records it."""
    lines: Literal["plain", "quoted_whole"] = "plain"
    """`quoted_whole`: every whole line of the file is in quotes."""
    records: str | None = None
    """The path of the array of records in a `json` file whose root is an object, such as `Records`; with `*` at its end
    (`events.*`, or `*` alone) the members of an object are the records, and `^.key` is a member's name."""
    explode: str | None = None
    """The path of an array in each record whose elements are the records; other fields are then `^.path`."""
    where: Where = Field(default_factory=dict)
    """For each column, the values of the records to keep: a list, or `{not: [...]}`. Other records are counted as
    excluded."""
    numbers: Numbers | None = None
    """The notation of numbers in texts, for all numeric columns of the block."""
    max_record_bytes: int = Field(16 * 1024 * 1024, ge=1024)
    """A longer record is rejected as `record_too_long`."""
    columns: tuple[Column, ...] = Field(min_length=1)
    """The columns. In a further block, a column that an earlier block declares needs only its name and source."""

    @field_validator("files")
    @classmethod
    def _within_the_inbox(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in value:
            if pattern.startswith("/") or ".." in pattern.split("/"):
                raise ValueError(
                    f'{pattern!r} is no path below the dataset\'s inbox; write a name such as "*.csv", or '
                    '"**/*.csv" for folders in it'
                )
        return value

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str) -> str:
        if value == "detect":
            return value
        try:
            "".encode(value)
        except LookupError:
            raise ValueError(f"{value!r} is not a known encoding; write one such as cp1252, or detect") from None
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [column.name for column in self.columns]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"column {name} is declared twice; remove one of the two, or rename it")
        for key, formats in _FORMATS_OF.items():
            if getattr(self, key) != type(self).model_fields[key].default and self.format not in formats:
                raise ValueError(
                    f"{key} goes with format {' or '.join(formats)}, and the format is {self.format}; remove {key}, or "
                    f"write format: {formats[0]}"
                )
        check_where("where", self.where, self.column)
        if self.format == "log":
            groups = re.compile(self.log.expression).groupindex
            for source in self._sources():
                if source not in groups and source != FILE_PATH:
                    raise ValueError(f"source {source!r} is no field of the log; its fields are {', '.join(groups)}")
        if self.format in NESTED:
            for path in [*self._sources(), *(path for path in (self.records, self.explode) if path)]:
                first = parse_path(path)[0]
                if first == PARENT and not self.explode and not self.is_keyed and not path.startswith('"'):
                    raise ValueError(
                        f"source {path!r} is of the record around; declare explode: PATH, or quote the name"
                    )
        steps = parse_path(self.records) if self.records else ()
        if MEMBERS in steps[: len(steps) - steps.count(MEMBERS)]:
            raise ValueError(f"records {self.records!r} has * in the middle; write it at the end, such as events.*")
        return self

    @model_validator(mode="after")
    def _user_is_required(self) -> Self:
        """Every record has a user, unless the declaration has `required: false`."""
        columns = tuple(
            column.model_copy(update={"required": True})
            if column.name == "user_id" and "required" not in column.model_fields_set
            else column
            for column in self.columns
        )
        object.__setattr__(self, "columns", columns)
        return self

    def _sources(self) -> list[str]:
        return [source for column in self.columns if column.constant is None for source in column.sources]

    def column(self, name: str) -> Column | None:
        """The block's column of that name."""
        return next((column for column in self.columns if column.name == name), None)

    @property
    def of_two_notations(self) -> tuple[Column, ...]:
        """The columns whose numbers as text have another decimal mark than the format's own numbers."""
        noted = (column for column in self.columns if column.numbers is not None and column.numbers.decimal != ".")
        return tuple(noted) if self.format in _WITH_NUMBERS else ()

    @property
    def is_keyed(self) -> bool:
        """Whether the records are the members of an object, known by their keys."""
        return self.records is not None and parse_path(self.records)[-1] == MEMBERS


_FORMATS_OF = {
    "log": ("log",),
    "excel": ("excel",),
    "csv": ("csv",),
    "records": ("json",),
    "explode": NESTED,
}


class Events(Source):
    time: Time
    """The field with the time."""

    @model_validator(mode="after")
    def _time_of_a_log(self) -> Self:
        if self.format == "log" and self.log.pattern in LOG_PATTERNS and not self.time.formats:
            object.__setattr__(self, "time", self.time.model_copy(update={"formats": (_LOG_TIME,)}))
        return self

    def _sources(self) -> list[str]:
        return [*super()._sources(), *self.time.sources]


class Profiles(Source):
    filter: Where = Field(default_factory=dict)
    """For each column, the values to keep, or `{not: [...]}`; events whose profile differs are counted as filtered."""

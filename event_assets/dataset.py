"""What a dataset declares: the pydantic models of one `defs.yaml`, and how it is read from disk.

Here lives the meaning of every key. No Dagster, no frames, no paths of the lake: the component in
`defs/` wraps this model, contracts and transforms are built from it.
"""

from __future__ import annotations

import datetime as dt
import difflib
import hashlib
import json
import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from event_assets.errors import DeclarationError

COMPONENT_TYPE = "event_assets.EventDataset"

#: Where the datasets lie that come with the package.
SHIPPED = Path(__file__).parent / "defs"

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


_NAME = re.compile(r"[a-z][a-z0-9_]*")
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
    description: str
    type: str = "string"
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
    min: str | None = None
    """Lowest value allowed, as text of the column's type."""
    max: str | None = None
    personal: bool = False
    """Whether values may tell who somebody is; user_id always may. They stay out of previews and logs."""

    @field_validator("min", "max", mode="before")
    @classmethod
    def _bound_as_text(cls, value: object) -> object:
        return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value

    @field_validator("name")
    @classmethod
    def _plain_name(cls, value: str) -> str:
        if not _NAME.fullmatch(value):
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
    quote: str = '"'
    escape: str = '"'
    header: bool = True
    """Where false, the fields stand in the order of the declared columns' sources."""
    skip_lines: int = Field(0, ge=0)
    """Lines before the header that are no data (a preamble)."""


class Time(Declared):
    """Which source field holds an event's time, and how it is written."""

    source: str
    format: Literal["iso", "epoch_seconds", "epoch_millis", "epoch_micros"] = "iso"
    missing: Literal["reject", "file_date"] = Field("reject", alias="missing_time")

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Source(Declared):
    """The files of one kind (events or profiles) and how they are read."""

    files: tuple[str, ...] = Field(min_length=1)
    """Patterns of file names in the dataset's inbox; `.gz` and `.zst` after a pattern match as well."""
    format: Literal["csv", "json", "ndjson", "parquet"]
    """`json` is an array of objects; a file of one object a line is `ndjson`."""
    csv: CsvDialect = CsvDialect()
    encoding: str = "utf-8"
    lines: Literal["plain", "quoted_whole"] = "plain"
    """`quoted_whole`: every line of the file is wrapped in quotes as a whole."""
    max_record_bytes: int = Field(16 * 1024 * 1024, ge=1024)
    columns: tuple[Column, ...] = Field(min_length=1)

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str) -> str:
        try:
            "".encode(value)
        except LookupError:
            raise ValueError(f"{value!r} is no known encoding; write one such as cp1252") from None
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


class Funnel(Declared):
    steps: tuple[str, ...] = Field(min_length=2)
    """Event types in order."""
    window: Duration = dt.timedelta(days=1)

    @field_validator("steps")
    @classmethod
    def _distinct_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) != len(value):
            raise ValueError("a step is named twice")
        for step in value:
            if not _NAME.fullmatch(step):
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
    top_users: TopUsers | None = None
    watch_time: WatchTime | None = None
    events_by_minute: Nothing | None = None
    events_by_type: Nothing | None = None
    user_funnel: Funnel | None = None


class Quality(Declared):
    """From where on a figure is worth a warning. Nothing is held back for it."""

    max_rejected_share: float = Field(0.05, ge=0, le=1)
    max_orphan_share: float = Field(0.5, ge=0, le=1)
    """Share of a date's facts whose user has no profile."""
    volume_factor: float = Field(5.0, gt=1)
    """How many times more or fewer events a date may have than the median of the seven before."""
    stale_after: Duration = dt.timedelta(days=7)
    """How long it may be since the last file."""


class Dataset(Declared):
    """One stream of events with its profiles and rules."""

    name: str
    description: str
    owners: tuple[str, ...] = ()
    start_date: dt.date
    timezone: str = "UTC"
    """The calendar in which `event_date` is read off `event_time`."""
    source_timezone: str = "UTC"
    """The zone of times that name none."""
    mode: Literal["lenient", "fail_fast"] = "lenient"
    events: Events
    event_id: str | None = None
    """The declared column that already is each event's unique id."""
    profiles: Profiles | None = None
    deduplicate: Deduplicate = Deduplicate()
    sessions: Sessions = Sessions()
    geo: str | None = None
    """The declared column that holds an IP address."""
    gold: Gold = Gold()
    quality: Quality = Quality()

    @field_validator("name")
    @classmethod
    def _plain_name(cls, value: str) -> str:
        if not _NAME.fullmatch(value):
            raise ValueError("a dataset's name is lower case letters, digits and _, beginning with a letter")
        return value

    @field_validator("timezone", "source_timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError(f"{value!r} is no IANA time zone; write one such as Europe/Berlin")
        return value

    @model_validator(mode="after")
    def _names_exist(self) -> Self:
        columns = {column.name for column in self.events.columns}

        def known(key: str, name: str | None, extra: set[str] = frozenset()) -> None:  # type: ignore[assignment]
            if name is not None and name not in columns | extra:
                raise ValueError(f"{key} names no declared column: {name!r}; declared are {', '.join(sorted(columns))}")

        for name in ("user_id", "event_type"):
            if name not in columns:
                raise ValueError(f"events.columns must declare {name}; use source: to say where it stands")
        user = self.column("user_id")
        if user.type not in ("string", "int64"):
            raise ValueError("user_id is an identifier: its type is string or int64")
        if self.column("event_type").type != "string":
            raise ValueError("event_type is a category: its type is string")
        for key in self.deduplicate.keys:
            known("deduplicate.keys", key, {"event_time"})
        known("event_id", self.event_id)
        floats = [key for key in self.dedupe_keys if key in columns and self.column(key).type == "float64"]
        if floats:
            raise ValueError(f"deduplicate.keys: {floats[0]} is a float64, and floats enter no key; make it a decimal")
        if self.event_id and self.deduplicate.keys not in ((), (self.event_id,)):
            raise ValueError(f"with event_id: {self.event_id} the deduplication key is that column alone")
        known("sessions.column", self.sessions.column)
        known("geo", self.geo)
        if self.gold.top_users is not None:
            known("gold.top_users.by", self.gold.top_users.by)
        if self.gold.watch_time is not None:
            known("gold.watch_time.column", self.gold.watch_time.column)
            if self.column(self.gold.watch_time.column).decimal is None:
                raise ValueError("gold.watch_time.column: minutes are a decimal(p,s), so that a sum is exact")
            if self.geo is None:
                raise ValueError("gold.watch_time needs geo: the column that holds an IP address")
        if self.profiles is not None:
            profile_columns = {column.name for column in self.profiles.columns}
            if "user_id" not in profile_columns:
                raise ValueError("profiles.columns must declare user_id")
            if (profile_user := self.profiles.column("user_id")) and profile_user.type != user.type:
                raise ValueError(
                    f"profiles.user_id is {profile_user.type} and events.user_id {user.type}: make them one"
                )
            for name in sorted((profile_columns & columns) - {"user_id"}):
                raise ValueError(f"column {name} is declared for events and for profiles; rename one")
            for name in self.profiles.filter:
                if name not in profile_columns:
                    raise ValueError(f"profiles.filter names no profile column: {name!r}")
        return self

    def __hash__(self) -> int:
        return hash(self.model_dump_json())

    def column(self, name: str) -> Column:
        """The declared event column of that name; KeyError where there is none."""
        column = self.events.column(name)
        if column is None:
            raise KeyError(name)
        return column

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @property
    def columns(self) -> tuple[Column, ...]:
        """The declared event columns, in declared order."""
        return self.events.columns

    @property
    def profile_columns(self) -> tuple[Column, ...]:
        """The declared profile columns but user_id, in declared order."""
        return tuple(c for c in self.profiles.columns if c.name != "user_id") if self.profiles else ()

    @property
    def dedupe_keys(self) -> tuple[str, ...]:
        """The columns of the deduplication key: the id, the declared keys, or event_time and all columns."""
        if self.event_id:
            return (self.event_id,)
        return self.deduplicate.keys or ("event_time", *(column.name for column in self.columns))

    @property
    def dedupe_days(self) -> int | Literal["all"]:
        """How many dates back a duplicate is looked for (SPEC §4, Deduplication)."""
        if self.deduplicate.days is not None:
            return self.deduplicate.days
        times = {"event_time"} | {c.name for c in self.columns if c.source == self.events.time.source}
        return 0 if times & set(self.dedupe_keys) else "all"


def digest(*values: object, length: int = 16) -> str:
    """A short hexadecimal digest of plain JSON values; the same on every machine and version."""
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def parse_dataset(attributes: object, origin: str) -> Dataset:
    """A dataset from the attributes of its YAML; `origin` is the file that the error names."""
    try:
        return Dataset.model_validate(attributes)
    except ValidationError as error:
        problems = error.errors()
        # A key that is spelt wrong is missing as well: say what stands there rather than what doesn't.
        first = next((problem for problem in problems if problem["type"] == "extra_forbidden"), problems[0])
        key = ".".join(str(part) for part in first["loc"]) or "attributes"
        raise DeclarationError(f"{origin}: {key}", _what(first), _remedy(first, attributes)) from None


def load_dataset(path: Path) -> Dataset:
    """The dataset that one `defs.yaml` declares."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise DeclarationError(str(path), f"can't be read as YAML ({error})", "mend the file") from None
    if not isinstance(document, dict) or document.get("type") != COMPONENT_TYPE:
        raise DeclarationError(
            f"{path}: type", f"is not {COMPONENT_TYPE}", f"begin the file with 'type: {COMPONENT_TYPE}'"
        )
    return parse_dataset(document.get("attributes"), str(path))


def load_datasets(further: Path | None = None) -> dict[str, Dataset]:
    """Every declared dataset by name: those that ship, and those of a further folder (one `NAME/defs.yaml` each).

    DeclarationError where one can't be understood or two have one name.
    """
    found: dict[str, Dataset] = {}
    for folder in [SHIPPED, *([further] if further else [])]:
        for path in sorted(folder.glob("*/defs.yaml")):
            dataset = load_dataset(path)
            if dataset.name in found:
                raise DeclarationError(f"{path}: name", f"{dataset.name} is declared twice", "give it another name")
            found[dataset.name] = dataset
    return found


def _what(problem: Mapping[str, Any]) -> str:
    match problem["type"]:
        case "extra_forbidden":
            return "is no key of a dataset declaration"
        case "missing":
            return "is missing"
        case _:
            text = str(problem["msg"]).removeprefix("Value error, ")
            return text[0].lower() + text[1:] if text else "is wrong"


def _remedy(problem: Mapping[str, Any], attributes: object) -> str:
    if problem["type"] == "missing":
        return "add it"
    if problem["type"] == "extra_forbidden":
        known = _known_keys(problem["loc"][:-1])
        close = difflib.get_close_matches(str(problem["loc"][-1]), known, n=1)
        return f"did you mean {close[0]}?" if close else f"remove it; known are {', '.join(known)}"
    value = problem.get("input")
    return "mend it" if isinstance(value, (dict, list)) or value is attributes else f"mend {value!r}"


def _known_keys(location: tuple[Any, ...]) -> list[str]:
    """The keys that the part of a declaration at a location knows."""
    model: type[BaseModel] = Dataset
    for part in location:
        if isinstance(part, int):
            continue
        annotation = model.model_fields[part].annotation if part in model.model_fields else None
        parts = [annotation, *getattr(annotation, "__args__", ())]
        model = next((p for p in parts if isinstance(p, type) and issubclass(p, BaseModel)), model)
    return sorted(field.alias or name for name, field in model.model_fields.items())

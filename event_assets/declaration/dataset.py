"""A whole declaration, and how its parts must fit together."""

from __future__ import annotations

import datetime as dt
import keyword
from collections.abc import Sequence
from functools import cached_property
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BeforeValidator, Field, field_validator, model_validator

from event_assets.declaration.base import Declared
from event_assets.declaration.channels import Channels
from event_assets.declaration.column import NAME, Column, Numbers
from event_assets.declaration.column_references import check_column_references
from event_assets.declaration.conditions import Where
from event_assets.declaration.events_and_profiles import AS_JSON, Events, Profiles, Source
from event_assets.declaration.expected_files import Expect
from event_assets.declaration.gold import Gold
from event_assets.declaration.limits import Quality, Retention
from event_assets.declaration.sessions_and_identity import Deduplicate, Identity, Sessions, Traffic

Kind = Literal["events", "profiles"]
#: What a column of several blocks may have in each of them; all else belongs to the column, and is declared once.
_OF_A_BLOCK = {"source", "constant", "pattern", "numbers", "in_every_file"}


def _as_list(value: object) -> object:
    """One block is written without a list around it."""
    if value is None:
        return ()
    return value if isinstance(value, (list, tuple)) else (value,)


#: A dataset is a schema of DuckDB and a job of Dagster: the names that these use themselves.
RESERVED_NAMES = frozenset(
    {
        *("information_schema", "main", "memory", "pg_catalog", "system", "temp", "warehouse"),
        *("arg_dict", "bool", "conf", "config", "context", "dict", "float", "input", "input_arg_dict", "int", "meta"),
        *("output", "output_arg_dict", "str", "type"),
        *keyword.kwlist,
    }
)


class Dataset(Declared):
    """One stream of events with its profiles and rules."""

    name: str
    """The dataset's name, which is also the name of its group, its inbox folder and its schema in queries."""
    description: str
    """A sentence that describes the events."""
    owners: tuple[str, ...] = ()
    """The owners that Dagster shows: `team:NAME` or an e-mail address."""
    start_date: dt.date
    """The first date. Earlier events are rejected as `out_of_range`."""
    end_date: dt.date | None = None
    """The last date. Later events are rejected as `out_of_range`."""
    timezone: str = "UTC"
    """The time zone that gives the `event_date` of an `event_time`."""
    source_timezone: str = "UTC"
    """The zone of times that contain none."""
    mode: Literal["lenient", "fail_fast"] = "lenient"
    """Whether a rejected record is stored with its reason (`lenient`) or stops its file (`fail_fast`)."""
    drift: Literal["keep", "warn", "fail"] = "keep"
    """A file with new, missing or retyped fields is landed and reported (`keep`), landed with a warning (`warn`), or
    rejected as a whole (`fail`)."""
    engine: Literal["polars", "duckdb", "spark"] = "polars"
    """The engine of the transforms, unless EVENT_ASSETS_ENGINE sets it for all datasets. It changes no row."""
    events: Annotated[
        tuple[Events, ...],
        BeforeValidator(_as_list, json_schema_input_type=Events | list[Events]),
        Field(min_length=1),
    ]
    """The files of events and how they are read. For several kinds of files, declare a list of blocks. Columns of one
    name are one column, which is null for files of a block without it."""
    event_id: str | None = None
    """The declared column that contains each event's unique id."""
    profiles: Annotated[
        tuple[Profiles, ...], BeforeValidator(_as_list, json_schema_input_type=Profiles | list[Profiles] | None)
    ] = ()
    """The files with the users' attributes, one block or a list; facts get their columns by `user_id`."""
    numbers: Numbers | None = None
    """The notation of numbers in texts, unless a block or a column declares another one."""
    deduplicate: Deduplicate = Deduplicate()
    """The rule for duplicate records."""
    sessions: Sessions = Sessions()
    """The rule for the end of a session."""
    identity: Identity | None = None
    """The columns with ids of one person; facts then have `person_id`."""
    traffic: Traffic | None = None
    """How events of humans, bots and your own staff are distinguished."""
    channels: Channels | None = None
    """The origin of sessions: `sessions` gets source, medium, campaign and channel, and the table `channel_summary` is
    added."""
    geo: str | None = None
    """The declared column that contains an IP address."""
    gold: Gold = Gold()
    """The tables for analysts."""
    quality: Quality = Quality()
    """The limits of figures; a check warns beyond them."""
    expect: Expect | None = None
    """The files that a date needs to be complete; by default none."""
    retention: Retention = Retention()
    """The number of days that dates are kept, by layer; by default for ever."""

    @field_validator("name")
    @classmethod
    def _plain_name(cls, value: str) -> str:
        if not NAME.fullmatch(value):
            raise ValueError("a dataset's name is lower case letters, digits and _, beginning with a letter")
        if value in RESERVED_NAMES:
            raise ValueError(f"{value} is a name that DuckDB or Dagster uses itself; choose another name")
        return value

    @field_validator("timezone", "source_timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError(f"{value!r} is no IANA time zone; write one such as Europe/Berlin")
        return value

    @model_validator(mode="before")
    @classmethod
    def _columns_of_further_blocks(cls, attributes: Any) -> Any:
        """What an earlier block declares for a column is also valid in later blocks."""
        if not isinstance(attributes, dict):
            return attributes
        blocks = {kind: attributes[kind] for kind in ("events", "profiles") if isinstance(attributes.get(kind), list)}
        return {**attributes, **{kind: _with_earlier(some) for kind, some in blocks.items()}}

    @model_validator(mode="after")
    def _one_meaning_of_a_column(self) -> Self:
        kinds: tuple[Kind, ...] = ("events", "profiles")
        for kind in kinds:
            for block in self.blocks(kind):
                columns = (_with_numbers(column, block.numbers or self.numbers) for column in block.columns)
                object.__setattr__(block, "columns", tuple(columns))
            first = {column.name: column for column in self.columns_of(kind)}
            for block in self.blocks(kind)[1:]:
                for column in block.columns:
                    for key in type(column).model_fields.keys() - _OF_A_BLOCK - {"description"}:
                        if getattr(column, key) != getattr(first[column.name], key):
                            raise ValueError(
                                f"{kind}: column {column.name} has another {key} in a further block; columns of one "
                                "name are one column: leave the key out there, or rename the column"
                            )
        return self

    @model_validator(mode="after")
    def _a_block_for_each_pattern(self) -> Self:
        """A file is read by the first block with a pattern of its path: a second with the same one reads none."""
        first: dict[str, str] = {}
        for kind, blocks in (("events", self.events), ("profiles", self.profiles)):
            for number, block in enumerate(blocks):
                place = kind if len(blocks) == 1 else f"{kind}.{number}"
                for pattern in block.files:
                    if first.setdefault(pattern, place) != place:
                        raise ValueError(
                            f"{place}.files: {pattern!r} is also a pattern of {first[pattern]}, which reads all its "
                            "files; write a pattern of its own"
                        )
        return self

    @field_validator("start_date")
    @classmethod
    def _within_reach(cls, value: dt.date) -> dt.date:
        if not dt.date(1900, 1, 1) <= value <= dt.date(2200, 1, 1):
            raise ValueError(f"{value} is not within 1900-01-01 and 2200-01-01; write the first date of your events")
        return value

    @model_validator(mode="after")
    def _names_exist(self) -> Self:
        check_column_references(self)
        return self

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash(self.model_dump_json())

    def column(self, name: str) -> Column:
        """The declared event column of that name; KeyError if it is not declared."""
        return {column.name: column for column in self.columns}[name]

    def fact_column(self, name: str) -> Column | None:
        """The declared column of an event or its profile, as facts have it."""
        return next((c for c in (*self.columns, *self.profile_columns) if c.name == name), None)

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    def blocks(self, kind: Kind) -> tuple[Source, ...]:
        """The blocks of files of a kind, in declared order."""
        return self.events if kind == "events" else self.profiles

    def columns_of(self, kind: Kind) -> tuple[Column, ...]:
        """The columns of all blocks of a kind, in the order in which they are first declared."""
        return _merged(self.blocks(kind))

    def is_mixed(self, kind: Kind) -> bool:
        """Whether there are several blocks of a kind, so that cleaning has to know which of them read a record."""
        return len(self.blocks(kind)) > 1

    def has_values_as_written(self, kind: Kind) -> bool:
        """Whether texts of a kind's raw table lose something: in JSON, and in columns with several sources."""
        several = any(len(column.sources) > 1 for block in self.blocks(kind) for column in block.columns)
        return several or any(block.format in AS_JSON for block in self.blocks(kind))

    def tells_numbers_from_texts(self, kind: Kind) -> bool:
        """Whether a kind's raw table marks values that came as numbers, since texts have another notation."""
        return any(block.of_two_notations for block in self.blocks(kind))

    def leaves_out(self, kind: Kind) -> bool:
        """Whether a block of a kind has a `where`, by which records can be excluded."""
        return any(block.where for block in self.blocks(kind))

    @property
    def columns(self) -> tuple[Column, ...]:
        """The declared event columns, in declared order."""
        return self.columns_of("events")

    @property
    def profile_columns(self) -> tuple[Column, ...]:
        """The declared profile columns but user_id, in declared order."""
        return tuple(column for column in self.columns_of("profiles") if column.name != "user_id")

    @property
    def profile_filter(self) -> Where:
        """What a fact's profile must hold."""
        return {name: values for block in self.profiles for name, values in block.filter.items()}

    @property
    def dedupe_keys(self) -> tuple[str, ...]:
        """The columns of the deduplication key: the id, the declared keys, or event_time and all columns."""
        if self.event_id:
            return (self.event_id,)
        return self.deduplicate.keys or ("event_time", *(column.name for column in self.columns))

    @property
    def dedupe_days(self) -> int | Literal["all"]:
        """How many dates back a duplicate is searched (docs/explanation/deduplication.md)."""
        if self.deduplicate.days is not None:
            return self.deduplicate.days
        times = {"event_time"} | {
            column.name for block in self.events for column in block.columns if column.source == block.time.source
        }
        return 0 if times & set(self.dedupe_keys) else "all"


def _with_earlier(blocks: list[Any]) -> list[Any]:
    """The blocks' own YAML, with what a column leaves out that an earlier block declares of it."""
    known: dict[str, dict[str, Any]] = {}
    completed = []
    for block in blocks:
        columns = block.get("columns") if isinstance(block, dict) else None
        if isinstance(columns, list) and all(isinstance(column, dict) for column in columns):
            columns = [{**known.get(str(column.get("name")), {}), **column} for column in columns]
            for column in columns:
                rules = {key: value for key, value in column.items() if key not in _OF_A_BLOCK}
                known.setdefault(str(column.get("name")), rules)
            block = {**block, "columns": columns}
        completed.append(block)
    return completed


def _with_numbers(column: Column, numbers: Numbers | None) -> Column:
    """The column with the notation of its block or dataset, where it declares none itself."""
    if numbers is None or column.numbers is not None or not column.is_number:
        return column
    return column.model_copy(update={"numbers": numbers})


def _merged(blocks: Sequence[Source]) -> tuple[Column, ...]:
    """Columns of one name as one: a constant where it is the same in all blocks, else landing writes it into raw."""
    if len(blocks) == 1:
        return blocks[0].columns
    by_name: dict[str, list[Column]] = {}
    for column in (column for block in blocks for column in block.columns):
        by_name.setdefault(column.name, []).append(column)

    def constant(columns: Sequence[Column]) -> str | None:
        values = {column.constant for column in columns}
        return values.pop() if len(values) == 1 and len(columns) == len(blocks) else None

    return tuple(columns[0].model_copy(update={"constant": constant(columns)}) for columns in by_name.values())

"""One declared column: its type, rules and meaning."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, Self

from pydantic import field_validator, model_validator

from event_assets.declaration.base import Declared, regular_expression
from event_assets.declaration.typed_values import bound_text, decimal_parts, form_of, value_of
from event_assets.text.field_paths import FILE_PATH

#: Columns that the platform itself adds to events; a declaration may not use these names.
RESERVED_COLUMNS = frozenset(
    {
        *("event_id", "event_time", "event_time_us", "event_date", "time_assumed", "time_text", "source_block"),
        *("as_written", "came_as_number", "extra", "file_id", "row_number", "session_id", "geo_region", "has_profile"),
        *("valid_from", "valid_to", "reason", "reasons", "raw"),
    }
)

NAME = re.compile(r"[a-z][a-z0-9_]*")
#: What is meant by the names that others give to types.
_MEANT = {
    **dict.fromkeys(("int", "integer", "bigint", "long"), "int64"),
    **dict.fromkeys(("float", "double", "number", "numeric", "decimal", "money"), "decimal(18,2), or float64"),
    **dict.fromkeys(("text", "str", "varchar", "uuid"), "string"),
    **dict.fromkeys(("datetime", "time", "timestamptz"), "timestamp"),
    **dict.fromkeys(("boolean",), "bool"),
    **dict.fromkeys(("array", "object", "list", "map"), "json"),
}
_TYPE = re.compile(r"string|int64|float64|bool|date|timestamp|json|decimal\((\d+), ?(\d+)\)")
_UNIT = re.compile(r"[^0-9+\s-](?:[^0-9+-]*[^0-9+\s-])?")
_TWO_MARKS = '{decimal: ",", thousands: "."}'


class Numbers(Declared):
    """How the texts of a source write numbers. Numbers of JSON, Parquet, Avro and Excel are read as they are."""

    decimal: str = "."
    """The decimal separator, such as `,`."""
    thousands: str | None = None
    """The separator between groups of three digits, such as `.`; a number has it before every group or not at all. A
    blank also means the no-break and the narrow no-break space."""
    unit: str | None = None
    """What a number may have before or behind it, such as `$`, `EUR` or `%`. It is left out: `$1.50` is 1.50."""

    @model_validator(mode="after")
    def _two_marks(self) -> Self:
        for key, mark in (("decimal", self.decimal), ("thousands", self.thousands)):
            if mark is not None and (len(mark) != 1 or mark.isalnum() or mark in "+-"):
                raise ValueError(f"{key} is one mark that is no digit, letter or sign, such as {_TWO_MARKS}")
        if self.decimal == self.thousands:
            raise ValueError(f"decimal and thousands are one mark; write two, such as {_TWO_MARKS}")
        is_number = self.unit in ("e", "E", self.decimal, self.thousands)
        if self.unit is not None and (is_number or not _UNIT.fullmatch(self.unit)):
            raise ValueError(f"unit {self.unit!r} could be a part of a number; write one such as $, EUR or %")
        return self


class Column(Declared):
    """One declared column, from its place in the source to its type, rules and meaning."""

    name: str
    """The column's name in every table. `user_id` and `event_type` are required."""
    description: str
    """The meaning of a value. The UI, the warehouse and the data dictionary show it."""
    type: str = "string"
    """`string`, `int64`, `float64`, `decimal(p,s)`, `bool`, `date`, `timestamp` or `json`."""
    source: str | tuple[str, ...] = ""
    """The field with the value: a CSV header, or a path into a nested record (`details.page`, `x."k.with.dot".id`,
    `parent[0].id`, `params[key=page].value`); by default the column's name. From a list of fields, the first that is
    not null is used. `file_path` is the path of the file in the inbox."""
    pattern: str | None = None
    """A regular expression whose first group is the value, for `source: file_path`: `dt=([0-9-]+)`."""
    numbers: Numbers | None = None
    """The notation of numbers in texts, for a numeric column."""
    constant: str | None = None
    """The value of every record, for a column that the source doesn't have."""
    required: bool = False
    """Whether records without a value, and files without the field, are rejected."""
    in_every_file: bool = False
    """Whether a CSV or Parquet file without the field is rejected, although a record may leave it empty."""
    null_values: tuple[str, ...] = ()
    """Texts (after trimming) that mean null; the empty text always does."""
    aliases: Mapping[str, str] = {}
    """Replacements of texts, compared without ASCII case."""
    case: Literal["lower", "upper"] | None = None
    """ASCII case conversion of texts without an alias."""
    booleans: Mapping[str, bool] = {"true": True, "false": False}
    """The truth value of each text, for type `bool`."""
    min: str | None = None
    """The lowest allowed value, as text of the column's type."""
    max: str | None = None
    """The highest allowed value, as text of the column's type."""
    personal: bool = False
    """Whether values can identify a person; user_id always can. Previews and logs don't contain them."""

    @field_validator("min", "max", mode="before")
    @classmethod
    def _bound_as_text(cls, value: object) -> object:
        return bound_text(value)

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
            meant = _MEANT.get(value.lower().partition("(")[0])
            known = "a type is string, int64, float64, decimal(p,s), bool, date, timestamp or json"
            raise ValueError(f"{known}, not {value!r}; write {meant or 'one of these, such as decimal(18,2)'}")
        if match[1] and not (1 <= int(match[1]) <= 38 and int(match[2]) <= int(match[1])):
            raise ValueError("decimal(p,s) takes 1 <= p <= 38 and 0 <= s <= p; write such as decimal(18,2)")
        return value.replace(" ", "")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.source == ():
            raise ValueError("source is an empty list; name a field, such as [user_id, anonymous_id]")
        if not self.source:
            object.__setattr__(self, "source", self.name)
        if self.pattern is not None and self.source != FILE_PATH:
            raise ValueError("pattern takes a part of the path of a file: it goes with source: file_path")
        if self.numbers is not None and not self.is_number:
            raise ValueError(f"numbers goes with a numeric type, such as decimal(10,2); the type is {self.type}")
        if (self.min is not None or self.max is not None) and self.type in ("string", "json", "bool"):
            raise ValueError(f"min and max make no sense for type {self.type}")
        for key, bound in (("min", self.min), ("max", self.max)):
            if bound is not None and value_of(bound, self.type) is None:
                raise ValueError(
                    f"column {self.name}, {key}: {bound!r} is not a valid {self.type}; write {form_of(self.type)}"
                )
        return self

    @field_validator("pattern")
    @classmethod
    def _one_group(cls, value: str | None) -> str | None:
        if not re.compile(regular_expression(value or "()", "; write one such as dt=([0-9-]+)")).groups:
            raise ValueError(f"{value!r} has no group; put the part that is the value in brackets, as in dt=([0-9-]+)")
        return value

    @property
    def sources(self) -> tuple[str, ...]:
        """The fields that the value comes from: the first field that is not null."""
        return (self.source,) if isinstance(self.source, str) else self.source

    @property
    def is_number(self) -> bool:
        return self.type in ("int64", "float64") or self.decimal is not None

    @property
    def decimal(self) -> tuple[int, int] | None:
        """(precision, scale) of a decimal type, else None."""
        return decimal_parts(self.type)

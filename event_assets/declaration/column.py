"""One declared column: its type, rules and meaning."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, Self

from pydantic import field_validator, model_validator

from event_assets.declaration.base import Declared
from event_assets.declaration.values import bound_text, decimal_parts, form_of, value_of

#: Columns that the platform itself adds to events; a declaration may not use these names.
RESERVED_COLUMNS = frozenset(
    {
        "event_id",
        "event_time",
        "event_time_us",
        "event_date",
        "time_assumed",
        "time_text",
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
            if bound is not None and value_of(bound, self.type) is None:
                raise ValueError(
                    f"column {self.name}, {key}: {bound!r} is not a valid {self.type}; write {form_of(self.type)}"
                )
        return self

    @property
    def decimal(self) -> tuple[int, int] | None:
        """(precision, scale) of a decimal type, else None."""
        return decimal_parts(self.type)

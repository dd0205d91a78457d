"""The one parser of typed values: bounds at loading, the values of filters and conditions, user ids, contracts."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from decimal import Decimal
from zoneinfo import ZoneInfo

from event_assets.text import numbers
from event_assets.text.parse_iso_timestamps import instant

Value = int | float | bool | Decimal | dt.date | dt.datetime | str

#: What the text of a value looks like, for messages.
FORMS = {
    "int64": "a whole number such as 42",
    "float64": "a number such as 0.5",
    "decimal": "a number with at most so many digits, such as 9.99",
    "bool": "one of the declared words",
    "date": "YYYY-MM-DD",
    "timestamp": "ISO 8601 such as 2025-01-31T12:00:00Z",
}
_DECIMAL = re.compile(r"decimal\((\d+), ?(\d+)\)")
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def decimal_parts(declared: str) -> tuple[int, int] | None:
    """(precision, scale) of `decimal(p,s)`, None for any other type."""
    match = _DECIMAL.fullmatch(declared)
    return (int(match[1]), int(match[2])) if match else None


def form_of(declared: str) -> str:
    """How a value of a type is written, in words."""
    return FORMS.get("decimal" if decimal_parts(declared) else declared, "a text")


def canonical_number(text: str, declared: str) -> str | None:
    """The plain digits of a number of an int64, decimal or float64; None where the text is not one."""
    if parts := decimal_parts(declared):
        return numbers.decimal(text, *parts)
    return numbers.int64(text) if declared == "int64" else numbers.float64(text)


def value_of(text: str, declared: str, booleans: Mapping[str, bool] | None = None) -> Value | None:
    """A text (blanks around it aside) as the Python value of a type; None where it is not valid.

    `booleans` maps words in lower case to their meaning. A string or JSON is its text.
    """
    match declared:
        case "string" | "json":
            return text
        case "date":
            return _date(text)
        case "timestamp":
            return instant(text, ZoneInfo("UTC"))
        case "bool":
            return (booleans or {"true": True, "false": False}).get(text.lower())
    digits = canonical_number(text, declared)
    if digits is None:
        return None
    return int(digits) if declared == "int64" else float(digits) if declared == "float64" else Decimal(digits)


def bound_text(value: object) -> object:
    """A bound as text: YAML reads `5`, `0.5` and `2025-01-31` as numbers and dates of its own."""
    if isinstance(value, (dt.date, dt.datetime)):
        return value.isoformat()
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value


def _date(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text) if _DATE.fullmatch(text) else None
    except ValueError:
        return None

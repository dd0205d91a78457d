"""Typed values out of text: a text becomes a value only where it denotes exactly one value of its type.

The pattern comes first and the cast after it, since the engines' own casts differ (one rounds 12.7 to 13,
another refuses it). What matches a pattern here, every engine casts to the same value. Another number (`7.731E3`,
`.5`, `0.1000`) is first written in canonical digits (`text/numbers.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import narwhals as nw

from event_assets.declaration import Column
from event_assets.declaration.typed_values import Value, canonical_number, form_of, value_of
from event_assets.errors import DeclarationError
from event_assets.tables.column_types import narwhals_type
from event_assets.text.canonical_json import canonical_json
from event_assets.transforms.interface import TextFunction
from event_assets.transforms.normalize import lower

_INT64 = "-?[0-9]{1,18}"
# At most 99 digits and an exponent of two digits can't overflow.
_FLOAT64 = r"-?[0-9]{1,99}(?:\.[0-9]{1,99})?(?:[eE][+-]?[0-9]{1,2})?"
_YEAR = "(?:[0-9]{3}[1-9]|[0-9]{2}[1-9][0-9]|[0-9][1-9][0-9]{2}|[1-9][0-9]{3})"
_LEAP = "(?:0[48]|[2468][048]|[13579][26])"
_DATE = (
    f"{_YEAR}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    f"|02-(?:0[1-9]|1[0-9]|2[0-8]))|(?:[0-9]{{2}}{_LEAP}|{_LEAP}00)-02-29"
)


def odd_number(text: nw.Expr, column: Column) -> nw.Expr:
    """The text of a number column where it is not in the plain form of most numbers, else null."""
    form = _INT64 if column.type == "int64" else _FLOAT64
    if column.decimal:
        precision, scale = column.decimal
        whole = f"[0-9]{{1,{precision - scale}}}" if precision > scale else "0"
        form = rf"-?{whole}(?:\.[0-9]{{1,{scale}}})?" if scale else f"-?{whole}"
    return nw.when(~text.str.contains(rf"\A(?:{form})\z")).then(text)


def canonical_numbers(column: Column) -> TextFunction:
    """The canonical digits of texts, null where a text is not a number of the column's type."""
    declared = column.type
    return lambda columns: [None if text is None else canonical_number(text, declared) for text in columns[0]]


def typed(text: nw.Expr, column: Column) -> nw.Expr:
    """The value of a text, null where the text is not one of the column's type.

    A bool's text is given in lower case, a number in plain or canonical digits (`validate.py`, where json and
    timestamps are read, too).
    """
    if column.type == "bool":
        true = [lower(word) for word, meaning in column.booleans.items() if meaning]
        false = [lower(word) for word, meaning in column.booleans.items() if not meaning]
        return nw.when(text.is_in(true)).then(nw.lit(True)).when(text.is_in(false)).then(nw.lit(False))
    if column.type == "date":
        return nw.when(text.str.contains(rf"\A(?:{_DATE})\z")).then(text).str.to_date(format="%Y-%m-%d")
    if not column.is_number:
        return text
    value = text.cast(narwhals_type(column.type))
    return value + 0.0 if column.type == "float64" else value  # -0.0 becomes 0.0: equal values, one text


def within_bounds(value: nw.Expr, column: Column) -> nw.Expr | None:
    """Whether a value is within the column's bounds; None where it has none."""
    low, high = bound(column, column.min), bound(column, column.max)
    if low is not None and high is not None:
        return (value >= nw.lit(low)) & (value <= nw.lit(high))
    if low is not None:
        return value >= nw.lit(low)
    return value <= nw.lit(high) if high is not None else None


def millionths(count: nw.Expr) -> nw.Expr:
    """Whole microseconds as seconds (or millionths as a share), exact: a decimal of six digits."""
    return (count.cast(nw.Decimal(18, 0)) * nw.lit(Decimal("0.000001"))).cast(nw.Decimal(18, 6))


def bound(column: Column, text: str | None) -> Value | None:
    """A declared text as the Python value of the column's type; DeclarationError where it is not one."""
    if text is None:
        return None
    value = value_of(text, column.type, {lower(word): meaning for word, meaning in column.booleans.items()})
    if value is None:
        state = f"{text!r} is not a valid {column.type}"
        raise DeclarationError(f"column {column.name}", state, f"write {form_of(column.type)}")
    return value


def canonical_texts(columns: Sequence[Sequence[str | None]]) -> list[str | None]:
    """The canonical form of each text that is JSON, null for each that is not."""
    return [None if text is None else canonical_json(text) for text in columns[0]]

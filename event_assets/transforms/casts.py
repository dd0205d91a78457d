"""Typed values out of text: a text becomes a value only if it matches its type's plain ASCII pattern.

The pattern comes first and the cast after it, since the engines' own casts differ (one rounds 12.7 to 13,
another refuses it); what matches a pattern here, every engine casts to the same value.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Sequence
from decimal import Decimal
from zoneinfo import ZoneInfo

import narwhals as nw

from event_assets.declaration import Column
from event_assets.errors import DeclarationError
from event_assets.tables.column_types import narwhals_type
from event_assets.transforms.normalize import lower
from event_assets.transforms.timestamps import instant

Value = int | float | bool | Decimal | dt.date | dt.datetime | str


def _up_to(limit: str) -> str:
    """A pattern of the numbers of as many digits as `limit` that don't exceed it."""
    ways = [limit]
    for place, digit in enumerate(limit):
        lowest = "1" if place == 0 else "0"
        if digit > lowest:
            ways.append(f"{limit[:place]}[{lowest}-{int(digit) - 1}][0-9]{{{len(limit) - place - 1}}}")
    return "|".join(ways)


_INT64 = rf"-?0*(?:[0-9]{{1,18}}|{_up_to(str(2**63 - 1))})|-0*{2**63}"
# So many digits and so small an exponent can't overflow.
_FLOAT64 = r"-?[0-9]{1,99}(?:\.[0-9]{1,99})?(?:[eE][+-]?[0-9]{1,2})?"
_YEAR = "(?:[0-9]{3}[1-9]|[0-9]{2}[1-9][0-9]|[0-9][1-9][0-9]{2}|[1-9][0-9]{3})"
_LEAP = "(?:0[48]|[2468][048]|[13579][26])"
_DATE = (
    f"{_YEAR}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    f"|02-(?:0[1-9]|1[0-9]|2[0-8]))|(?:[0-9]{{2}}{_LEAP}|{_LEAP}00)-02-29"
)


def pattern(column: Column) -> str | None:
    """The whole text of a value of the column's type, as a regular expression; None where none says it."""
    if column.decimal:
        precision, scale = column.decimal
        whole = f"[0-9]{{1,{precision - scale}}}" if precision > scale else "0"
        fraction = rf"(?:\.[0-9]{{1,{scale}}})?" if scale else ""
        return rf"\A-?0*{whole}{fraction}\z"
    plain = {"int64": _INT64, "float64": _FLOAT64, "date": _DATE}.get(column.type)
    return rf"\A(?:{plain})\z" if plain else None


def typed(text: nw.Expr, column: Column) -> nw.Expr:
    """The value of a text, null where the text is none of the column's type.

    A bool's text is given in lower case; json and timestamp take an engine's port (`judge`).
    """
    if column.type == "bool":
        true = [lower(word) for word, meaning in column.booleans.items() if meaning]
        false = [lower(word) for word, meaning in column.booleans.items() if not meaning]
        return nw.when(text.is_in(true)).then(nw.lit(True)).when(text.is_in(false)).then(nw.lit(False))
    form = pattern(column)
    if form is None:
        return text
    matched = nw.when(text.str.contains(form)).then(text)
    if column.type == "date":
        return matched.str.to_date(format="%Y-%m-%d")
    value = matched.cast(narwhals_type(column.type))
    return value + 0.0 if column.type == "float64" else value  # -0.0 becomes 0.0: equal values, one text


def within_bounds(value: nw.Expr, column: Column) -> nw.Expr | None:
    """Whether a value lies within the column's bounds; None where it has none."""
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
    """A declared text as the Python value of the column's type; DeclarationError where it is none."""
    if text is None:
        return None
    value = _value(column, text)
    if value is None:
        raise DeclarationError(f"column {column.name}", f"{text!r} is no {column.type}", "fix the declaration")
    return value


def _value(column: Column, text: str) -> Value | None:
    form = pattern(column)
    if form is not None and not re.fullmatch(form.removeprefix(r"\A").removesuffix(r"\z"), text):
        return None
    if column.decimal:
        return Decimal(text)
    match column.type:
        case "int64":
            return int(text)
        case "float64":
            return float(text)
        case "date":
            return dt.date.fromisoformat(text)
        case "timestamp":
            return instant(text, ZoneInfo("UTC"))
        case "bool":
            return {lower(word): meaning for word, meaning in column.booleans.items()}.get(lower(text))
        case _:
            return text


def valid_json(columns: Sequence[Sequence[str | None]]) -> list[str | None]:
    """Each text that is JSON (RFC 8259, so no NaN), null for each that is not."""
    return [text if text is not None and _is_json(text) else None for text in columns[0]]


def _is_json(text: str) -> bool:
    try:
        json.loads(text, parse_constant=_refuse, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return False
    return True


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")

"""Numbers as sources write them: which texts are numbers, and the canonical digits of each.

The value is computed on the text: digits are moved and zeros are cut, nothing is rounded. So every engine casts the
same plain digits, although their parsers read `7.731E3` or `.5` differently.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

#: A longer text is not a number.
MAX_CHARACTERS = 400
_NUMBER = re.compile(r"([+-]?)(?:([0-9]+)(?:\.([0-9]*))?|\.([0-9]+))(?:[eE]([+-]?[0-9]{1,4}))?")
_JSON_NUMBER = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?")
_INT64_LOW, _INT64_HIGH = -(2**63), 2**63 - 1


@dataclass(frozen=True)
class Number:
    """The exact value: the digits (without zeros at their ends, none for 0) times ten to the power of `exponent`."""

    negative: bool
    digits: str
    exponent: int

    @classmethod
    def of(cls, sign: str, whole: str, fraction: str, exponent: int) -> Number:
        digits = (whole + fraction).lstrip("0")
        bare = digits.rstrip("0")
        if not bare:
            return cls(False, "", 0)
        return cls(sign == "-", bare, exponent - len(fraction) + len(digits) - len(bare))

    @property
    def plain(self) -> str:
        """The value in plain digits, such as `-0.125` or `7731`."""
        if self.exponent >= 0:
            text = self.digits + "0" * self.exponent
        else:
            padded = self.digits.rjust(1 - self.exponent, "0")
            text = f"{padded[: self.exponent]}.{padded[self.exponent :]}"
        return ("-" if self.negative else "") + (text or "0")


def number(text: str) -> Number | None:
    """The value of a text; None where the text is not a number."""
    match = _NUMBER.fullmatch(text) if len(text) <= MAX_CHARACTERS else None
    if match is None:
        return None
    sign, whole, fraction, bare_fraction, exponent = match.groups()
    return Number.of(sign, whole or "", fraction or bare_fraction or "", int(exponent or 0))


def int64(text: str) -> str | None:
    """The plain digits of a whole number within 64 bits; None for any other text."""
    value = number(text)
    if value is None or value.exponent < 0 or len(value.digits) + value.exponent > 19:
        return None
    return value.plain if _INT64_LOW <= int(value.plain) <= _INT64_HIGH else None


def decimal(text: str, precision: int, scale: int) -> str | None:
    """The plain digits of a number that fits `decimal(precision,scale)` exactly; None for any other text."""
    value = number(text)
    if value is None or -value.exponent > scale:
        return None
    return value.plain if len(value.digits) + value.exponent <= precision - scale else None


def float64(text: str) -> str | None:
    """The shortest text of the nearest double; None where the text is not a number or the double is infinite."""
    if number(text) is None:
        return None
    value = float(text) + 0.0  # -0.0 becomes 0.0: equal values have one text
    return repr(value) if math.isfinite(value) else None


def exact_json(text: str) -> str:
    """A JSON number so that equal values have equal texts (`1`, `1.0`, `1e0` are `1`), however large its exponent."""
    match = _JSON_NUMBER.fullmatch(text)
    assert match is not None
    sign, whole, fraction, exponent = match.groups()
    if exponent and len(exponent) > 18:  # beyond all numbers that are used: kept as it is written
        return text
    value = Number.of(sign, whole, fraction or "", int(exponent or 0))
    if not value.exponent or not value.digits:
        return value.plain
    return f"{'-' if value.negative else ''}{value.digits}e{value.exponent}"


# Numbers in other notations: `1.893,71`, `1 893,71`, `1'893.71`. The mark of thousands is before every group of three
# digits or nowhere, so that `1.89` and `1.23.456` are not numbers where the point is that mark.

#: A blank between groups is mostly one of these: Excel in French writes the narrow no-break space.
_BLANKS = " \u00a0\u202f"
_EXPONENT = "(?:[eE][+-]?[0-9]{1,4})?"


def notation_pattern(decimal: str, thousands: str | None, unit: str | None) -> str:
    """The regular expression of a whole number text, in a form that all engines read alike."""
    groups = f"[0-9]{{1,3}}(?:{mark_pattern(thousands)}[0-9]{{3}})+|" if thousands else ""
    point = re.escape(decimal)
    number = f"(?:(?:{groups}[0-9]+)(?:{point}[0-9]*)?|{point}[0-9]+){_EXPONENT}"
    if not unit:
        return f"[+-]?{number}"
    mark, blank = re.escape(unit), f"[{_BLANKS}]?"
    return f"(?:[+-]?(?:{mark}{blank})?|{mark}{blank}[+-]){number}|[+-]?{number}{blank}{mark}"


def in_plain_notation(text: str, decimal: str, thousands: str | None, unit: str | None) -> str | None:
    """The number with a point and without unit and marks of thousands; None where the text is not in the notation."""
    if not re.fullmatch(notation_pattern(decimal, thousands, unit), text):
        return None
    text = re.sub(unit_pattern(unit), "", text) if unit else text
    text = re.sub(mark_pattern(thousands), "", text) if thousands else text
    return text.replace(decimal, ".")


def unit_pattern(unit: str) -> str:
    """The regular expression of the unit with the blank beside it."""
    return f"[{_BLANKS}]?{re.escape(unit)}[{_BLANKS}]?"


def mark_pattern(thousands: str) -> str:
    """The regular expression of the mark between groups of digits."""
    return f"[{_BLANKS}]" if thousands in _BLANKS else re.escape(thousands)

"""Regular expressions of numbers in a declared notation: decimal mark, thousands mark, unit. Examples are `1.893,71`,
`1 893,71`, `1'893.71`.

A text is read if the mark of thousands is before every group of three digits or nowhere, so that `1.89` and `1.23.456`
are no numbers where the point is that mark.
"""

from __future__ import annotations

import re

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


def unit_pattern(unit: str) -> str:
    """The regular expression of the unit with the blank beside it."""
    return f"[{_BLANKS}]?{re.escape(unit)}[{_BLANKS}]?"


def mark_pattern(thousands: str) -> str:
    """The regular expression of the mark between groups of digits."""
    return f"[{_BLANKS}]" if thousands in _BLANKS else re.escape(thousands)

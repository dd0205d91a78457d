"""The date and the hour in a source file's name."""

from __future__ import annotations

import datetime as dt
import re
from contextlib import suppress

_FILE_HOUR = re.compile(
    r"(?<!\d)(\d{4})([-_.]?)(\d\d)\2(\d\d)(?:[-_.T /]?(?:h|hr|hour)?=?)(\d{1,2}|\d{4}|\d{6})(?!\d)", re.IGNORECASE
)
_FILE_DATE = re.compile(r"(?<!\d)(\d{4})([-_.]?)(\d\d)\2(\d\d)(?!\d)")


def file_date(name: str) -> dt.date | None:
    """The first date in a file's name, as YYYYMMDD or with `-`, `_` or `.` between; None where there is none."""
    found = _first_date(name)
    return found[0] if found else None


def file_hour(name: str) -> tuple[dt.date, int] | None:
    """The first date in a file's name that an hour follows, and that hour (minutes may follow it); None without one."""
    found = _first_hour(name)
    return (found[0].date(), found[0].hour) if found else None


def time_places(name: str) -> set[int]:
    """The places of the characters in which a file's name gives its date or hour."""
    found = _first_date(name), _first_hour(name)
    return {place for match in (one[1] for one in found if one) for place in range(*match.span())}


def _first_date(name: str) -> tuple[dt.date, re.Match[str]] | None:
    for match in _FILE_DATE.finditer(name):
        with suppress(ValueError):
            return dt.date(int(match[1]), int(match[3]), int(match[4])), match
    return None


def _first_hour(name: str) -> tuple[dt.datetime, re.Match[str]] | None:
    for match in _FILE_HOUR.finditer(name):
        with suppress(ValueError):
            return dt.datetime(int(match[1]), int(match[3]), int(match[4]), int(match[5][:2])), match
    return None

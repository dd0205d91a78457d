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
    """The first date in a file's name, as YYYYMMDD or with `-`, `_` or `.` between; None without a date."""
    found = _first(_FILE_DATE, name)
    return found[0].date() if found else None


def file_hour(name: str) -> tuple[dt.date, int] | None:
    """The first date in a file's name that an hour follows, and that hour (minutes may follow it); None without one."""
    found = _first(_FILE_HOUR, name)
    return (found[0].date(), found[0].hour) if found else None


def time_places(name: str) -> set[int]:
    """The places of the characters in which a file's name gives its date or hour."""
    matches = [found[1] for pattern in (_FILE_DATE, _FILE_HOUR) if (found := _first(pattern, name))]
    return {place for match in matches for place in range(*match.span())}


def _first(pattern: re.Pattern[str], name: str) -> tuple[dt.datetime, re.Match[str]] | None:
    for match in pattern.finditer(name):
        year, _, month, day, *hour = match.groups()
        with suppress(ValueError):
            return dt.datetime(int(year), int(month), int(day), int(hour[0][:2]) if hour else 0), match
    return None

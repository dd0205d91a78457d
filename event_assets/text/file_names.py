"""What a source file's name contains: its date."""

from __future__ import annotations

import datetime as dt
import re

_FILE_HOUR = re.compile(
    r"(?<!\d)(\d{4})([-_.]?)(\d\d)\2(\d\d)(?:[-_.T /]?(?:h|hr|hour)?=?)(\d{1,2}|\d{4}|\d{6})(?!\d)", re.IGNORECASE
)
_FILE_DATE = re.compile(r"(?<!\d)(\d{4})([-_.]?)(\d\d)\2(\d\d)(?!\d)")


def file_date(name: str) -> dt.date | None:
    """The first date in a file's name, as YYYYMMDD or with `-`, `_` or `.` between; None where there is none."""
    for year, _, month, day in _FILE_DATE.findall(name):
        try:
            return dt.date(int(year), int(month), int(day))
        except ValueError:
            continue
    return None


def file_hour(name: str) -> tuple[dt.date, int] | None:
    """The first date in a file's name that an hour follows, and that hour (minutes may follow it); None without one."""
    for year, _, month, day, digits in _FILE_HOUR.findall(name):
        try:
            found = dt.datetime(int(year), int(month), int(day), int(digits[:2]))
        except ValueError:
            continue
        return found.date(), found.hour
    return None

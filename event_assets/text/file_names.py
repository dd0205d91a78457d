"""What a source file's name says."""

from __future__ import annotations

import datetime as dt
import re

_FILE_DATE = re.compile(r"(?<!\d)(\d{4})([-_.]?)(\d\d)\2(\d\d)(?!\d)")


def file_date(name: str) -> dt.date | None:
    """The first date in a file's name, as YYYYMMDD or with `-`, `_` or `.` between; None where there is none."""
    for year, _, month, day in _FILE_DATE.findall(name):
        try:
            return dt.date(int(year), int(month), int(day))
        except ValueError:
            continue
    return None

"""Times of declared timestamp columns: ISO 8601 as SPEC's "Times" reads it."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Sequence
from zoneinfo import ZoneInfo

_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)"
    r"(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)? ?(Z|UTC|[+-]\d\d(?::?\d\d)?)?)?",
    re.ASCII,
)


def instant(text: str, zone: ZoneInfo) -> dt.datetime | None:
    """The time in UTC to the microsecond (finer digits cut off); None where the text is not a time.

    A date alone is midnight; a naive time is in `zone`, in a clock change's gap or fold as PEP 495 with fold=0.
    """
    match = _ISO.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    try:
        local = dt.datetime(
            int(year),
            int(month),
            int(day),
            int(hour or 0),
            int(minute or 0),
            int(second or 0),
            int((fraction or "")[:6].ljust(6, "0")),
        )
        return local.replace(tzinfo=_offset(offset) if offset else zone).astimezone(dt.UTC)
    except (ValueError, OverflowError):
        return None


def instants(zone: ZoneInfo) -> Callable[[Sequence[Sequence[str | None]]], list[dt.datetime | None]]:
    """`instant` over a column of texts."""
    return lambda columns: [None if text is None else instant(text, zone) for text in columns[0]]


def _offset(text: str) -> dt.tzinfo:
    if text in ("Z", "UTC"):
        return dt.UTC
    digits = text[1:].replace(":", "").ljust(4, "0")
    hours, minutes = int(digits[:2]), int(digits[2:])
    if hours > 23 or minutes > 59:
        raise ValueError(text)
    ahead = dt.timedelta(hours=hours, minutes=minutes)
    return dt.timezone(-ahead if text[0] == "-" else ahead)

"""How exports write times: forms that can be declared, and what they make of a moment."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from email.utils import format_datetime
from zoneinfo import ZoneInfo

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True)
class TimeForm:
    """Formats as a declaration lists them, and a text of a moment for each."""

    formats: tuple[str, ...]
    writers: tuple[Callable[[dt.datetime], str], ...]
    """From a moment in the zone of the source to its text."""
    zones: dict[str, str] = field(default_factory=dict)
    swapped: bool = False
    """Whether day and month can be taken for each other."""

    @property
    def refusal(self) -> str:
        return "ambiguous_timestamp" if self.swapped else "invalid_timestamp"

    def write(self, at: dt.datetime, zone: str, chance: random.Random) -> str:
        return chance.choice(self.writers)(at.astimezone(ZoneInfo(zone)))

    def is_ambiguous(self, at: dt.datetime, zone: str) -> bool:
        there = at.astimezone(ZoneInfo(zone))
        return self.swapped and there.day <= 12 and there.day != there.month


def _strftime(pattern: str) -> Callable[[dt.datetime], str]:
    return lambda at: at.strftime(pattern)


def _count(unit: int) -> Callable[[dt.datetime], str]:
    return lambda at: str((at - EPOCH) // dt.timedelta(microseconds=1) * unit // 10**6)


def _nanos(at: dt.datetime) -> str:
    return str((at - EPOCH) // dt.timedelta(microseconds=1) * 1000)


def _serial(at: dt.datetime) -> str:
    minutes = (at.replace(tzinfo=None) - dt.datetime(1899, 12, 30)) // dt.timedelta(minutes=1)
    return f"{Decimal(minutes) / 1440:.10f}"


def _short(at: dt.datetime) -> str:
    """Without zeros in front: `6.1.2025 9:05`."""
    return f"{at.day}.{at.month}.{at.year} {at.hour}:{at.minute:02}"


def _iso(at: dt.datetime) -> str:
    return at.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _naive(at: dt.datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S")


def _pacific(at: dt.datetime) -> str:
    return at.astimezone(dt.timezone(dt.timedelta(hours=-8))).strftime("%Y-%m-%d %H:%M PST")


_GERMAN, _LOG = "%d.%m.%Y %H:%M", "%d/%b/%Y:%H:%M:%S %z"
_BRITISH, _AMERICAN = "%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M"
FORMS = (
    TimeForm(("iso",), (_iso, _naive)),
    TimeForm((_GERMAN,), (_strftime(_GERMAN), _short)),
    TimeForm((_LOG,), (_strftime(_LOG),)),
    TimeForm(("%m/%d/%y %I:%M %p",), (_strftime("%m/%d/%y %I:%M %p"),)),
    TimeForm(("%a, %d %B %Y %H:%M",), (_strftime("%a, %d %B %Y %H:%M"),)),
    TimeForm(("%Y-%j %H%M",), (_strftime("%Y-%j %H%M"),)),
    TimeForm(("rfc2822",), (format_datetime,)),
    TimeForm(("epoch_seconds",), (_count(1),)),
    TimeForm(("epoch_millis", "iso"), (_count(10**3), _iso)),
    TimeForm(("epoch_micros",), (_count(10**6),)),
    TimeForm(("epoch_nanos",), (_nanos,)),
    TimeForm(("excel_serial", _GERMAN), (_serial, _strftime(_GERMAN))),
    TimeForm(("%Y-%m-%d %H:%M %Z",), (_pacific,), zones={"PST": "-08:00"}),
    TimeForm((_AMERICAN, _BRITISH), (_strftime(_BRITISH),), swapped=True),
)

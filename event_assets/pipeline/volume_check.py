"""Whether a date has about as many events as its weekday usually has. A pure function of counts by date."""

from __future__ import annotations

import datetime as dt
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, replace

#: The number of earlier dates of the weekday to compare with, and of days in which they are searched.
_WEEKS, _HORIZON_DAYS = 8, 26 * 7
#: Dates that are further back don't matter to a date.
REACH_DAYS = _HORIZON_DAYS + 7 * _WEEKS
#: A date is unusual if its distance from the median is more than this multiple of the usual one.
_SPREADS = 3


@dataclass(frozen=True)
class Volume:
    """A date's events compared with the usual number."""

    date: dt.date
    events: int
    usual: float
    """The median of the dates that it is compared with; its own events where there are none."""
    spread: float
    """The median distance of the compared dates from the median."""
    compared: int
    """How many dates it is compared with."""
    passed: bool
    since: dt.date
    """The first of the dates without a gap up to this one on which the volume was unusual; itself where it passed."""

    def __str__(self) -> str:
        if not self.compared:
            return f"{self.events} events, no usual {self.date:%A} in the last {_WEEKS} weeks to compare with"
        usual = f"{self.usual:g} on the median of the last {self.compared} {self.date:%A}s (spread {self.spread:g})"
        if self.passed:
            return f"{self.events} events, {usual}"
        few = self.events < self.usual
        times = (self.usual / self.events if few else self.events / self.usual) if self.events and self.usual else 0
        by = f"{times:.1f} times {'fewer' if few else 'more'} than" if times else "against"
        since = "" if self.since == self.date else f", unusual since {self.since}"
        return f"{self.events} events, {by} {usual}{since}"


def judge_volume(counts: Mapping[dt.date, int], date: dt.date, factor: float) -> Volume:
    """Compare a date with the same weekday of the last weeks; `counts` has the events of each known
    date of the last `REACH_DAYS`.

    It is unusual where it has over `factor` times more or fewer events than the median and is beyond three spreads
    of it. Dates that were unusual themselves are not compared with, nor are dates without events. Where none is left in
    the last eight weeks, as with the first date of a weekday, a date passes: a level that lasts becomes usual.
    """
    judged: dict[dt.date, Volume] = {}
    horizon = date - dt.timedelta(days=_HORIZON_DAYS)

    def is_usual(day: dt.date) -> bool:
        return bool(counts.get(day)) and (day < horizon or judge(day).passed)

    def judge(day: dt.date) -> Volume:
        if day not in judged:
            judged[day] = _judged(day)
        return judged[day]

    def _judged(day: dt.date) -> Volume:
        weekdays = (day - dt.timedelta(weeks=n) for n in range(1, _WEEKS + 1))
        known = [counts[one] for one in weekdays if is_usual(one)]
        events = counts.get(day, 0)
        usual = statistics.median(known or [events])
        spread = statistics.median([abs(count - usual) for count in known] or [0])
        within = usual / factor <= events <= usual * factor
        passed = within or abs(events - usual) <= _SPREADS * spread
        return Volume(day, events, usual, spread, len(known), passed, day)

    found = judge(date)
    since = date
    while not found.passed and (before := since - dt.timedelta(days=1)) >= horizon:
        if before not in counts or judge(before).passed:
            break
        since = before
    return replace(found, since=since)

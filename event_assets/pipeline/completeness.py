"""Which files of each date arrived, by their names, and which dates lack files (docs/how-to/completeness.md).

Everything is a function of the ledger alone, except `warnings`, which compares `due` with the clock.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce

import polars as pl

from event_assets.declaration import Dataset
from event_assets.declaration.expected_files import Expect
from event_assets.pipeline.published_tables import DatasetTables
from event_assets.storage.ledger import Ledger
from event_assets.tables import landed_tables
from event_assets.text.dates_in_file_names import file_date, file_hour
from event_assets.text.file_patterns import matches
from event_assets.wording import first_of

COMPLETENESS = landed_tables.COMPLETENESS.name
#: The forms of dates in names that `text/dates_in_file_names.py` reads.
_DATE_FORMS = ("%Y-%m-%d", "%Y%m%d", "%Y_%m_%d", "%Y.%m.%d")
#: At most this number of missing files of a date is named in a message.
_SHOWN_NAMES = 3


@dataclass(frozen=True)
class Arrival:
    """The numbers of expected and arrived files of one date, and, for hourly files, the hours that lack files."""

    date: dt.date
    expected: int
    arrived: int
    missing_hours: tuple[int, ...] = ()

    @property
    def complete(self) -> bool:
        return self.arrived >= self.expected

    @property
    def missing(self) -> int:
        return max(0, self.expected - self.arrived)

    def __str__(self) -> str:
        hours = (
            f", hours {', '.join(f'{hour:02d}' for hour in self.missing_hours)} lack some" if self.missing_hours else ""
        )
        return f"{self.date}: {self.arrived} of {self.expected} files{hours}"


def arrivals(dataset: Dataset, ledger: Ledger) -> list[Arrival]:
    """The dates from the first to the last in a file's name, and those with records; empty without `expect`."""
    expect = dataset.expect
    if expect is None:
        return []
    names, files = ledger.names(), ledger.active("events")
    found = [at for file in files for name in names[file.kind, file.file_id] if (at := named_for(expect, name))]
    by_date = Counter(date for date, _ in found)
    by_hour = Counter(found)
    dates = {dt.date.fromisoformat(date) for file in files for date in file.dates}
    if by_date:
        first, last = min(by_date), max(by_date)
        dates.update(first + dt.timedelta(days=n) for n in range((last - first).days + 1))
    return [_arrival(dataset, expect, date, by_date[date], by_hour) for date in sorted(dates)]


def _arrival(
    dataset: Dataset, expect: Expect, date: dt.date, arrived: int, by_hour: Counter[tuple[dt.date, int | None]]
) -> Arrival:
    if expect.files_per == "date":
        return Arrival(date, expect.count, arrived)
    hours = hours_of(dataset, date)
    expected = expect.count * sum(hours.values())
    lacking = tuple(hour for hour, times in sorted(hours.items()) if by_hour[date, hour] < times * expect.count)
    return Arrival(date, expected, arrived, lacking if arrived < expected else ())


def hours_of(dataset: Dataset, date: dt.date) -> Counter[int]:
    """How often a date has each hour of the clock in the dataset's zone (0 to 2 times on days of a clock change)."""
    begin = dt.datetime.combine(date, dt.time(), dataset.zone).astimezone(dt.UTC)
    end = dt.datetime.combine(date + dt.timedelta(days=1), dt.time(), dataset.zone).astimezone(dt.UTC)
    hours = round((end - begin) / dt.timedelta(hours=1))
    return Counter((begin + dt.timedelta(hours=n)).astimezone(dataset.zone).hour for n in range(hours))


def named_for(expect: Expect, name: str) -> tuple[dt.date, int | None] | None:
    """The date (and for hourly files the hour) in a file's name; None where the name has none."""
    text = name
    if expect.pattern is not None and not expect.is_expression:
        if not matches(name, expect.pattern):
            return None
    elif expect.pattern is not None:
        found = re.search(expect.pattern, name)
        if found is None:
            return None
        text = " ".join(group or "" for group in found.groups())
    if expect.files_per == "hour":
        return file_hour(text)
    date = file_date(text)
    return None if date is None else (date, None)


def shortages(dataset: Dataset, ledger: Ledger) -> Iterator[tuple[Arrival, str]]:
    """Each date that lacks files, with a message: how many and, where that is known, which."""
    lacking = [one for one in arrivals(dataset, ledger) if not one.complete]
    files = _named_files(dataset, ledger) if lacking else {}
    usual = Counter(_without_date(name, date) for date, states in files.items() for name in states)
    for one in lacking:
        states = files.get(one.date, {})
        missing = [f"{name} is {state}" for name, state in sorted(states.items()) if state != "active"]
        like_others = (_with_date(name, one.date) for name, dates in sorted(usual.items()) if dates > 1)
        guessed = [f"{name} is missing" for name in like_others if name not in states]
        if not one.missing_hours and len(missing) + len(guessed) <= one.missing:
            missing += guessed
        yield one, f"{one}{', ' if missing else ''}{first_of(missing, _SHOWN_NAMES, between=', ')}"


def _named_files(dataset: Dataset, ledger: Ledger) -> dict[dt.date, dict[str, str]]:
    """By date, the state of each file with that date in its name; `missing` where only a manifest has the name."""
    assert dataset.expect is not None
    states = ledger.states()
    named = {name: states[key] for key, some in ledger.names().items() if key[0] == "events" for name in some}
    known = {name for binding in ledger.bindings.values() for name in binding.known_as}
    listed = {name for manifest in ledger.manifests.values() for name in manifest.records}
    found: dict[dt.date, dict[str, str]] = {}
    for name, state in [*named.items(), *((name, "missing") for name in listed - known)]:
        if at := named_for(dataset.expect, name):
            found.setdefault(at[0], {})[name] = state
    return found


def _without_date(name: str, date: dt.date) -> str:
    """A file's name with marks in place of its date, by which names of several dates are compared."""
    return reduce(lambda text, form: text.replace(date.strftime(form), f"\0{form}\0"), _DATE_FORMS, name)


def _with_date(name: str, date: dt.date) -> str:
    return reduce(lambda text, form: text.replace(f"\0{form}\0", date.strftime(form)), _DATE_FORMS, name)


def completeness(workspace: DatasetTables) -> pl.DataFrame:
    """The table `completeness`: event_date, expected, arrived, missing, complete; by date."""
    found = arrivals(workspace.dataset, workspace.ledger)
    rows = [(one.date, one.expected, one.arrived, one.missing, one.complete) for one in found]
    return pl.DataFrame(rows, workspace.tables[COMPLETENESS].polars_schema(), orient="row")


def held_dates(dataset: Dataset, ledger: Ledger) -> dict[dt.date, Arrival]:
    """The dates whose gold tables are empty because files are missing (`hold: true`)."""
    if dataset.expect is None or not dataset.expect.hold:
        return {}
    return {one.date: one for one in arrivals(dataset, ledger) if not one.complete}


def warnings(dataset: Dataset, ledger: Ledger, now: dt.datetime) -> Iterator[str]:
    """The warnings of a run: dates that `hold` keeps empty, and dates whose files are overdue."""
    found = arrivals(dataset, ledger)
    expect = dataset.expect
    if expect is None or not found:
        return
    lacking = list(shortages(dataset, ledger))
    if expect.hold:
        yield from (f"{text}; its gold tables are empty until the rest arrives" for _, text in lacking)
    # The table ends with the last date that has a file or a record; the date after it may be overdue as well.
    following = _arrival(dataset, expect, found[-1].date + dt.timedelta(days=1), 0, Counter())
    for one, text in [*lacking, (following, f"{following} (no row of {COMPLETENESS} before a file arrives)")]:
        due = due_at(dataset, one.date)
        if due is not None and due <= now:
            yield f"{text}; overdue since {due:%Y-%m-%d %H:%M %Z}"


def due_at(dataset: Dataset, date: dt.date) -> dt.datetime | None:
    """When a date's files are due: at `due` on the date after, in the dataset's zone."""
    expect = dataset.expect
    if expect is None or expect.due is None:
        return None
    return dt.datetime.combine(date + dt.timedelta(days=1), expect.due, dataset.zone)

"""The schedule of a run: which dates of each step it materializes, and which must wait."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from event_assets.pipeline.published_tables import Unit
from event_assets.pipeline.retention import is_closed
from event_assets.pipeline.staleness.stale_partitions import candidate_dates, is_fresh, stale_dates
from event_assets.pipeline.step import Input, Step
from event_assets.pipeline.workspace import Workspace
from event_assets.tables.landed_tables import RAW_EVENTS

Blocker = Unit
"""The table and date that a partition waits for: its published version is stale."""


@dataclass(frozen=True)
class Request:
    """The tables and dates that a run is requested to materialize.

    Without dates it materializes the stale partitions of the tables. With dates it materializes these dates, fresh or
    stale, and the neighbouring dates of the same tables that change with them.
    """

    tables: frozenset[str]
    dates: frozenset[dt.date] | None = None


def everything(workspace: Workspace) -> frozenset[str]:
    """All tables that a transform computes."""
    return frozenset(name for step in workspace.steps for name in step.tables)


def between(first: dt.date, last: dt.date) -> frozenset[dt.date]:
    """The dates from first to last, both included."""
    return frozenset(first + dt.timedelta(days=n) for n in range((last - first).days + 1))


def empty_dates(workspace: Workspace, requested: frozenset[dt.date] | None) -> list[dt.date]:
    """The dates without raw records between the first and the last with some; only those of `requested`, if given."""
    raw = workspace.dates(RAW_EVENTS)
    if not raw:
        return []
    days = between(raw[0], raw[-1]) if requested is None else {day for day in requested if raw[0] <= day <= raw[-1]}
    return sorted(days.difference(raw))


def possible_dates(workspace: Workspace, table: str) -> set[dt.date]:
    """The dates whose partition of a table a run can materialize, or record as empty."""
    raw, step = workspace.dates(RAW_EVENTS), workspace.step_of.get(table)
    days = set(between(raw[0], raw[-1])) if raw else set()
    if step is None:
        return days
    dates = days.union(workspace.known_dates(step.tables))
    return {day for day in dates if not is_closed(workspace, step, day)}


class Schedule:
    """Decides partition by partition during a run. Call it for a step once the steps before it are done."""

    def __init__(self, workspace: Workspace, request: Request) -> None:
        self._workspace, self._request = workspace, request
        self._named = {step.name for step in workspace.steps if request.tables.intersection(step.tables)}
        self._candidates: dict[str, dict[dt.date | None, None]] = {}
        self._stale: dict[str, set[dt.date | None]] = {}
        """Of each step that was looked at: the dates that are stale by themselves, and were not made since."""
        self._known: dict[tuple[str, dt.date | None], bool] = {}
        self._above: dict[str, list[Step]] = {}
        self._changed: set[Unit] = set()
        self._between = self._internal_between()

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps of the requested tables, and of the internal tables that these read, upstream first."""
        return tuple(s for s in self._workspace.steps if s.name in self._named or s.name in self._between)

    def selected(self, step: Step, *, only_stale: bool = False) -> list[dt.date | None]:
        """The dates of a step that the run materializes (None for a step without dates), in order.

        `only_stale` leaves out requested dates that are fresh: a retry finishes the work of another run.
        """
        if self._request.dates is None:
            return [unit.date for unit in stale_dates(self._workspace, step, self.candidates(step))]
        return [
            date for date in self.candidates(step) if self._is_selected(step, date, self._request.dates, only_stale)
        ]

    def candidates(self, step: Step) -> Collection[dt.date | None]:
        """The dates on which a step can have rows or has a partition, in order."""
        if step.name not in self._candidates:
            self._candidates[step.name] = dict.fromkeys(candidate_dates(self._workspace, step))
        return self._candidates[step.name].keys()

    def empty_dates(self, step: Step) -> list[dt.date]:
        """The requested dates without raw records of which a step by date has no partition."""
        if not step.by_date:
            return []
        known, found = self.candidates(step), empty_dates(self._workspace, self._request.dates)
        return [day for day in found if day not in known and not is_closed(self._workspace, step, day)]

    def blocker(self, step: Step, date: dt.date | None) -> Blocker | None:
        """The partition that a partition must wait for: a stale input, or the first stale partition upstream of it.

        A date that was not requested, of a table that the run materializes, blocks no other date: the dates that read
        it become stale when it is materialized. A table without dates reads all dates, and waits for all of them.
        """
        for unit in self._workspace.all_input_units(step, date):
            if unit[0] not in self._workspace.step_of and self._workspace.is_damaged(unit):
                return unit  # raw rows whose source file is missing, or they would have been landed again
        if not any(map(self._stale_dates, self._upstream(step))):
            return None
        for upstream, day in self._inputs(step, date):
            if not self.is_stale(upstream, day):
                continue
            beginning = self.blocker(upstream, day)
            if self._is_neighbour(date, day) and (upstream.name in self._named or upstream.name in self._between):
                if beginning and upstream.name in self._between:
                    return beginning
                continue
            return beginning or (upstream.name, day)
        return None

    def is_stale(self, step: Step, date: dt.date | None) -> bool:
        """Whether a partition, or one upstream of it, is stale."""
        if (step.name, date) not in self._known:
            own = date in self._stale_dates(step)
            self._known[step.name, date] = own or any(self.is_stale(*unit) for unit in self._inputs(step, date))
        return self._known[step.name, date]

    def _stale_dates(self, step: Step) -> set[dt.date | None]:
        if step.name not in self._stale:
            found = stale_dates(self._workspace, step, self.candidates(step))
            self._stale[step.name] = {unit.date for unit in found}
        return self._stale[step.name]

    def _upstream(self, step: Step) -> Iterator[Step]:
        """The steps that a step reads, directly or not."""
        if step.name not in self._above:
            read = [self._workspace.step_of.get(source.table) for source in step.inputs]
            found = {one.name: one for above in read if above for one in (above, *self._upstream(above))}
            self._above[step.name] = [*found.values()]
        yield from self._above[step.name]

    def made(self, step: Step, date: dt.date | None, table: str, *, changed: bool) -> None:
        """A table's partition was published."""
        self._stale_dates(step).discard(date)
        self._known[step.name, date] = False
        if changed:
            self._changed.add((table, date))

    def not_made(self, step: Step, date: dt.date | None) -> None:
        """A step's date was not published, or waits."""
        self._stale_dates(step).add(date)
        self._known[step.name, date] = True

    def _is_selected(self, step: Step, date: dt.date | None, requested: frozenset[dt.date], only_stale: bool) -> bool:
        fresh = partial(is_fresh, self._workspace, step, date)
        if step.name in self._named and (date is None or date in requested):
            return not only_stale or not fresh()
        if any(self._workspace.is_damaged((table, date)) for table in step.tables):
            return True
        if date in self._between.get(step.name, ()):
            fed = date in requested or not any(self.is_stale(*unit) for unit in self._inputs(step, date))
            return fed and not fresh()
        if not all(self._workspace.entry(table, date) for table in step.tables):
            return False  # not requested, and never materialized
        changed = any(unit in self._changed for unit in self._workspace.all_input_units(step, date))
        return changed and not fresh()

    def _is_neighbour(self, date: dt.date | None, day: dt.date | None) -> bool:
        return bool(self._request.dates is not None and date and day and day not in self._request.dates)

    def _inputs(self, step: Step, date: dt.date | None) -> Iterator[tuple[Step, dt.date | None]]:
        """The partitions of other steps that a step reads for a date."""
        for source in step.inputs:
            upstream = self._workspace.step_of.get(source.table)
            if upstream:
                yield from ((upstream, day) for day in self._days(step, source, date, upstream))

    def _days(self, step: Step, source: Input, date: dt.date | None, upstream: Step) -> Iterable[dt.date | None]:
        known = self.candidates(upstream)
        if date is None or not upstream.by_date:
            return known
        days = step.window(source, date, [day for day in known if day] if source.before == "all" else ())
        return [day for day in days if day in known]

    def _internal_between(self) -> dict[str, set[dt.date | None]]:
        """By step of an internal table that requested tables read: the dates of it that they read."""
        needed: dict[str, set[dt.date | None]] = {
            name: {None} if self._request.dates is None else {None, *self._request.dates} for name in self._named
        }
        for step in reversed(self._workspace.steps):
            for source in step.inputs if step.name in needed else ():
                upstream = self._workspace.step_of.get(source.table)
                if upstream and upstream.name not in self._named and self._workspace.tables[source.table].internal:
                    days = (day for date in needed[step.name] for day in self._days(step, source, date, upstream))
                    # Their own dates as well: the last ones are read once a later date is there.
                    own = self._request.dates or ()
                    needed.setdefault(upstream.name, set(own)).update(days if self._request.dates is not None else ())
        return {name: dates for name, dates in needed.items() if name not in self._named}

"""Runs the steps of a request in order; the dates of each step are staged, checked and published.

Small dates are computed together, as one frame, so memory is bounded by a batch of them or by the largest date. A
partition that breaks its contract is not published; the partitions that read it wait, all others continue. Which
partitions wait follows from the lake alone, so a retry does the same.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from event_assets.engines.engine import Dates
from event_assets.errors import DamagedFileError
from event_assets.pipeline.publish import publish
from event_assets.pipeline.published_tables import Unit
from event_assets.pipeline.recent_frames import RecentFrames
from event_assets.pipeline.retention import is_closed
from event_assets.pipeline.run_results import Outcome
from event_assets.pipeline.stage_partitions import StagedPartition, Stager, batches
from event_assets.pipeline.staleness.input_digest import input_digest
from event_assets.pipeline.staleness.schedule import Blocker, Request, Schedule
from event_assets.pipeline.step import Step
from event_assets.pipeline.workspace import Workspace

#: Finished partitions become visible together: one commit of a table costs as much for thirty dates as for one.
FLUSH_SECONDS = 5.0

Progress = Callable[[str, int, int], None]
"""Called with the current work, the number of partitions that are done, and their number in all."""


@dataclass(frozen=True)
class StagedStep:
    """One date of a step (None for a step without dates): its tables, staged and checked, not yet published."""

    step: Step
    date: dt.date | None
    tables: Mapping[str, StagedPartition]
    figures: Mapping[str, int]
    made_from: str
    seconds: float

    @property
    def sound(self) -> bool:
        """Whether all tables can be published: the tables of a step are published together or not at all."""
        return all(table.sound for table in self.tables.values())


def run(workspace: Workspace, request: Request, progress: Progress = lambda *_: None) -> Iterator[list[Outcome]]:
    """Materialize what is requested; yields the outcomes of partitions once they are visible, not published or wait.

    The caller holds `workspace.writing()` and has called `workspace.refresh()`. An unexpected error is raised after
    everything finished was published and yielded.
    """
    with workspace.lake.staging(workspace.dataset.name) as staging:
        current = Run(workspace, request, staging, progress)
        for step in current.steps:
            yield from current.outcomes(step)


class Run:
    """One run over a dataset. Process its steps in order, and publish the staged partitions of each step as they come.

    `staged` and `publish` are for a consumer that stores partitions by itself; `outcomes` does both.
    """

    def __init__(
        self, workspace: Workspace, request: Request, staging: Path, progress: Progress = lambda *_: None
    ) -> None:
        self.workspace, self.request = workspace, request
        self._schedule = Schedule(workspace, request)
        self._recent = RecentFrames(workspace)
        self._staging, self._progress = staging, progress
        self._stager = Stager(workspace, staging, self._recent)
        self._finished: list[Outcome] = []
        self._flushed = time.monotonic()

    def restarted(self) -> Run:
        """The same request as a new run, which also sees the files that were landed since."""
        return Run(self.workspace, self.request, self._staging, self._progress)

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps of the requested tables and of internal tables between them, upstream first."""
        return self._schedule.steps

    def outcomes(self, step: Step, *, only_stale: bool = False) -> Iterator[list[Outcome]]:
        """Stage and publish all that is selected of a step; yields outcomes once they are visible, some at a time."""
        try:
            for staged in self.staged(step, only_stale=only_stale):
                self.publish(staged)
                if time.monotonic() - self._flushed > FLUSH_SECONDS:
                    yield self.flush()
        except GeneratorExit:  # the caller stopped; finished partitions are still published
            self.flush()
            raise
        except BaseException:
            yield self.flush()
            raise
        if finished := self.flush():
            yield finished

    def staged(self, step: Step, *, only_stale: bool = False) -> Iterator[StagedStep]:
        """The selected dates of a step that need not wait, staged in their order."""
        try:
            selected = self._schedule.selected(step, only_stale=only_stale)
        except DamagedFileError:  # of an input whose content decides what is stale
            if self._restored(self._units_read(step, self._schedule.candidates(step))):
                raise
            selected = self._schedule.selected(step, only_stale=only_stale)
        ready = []
        for date in selected:
            if blocker := self._schedule.blocker(step, date):
                self._hold(step, date, "waiting", waits_for=blocker)
            else:
                ready.append(date)
        done = len(selected) - len(ready)
        for batch in batches(self.workspace, step, ready):
            self._progress(f"{step.name} {batch[0] or ''}".strip(), done, len(selected))
            yield from self._together(step, batch)
            done += len(batch)
        self._progress("", len(selected), len(selected))

    def _together(self, step: Step, batch: Dates, *, restore: bool = True) -> Iterator[StagedStep]:
        """Stage a batch. If that fails, stage date by date, so that the dates before the one that fails are staged.

        If a date's input can't be read, the input is recomputed first; if this run can't do that, the date waits.
        """
        began = time.perf_counter()
        try:
            expected = {date: input_digest(self.workspace, step, date) for date in batch}
            found = self._stager.stage(step, batch)
        except Exception as error:
            if len(batch) > 1:
                for date in batch:
                    yield from self._together(step, [date])
            elif not (isinstance(error, DamagedFileError) and restore):
                raise
            elif left := self._restored(self._units_read(step, batch)):
                self._hold(step, batch[0], "waiting", waits_for=left)
            else:
                yield from self._together(step, batch, restore=False)
            return
        seconds = (time.perf_counter() - began) / len(batch)
        for date, (tables, figures) in found.items():
            yield StagedStep(step, date, tables, figures, expected[date], seconds)

    def waiting(self) -> Iterator[Outcome]:
        """The requested partitions that wait because another process of the run left an input stale, as outcomes."""
        for step in self._schedule.steps:
            for date in self._schedule.selected(step, only_stale=True):
                if blocker := self._schedule.blocker(step, date):
                    yield from (Outcome(name, date, "waiting", waits_for=blocker) for name in step.tables)

    def _units_read(self, step: Step, dates: Iterable[dt.date | None]) -> list[Unit]:
        units = (unit for date in dates for unit in self.workspace.all_input_units(step, date))
        return [unit for unit in dict.fromkeys(units) if unit[0] in self.workspace.stores]

    def _restored(self, units: Sequence[Unit]) -> Unit | None:
        """Recompute those partitions that are damaged; returns the first one that this run can't recompute, if any.

        A table that is not part of the run is left to the next run, as are raw rows, which the next run lands again.
        """
        workspace = self.workspace
        self._flush_tables()
        for table in {table for table, _ in units}:
            workspace.stores[table].refresh()
        for table, day in filter(workspace.is_damaged, units):
            maker = workspace.step_of.get(table)
            if maker is None or maker not in self.steps or is_closed(workspace, maker, day):
                return table, day
            for staged in self._together(maker, [day]):
                self.publish(staged)
            self._flush_tables()
            if workspace.is_damaged((table, day)):
                return table, day
        return None

    def publish(self, staged: StagedStep) -> None:
        """Queue staged tables for the next `flush`; where one breaks a check all are discarded and not published."""
        step, date = staged.step, staged.date
        if not staged.sound:
            self._hold(step, date, "not_published", staged)
            return
        for name, table in staged.tables.items():
            content, changed = publish(self.workspace.stores[name], date, table.staged, staged.made_from)
            self.workspace.note_figures(name, date, staged.figures, table.plot)
            if table.kept is not None:
                self._recent.keep((name, date), table.kept)
            self._schedule.made(step, date, name, changed=changed)
            seconds = staged.seconds / len(step.tables)
            shown = (staged.figures, table.checks, table.sample, table.plot, table.refused, seconds)
            self._finished.append(Outcome(name, date, "materialized", table.rows, content, changed, *shown))

    def flush(self) -> list[Outcome]:
        """Commit the partitions published since the last flush; returns their outcomes and the outcomes of waiting
        partitions."""
        self._flush_tables()
        finished, self._finished = self._finished, []
        return finished

    def _flush_tables(self) -> None:
        for step in self.workspace.steps:  # upstream first: a kill in between leaves what is downstream stale
            for name in step.tables:
                self.workspace.stores[name].flush()
        self._flushed = time.monotonic()

    def empty_dates(self, step: Step) -> list[dt.date]:
        """The requested dates (all where none are named) that are within the history and have no raw records."""
        return self._schedule.empty_dates(step)

    def _hold(
        self,
        step: Step,
        date: dt.date | None,
        state: Literal["not_published", "waiting"],
        staged: StagedStep | None = None,
        waits_for: Blocker | None = None,
    ) -> None:
        self._schedule.not_made(step, date)
        for name in step.tables:
            table = staged.tables[name] if staged else None
            if table:
                table.discard()
            checks, figures = (table.checks, staged.figures) if table and staged else ((), {})
            self._finished.append(Outcome(name, date, state, figures=figures, checks=checks, waits_for=waits_for))

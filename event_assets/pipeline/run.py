"""Makes what a request asks for, date by date, and publishes it.

A range goes date by date, so memory is bounded by the largest date. A unit that breaks its contract is
never published; what lies downstream of it waits, everything else goes on.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Literal

import polars as pl

from event_assets.pipeline.build_partition import Draft, Drafting, batches
from event_assets.pipeline.results import Outcome
from event_assets.pipeline.schedule import Request, schedule
from event_assets.pipeline.staleness import made_from
from event_assets.pipeline.steps import Step
from event_assets.pipeline.workspace import Unit, Workspace, unit_of
from event_assets.storage.partitions import content_digest

#: Finished units become visible together: one commit of a table costs as much for thirty dates as for one.
FLUSH_SECONDS = 5.0

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how many units are done, and how many there are at most."""


def run(workspace: Workspace, request: Request, progress: Progress = lambda *_: None) -> Iterator[list[Outcome]]:
    """Make what is asked for; yields the outcomes of units once they are visible (or refused, or wait), some at a time.

    The caller holds `workspace.writing()` and has called `workspace.refresh()`. An unexpected error is raised
    after everything finished was published and yielded.
    """
    with workspace.lake.staging(workspace.dataset.name) as staging:
        yield from _Run(workspace, request, staging).outcomes(progress)


class _Run:
    def __init__(self, workspace: Workspace, request: Request, staging: Path) -> None:
        self._workspace, self._request = workspace, request
        self._recent: dict[Unit, pl.DataFrame] = {}
        self._drafting = Drafting(workspace, staging, self._recent)
        self._held: set[Unit] = set()  # refused or waiting in this run
        self._changed: set[Unit] = set()
        self._finished: list[Outcome] = []
        self._flushed = time.monotonic()
        self._keep_days = _keep_days(workspace.steps)

    def outcomes(self, progress: Progress) -> Iterator[list[Outcome]]:
        units = schedule(self._workspace, self._request)
        try:
            from itertools import groupby

            done = 0
            for _, group in groupby(units, key=lambda unit: unit[0].name):
                found = list(group)
                step = found[0][0]
                wanted = []
                for _, date in found:
                    if self._wanted(step, date):
                        if self._must_wait(step, date):
                            self._hold(step, date, "waiting")
                        else:
                            wanted.append(date)
                for batch in batches(self._workspace, step, wanted):
                    progress(f"{step.name} {batch[0] or ''}".strip(), done, len(units))
                    self._make(step, batch)
                    if time.monotonic() - self._flushed > FLUSH_SECONDS:
                        yield self._flush()
                done += len(found)
            progress("", len(units), len(units))
        except GeneratorExit:  # nobody listens any more; what is finished still becomes visible
            self._flush()
            raise
        except BaseException:
            yield self._flush()
            raise
        yield self._flush()

    def _wanted(self, step: Step, date: dt.date | None) -> bool:
        asked = self._request.dates
        entries = [self._workspace.entry(table, date) for table in step.tables]
        if asked is not None:
            if date is None or date in asked:
                return True
            if not all(entries):
                return False  # nobody asked for it, and what was never made can't have changed
            if not any(unit in self._changed for unit in self._workspace.all_input_units(step, date)):
                return False  # nothing that this run did reaches so far
        expected = made_from(self._workspace, step, date)
        return any(entry is None or entry.made_from != expected for entry in entries)

    def _make(self, step: Step, batch: list[dt.date | None]) -> None:
        made = {date: made_from(self._workspace, step, date) for date in batch}
        began = time.perf_counter()
        for date, drafts, figures in self._drafting.draft(step, batch):
            self._publish_all(step, date, drafts, figures, made[date], began)

    def _publish_all(self, step, date, drafts, figures, expected, began) -> None:
        if not all(draft.sound for draft in drafts.values()):
            self._hold(step, date, "refused", drafts, figures)
            return
        seconds = (time.perf_counter() - began) / len(step.tables)
        for name, draft in drafts.items():
            content, changed = self._publish(name, date, draft, expected)
            if changed:
                self._changed.add((name, date))
            if date is not None and draft.frame is not None and name in self._keep_days:
                self._recent[name, date] = draft.frame
            self._finished.append(
                Outcome(
                    name,
                    date,
                    "made",
                    draft.rows,
                    content,
                    changed,
                    figures,
                    draft.checks,
                    draft.sample,
                    draft.plot,
                    seconds,
                )
            )

    def _must_wait(self, step: Step, date: dt.date | None) -> bool:
        if date is None:  # reads all dates, those too that were never published
            sources = {source.table for source in step.inputs}
            return any(table in sources for table, _ in self._held)
        return any(unit in self._held for unit in self._workspace.all_input_units(step, date))

    def _publish(self, name: str, date: dt.date | None, draft: Draft, made: str) -> tuple[str, bool]:
        """Queue a unit for the next flush; its content's digest, and whether it differs from what was there."""
        before = self._workspace.entry(name, date)
        content = content_digest(draft.staged)
        changed = before is None or before.content != content
        if before is not None and before.made_from == made and not changed:
            draft.discard()
        else:
            self._workspace.stores[name].publish(unit_of(date), draft.staged, made, content)
        return content, changed

    def _hold(
        self,
        step: Step,
        date: dt.date | None,
        state: Literal["refused", "waiting"],
        drafts: Mapping[str, Draft] | None = None,
        figures: Mapping[str, int] | None = None,
    ) -> None:
        for name in step.tables:
            draft = drafts[name] if drafts else None
            if draft:
                draft.discard()
            self._held.add((name, date))
            checks = draft.checks if draft else ()
            self._finished.append(Outcome(name, date, state, figures=figures or {}, checks=checks))

    def _flush(self) -> list[Outcome]:
        for step in self._workspace.steps:  # upstream first: a kill in between leaves what is downstream stale
            for name in step.tables:
                self._workspace.stores[name].flush()
        self._flushed = time.monotonic()
        finished, self._finished = self._finished, []
        return finished

    def _forget(self, date: dt.date | None) -> None:
        """Let go of frames that no later date reads."""
        if date is None:
            return
        for name, kept in list(self._recent):
            if kept is not None and (date - kept).days > self._keep_days[name]:
                del self._recent[name, kept]


def _keep_days(steps: tuple[Step, ...]) -> dict[str, int]:
    """For how many dates after its own a table is read by others, by table."""
    days: dict[str, int] = {}
    for step in steps:
        for source in step.inputs:
            back = source.before if isinstance(source.before, int) else 0
            days[source.table] = max(days.get(source.table, 0), step.lag + back)
    return days

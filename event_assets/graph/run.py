"""Makes units: reads their inputs, runs the transform, checks the staged files, publishes them.

A range goes date by date, so memory is bounded by the largest date. A unit that breaks its contract is
never published; what lies downstream of it waits, everything else goes on.
"""

from __future__ import annotations

import datetime as dt
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import narwhals as nw
import polars as pl

from event_assets.contracts.checks import violations
from event_assets.contracts.tables import Table
from event_assets.graph.series import Series, series
from event_assets.graph.staleness import candidate_dates, made_from
from event_assets.graph.steps import Input, Step
from event_assets.graph.workspace import Workspace
from event_assets.lake import Entry, Staged
from event_assets.lake.lake import read_figures, write_parquet
from event_assets.lake.partitions import content_digest
from event_assets.transforms.scope import Scope

#: Finished units become visible together: one commit of a table costs as much for thirty dates as for one.
FLUSH_SECONDS = 2.0
SAMPLE_ROWS = 5
MASK = "•••"

Unit = tuple[str, dt.date | None]
Progress = Callable[[str, int, int], None]
"""Called with what is being done, how many units are done, and how many there are at most."""


@dataclass(frozen=True)
class Check:
    """What one check found on one unit, as a sentence."""

    name: Literal["contract", "accounting"]
    passed: bool
    says: str


@dataclass(frozen=True)
class Outcome:
    """What became of one table's unit in a run."""

    table: str
    date: dt.date | None
    state: Literal["made", "refused", "waiting"]
    rows: int = 0
    content: str = ""
    changed: bool = False
    """Whether its rows differ from what was published before."""
    figures: dict[str, int] = field(default_factory=dict)
    checks: tuple[Check, ...] = ()
    sample: pl.DataFrame | None = None
    """The first rows, what is personal masked."""
    plot: Series = field(default_factory=list)
    seconds: float = 0.0


@dataclass(frozen=True)
class Request:
    """What a run is asked for.

    Without dates it makes what is stale, and nothing that is fresh. With dates it makes those dates of the
    named tables, fresh or stale, and of the same tables what that changes on the dates around.
    """

    tables: frozenset[str]
    dates: frozenset[dt.date] | None = None


def run(workspace: Workspace, request: Request, progress: Progress = lambda *_: None) -> Iterator[list[Outcome]]:
    """Make what is asked for; yields the outcomes of units once they are visible (or refused, or wait), some at a time.

    The caller holds `workspace.writing()` and has called `workspace.refresh()`. An unexpected error is raised
    after everything finished was published and yielded.
    """
    return _Run(workspace, request, progress).outcomes()


class _Run:
    def __init__(self, workspace: Workspace, request: Request, progress: Progress) -> None:
        self._workspace, self._request, self._progress = workspace, request, progress
        self._staging = workspace.lake.staging(workspace.dataset.name)
        self._recent: dict[Unit, pl.DataFrame] = {}
        self._held: set[Unit] = set()  # refused or waiting in this run
        self._changed: set[Unit] = set()
        self._pending: list[Outcome] = []
        self._flushed = time.monotonic()
        self._files = 0
        read_by: dict[str, int] = {}
        for step in workspace.steps:
            for source in step.inputs:
                back = source.before if isinstance(source.before, int) else 0
                read_by[source.table] = max(read_by.get(source.table, 0), step.lag + back + 1)
        self._keep_for = read_by

    def outcomes(self) -> Iterator[list[Outcome]]:
        schedule = self._schedule()
        try:
            for done, (step, date) in enumerate(schedule):
                if self._wanted(step, date):
                    self._progress(f"{step.name} {date or ''}".strip(), done, len(schedule))
                    self._make(step, date)
                    if time.monotonic() - self._flushed > FLUSH_SECONDS:
                        yield self._flush()
                self._forget(date)
            self._progress("", len(schedule), len(schedule))
        except GeneratorExit:  # nobody listens any more; what is finished still becomes visible
            self._flush()
            raise
        except BaseException:
            yield self._flush()
            raise
        yield self._flush()

    def _schedule(self) -> list[tuple[Step, dt.date | None]]:
        """All units that could be asked for, each after everything that it reads."""
        asked = self._request.dates
        steps = [step for step in self._workspace.steps if self._request.tables.intersection(step.tables)]
        whole = deque(step for step in steps if not step.by_date)
        timed: list[tuple[dt.date, int, Step, dt.date]] = []
        for place, step in enumerate(steps):
            if step.by_date:
                dates = {*candidate_dates(self._workspace, step), *(asked or ())}
                timed.extend((date + dt.timedelta(days=step.lag), place, step, date) for date in dates)
        timed.sort(key=lambda item: item[:2] + item[3:])
        first: list[tuple[Step, dt.date | None]] = [
            (step, None) for step in whole if not _reads_dates(self._workspace, step)
        ]
        last: list[tuple[Step, dt.date | None]] = [
            (step, None) for step in whole if _reads_dates(self._workspace, step)
        ]
        return [*first, *((step, date) for _, _, step, date in timed), *last]

    def _wanted(self, step: Step, date: dt.date | None) -> bool:
        asked = self._request.dates
        entries = [self._workspace.entry(table, date) for table in step.tables]
        if asked is not None:
            if date is None or date in asked:
                return True
            if not all(entries):
                return False  # nobody asked for it, and what was never made can't have changed
            if not any(unit in self._changed for unit in self._input_units(step, date)):
                return False  # nothing that this run did reaches so far
        expected = made_from(self._workspace, step, date)
        return any(entry is None or entry.made_from != expected for entry in entries)

    def _input_units(self, step: Step, date: dt.date | None) -> Iterator[Unit]:
        for source in step.inputs:
            for unit_date in self._input_dates(step, source, date):
                yield source.table, unit_date

    def _input_dates(self, step: Step, source: Input, date: dt.date | None) -> list[dt.date | None]:
        store = self._workspace.stores.get(source.table)
        if store is None or not store.by_date:
            return [None]
        known = self._workspace.dates(source.table) if date is None or source.before == "all" else []
        return list(known if date is None else step.window(source, date, known))

    def _make(self, step: Step, date: dt.date | None) -> None:
        if self._must_wait(step, date):
            self._hold(step, date, "waiting", ())
            return
        began = time.perf_counter()
        workspace = self._workspace
        expected = made_from(workspace, step, date)
        inputs = {source.table: self._scan(step, source, date) for source in step.inputs}
        outputs = step.transform(inputs, Scope(workspace.dataset, workspace.engine.ports, date))
        frames, figures = workspace.engine.collect(outputs, {name: workspace.tables[name] for name in step.tables})
        staged = {name: self._stage(workspace.tables[name], date, frames.pop(name), figures) for name in step.tables}
        checked = {name: self._check(workspace.tables[name], pieces) for name, pieces in staged.items()}
        accounting = self._account(step, date, figures, staged)
        checks = {name: (found[0], *((accounting,) if accounting else ())) for name, found in checked.items()}
        if not all(check.passed for found in checks.values() for check in found):
            self._hold(step, date, "refused", tuple((name, checks[name]) for name in step.tables), figures, staged)
            return
        seconds = (time.perf_counter() - began) / len(step.tables)
        for name in step.tables:
            entry, changed = self._publish(name, date, staged[name], expected)
            frame = checked[name][1]
            if changed:
                self._changed.add((name, date))
            if name in self._keep_for and date is not None:
                self._recent[name, date] = frame
            sample = _sample(workspace.tables[name], frame)
            plot = series(name, frame)
            self._pending.append(
                Outcome(
                    name, date, "made", entry.rows, entry.content, changed, figures, checks[name], sample, plot, seconds
                )
            )

    def _must_wait(self, step: Step, date: dt.date | None) -> bool:
        if date is None:  # reads all dates, those too that were never published
            sources = {source.table for source in step.inputs}
            return any(table in sources for table, _ in self._held)
        return any(unit in self._held for unit in self._input_units(step, date))

    def _scan(self, step: Step, source: Input, date: dt.date | None) -> nw.LazyFrame:
        workspace = self._workspace
        if source.table == "profile_snapshots":
            return workspace.engine.constant(workspace.profile_snapshots())
        partitions: dict[dt.date | None, list[Path] | pl.DataFrame] = {}
        for unit_date in self._input_dates(step, source, date):
            recent = self._recent.get((source.table, unit_date))
            unit = "" if unit_date is None else unit_date.isoformat()
            content = recent if recent is not None else workspace.stores[source.table].paths(unit)
            if isinstance(content, pl.DataFrame) or content:
                partitions[unit_date] = content
        return workspace.engine.scan(workspace.tables[source.table], partitions)

    def _stage(self, table: Table, date: dt.date | None, frame: pl.DataFrame, figures: dict[str, int]) -> list[Staged]:
        hive = table.partitioned_by
        if hive in (None, "event_date"):
            return [self._write(frame, None if date is None else date.isoformat(), figures)]
        parts = frame.partition_by(hive, as_dict=True, maintain_order=True, include_key=False)
        if not parts:  # a table that was made and has no rows still stands there with its columns
            parts = {("Unknown",): frame.drop(hive)}
        return [self._write(part, str(key[0]), figures) for key, part in sorted(parts.items())]

    def _write(self, frame: pl.DataFrame, hive: str | None, figures: dict[str, int]) -> Staged:
        self._files += 1
        path = self._staging / f"{self._files:08d}.parquet"
        write_parquet(frame, path, figures)
        return Staged(path, frame.height, hive)

    def _check(self, table: Table, staged: list[Staged]) -> tuple[Check, pl.DataFrame]:
        """The contract holds on what was really written, not on what was meant to be."""
        frames = [pl.read_parquet(piece.path, hive_partitioning=False, glob=False) for piece in staged]
        broken = [str(violation) for frame in frames for violation in violations(table, frame)]
        rows = sum(frame.height for frame in frames)
        says = "; ".join(broken) if broken else f"all {rows} rows keep the contract of {table.name}"
        return Check("contract", not broken, says), frames[0] if len(frames) == 1 else pl.concat(frames)

    def _account(
        self, step: Step, date: dt.date | None, figures: dict[str, int], staged: dict[str, list[Staged]]
    ) -> Check | None:
        if step.equation is None:
            return None
        whole = self._workspace.rows(step.equation.whole, date)
        parts = {
            part.lstrip("#"): figures[part[1:]] if part.startswith("#") else sum(p.rows for p in staged[part])
            for part in step.equation.parts
        }
        says = f"{step.equation.whole} {whole} = " + " + ".join(f"{name} {n}" for name, n in parts.items())
        missing = whole - sum(parts.values())
        return Check("accounting", missing == 0, says if missing == 0 else f"{says} leaves {missing} unaccounted")

    def _publish(self, name: str, date: dt.date | None, staged: list[Staged], made: str) -> tuple[Entry, bool]:
        store = self._workspace.stores[name]
        unit = "" if date is None else date.isoformat()
        before = store.entries().get(unit)
        content = content_digest(staged)
        changed = before is None or before.content != content
        if before is not None and before.made_from == made and not changed:
            for piece in staged:
                piece.path.unlink()
            return before, False
        return store.publish(unit, staged, made, content), changed

    def _hold(
        self,
        step: Step,
        date: dt.date | None,
        state: Literal["refused", "waiting"],
        checks: tuple[tuple[str, tuple[Check, ...]], ...],
        figures: dict[str, int] | None = None,
        staged: dict[str, list[Staged]] | None = None,
    ) -> None:
        for pieces in (staged or {}).values():
            for piece in pieces:
                piece.path.unlink(missing_ok=True)
        found = dict(checks)
        for name in step.tables:
            self._held.add((name, date))
            self._pending.append(Outcome(name, date, state, figures=figures or {}, checks=found.get(name, ())))

    def _flush(self) -> list[Outcome]:
        for step in self._workspace.steps:  # upstream first: a kill in between leaves what is downstream stale
            for name in step.tables:
                self._workspace.stores[name].flush()
        self._flushed = time.monotonic()
        pending, self._pending = self._pending, []
        return pending

    def _forget(self, date: dt.date | None) -> None:
        """Let go of frames that no later date reads."""
        if date is None:
            return
        for name, kept in list(self._recent):
            if kept is not None and (date - kept).days > self._keep_for[name]:
                del self._recent[name, kept]


def _reads_dates(workspace: Workspace, step: Step) -> bool:
    return any(store.by_date for source in step.inputs if (store := workspace.stores.get(source.table)))


def _sample(table: Table, frame: pl.DataFrame) -> pl.DataFrame:
    masked = [pl.lit(MASK).alias(c.name) for c in table.columns if c.personal and c.name in frame.columns]
    return frame.head(SAMPLE_ROWS).with_columns(masked)


def figures_of(workspace: Workspace, table: str, date: dt.date | None) -> dict[str, int]:
    """The figures that a unit's transform counted when it was made; empty where it never was."""
    paths = workspace.stores[table].paths("" if date is None else date.isoformat())
    return read_figures(paths[0]) if paths else {}


def everything(workspace: Workspace) -> frozenset[str]:
    """All tables that a transform makes."""
    return frozenset(name for step in workspace.steps for name in step.tables)


def between(first: dt.date, last: dt.date) -> frozenset[dt.date]:
    """The dates from first to last, both included."""
    return frozenset(first + dt.timedelta(days=n) for n in range((last - first).days + 1))

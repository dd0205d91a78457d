"""Stages partitions: reads their inputs, runs the transform, writes the files, reads them back and checks them."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import narwhals as nw
import polars as pl

from event_assets.engines.engine import Content, Dates, Engine, Written
from event_assets.pipeline.cached_small_dates import date_block_cache, scan_all_dates
from event_assets.pipeline.check_results import accounting_result, contract_result
from event_assets.pipeline.count_refused_records import count_refused
from event_assets.pipeline.published_tables import Unit, unit_of
from event_assets.pipeline.recent_frames import RecentFrames, Rows
from event_assets.pipeline.run_results import CheckResult, sample, samples
from event_assets.pipeline.step import Input, Step
from event_assets.pipeline.workspace import Workspace
from event_assets.storage.damaged_files import damaged, damaged_files
from event_assets.storage.parquet import read_parquet, scan_parquet
from event_assets.storage.written_file import WrittenFile, discard_folder
from event_assets.tables.contract import keep_contract, violations
from event_assets.tables.partition_plots import Series
from event_assets.tables.table import Table
from event_assets.transforms.interface import Scope

#: Up to this number of rows is examined as one frame on any engine.
FEW_ROWS = 250_000


@dataclass(frozen=True)
class StagedPartition:
    """A partition of one table, written and checked, not published."""

    staged: tuple[WrittenFile, ...]
    checks: tuple[CheckResult, ...]
    sample: pl.DataFrame | None = None
    plot: Series = field(default_factory=list)
    refused: pl.DataFrame | None = None
    """Its `count_refused`, if its rows are rejected or quarantined records."""
    kept: Rows | None = None
    """All rows, where the engine holds frames: the next units need not read them again."""

    @property
    def rows(self) -> int:
        return sum(piece.rows for piece in self.staged)

    @property
    def sound(self) -> bool:
        return all(check.passed for check in self.checks)

    def with_check(self, check: CheckResult | None) -> StagedPartition:
        return replace(self, checks=(*self.checks, check)) if check else self

    def discard(self) -> None:
        for piece in self.staged:
            piece.discard()


class Stager:
    """Stages partitions in a folder. `recent` has frames that were just computed, so that they aren't read again."""

    def __init__(self, workspace: Workspace, staging: Path, recent: RecentFrames) -> None:
        self._workspace, self._staging, self._recent = workspace, staging, recent
        self._numbers = itertools.count(1)

    def stage(
        self, step: Step, dates: Dates
    ) -> dict[dt.date | None, tuple[Mapping[str, StagedPartition], Mapping[str, int]]]:
        """The step's tables of dates that are computed together (`batches`), staged, and what its transform counted,
        by date."""
        workspace = self._workspace
        tables = {name: workspace.tables[name] for name in step.tables}
        engine = workspace.engine_for(step, dates[0]) if len(dates) == 1 else workspace.engine
        folder = self._staging / f"{next(self._numbers):08d}"
        with self._failing(step, dates, folder):
            inputs = {source.table: self._scan(step, source, dates, engine) for source in step.inputs}
            scope = Scope(workspace.dataset, engine.ports, tuple(date for date in dates if date))
            # The outputs get no name here: what they share is let go once they are computed, before they are sorted.
            written = engine.write(step.transform(inputs, scope), tables, folder, dates)
        staged = {name: _examined(table, written, engine) for name, table in tables.items()}
        found: dict[dt.date | None, tuple[Mapping[str, StagedPartition], Mapping[str, int]]] = {}
        for date, figures in written.figures.items():
            check = self._account(step, date, written)
            found[date] = {name: of_table[date].with_check(check) for name, of_table in staged.items()}, figures
        return found

    @contextmanager
    def _failing(self, step: Step, dates: Dates, folder: Path) -> Iterator[None]:
        """Leave nothing of what fails inside; DamagedFileError where it fails because an input file can't be read."""
        try:
            yield
        except Exception:
            discard_folder(folder)  # dates of a batch are tried again, one by one
            date_block_cache(self._workspace).delete()  # a file of that may be what can't be read
            stores = self._workspace.stores
            inputs = (unit for date in dates for unit in self._workspace.all_input_units(step, date))
            units = dict.fromkeys(unit for unit in inputs if unit[0] in stores)
            if found := damaged_files(path for name, day in units for path in stores[name].paths(unit_of(day))):
                raise damaged(found[0]) from None
            raise

    def _scan(self, step: Step, source: Input, dates: Dates, engine: Engine) -> nw.LazyFrame[Any]:
        workspace = self._workspace
        if source.table == "profile_snapshots":
            return engine.constant(workspace.profile_snapshots())
        if source.holds:
            on_hold = [date for date in dates if date in workspace.held_dates()]
            return engine.constant(pl.DataFrame({"event_date": on_hold}, schema={"event_date": pl.Date}))
        if not step.by_date and engine.holds_frames and workspace.by_date(source.table):
            if source.first:
                return nw.from_native(workspace.histories.first_dates(source).scan())
            return scan_all_dates(
                workspace, source, engine, lambda day: self._content(step, (source.table, day), engine)
            )
        units = dict.fromkeys(unit for date in dates for unit in workspace.input_units(step, source, date))
        together = self._recent.together([*units]) if engine.holds_frames else None
        if together is not None:
            return engine.constant(together)
        contents = {unit[1]: content for unit in units if len(content := self._content(step, unit, engine))}
        return engine.scan(workspace.tables[source.table], contents)

    def _content(self, step: Step, unit: Unit, engine: Engine) -> Content:
        """What a unit is read from."""
        name, date = unit
        if engine.holds_frames and unit in self._recent:
            return self._recent[unit]
        paths = self._workspace.stores[name].paths(unit_of(date))
        if engine.holds_frames and step.by_date and date is None:
            # Each date reads the whole of a table without dates, so it is kept in memory for all dates.
            self._recent[unit] = nw.to_native(engine.scan(self._workspace.tables[name], {None: paths}).collect())
            return self._recent[unit]
        return paths

    def _account(self, step: Step, date: dt.date | None, written: Written) -> CheckResult | None:
        if step.equation is None:
            return None
        return accounting_result(
            self._workspace,
            step,
            date,
            written.figures[date],
            lambda table: written.rows(table, date),
            lambda table: (piece.path for piece in written.pieces[table][date]),
        )


def batches(workspace: Workspace, step: Step, dates: Iterable[dt.date | None]) -> Iterator[list[dt.date | None]]:
    """The dates in their order, in batches of small dates that are computed as one frame. A date as large as a batch is
    a batch by itself, so the largest date bounds the memory."""
    if not (step.by_date and step.several_dates):
        yield from ([date] for date in dates)
        return
    inputs = [s.table for s in step.inputs if workspace.by_date(s.table)]
    batch: list[dt.date | None] = []
    rows = 0
    for date in dates:
        more = max(workspace.rows(table, date) for table in inputs)
        if batch and rows + more > workspace.batch_rows(step):
            yield batch
            batch, rows = [], 0
        batch.append(date)
        rows += more
    if batch:
        yield batch


def _examined(table: Table, written: Written, engine: Engine) -> dict[dt.date | None, StagedPartition]:
    """The staged dates of a table with their checks. Dates are checked one by one only if not all of them keep the
    contract."""
    pieces = written.pieces[table.name]
    rows = {date: sum(piece.rows for piece in of_date) for date, of_date in pieces.items()}
    if not (engine.holds_frames or sum(rows.values()) <= FEW_ROWS):
        return {date: _examined_files(table, date, of_date, engine) for date, of_date in pieces.items()}
    frames = written.frames.get(table.name) or {
        date: [read_parquet(piece.path) for piece in of_date] for date, of_date in pieces.items()
    }
    whole = {date: pl.concat(parts) if len(parts) > 1 else parts[0] for date, parts in frames.items()}
    together = written.together.get(table.name)
    if together is None and len(frames) > 1:
        together = _with_dates(whole)
    sound = together is not None and keep_contract(table, together)
    broken = {
        date: [] if sound else [violation for part in parts for violation in violations(table, part)]
        for date, parts in frames.items()
    }
    # A sample, a plot and counts need the contract's columns.
    valid = {date: rows for date, rows in whole.items() if not broken[date]}
    previews = samples(table, valid)
    refused = _refused(valid) if table.has_records else {}
    found, begin = {}, 0
    for date in frames:
        staged, checks = _staged(date, pieces[date]), (contract_result(table, rows[date], broken[date]),)
        kept = Rows(whole[date], together, begin) if engine.holds_frames else None
        begin += rows[date]
        if broken[date]:
            found[date] = StagedPartition(staged, checks)
            continue
        plot = table.plot(whole[date]) if table.plot else []
        found[date] = StagedPartition(staged, checks, previews.get(date), plot, refused.get(date), kept)
    return found


def _refused(partitions: Mapping[dt.date | None, pl.DataFrame]) -> dict[dt.date | None, pl.DataFrame]:
    """The counts of each partition's rejected or quarantined records."""
    if not partitions:
        return {}
    counted = count_refused(_with_dates(partitions), "event_date")
    of_dates = counted.partition_by("event_date", as_dict=True, include_key=False)
    none = counted.clear().drop("event_date")
    return {date: of_dates.get((date,), none) for date in partitions}


def _with_dates(partitions: Mapping[dt.date | None, pl.DataFrame]) -> pl.DataFrame:
    """The partitions as one frame with `event_date`."""
    return pl.concat([rows.with_columns(event_date=pl.lit(date, pl.Date)) for date, rows in partitions.items()])


def _examined_files(
    table: Table, date: dt.date | None, pieces: Sequence[WrittenFile], engine: Engine
) -> StagedPartition:
    """What was written as more rows than are looked at as one frame, read back."""
    broken = list(engine.violations(table, pieces))
    staged, checks = _staged(date, pieces), (contract_result(table, sum(piece.rows for piece in pieces), broken),)
    if broken:
        return StagedPartition(staged, checks)
    rows = scan_parquet(*(piece.path for piece in pieces))
    refused = count_refused(rows) if table.has_records else None
    return StagedPartition(staged, checks, sample(table, rows), table.plot(rows) if table.plot else [], refused)


def _staged(date: dt.date | None, pieces: Sequence[WrittenFile]) -> tuple[WrittenFile, ...]:
    return tuple(pieces) if date is None else tuple(replace(piece, hive=unit_of(date)) for piece in pieces)

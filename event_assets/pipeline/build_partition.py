"""Makes one unit as far as staging: reads its inputs, runs the transform, writes, reads back, checks."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import narwhals as nw
import polars as pl

from event_assets.engines.engine import Content, Engine, Written
from event_assets.pipeline.checks import accounting_result, contract_result
from event_assets.pipeline.results import CheckResult, sample
from event_assets.pipeline.steps import Input, Step
from event_assets.pipeline.workspace import Unit, Workspace, unit_of
from event_assets.storage.damage import damaged, damaged_files
from event_assets.storage.parquet import read_parquet, scan_parquet
from event_assets.storage.written_file import WrittenFile
from event_assets.tables.contract import violations
from event_assets.tables.plots import Series
from event_assets.tables.table import Table
from event_assets.transforms.interface import Scope

#: So many rows are looked at as one frame on any engine.
FEW_ROWS = 250_000


@dataclass(frozen=True)
class Draft:
    """A unit of one table, written and looked at, not published."""

    staged: tuple[WrittenFile, ...]
    checks: tuple[CheckResult, ...]
    sample: pl.DataFrame | None = None
    plot: Series = field(default_factory=list)
    frame: pl.DataFrame | None = None
    """All rows, where the engine holds frames: the next units need not read them again."""

    @property
    def rows(self) -> int:
        return sum(piece.rows for piece in self.staged)

    @property
    def sound(self) -> bool:
        return all(check.passed for check in self.checks)

    def discard(self) -> None:
        for piece in self.staged:
            piece.discard()


class Drafting:
    """Drafts units into a staging folder. `recent` holds frames that were just made, so that they aren't read again."""

    def __init__(self, workspace: Workspace, staging: Path, recent: MutableMapping[Unit, pl.DataFrame]) -> None:
        self._workspace, self._staging, self._recent = workspace, staging, recent
        self._numbers = itertools.count(1)

    def draft(self, step: Step, date: dt.date | None) -> tuple[dict[str, Draft], dict[str, int]]:
        """The step's tables on a date, drafted, and what its transform counted."""
        workspace = self._workspace
        tables = {name: workspace.tables[name] for name in step.tables}
        engine = workspace.engine_for(step, date)
        with self._blaming_damaged_input(step, date):
            inputs = {source.table: self._scan(step, source, date, engine) for source in step.inputs}
            scope = Scope(workspace.dataset, engine.ports, date)
            folder = self._staging / f"{next(self._numbers):08d}"
            # The outputs get no name here: what they share is let go once they are computed, before they are sorted.
            written = engine.write(step.transform(inputs, scope), tables, folder)
        accounted = self._account(step, date, written)
        drafts = {name: _examined(table, date, written, accounted, engine) for name, table in tables.items()}
        return drafts, dict(written.figures)

    @contextmanager
    def _blaming_damaged_input(self, step: Step, date: dt.date | None) -> Iterator[None]:
        """DamagedFileError where what fails inside fails because an input file can't be read."""
        try:
            yield
        except Exception:
            stores = self._workspace.stores
            units = [unit for unit in self._workspace.all_input_units(step, date) if unit[0] in stores]
            if found := damaged_files(path for name, day in units for path in stores[name].paths(unit_of(day))):
                raise damaged(found[0]) from None
            raise

    def _scan(self, step: Step, source: Input, date: dt.date | None, engine: Engine) -> nw.LazyFrame[Any]:
        workspace = self._workspace
        if source.table == "profile_snapshots":
            return engine.constant(workspace.profile_snapshots())
        units = workspace.input_units(step, source, date)
        contents = {unit[1]: content for unit in units if len(content := self._content(step, unit, engine))}
        return engine.scan(workspace.tables[source.table], contents)

    def _content(self, step: Step, unit: Unit, engine: Engine) -> Content:
        """What a unit is read from."""
        name, date = unit
        if engine.holds_frames and unit in self._recent:
            return self._recent[unit]
        paths = self._workspace.stores[name].paths(unit_of(date))
        if engine.holds_frames and step.by_date and date is None:
            # A table without dates is read by each date, and whole: it is held for all of them.
            self._recent[unit] = nw.to_native(engine.scan(self._workspace.tables[name], {None: paths}).collect())
            return self._recent[unit]
        return paths

    def _account(self, step: Step, date: dt.date | None, written: Written) -> CheckResult | None:
        if step.equation is None:
            return None
        whole = self._workspace.rows(step.equation.whole, date)
        parts = {
            part.lstrip("#"): written.figures[part[1:]] if part.startswith("#") else written.rows(part)
            for part in step.equation.parts
        }
        return accounting_result(step, whole, parts)


def _examined(
    table: Table, date: dt.date | None, written: Written, accounted: CheckResult | None, engine: Engine
) -> Draft:
    """The contract is held against the very rows that were written: as frames, or read back where there are none."""
    pieces = written.pieces[table.name]
    staged = tuple(pieces) if date is None else tuple(replace(piece, hive=unit_of(date)) for piece in pieces)
    rows = sum(piece.rows for piece in pieces)
    if engine.holds_frames or rows <= FEW_ROWS:
        frames = written.frames.get(table.name) or [read_parquet(piece.path) for piece in pieces]
        broken = [violation for frame in frames for violation in violations(table, frame)]
        whole = frames[0] if len(frames) == 1 else pl.concat(frames)
        look: pl.DataFrame | pl.LazyFrame = whole
    else:
        broken, whole = list(engine.violations(table, pieces)), None
        look = scan_parquet(*(piece.path for piece in pieces))
    contract = contract_result(table, rows, broken)
    checks = (contract, accounted) if accounted else (contract,)
    if broken:  # a sample and a plot need the contract's columns
        return Draft(staged, checks)
    return Draft(
        staged,
        checks,
        sample(table, look.lazy()),
        table.plot(look) if table.plot else [],
        whole if engine.holds_frames else None,
    )

"""Makes one unit as far as staging: reads its inputs, runs the transform, writes, reads back, checks."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import narwhals as nw
import polars as pl

from event_assets.contracts.checks import violations
from event_assets.contracts.tables import Table
from event_assets.graph.outcome import Check
from event_assets.graph.steps import Input, Step
from event_assets.graph.workspace import Unit, Workspace, unit_of
from event_assets.lake import Staged
from event_assets.lake.lake import write_parquet
from event_assets.transforms.scope import Scope


@dataclass(frozen=True)
class Draft:
    """A unit of one table, written and looked at, not published."""

    staged: tuple[Staged, ...]
    rows: pl.DataFrame
    checks: tuple[Check, ...]

    @property
    def sound(self) -> bool:
        return all(check.passed for check in self.checks)

    def discard(self) -> None:
        for piece in self.staged:
            piece.discard()


class Drafting:
    """Drafts units into a staging folder. `recent` holds frames that were just made, so that they aren't read again."""

    def __init__(self, workspace: Workspace, staging: Path, recent: Mapping[Unit, pl.DataFrame]) -> None:
        self._workspace, self._staging, self._recent = workspace, staging, recent
        self._numbers = itertools.count(1)

    def draft(self, step: Step, date: dt.date | None) -> tuple[dict[str, Draft], dict[str, int]]:
        """The step's tables on a date, drafted, and what its transform counted."""
        workspace = self._workspace
        tables = {name: workspace.tables[name] for name in step.tables}
        inputs = {source.table: self._scan(step, source, date) for source in step.inputs}
        outputs = step.transform(inputs, Scope(workspace.dataset, workspace.engine.ports, date))
        frames, figures = workspace.engine.collect(outputs, tables)
        staged = {name: self._stage(tables[name], date, frames.pop(name), figures) for name in step.tables}
        accounted = self._account(step, date, figures, staged)
        return {name: _examined(tables[name], staged[name], accounted) for name in step.tables}, figures

    def _scan(self, step: Step, source: Input, date: dt.date | None) -> nw.LazyFrame[Any]:
        workspace = self._workspace
        if source.table == "profile_snapshots":
            return workspace.engine.constant(workspace.profile_snapshots())
        partitions: dict[dt.date | None, list[Path] | pl.DataFrame] = {}
        for unit in workspace.input_units(step, source, date):
            recent = self._recent.get(unit)
            if recent is not None:
                partitions[unit[1]] = recent
            elif paths := workspace.stores[source.table].paths(unit_of(unit[1])):
                partitions[unit[1]] = paths
        return workspace.engine.scan(workspace.tables[source.table], partitions)

    def _stage(
        self, table: Table, date: dt.date | None, frame: pl.DataFrame, figures: dict[str, int]
    ) -> tuple[Staged, ...]:
        hive = table.partitioned_by
        if hive in (None, "event_date"):
            return (self._write(frame, None if date is None else unit_of(date), figures),)
        parts = frame.partition_by(hive, as_dict=True, maintain_order=True, include_key=False)
        if not parts:  # a table that was made and has no rows still stands there with its columns
            parts = {("Unknown",): frame.drop(hive)}
        return tuple(self._write(part, str(key[0]), figures) for key, part in sorted(parts.items()))

    def _write(self, frame: pl.DataFrame, hive: str | None, figures: dict[str, int]) -> Staged:
        path = self._staging / f"{next(self._numbers):08d}.parquet"
        write_parquet(frame, path, figures)
        return Staged(path, frame.height, hive)

    def _account(
        self, step: Step, date: dt.date | None, figures: dict[str, int], staged: Mapping[str, tuple[Staged, ...]]
    ) -> Check | None:
        if step.equation is None:
            return None
        whole = self._workspace.rows(step.equation.whole, date)
        parts = {
            part.lstrip("#"): figures[part[1:]] if part.startswith("#") else sum(piece.rows for piece in staged[part])
            for part in step.equation.parts
        }
        says = f"{step.equation.whole} {whole} = " + " + ".join(f"{name} {n}" for name, n in parts.items())
        missing = whole - sum(parts.values())
        return Check("accounting", missing == 0, says if missing == 0 else f"{says} leaves {missing} unaccounted")


def _examined(table: Table, staged: tuple[Staged, ...], accounted: Check | None) -> Draft:
    """The contract is held against what was really written, not against what was meant to be."""
    frames = [pl.read_parquet(piece.path, hive_partitioning=False, glob=False) for piece in staged]
    broken = [str(violation) for frame in frames for violation in violations(table, frame)]
    rows = frames[0] if len(frames) == 1 else pl.concat(frames)
    says = "; ".join(broken) if broken else f"all {rows.height} rows keep the contract of {table.name}"
    contract = Check("contract", not broken, says)
    return Draft(staged, rows, (contract, accounted) if accounted else (contract,))

"""A cache of the frames that a run has just computed, for the steps that read them, up to a number of bytes."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping, Sequence
from dataclasses import dataclass

import polars as pl

from event_assets.pipeline.published_tables import Unit
from event_assets.pipeline.workspace import Workspace

#: The share of a run's memory that frames may take, and no more of the largest machine: a step goes through all dates
#: before the next one does, so of a long history the frames of the first dates are dropped before they are read again.
#: Reading one back from its Parquet file costs little.
SHARE, MOST_BYTES = 8, 256_000_000


@dataclass(frozen=True)
class Rows:
    """A partition's rows: of a date that was computed with others also the frame of all of them, which has
    `event_date`, and where it begins there."""

    frame: pl.DataFrame
    together: pl.DataFrame | None = None
    begin: int = 0


class RecentFrames(MutableMapping[Unit, pl.DataFrame]):
    """Frames by table and date; the oldest are dropped first."""

    def __init__(self, workspace: Workspace) -> None:
        self._budget = min(workspace.settings.memory_bytes // SHARE, MOST_BYTES)
        self._read = {source.table for step in workspace.steps if step.by_date for source in step.inputs}
        self._frames: dict[Unit, tuple[Rows, int]] = {}
        self._bytes = 0

    def keep(self, unit: Unit, rows: Rows) -> None:
        """Keep a partition's rows where a later step by date reads its table."""
        if unit[0] in self._read:
            self._keep(unit, rows)

    def together(self, units: Sequence[Unit]) -> pl.DataFrame | None:
        """The rows of several dates as one frame with `event_date`, where they were computed as neighbours: frames of
        many dates are not put together once more."""
        kept = [self._frames[unit][0] for unit in units if unit in self._frames]
        whole = kept[0].together if len(kept) == len(units) > 1 else None
        if whole is None:
            return None
        end = begin = kept[0].begin
        for rows in kept:
            if rows.together is not whole or rows.begin != end:
                return None
            end += rows.frame.height
        return whole[begin:end]

    def __setitem__(self, unit: Unit, frame: pl.DataFrame) -> None:
        self._keep(unit, Rows(frame))

    def _keep(self, unit: Unit, rows: Rows) -> None:
        self.pop(unit, None)
        size = rows.frame.estimated_size()
        self._frames[unit] = rows, int(size)
        self._bytes += int(size)
        while self._bytes > self._budget and len(self._frames) > 1:
            del self[next(iter(self._frames))]

    def __getitem__(self, unit: Unit) -> pl.DataFrame:
        return self._frames[unit][0].frame

    def __delitem__(self, unit: Unit) -> None:
        self._bytes -= self._frames.pop(unit)[1]

    def __iter__(self) -> Iterator[Unit]:
        return iter(self._frames)

    def __len__(self) -> int:
        return len(self._frames)

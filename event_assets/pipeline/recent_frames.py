"""Frames that a run has just made, kept for the steps that read them, up to a number of bytes."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping

import polars as pl

from event_assets.pipeline.dataset_tables import Unit
from event_assets.pipeline.workspace import Workspace

#: The share of a run's memory that frames may take: reading one back from its Parquet file costs little.
SHARE = 8


class RecentFrames(MutableMapping[Unit, pl.DataFrame]):
    """Frames by table and date; the oldest are dropped first."""

    def __init__(self, workspace: Workspace) -> None:
        self._budget = workspace.settings.memory_bytes // SHARE
        self._read = {source.table for step in workspace.steps if step.by_date for source in step.inputs}
        self._frames: dict[Unit, tuple[pl.DataFrame, int]] = {}
        self._bytes = 0

    def keep(self, unit: Unit, frame: pl.DataFrame) -> None:
        """Keep a frame where a later step by date reads its table."""
        if unit[0] in self._read:
            self[unit] = frame

    def __setitem__(self, unit: Unit, frame: pl.DataFrame) -> None:
        self.pop(unit, None)
        size = frame.estimated_size()
        self._frames[unit] = frame, int(size)
        self._bytes += int(size)
        while self._bytes > self._budget and len(self._frames) > 1:
            del self[next(iter(self._frames))]

    def __getitem__(self, unit: Unit) -> pl.DataFrame:
        return self._frames[unit][0]

    def __delitem__(self, unit: Unit) -> None:
        self._bytes -= self._frames.pop(unit)[1]

    def __iter__(self) -> Iterator[Unit]:
        return iter(self._frames)

    def __len__(self) -> int:
        return len(self._frames)

"""Converts batches of records into raw rows and rejects.

Small files are converted together, since each frame has a cost of its own; every row, reject and count stays with its
file, and is the same as if the file were converted alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import polars as pl

from event_assets.declaration import Dataset, Events, Source
from event_assets.declaration.dataset import Kind
from event_assets.landing.file_accounting import FileAccount
from event_assets.landing.raw_rows import EventDates, RawColumns
from event_assets.landing.reader_interface import ROW_NUMBER, Batch, Reject
from event_assets.landing.schema_drift import FILE_IN_FRAME, count_types


@dataclass(frozen=True)
class FileBatch:
    """A batch of a file's records. `path` is the path below the inbox of the file, or of the member of a zip."""

    file: FileAccount
    path: str
    batch: Batch


class RowConverter:
    """Converts batches into raw rows and rejects, for files of one block."""

    def __init__(self, dataset: Dataset, kind: Kind, source: Source) -> None:
        self._source = source
        self._columns = RawColumns(dataset, kind, source)
        self._dates = EventDates(dataset, source) if isinstance(source, Events) else None

    def convert(self, batches: Sequence[FileBatch]) -> None:
        """Give the rows and rejects of some batches to their files, of each file in order."""
        frames = [self._columns.with_path(one.batch.frame, one.path) for one in batches]
        heights = [frame.height for frame in frames]
        frame = frames[0]
        if len(frames) > 1:
            place_of_row = np.repeat(np.arange(len(frames)), heights)
            frame = pl.concat(frames).with_columns(pl.Series(FILE_IN_FRAME, place_of_row, pl.Int64))
        frame = self._columns.of(frame)
        count_types(frame, [one.file.types for one in batches])
        rejects = [[*one.batch.rejects] for one in batches]
        if self._dates:
            dates = self._dates
            frame, undated = dates.of(frame, [dates.limits(one.file.name, one.file.landed_at) for one in batches])
            for place, found in undated.items():
                texts = batches[place].batch.texts([number for number, _ in found])
                pairs = zip(found, texts, strict=True)
                rejects[place] += [Reject(number, reason, text, dates.column) for (number, reason), text in pairs]
            if len(batches) > 1:
                heights = np.bincount(frame[FILE_IN_FRAME], minlength=len(batches)).tolist()
        frame = _identified(frame, batches)
        starts = accumulate(heights, initial=0)
        for start, height, one, rejected in zip(starts, heights, batches, rejects, strict=False):
            one.file.add(one.batch, frame.slice(start, height), rejected)


def _identified(frame: pl.DataFrame, batches: Sequence[FileBatch]) -> pl.DataFrame:
    """The rows with their file's id, numbered as in their file."""
    before: list[int] = []
    counted: Counter[FileAccount] = Counter()
    for one in batches:
        before.append(one.file.records + counted[one.file])
        counted[one.file] += one.batch.count
    ids = [one.file.identity.file_id for one in batches]
    if len(batches) == 1:
        return frame.with_columns(pl.col(ROW_NUMBER) + before[0], pl.lit(ids[0]).alias("file_id"))
    file = frame[FILE_IN_FRAME]
    numbers = frame[ROW_NUMBER] + pl.Series(before).gather(file)
    return frame.with_columns(numbers, pl.Series("file_id", ids).gather(file))

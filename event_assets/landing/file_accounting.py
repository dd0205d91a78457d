"""The accounting of files: which records of a file become raw rows, which are rejected, and the counts of both.

Small files are converted together, since each frame has a cost of its own; every row, reject and count stays with its
file, and is the same as if the file were converted alone.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path

import numpy as np
import polars as pl

from event_assets.declaration import Dataset, Events, Source
from event_assets.declaration.dataset import Kind
from event_assets.errors import LandingError
from event_assets.landing.inbox import Identity
from event_assets.landing.raw_rows import EventDates, RawColumns, present_columns
from event_assets.landing.record_batches import ROW_NUMBER, Batch, is_read, raw_text
from event_assets.landing.schema_drift import FILE_IN_FRAME, Drift, TypeDrift, count_types
from event_assets.tables.catalog import tables
from event_assets.tables.landed_tables import LANDING_REJECTS

#: The reason of a file that is rejected by `drift: fail`.
SCHEMA_DRIFT = "schema_drift"


@dataclass(frozen=True)
class Landed:
    """The result of landing a file. records == landed + rejected, always."""

    file_id: str
    kind: Kind
    records: int = 0
    landed: int = 0
    rejected: int = 0
    dates: dict[dt.date, int] = field(default_factory=dict)
    """event_date to its number of rows, in order of date; empty for profiles."""
    parts: dict[dt.date | None, Path] = field(default_factory=dict)
    """event_date to its staged `raw_events`; None to the staged `raw_profiles`. A part has rows."""
    rejects: Path | None = None
    """Staged `landing_rejects`, where there are any."""
    reasons: dict[str, int] = field(default_factory=dict)
    """Reason to the number of rejects, in order of reason."""
    drift: Drift = field(default_factory=Drift)
    repairs: tuple[str, ...] = ()
    """What was fixed while reading, such as `encoding: cp1252` or `lines: quoted_whole`."""
    reason: str | None = None
    """Why the whole file is rejected; then nothing of it is landed."""
    user_place: int | None = None
    """The position of the user's field among a CSV file's fields, from 0."""


#: Receives rows in the order of the file, some at a time.
RowSink = Callable[[pl.DataFrame], None]
#: Number within the batch, reason, column, text.
_Rejected = tuple[int, str, str | None, bytes]


class FileAccount:
    """The counts of one file while it is read; its rows and rejects go to the sinks."""

    def __init__(
        self,
        dataset: Dataset,
        kind: Kind,
        source: Source,
        name: str,
        identity: Identity,
        landed_at: dt.datetime,
        rows: RowSink,
        rejects: RowSink,
    ) -> None:
        self.name, self.identity, self.landed_at = name, identity, landed_at
        self.records = 0
        self.repairs: dict[str, None] = {}
        self.reason: str | None = None
        """Why the whole file is rejected. The caller then discards what the sinks received."""
        self.types = TypeDrift(source.columns, source.of_two_notations)
        self._dataset, self._kind, self._source = dataset, kind, source
        self._rows, self._rejects = rows, rejects
        self._reasons: Counter[str] = Counter()
        self._new: Counter[str] = Counter()
        self._present: set[str] = set()
        self._user_place: int | None = None
        self._landed = 0

    def add(self, batch: Batch, rows: pl.DataFrame, rejects: list[_Rejected]) -> None:
        """Count a batch, given its raw rows and its rejects. LandingError at a reject with `mode: fail_fast`."""
        if rejects:
            self._reject(sorted(rejects, key=lambda reject: reject[0]))
        self._rows(rows)
        self._landed += rows.height
        self._new.update(batch.undeclared)
        self._present |= present_columns(batch.present, self._source.columns)
        self._user_place = batch.user_place if batch.user_place is not None else self._user_place
        self.records += batch.count

    def _reject(self, rejects: list[_Rejected]) -> None:
        if self._dataset.mode == "fail_fast":
            number, reason, _, _ = rejects[0]
            raise LandingError(
                self.name,
                f"record {self.records + number} is refused ({reason}) and mode is fail_fast: nothing landed",
                "fix the record, or declare mode: lenient",
            )
        reasons = [reason for _, reason, _, _ in rejects]
        self._reasons.update(reasons)
        columns = {
            "file_id": [self.identity.file_id] * len(rejects),
            ROW_NUMBER: [self.records + number for number, _, _, _ in rejects],
            "reason": reasons,
            "reasons": reasons,
            "column": [column for _, _, column, _ in rejects],
            "raw": [raw_text(text) for _, _, _, text in rejects],
        }
        self._rejects(pl.DataFrame(columns, tables(self._dataset)[LANDING_REJECTS].polars_schema()))

    def result(self) -> Landed:
        """The result of all batches, without dates and staged files."""
        declared = [column.name for column in self._source.columns if is_read(column)]
        missing = tuple(name for name in declared if self._present and name not in self._present)
        # A field without any value, such as an empty column of a file without a header, is not a difference.
        drift = Drift(dict(sorted((+self._new).items())), missing, self.types.retyped())
        reason = self.reason
        if reason is None and self._dataset.drift == "fail" and str(drift):
            reason = f"{SCHEMA_DRIFT}: {drift.without_names()}"
        if reason is not None:
            return Landed(self.identity.file_id, self._kind, reason=reason)
        return Landed(
            self.identity.file_id,
            self._kind,
            records=self.records,
            landed=self._landed,
            rejected=self._reasons.total(),
            reasons=dict(sorted(self._reasons.items())),
            drift=drift,
            repairs=tuple(self.repairs),
            user_place=self._user_place,
        )


@dataclass(frozen=True)
class FileBatch:
    """A batch of a file's records. `path` is the file's below the inbox, or that of a member of a zip."""

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
        frame = self._columns.of(_concat(frames))
        count_types(frame, [one.file.types for one in batches])
        rejects: list[list[_Rejected]] = [
            [(reject.row_number, reject.reason, None, reject.text) for reject in one.batch.rejects] for one in batches
        ]
        if self._dates:
            dates = self._dates
            frame, undated = dates.of(frame, [dates.limits(one.file.name, one.file.landed_at) for one in batches])
            for place, found in undated.items():
                texts = batches[place].batch.texts([number for number, _ in found])
                pairs = zip(found, texts, strict=True)
                rejects[place] += [(number, reason, dates.column, text) for (number, reason), text in pairs]
            if len(batches) > 1:
                heights = np.bincount(frame[FILE_IN_FRAME], minlength=len(batches)).tolist()
        frame = _identified(frame, batches)
        starts = accumulate(heights, initial=0)
        for start, height, one, rejected in zip(starts, heights, batches, rejects, strict=False):
            one.file.add(one.batch, frame.slice(start, height), rejected)


def _concat(frames: list[pl.DataFrame]) -> pl.DataFrame:
    """The frames as one, of several with each row's position among them."""
    if len(frames) == 1:
        return frames[0]
    place = np.repeat(np.arange(len(frames)), [frame.height for frame in frames])
    return pl.concat(frames).with_columns(pl.Series(FILE_IN_FRAME, place, pl.Int64))


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

"""The interface of an engine: it reads tables, gives its ports to transforms, and writes the frames that they return.

An engine knows no table by name and publishes nothing: it leaves Parquet files in a folder of the caller's.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from event_assets.storage.written_file import WrittenFile
from event_assets.tables.contract import Violation
from event_assets.tables.table import Table
from event_assets.transforms.interface import Frame, Outputs, Ports

#: The content of a partition for an engine: its files, or (for an engine that holds frames) a frame just computed.
Content = Sequence[Path] | pl.DataFrame


#: What a transform counted, by date.
Figures = Mapping[dt.date | None, Mapping[str, int]]
#: The dates that are computed together, in order; one None for a table without dates.
Dates = Sequence[dt.date | None]


@dataclass(frozen=True)
class Written:
    """A transform's tables as files, by table and date, each in row order, and the figures that it counted by date."""

    pieces: Mapping[str, Mapping[dt.date | None, Sequence[WrittenFile]]]
    figures: Figures
    frames: Mapping[str, Mapping[dt.date | None, Sequence[pl.DataFrame]]] = field(default_factory=dict)
    """The rows of each piece, which need not be read again, if the engine holds frames."""
    together: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    """The rows of several dates as one frame with `event_date`, in order of dates, if the engine holds frames."""

    def rows(self, table: str, date: dt.date | None) -> int:
        return sum(piece.rows for piece in self.pieces[table][date])


class Engine(Protocol):
    """Polars, DuckDB or Spark. The same inputs give the same rows on each."""

    name: str
    holds_frames: bool
    """Whether a partition fits into memory: it is then looked at as one frame, and handed on as one."""

    batch_rows: int
    """The number of rows of small dates that are best computed together."""

    @property
    def ports(self) -> Ports:
        """What Narwhals lacks, in the engine's own terms."""
        ...

    def scan(self, table: Table, partitions: Mapping[dt.date | None, Content]) -> Frame:
        """The rows of several dates (or of a whole table, under None) in the contract's columns; rows of a table by
        date also have `event_date`. Each file is read by its own schema: after a change of the declaration a table has
        old and new files. Files are in Hive folders; frames are given only to an engine that keeps them."""
        ...

    def constant(self, rows: pl.DataFrame) -> Frame:
        """A small frame that comes from no table."""
        ...

    def write(self, outputs: Outputs, tables: Mapping[str, Table], folder: Path, dates: Dates = (None,)) -> Written:
        """Every output table as Snappy Parquet in the contract's columns, types and row order, at least one file
        for each date (one for each value of a Hive column that is not a date); the figures are in every file's footer.
        Frames of several dates have the column `event_date`, no other dates in it. The folder is the caller's and not
        there yet. LakeError where nothing can be written there."""
        ...

    def violations(self, table: Table, pieces: Sequence[WrittenFile]) -> Sequence[Violation]:
        """Every rule of the contract that the written rows break, however many they are."""
        ...


def split_column(table: Table, dates: Dates) -> str | None:
    """The column whose values become files of their own: the date, or the table's own Hive column."""
    return "event_date" if len(dates) > 1 else table.hive_column


def figures_by_date(names: Sequence[str], rows: Iterable[Sequence[Any]], dates: Dates) -> Figures:
    """The figures of each date, from the columns and rows of a transform's figures; a date without a row has none."""
    found: dict[dt.date | None, dict[str, int]] = {date: {} for date in dates}
    for row in rows:
        counts = dict(zip(names, row, strict=True))
        found[counts.pop("event_date") if len(dates) > 1 else dates[0]] = counts
    figures = [name for name in names if name != "event_date"]
    return {date: {name: int(counts.get(name) or 0) for name in figures} for date, counts in found.items()}

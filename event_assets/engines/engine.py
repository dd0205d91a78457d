"""What an engine is: it reads tables, lends transforms its ports, and writes what they made.

An engine knows no table by name and publishes nothing: it leaves Parquet files in a folder of the caller's.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import polars as pl

from event_assets.storage.written_file import WrittenFile
from event_assets.tables.contract import Violation
from event_assets.tables.table import Table
from event_assets.transforms.interface import Frame, Outputs, Ports

#: What an engine can read a partition from: its files, or (where it holds frames) the frame that was just made.
Content = Sequence[Path] | pl.DataFrame


@dataclass(frozen=True)
class Written:
    """A transform's tables as files, each table's in row order, and the figures that it counted."""

    pieces: Mapping[str, Sequence[WrittenFile]]
    figures: Mapping[str, int]
    frames: Mapping[str, Sequence[pl.DataFrame]] = field(default_factory=dict)
    """The rows of each piece, where the engine holds frames: nobody has to read them again."""

    def rows(self, table: str) -> int:
        return sum(piece.rows for piece in self.pieces[table])


class Engine(Protocol):
    """Polars, DuckDB or Spark. The same inputs give the same rows on each."""

    name: str
    holds_frames: bool
    """Whether a partition fits into memory: it is then looked at as one frame, and handed on as one."""

    @property
    def ports(self) -> Ports:
        """What Narwhals lacks, in the engine's own terms."""
        ...

    def scan(self, table: Table, partitions: Mapping[dt.date | None, Content]) -> Frame:
        """The rows of several dates (or of a whole table, under None) in the contract's columns; those of a table by
        date also with `event_date`. Each file is read by its own schema: after a change of declaration old files
        stand beside new ones. Files lie in Hive folders; frames are given only to an engine that holds them."""
        ...

    def constant(self, rows: pl.DataFrame) -> Frame:
        """A small frame that comes from no table."""
        ...

    def write(self, outputs: Outputs, tables: Mapping[str, Table], folder: Path) -> Written:
        """Every output table as Snappy Parquet in the contract's columns, types and row order, at least one file
        each (one for each value of a Hive column that is not a date); the figures stand in every file's footer. The
        folder is the caller's and not there yet. LakeError where nothing can be written there."""
        ...

    def violations(self, table: Table, pieces: Sequence[WrittenFile]) -> Sequence[Violation]:
        """Every rule of the contract that the written rows break, however many they are."""
        ...

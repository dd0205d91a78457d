"""What a transform is given beside its frames, and what it gives back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import narwhals as nw

from event_assets.declaration import Dataset
from event_assets.tables.catalog import tables
from event_assets.tables.column_types import narwhals_type

#: A frame that is not computed yet, of whatever engine.
Frame = nw.LazyFrame[Any]

#: A transform's input frames by table name. A frame of a date-partitioned table always holds a further
#: column `event_date` (date): with a window of dates it tells them apart.
Inputs = Mapping[str, Frame]

#: Columns of texts, as long as each other, to the values that they give row by row. Pure.
TextFunction = Callable[[Sequence[Sequence[str | None]]], Sequence[object]]


class Ports(Protocol):
    """The few operations that Narwhals lacks, one small implementation an engine."""

    version: str
    """Which geo database `region` asks, and its edition."""

    def shared(self, frame: Frame) -> Frame:
        """The same frame, computed once though several outputs or branches read it."""
        ...

    def held(self, frame: Frame) -> Frame:
        """The same frame, read once by an engine that holds frames in memory. The others read files again for each
        branch, which costs them less than to keep the rows."""
        ...

    def folded(self, frame: Frame, columns: Mapping[str, tuple[str, str]]) -> Frame:
        """The frame with further columns, each a text column in `lower` or `upper` case: ASCII letters only, all
        others stay. Given as new column -> (text column, case)."""
        ...

    def microseconds(self, frame: Frame, columns: Mapping[str, str]) -> Frame:
        """The frame with, for each timestamp column, an int64 column: microseconds since 1970-01-01 UTC."""
        ...

    def uuid5(self, frame: Frame, column: str, *, text: str, namespace: str) -> Frame:
        """The frame with `column`: the UUID version 5 (lower case text) of `namespace` and the text column `text`."""
        ...

    def previous(self, frame: Frame, columns: Mapping[str, str], *, by: Sequence[str], order: Sequence[str]) -> Frame:
        """The frame with, for each column -> new column, its value on the row before: of the same `by` (never null), in
        a total order; null on a group's first row."""
        ...

    def latest(self, frame: Frame, columns: Sequence[str], *, by: Sequence[str], order: Sequence[str]) -> Frame:
        """The frame with each null in the columns replaced by the last value before it: of the same `by` (never null),
        in a total order. A group's first row holds a value."""
        ...

    def lookup(self, frame: Frame, other: Frame, on: Sequence[str]) -> Frame:
        """The frame with the columns of the one row of `other` that has the same `on` (null where none has)."""
        ...

    def as_of(self, frame: Frame, other: Frame, *, by: str, at: str, other_at: str, forward: bool = False) -> Frame:
        """The frame with the columns of that row of `other` (unique by `by` and `other_at`, neither null) of the same
        `by` whose `other_at` is the last at or before `at`, or with `forward` the first at or after it; null where
        none is."""
        ...

    def distinct(self, frame: Frame) -> Frame:
        """The frame's distinct rows. For frames in which equal rows mostly follow each other."""
        ...

    def distinct_text(self, frame: Frame, *, by: Sequence[str], column: str, into: str, separator: str) -> Frame:
        """One row per `by`: those columns, and `into`: the distinct non-null texts of `column`, sorted by
        their UTF-8 bytes and joined by a separator (the empty text where there is none)."""
        ...

    def distinct_counts(self, frame: Frame, *, by: Sequence[str], column: str, into: str) -> Frame:
        """One row per `by` (never null): those columns, and `into` (int64): how many distinct values `column` (never
        null) has in it. For long histories in which a value seldom comes twice."""
        ...

    def ends(
        self, frame: Frame, *, by: Sequence[str], column: str, order: Sequence[str], first: str, last: str
    ) -> Frame:
        """One row per `by` (never null) in which `column` has a value: those columns, and `first` and `last`: its
        first and its last value in a total order."""
        ...

    def from_text(
        self, frame: Frame, columns: Sequence[str], *, into: str, declared_type: str, function: TextFunction
    ) -> Frame:
        """The frame with `into`, of a declared type: what a pure Python function makes of the text `columns`.

        For what no engine says alike (is this JSON? when is this time?) and few rows or datasets need.
        """
        ...

    def region(self, frame: Frame, *, address: str, into: str) -> Frame:
        """The frame with `into`: the continent code of the IP address in the text column `address`, or Unknown."""
        ...


@dataclass(frozen=True)
class Scope:
    """Which dataset and which date a transform computes; `date` is None for a table that has no dates."""

    dataset: Dataset
    ports: Ports
    date: dt.date | None = None

    @property
    def day(self) -> dt.date:
        """The date of a transform that computes one."""
        assert self.date is not None, "a date-partitioned table was computed without its date"
        return self.date

    def shaped(self, frame: Frame, table: str, *hive: str) -> Frame:
        """The frame in the columns and types of a table's contract (and its Hive columns): the one cast at the end."""
        columns = tables(self.dataset)[table].columns
        return frame.select(*(nw.col(c.name).cast(narwhals_type(c.type)) for c in columns if c.name not in hive), *hive)


@dataclass(frozen=True)
class Outputs:
    """A transform's tables by name, each in its contract's columns and types (rows in any order), and what
    it counted on the way: a frame of one row whose columns are int64 figures, such as `duplicates`."""

    tables: Mapping[str, Frame]
    figures: Frame | None = None


def on_date(frame: Frame, date: dt.date) -> Frame:
    """The rows of one date out of a window of dates."""
    return frame.filter(nw.col("event_date") == nw.lit(date))


def with_user(frame: Frame, scope: Scope) -> Frame:
    """The rows that have a user: only these count in sessions and tables by user."""
    return frame if scope.dataset.column("user_id").required else frame.filter(~nw.col("user_id").is_null())


def counted(**parts: Frame) -> Frame:
    """One row of int64 figures: how many rows each part has."""
    figures: Frame | None = None
    for name, part in parts.items():
        count = part.select(nw.len().cast(nw.Int64).alias(name))
        figures = count if figures is None else figures.join(count, how="cross")
    assert figures is not None
    return figures

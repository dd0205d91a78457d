"""The interface of transforms: the ports and the scope (dataset, dates) that a transform gets, and the outputs that
it returns.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, Protocol, TypeVar

import narwhals as nw

from event_assets.declaration import Dataset
from event_assets.tables.catalog import tables
from event_assets.tables.column_types import narwhals_type

T = TypeVar("T")
#: A frame of any engine that is not computed yet.
Frame = nw.LazyFrame[Any]

#: A transform's input frames by table name. A frame of a date-partitioned table always has a further
#: column `event_date` (date): with a window of dates it distinguishes them.
Inputs = Mapping[str, Frame]

#: Columns of texts, as long as each other, to the values that they give row by row. Pure.
TextFunction = Callable[[Sequence[Sequence[str | None]]], Sequence[object]]

#: A frame and the names of new columns, to the frame with these.
ColumnsFunction = Callable[[Frame, Sequence[str]], Frame]


class Ports(Protocol):
    """The few operations that Narwhals lacks, one small implementation an engine."""

    version: str
    """Which geo database `region` uses, and its edition."""

    def shared(self, frame: Frame) -> Frame:
        """The same frame, computed once though several outputs or branches read it."""
        ...

    def read_once(self, frame: Frame) -> Frame:
        """The same frame, read once by an engine that keeps frames in memory. The others read files again for each
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
        in a total order. A group's first row has a value."""
        ...

    def lookup(self, frame: Frame, other: Frame, on: Sequence[str]) -> Frame:
        """The frame with the columns of the one row of `other` that has the same `on` (null if no row has it)."""
        ...

    def as_of(
        self, frame: Frame, other: Frame, *, by: Sequence[str], at: str, other_at: str, forward: bool = False
    ) -> Frame:
        """The frame with the columns of that row of `other` (unique by `by` and `other_at`, neither null) of the same
        `by` whose `other_at` is the last at or before `at`, or with `forward` the first at or after it; null where
        none is."""
        ...

    def distinct(self, frame: Frame) -> Frame:
        """The frame's distinct rows. For frames in which equal rows mostly follow each other."""
        ...

    def distinct_text(self, frame: Frame, *, by: Sequence[str], column: str, into: str, separator: str) -> Frame:
        """One row per `by`: those columns, and `into`: the distinct non-null texts of `column`, sorted by
        their UTF-8 bytes and joined by a separator (the empty text without any)."""
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
        self, frame: Frame, columns: Sequence[str], *, into: str, function: TextFunction, declared_type: str = "string"
    ) -> Frame:
        """The frame with `into`, of a declared type: what a pure Python function makes of the text `columns`.

        For what engines express differently (is this JSON? when is this time?) and few rows or datasets need.
        """
        ...

    def few_texts(
        self, frame: Frame, columns: Mapping[str, tuple[str, TextFunction]], expressions: ColumnsFunction
    ) -> Frame:
        """The frame with further text columns, given as new column -> (text column, function of its texts). By
        `expressions` a frame gets some of the new columns, the same: an engine may call the functions instead where
        texts are few, each once."""
        ...

    def region(self, frame: Frame, *, address: str, into: str) -> Frame:
        """The frame with `into`: the continent code of the IP address in the text column `address`, or Unknown."""
        ...


@dataclass(frozen=True)
class Outputs:
    """A transform's tables by name, each in its contract's columns and types (rows in any order; of several dates
    also `event_date`), and what it counted on the way (`Scope.counted`), such as `duplicates`."""

    tables: Mapping[str, Frame]
    figures: Frame | None = None


@dataclass(frozen=True)
class Scope:
    """Which dataset and which dates a transform computes together: in order, none for a table that has no dates.

    A transform by date groups, joins and orders rows within their date too, wherever it does so at all (`by`). Of a
    single date the rows have no other date, so there `by` adds nothing, and that date costs no more than it must.
    """

    dataset: Dataset
    ports: Ports
    dates: tuple[dt.date, ...] = ()

    @property
    def several(self) -> bool:
        """Whether rows of different dates are in one frame. Frames of outputs then have the column `event_date`."""
        return len(self.dates) > 1

    def by(self, *columns: str) -> list[str]:
        """The columns by which rows are grouped, joined or ordered within their date."""
        return [*self.dated, *columns]

    @property
    def dated(self) -> list[str]:
        """The column that distinguishes the scope's dates, if there are several."""
        return ["event_date"] if self.several else []

    def on_dates(self, frame: Frame) -> Frame:
        """The rows of the scope's dates out of a window of dates."""
        return self._of(frame, self.dates)

    def days_before(self, frame: Frame, days: int) -> Frame:
        """The rows of the date so many days before each date of the scope (negative: after it), under that date of
        the scope."""
        if not self.several:
            return self._of(frame, [date - dt.timedelta(days=days) for date in self.dates])
        moved = (nw.col("event_date") + nw.lit(dt.timedelta(days=days))).cast(nw.Date)
        return self.on_dates(frame.with_columns(moved.alias("event_date")))

    def shaped(self, frame: Frame, table: str, *hive: str) -> Frame:
        """The frame in the columns and types of a table's contract (and its Hive columns): the one cast at the end."""
        columns = (column for column in tables(self.dataset)[table].columns if column.name not in hive)
        return frame.select(*self.dated, *(nw.col(c.name).cast(narwhals_type(c.type)) for c in columns), *hive)

    def outputs(self, figures: Frame | None = None, **frames: Frame) -> Outputs:
        """The frames, named by their tables, each `shaped`."""
        return Outputs({name: self.shaped(frame, name) for name, frame in frames.items()}, figures)

    def counted(self, **parts: Frame) -> Frame:
        """int64 figures: how many rows each part has. One row; of several dates one for each that has rows in a part,
        and `event_date`."""
        counts = [self._count(part, name, parts) for name, part in parts.items()]
        if not self.several:
            return reduce(lambda left, right: left.join(right, how="cross"), counts)
        return nw.concat(counts).group_by("event_date").agg(nw.col(*parts).sum().cast(nw.Int64))

    def _count(self, part: Frame, name: str, names: Iterable[str]) -> Frame:
        count = nw.len().cast(nw.Int64).alias(name)
        if not self.several:
            return part.select(count)
        counts = (nw.col(name) if other == name else nw.lit(0, nw.Int64).alias(other) for other in names)
        return part.group_by("event_date").agg(count).select("event_date", *counts)

    def _of(self, frame: Frame, dates: Sequence[dt.date]) -> Frame:
        date = nw.col("event_date")
        return frame.filter(date.is_in(dates) if self.several else date == nw.lit(dates[0]))


def declared(part: T | None) -> T:
    """An optional part of the declaration, in a transform that only runs if it is declared."""
    assert part is not None
    return part


def with_user(frame: Frame, scope: Scope) -> Frame:
    """The rows that have a user: only these count in sessions and tables by user."""
    return frame if scope.dataset.column("user_id").required else frame.filter(~nw.col("user_id").is_null())


Transform = Callable[[Inputs, Scope], Outputs]
"""What computes tables: a pure function of frames."""

"""The operations that Narwhals lacks, in Polars. Frames that are `shared` or need an order are computed at once; all
other frames stay lazy.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Literal

import narwhals as nw
import polars as pl
import polars_hash

from event_assets.engines.ip_continents import GeoDatabase
from event_assets.engines.polars.row_order import in_order
from event_assets.tables.column_types import polars_type
from event_assets.transforms.interface import ColumnsFunction, Frame, TextFunction

#: How Polars computes. What is in memory already its default, streaming, cuts into morsels and puts together again, at
#: twice the time (an as-of join: ten times); of what is read from many files it never holds all.
Way = Literal["in-memory", "streaming"]
#: Of an unsigned integer.
_MOST_BITS = 64
#: A function is called for each distinct text of a column where so many rows of it have no more than so many of them.
_SAMPLED, _FEW_TEXTS = 1000, 100
#: At most this number of hashes of rows is sorted at once, which needs half a gigabyte.
_MARKS = 1 << 25


class PolarsPorts:
    """`Ports` over Polars LazyFrames; `geo_db` is a MaxMind file in place of the built-in IP database."""

    def __init__(self, geo_db: Path | None = None, way: Way = "in-memory") -> None:
        self._way: Way = way
        self._geo = GeoDatabase(geo_db)
        self.version = self._geo.version

    def shared(self, frame: Frame) -> Frame:
        """Collected here and now: Polars finds common parts of plans, but not where filters were pushed into them."""
        plan: pl.LazyFrame = nw.to_native(frame)
        return nw.from_native(plan.collect(engine=self._way).lazy())

    def read_once(self, frame: Frame) -> Frame:
        # One chunk, however many files there are: all later steps cost a tenth less.
        plan: pl.LazyFrame = nw.to_native(frame)
        return nw.from_native(plan.collect(engine=self._way).rechunk().lazy())

    def folded(self, frame: Frame, columns: Mapping[str, tuple[str, str]]) -> Frame:
        return _with(frame, *(_folded(pl.col(column), case).alias(into) for into, (column, case) in columns.items()))

    def microseconds(self, frame: Frame, columns: Mapping[str, str]) -> Frame:
        return _with(frame, *(pl.col(c).dt.timestamp("us").alias(into) for c, into in columns.items()))

    def uuid5(self, frame: Frame, column: str, *, text: str, namespace: str) -> Frame:
        return _with(frame, polars_hash.col(text).uuidhash.uuid5(namespace).alias(column))

    def previous(self, frame: Frame, columns: Mapping[str, str], *, by: Sequence[str], order: Sequence[str]) -> Frame:
        same = pl.all_horizontal(pl.col(name) == pl.col(name).shift(1) for name in by)
        before = (pl.when(same).then(pl.col(name).shift(1)).alias(into) for name, into in columns.items())
        return nw.from_native(self._ordered(frame, [*by, *order]).with_columns(*before))

    def latest(self, frame: Frame, columns: Sequence[str], *, by: Sequence[str], order: Sequence[str]) -> Frame:
        return nw.from_native(self._ordered(frame, [*by, *order]).with_columns(pl.col(*columns).forward_fill()))

    def lookup(self, frame: Frame, other: Frame, on: Sequence[str]) -> Frame:
        # Rows stay in their order, so that they need no second sort.
        plan: pl.LazyFrame = nw.to_native(frame)
        return nw.from_native(plan.join(nw.to_native(other), on=on, how="left", maintain_order="left"))

    def as_of(
        self, frame: Frame, other: Frame, *, by: Sequence[str], at: str, other_at: str, forward: bool = False
    ) -> Frame:
        # By a date as well, rows in a table's own order stay in it.
        joined = self._ordered(frame, [*by, at]).join_asof(
            self._ordered(other, [*by, other_at]),
            by=by,
            left_on=at,
            right_on=other_at,
            strategy="forward" if forward else "backward",
            coalesce=False,
            check_sortedness=False,  # Polars can't look, and would warn
        )
        return nw.from_native(joined)

    def distinct(self, frame: Frame) -> Frame:
        plan: pl.LazyFrame = nw.to_native(frame)
        rows = plan.collect(engine=self._way)
        # Rows that equal the row above are dropped first: comparing neighbours costs a tenth of finding all distinct
        # rows.
        return nw.from_native(rows.filter(_begins_run(rows.columns)).lazy().unique())

    def distinct_text(self, frame: Frame, *, by: Sequence[str], column: str, into: str, separator: str) -> Frame:
        rows: pl.DataFrame = nw.to_native(frame).select(*by, column).collect(engine=self._way)
        texts = sorted(rows[column].drop_nulls().unique())
        if len(texts) > _MOST_BITS:
            pairs = rows.lazy().unique().group_by(by)
            return nw.from_native(pairs.agg(pl.col(column).drop_nulls().sort().str.join(separator).alias(into)))
        # A set of few texts is a number: an eighth of the time that a list for each group takes.
        bits = [1 << place for place in range(len(texts))]
        bit = pl.col(column).replace_strict(texts, bits, default=0, return_dtype=pl.UInt64)
        sets = _united(rows.select(*by, bit.alias(into)), by, into)
        found = sets[into].unique().to_list() or [0]  # of no rows, too, something must be mapped to be text
        joined = [separator.join(text for text, bit in zip(texts, bits, strict=True) if one & bit) for one in found]
        text = pl.col(into).replace_strict(found, joined, return_dtype=pl.String)
        return nw.from_native(sets.lazy().with_columns(text))

    def distinct_counts(self, frame: Frame, *, by: Sequence[str], column: str, into: str) -> Frame:
        # A set for each group needs 240 bytes per row. Eight are enough to find the rows that may be there twice; only
        # these are compared, so it stays exact.
        plan: pl.LazyFrame = nw.to_native(frame)
        rows = plan.select(*by, column).with_columns(pl.struct(*by, column).hash(seed=0).alias("row mark"))
        parts = 1 + rows.select(pl.len()).collect(engine="streaming").item() // _MARKS
        marks = (rows.select("row mark").filter(pl.col("row mark") % parts == part) for part in range(parts))
        twice = pl.concat([_repeated(part) for part in marks]).to_frame().lazy()
        surplus = pl.len() - pl.col(column).n_unique()
        again = rows.join(twice, on="row mark", how="semi").group_by(by).agg(surplus.alias("row surplus"))
        # Collected separately: Polars would keep in memory what two parts of one plan both read.
        surpluses = again.collect(engine="streaming").lazy()
        counts = plan.group_by(by).agg(pl.len().alias(into)).collect(engine="streaming").lazy()
        count = (pl.col(into) - pl.col("row surplus").fill_null(0)).cast(pl.Int64)
        return nw.from_native(counts.join(surpluses, on=by, how="left").select(*by, count))

    def ends(
        self, frame: Frame, *, by: Sequence[str], column: str, order: Sequence[str], first: str, last: str
    ) -> Frame:
        plan: pl.LazyFrame = nw.to_native(frame)
        value = pl.col(column)
        present = self._ordered(
            nw.from_native(plan.filter(value.is_not_null()).select(*by, *order, column)), [*by, *order]
        )
        return nw.from_native(present.group_by(by).agg(value.first().alias(first), value.last().alias(last)))

    def from_text(
        self, frame: Frame, columns: Sequence[str], *, into: str, function: TextFunction, declared_type: str = "string"
    ) -> Frame:
        dtype = polars_type(declared_type)
        mapped = pl.struct(*columns).map_batches(_on_distinct(function, dtype), return_dtype=dtype, is_elementwise=True)
        return _with(frame, mapped.alias(into))

    def few_texts(
        self, frame: Frame, columns: Mapping[str, tuple[str, TextFunction]], expressions: ColumnsFunction
    ) -> Frame:
        def mapped(into: str, function: TextFunction, texts: pl.Series) -> pl.Series:
            if texts.gather_every(1 + len(texts) // _SAMPLED).n_unique() <= _FEW_TEXTS:
                return _of_distinct(function, pl.String(), texts)
            made = expressions(nw.from_native(texts.to_frame().lazy()), [into])
            computed: pl.DataFrame = nw.to_native(made).collect(engine=self._way)
            return computed[into]

        made = (
            pl.col(column).map_batches(partial(mapped, into, function), return_dtype=pl.String(), is_elementwise=True)
            for into, (column, function) in columns.items()
        )
        return _with(frame, *(expression.alias(into) for expression, into in zip(made, columns, strict=True)))

    def region(self, frame: Frame, *, address: str, into: str) -> Frame:
        return self.from_text(frame, [address], into=into, function=self._geo.regions)

    def _ordered(self, frame: Frame, order: Sequence[str]) -> pl.LazyFrame:
        """The frame computed, and sorted where it is not: tables are read in their row order, so most are."""
        plan: pl.LazyFrame = nw.to_native(frame)
        return in_order(plan.collect(engine=self._way), order).lazy()


def _begins_run(columns: Sequence[str]) -> pl.Expr:
    """Whether a row differs from the row above in any of the columns."""
    return pl.any_horizontal(pl.col(name).ne_missing(pl.col(name).shift(1)) for name in columns) | (
        pl.int_range(pl.len()) == 0
    )


def _united(rows: pl.DataFrame, by: Sequence[str], bits: str) -> pl.DataFrame:
    """One row per `by`: these columns, and all the bits of its rows. Of rows in that order, its runs are united, in a
    quarter of the time."""
    if rows.is_empty() or not rows.is_sorted(by):
        return rows.group_by(by).agg(pl.col(bits).bitwise_or())
    begins = rows.select(_begins_run(by)).to_series().arg_true()
    import numpy as np

    united = np.bitwise_or.reduceat(rows[bits].to_numpy(), begins.to_numpy())
    return rows.select(by)[begins].with_columns(pl.Series(bits, united))


def _repeated(marks: pl.LazyFrame) -> pl.Series:
    """The marks that occur more than once."""
    ordered = marks.collect(engine="streaming")["row mark"].sort()
    return ordered.filter(ordered == ordered.shift(1)).unique()


def _with(frame: Frame, *expressions: pl.Expr) -> Frame:
    plan: pl.LazyFrame = nw.to_native(frame)
    return nw.from_native(plan.with_columns(*expressions))


def _folded(text: pl.Expr, case: str) -> pl.Expr:
    # Polars folds all letters. Texts beyond ASCII are few: letter by letter only they are folded, the others null.
    ascii_only = text.str.len_bytes() == text.str.len_chars()
    upper, lower = list(string.ascii_uppercase), list(string.ascii_lowercase)
    foreign = pl.when(~ascii_only).then(text)
    if case == "lower":
        return pl.when(ascii_only).then(text.str.to_lowercase()).otherwise(foreign.str.replace_many(upper, lower))
    return pl.when(ascii_only).then(text.str.to_uppercase()).otherwise(foreign.str.replace_many(lower, upper))


def _on_distinct(function: TextFunction, dtype: pl.DataType) -> Callable[[pl.Series], pl.Series]:
    """The function over the distinct rows of a struct of texts, spread over all rows."""

    def mapped(rows: pl.Series) -> pl.Series:
        texts = rows.struct.unnest()
        names = texts.columns
        if len(names) == 1:
            return _of_distinct(function, dtype, texts[names[0]])
        distinct = texts.unique(maintain_order=True)
        values = function([distinct[name].to_list() for name in names])
        if len(values) == 1:
            return pl.Series("value of the row", values, dtype=dtype).new_from_index(0, texts.height)
        known = distinct.with_columns(pl.Series("value of the row", values, dtype=dtype))
        return texts.join(known, on=names, how="left", nulls_equal=True, maintain_order="left")["value of the row"]

    return mapped


def _of_distinct(function: TextFunction, dtype: pl.DataType, texts: pl.Series) -> pl.Series:
    """The function over the distinct texts, spread over all."""
    found, places = _coded(texts)
    values = function([[*([None] if texts.null_count() else []), *found]])
    return pl.Series("value of the row", values, dtype=dtype).gather(places)


def _coded(texts: pl.Series) -> tuple[pl.Series, pl.Series]:
    """(the distinct texts without null; of each row the place of its text among them, from 1 and 0 of null where there
    are nulls)."""
    import numpy as np

    places = np.zeros(len(texts), np.uint32)
    coded = texts.drop_nulls().cast(pl.Categorical(pl.Categories.random()))
    places[texts.is_not_null().to_numpy()] = coded.to_physical().to_numpy() + (1 if texts.null_count() else 0)
    distinct = coded.unique()
    return distinct.cast(pl.String).gather(distinct.to_physical().arg_sort()), pl.Series(places)

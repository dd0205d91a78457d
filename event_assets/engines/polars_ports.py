"""What Narwhals lacks, in Polars. All but `shared` stays lazy."""

from __future__ import annotations

import hashlib
import string
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import duckdb
import narwhals as nw
import numpy as np
import polars as pl
import pyarrow as pa

from event_assets.contracts.types import polars_type
from event_assets.engines.geo import GeoDatabase
from event_assets.transforms.scope import Frame, TextFunction

_FEW = 10_000
_DIGITS = 40
#: The first digit of a UUID's fourth group out of a digest's, by its character code: two bits of it are fixed.
_VARIANT = np.zeros(128, np.uint8)
_VARIANT[np.frombuffer(b"0123456789abcdef", np.uint8)] = np.frombuffer(b"89ab" * 4, np.uint8)


class PolarsPorts:
    """`Ports` over Polars LazyFrames; `geo_db` is a MaxMind file in place of the built-in IP database."""

    def __init__(self, geo_db: Path | None = None) -> None:
        self._geo = GeoDatabase(geo_db)
        self.version = self._geo.version

    def within(self, by: Sequence[str]) -> Sequence[str]:
        """Nothing: one sort of a frame that mostly is sorted costs a tenth of a sort in each group."""
        return ()

    def shared(self, frame: Frame) -> Frame:
        """Collected here and now: Polars finds common parts of plans, but not where filters were pushed into them."""
        plan: pl.LazyFrame = nw.to_native(frame)
        return nw.from_native(plan.collect().lazy())

    def folded(self, frame: Frame, columns: Mapping[str, tuple[str, str]]) -> Frame:
        return _with(frame, *(_folded(pl.col(column), case).alias(into) for into, (column, case) in columns.items()))

    def microseconds(self, frame: Frame, columns: Mapping[str, str]) -> Frame:
        return _with(frame, *(pl.col(c).dt.timestamp("us").alias(into) for c, into in columns.items()))

    def uuid5(self, frame: Frame, column: str, *, text: str, namespace: str) -> Frame:
        uuids = pl.col(text).map_batches(_uuids(namespace), return_dtype=pl.String, is_elementwise=True)
        return _with(frame, uuids.alias(column))

    def distinct_text(self, frame: Frame, *, by: Sequence[str], column: str, into: str) -> Frame:
        plan: pl.LazyFrame = nw.to_native(frame)
        groups = plan.group_by(by).agg(pl.col(column).min().alias(into), pl.col(column).max().alias("last"))
        # Most groups have one text: only the others are worth a list.
        several = groups.filter(pl.col(into) != pl.col("last")).select(by)
        lists = (
            plan.join(several, on=by, how="semi", nulls_equal=True)
            .group_by(by)
            .agg(pl.col(column).drop_nulls().unique().sort().str.join(",").alias("several"))
        )
        joined = groups.join(lists, on=by, how="left", nulls_equal=True)
        return nw.from_native(joined.select(*by, pl.coalesce("several", into, pl.lit("")).alias(into)))

    def from_text(
        self, frame: Frame, columns: Sequence[str], *, into: str, declared_type: str, function: TextFunction
    ) -> Frame:
        dtype = polars_type(declared_type)
        mapped = pl.struct(*columns).map_batches(_on_distinct(function, dtype), return_dtype=dtype, is_elementwise=True)
        return _with(frame, mapped.alias(into))

    def region(self, frame: Frame, *, address: str, into: str) -> Frame:
        return self.from_text(frame, [address], into=into, declared_type="string", function=self._geo.regions)


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


def _uuids(namespace: str) -> Callable[[pl.Series], pl.Series]:
    """Texts to UUIDs: the SHA-1 of namespace and text by hashlib for few texts, else by DuckDB, which takes a fifth of
    the time but as long to start as hashlib needs for thousands."""
    prefix = uuid.UUID(namespace).bytes

    def uuids(texts: pl.Series) -> pl.Series:
        if len(texts) < _FEW:
            digests = [hashlib.sha1(prefix + text.encode()).hexdigest() for text in texts.to_list()]
            return _as_uuids("".join(digests).encode()).alias(texts.name)
        with duckdb.connect() as connection:
            rows = connection.from_arrow(texts.alias("text").to_frame().to_arrow())
            table = rows.project(f"sha1(unhex('{prefix.hex()}') || encode(text)) AS digest").to_arrow_table()
        return pl.concat([_as_uuids(_characters(chunk)) for chunk in table.column(0).chunks]).alias(texts.name)

    return uuids


def _characters(digests: pa.StringArray) -> bytes | memoryview:
    """All digests of an array behind one another."""
    return memoryview(digests.buffers()[2])[digests.offset * _DIGITS : (digests.offset + len(digests)) * _DIGITS]


def _as_uuids(digests: bytes | memoryview) -> pl.Series:
    """The first 128 bits of each digest with version 5 and the RFC's variant set, written as UUIDs are.

    By whole columns of characters: a tenth of what slicing and joining texts takes.
    """
    digits = np.frombuffer(digests, np.uint8).reshape(-1, _DIGITS)
    written = np.full((len(digits), 36), ord("-"), np.uint8)
    for start, length, place in ((0, 8, 0), (8, 4, 9), (12, 4, 14), (16, 4, 19), (20, 12, 24)):
        written[:, place : place + length] = digits[:, start : start + length]
    written[:, 14] = ord("5")
    written[:, 19] = _VARIANT[digits[:, 16]]
    ends = np.arange(0, written.size + 1, 36, dtype=np.int64)
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(written)]
    return pl.Series(pa.Array.from_buffers(pa.large_string(), len(digits), buffers))


def _on_distinct(function: TextFunction, dtype: pl.DataType) -> Callable[[pl.Series], pl.Series]:
    """The function over the distinct rows of a struct of texts, spread over all rows."""

    def mapped(rows: pl.Series) -> pl.Series:
        texts = rows.struct.unnest()
        names = texts.columns
        distinct = texts.unique(maintain_order=True)
        values = function([distinct[name].to_list() for name in names])
        known = distinct.with_columns(pl.Series("value of the row", values, dtype=dtype))
        return texts.join(known, on=names, how="left", nulls_equal=True, maintain_order="left")["value of the row"]

    return mapped

"""What Narwhals lacks, in Polars. All of it stays lazy."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import duckdb
import narwhals as nw
import polars as pl

from event_assets.contracts.types import polars_type
from event_assets.engines.geo import GeoDatabase
from event_assets.transforms.scope import Frame, TextFunction

_HEX = "0123456789abcdef"
_FEW = 10_000


class PolarsPorts:
    """`Ports` over Polars LazyFrames; `geo_db` is a MaxMind file in place of the built-in IP database."""

    def __init__(self, geo_db: Path | None = None) -> None:
        self._geo = GeoDatabase(geo_db)
        self.version = self._geo.version

    def within(self, by: Sequence[str]) -> Sequence[str]:
        """Nothing: one sort of a frame that mostly is sorted costs a tenth of a sort in each group."""
        return ()

    def microseconds(self, frame: Frame, columns: Mapping[str, str]) -> Frame:
        return _with(frame, *(pl.col(c).dt.timestamp("us").alias(into) for c, into in columns.items()))

    def uuid5(self, frame: Frame, column: str, *, text: str, namespace: str) -> Frame:
        digest = pl.col(text).map_batches(_sha1(namespace), return_dtype=pl.String, is_elementwise=True)
        return _with(_with(frame, digest.alias(column)), _as_uuid(pl.col(column)).alias(column))

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


def _sha1(namespace: str) -> Callable[[pl.Series], pl.Series]:
    """SHA-1 (hexadecimal) of namespace and text: by hashlib for few texts, else by DuckDB, which takes a fifth of
    the time but as long to start as hashlib needs for thousands."""
    prefix = uuid.UUID(namespace).bytes

    def digest(texts: pl.Series) -> pl.Series:
        if len(texts) < _FEW:
            digests = [hashlib.sha1(prefix + text.encode()).hexdigest() for text in texts.to_list()]
            return pl.Series(texts.name, digests, dtype=pl.String)
        with duckdb.connect() as connection:
            rows = connection.from_arrow(texts.alias("text").to_frame().to_arrow())
            hashed = rows.project(f"sha1(unhex('{prefix.hex()}') || encode(text)) AS digest").to_arrow_table()
        return pl.Series(texts.name, hashed.column(0)).cast(pl.String)

    return digest


def _as_uuid(digest: pl.Expr) -> pl.Expr:
    """The first 128 bits of a digest with version 5 and the RFC's variant set, written as UUIDs are."""
    variant = digest.str.slice(16, 1).replace_strict(list(_HEX), list("89ab" * 4), return_dtype=pl.String)
    parts = [digest.str.slice(start, length) for start, length in ((0, 8), (8, 4), (13, 3), (17, 3), (20, 12))]
    dash = pl.lit("-")
    return pl.concat_str(parts[0], dash, parts[1], pl.lit("-5"), parts[2], dash, variant, parts[3], dash, parts[4])


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

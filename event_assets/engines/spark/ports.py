"""The operations that Narwhals lacks, in Spark. No rows are sent to the driver: Python functions run on the
executors, on Arrow batches.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from string import ascii_lowercase, ascii_uppercase
from typing import TYPE_CHECKING, Any

import narwhals as nw
import pyarrow as pa

from event_assets.engines.arrow_writer import on_distinct
from event_assets.engines.ip_continents import GeoDatabase
from event_assets.tables.column_types import arrow_type
from event_assets.transforms.interface import ColumnsFunction, Frame, TextFunction

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame
    from pyspark.sql.window import WindowSpec

_SPARK_TYPES = {
    "string": "string",
    "json": "string",
    "int64": "bigint",
    "float64": "double",
    "bool": "boolean",
    "date": "date",
    "timestamp": "timestamp",
}


class SparkPorts:
    """`Ports` over Spark DataFrames; `geo_db` is a MaxMind file that every executor sees under the same path."""

    def __init__(self, geo_db: Path | None = None) -> None:
        self._geo_db = geo_db
        self._shared: list[DataFrame] = []
        self.version = _geo(geo_db).version

    def shared(self, frame: Frame) -> Frame:
        """Kept by the executors, on disk where memory ends; the part of a lost executor is computed again."""
        kept = native(frame).persist()
        self._shared.append(kept)
        return nw.from_native(kept)

    def release(self) -> None:
        """Release all shared frames: the tables that are computed from them are written."""
        for frame in self._shared:
            frame.unpersist()
        self._shared.clear()

    def read_once(self, frame: Frame) -> Frame:
        return frame

    def folded(self, frame: Frame, columns: Mapping[str, tuple[str, str]]) -> Frame:
        from pyspark.sql import functions as f

        letters = {"lower": (ascii_uppercase, ascii_lowercase), "upper": (ascii_lowercase, ascii_uppercase)}
        return _with(
            frame, {into: f.translate(column_of(name), *letters[case]) for into, (name, case) in columns.items()}
        )

    def microseconds(self, frame: Frame, columns: Mapping[str, str]) -> Frame:
        from pyspark.sql import functions as f

        return _with(frame, {into: f.unix_micros(column_of(name)) for name, into in columns.items()})

    def uuid5(self, frame: Frame, column: str, *, text: str, namespace: str) -> Frame:
        from pyspark.sql import functions as f

        hashed = f.concat(f.unhex(f.lit(uuid.UUID(namespace).hex)), f.encode(column_of(text), "UTF-8"))
        return _with(_with(frame, {column: f.sha1(hashed)}), {column: _as_uuid(column_of(column))})

    def lookup(self, frame: Frame, other: Frame, on: Sequence[str]) -> Frame:
        return frame.join(other, on=list(on), how="left")

    def as_of(
        self, frame: Frame, other: Frame, *, by: Sequence[str], at: str, other_at: str, forward: bool = False
    ) -> Frame:
        """Spark has no as-of join: both frames are sorted together by time, and each row takes the nearest row of
        `other`."""
        from pyspark.sql import Window
        from pyspark.sql import functions as f

        rows, found = native(frame), native(other)
        groups = [column_of(name) for name in by]
        taken = [name for name in found.columns if name not in by]
        candidates = found.select(
            *groups, column_of(other_at).alias(at), f.struct(*map(column_of, taken)).alias("row found")
        )
        both = rows.withColumn("is row", f.lit(True)).unionByName(candidates, allowMissingColumns=True)
        # Looked for forward, time runs backward: Spark sums a frame that grows once, one that shrinks for each row.
        is_row, time = column_of("is row"), column_of(at)
        order = [time.desc_nulls_first() if forward else time.asc_nulls_first(), is_row.asc_nulls_first()]
        reached = Window.partitionBy(*groups).orderBy(*order).rowsBetween(Window.unboundedPreceding, Window.currentRow)
        nearest = f.last(column_of("row found"), ignorenulls=True).over(reached)
        filled = both.withColumn("row found", nearest).filter(is_row)
        fields = (column_of("row found").getField(name).alias(name) for name in taken)
        return nw.from_native(filled.select(*map(column_of, rows.columns), *fields))

    def distinct(self, frame: Frame) -> Frame:
        return frame.unique()

    def distinct_text(self, frame: Frame, *, by: Sequence[str], column: str, into: str, separator: str) -> Frame:
        from pyspark.sql import functions as f

        texts = f.array_join(f.sort_array(f.collect_set(column_of(column))), separator)
        return nw.from_native(native(frame).groupBy(*map(column_of, by)).agg(texts.alias(into)))

    def distinct_counts(self, frame: Frame, *, by: Sequence[str], column: str, into: str) -> Frame:
        return frame.group_by(*by).agg(nw.col(column).n_unique().cast(nw.Int64).alias(into))

    def previous(self, frame: Frame, columns: Mapping[str, str], *, by: Sequence[str], order: Sequence[str]) -> Frame:
        from pyspark.sql import functions as f

        rows = _window(by, order)
        return _with(frame, {into: f.lag(column_of(name)).over(rows) for name, into in columns.items()})

    def latest(self, frame: Frame, columns: Sequence[str], *, by: Sequence[str], order: Sequence[str]) -> Frame:
        from pyspark.sql import Window
        from pyspark.sql import functions as f

        rows = _window(by, order).rowsBetween(Window.unboundedPreceding, Window.currentRow)
        return _with(frame, {name: f.last(column_of(name), ignorenulls=True).over(rows) for name in columns})

    def ends(
        self, frame: Frame, *, by: Sequence[str], column: str, order: Sequence[str], first: str, last: str
    ) -> Frame:
        from pyspark.sql import functions as f

        value, place = column_of(column), f.struct(*map(column_of, order))
        present = native(frame).filter(value.isNotNull()).groupBy(*map(column_of, by))
        return nw.from_native(present.agg(f.min_by(value, place).alias(first), f.max_by(value, place).alias(last)))

    def from_text(
        self, frame: Frame, columns: Sequence[str], *, into: str, function: TextFunction, declared_type: str = "string"
    ) -> Frame:
        from pyspark.sql.pandas.functions import arrow_udf

        udf: Any = arrow_udf  # its overloads know no type given by name
        mapped = udf(_on_distinct(function, arrow_type(declared_type)), spark_type(declared_type))
        return _with(frame, {into: mapped(*map(column_of, columns))})

    def few_texts(
        self, frame: Frame, columns: Mapping[str, tuple[str, TextFunction]], expressions: ColumnsFunction
    ) -> Frame:
        return expressions(frame, [*columns])

    def region(self, frame: Frame, *, address: str, into: str) -> Frame:
        path = self._geo_db
        return self.from_text(frame, [address], into=into, function=lambda texts: _geo(path).regions(texts))


@lru_cache(maxsize=1)
def _geo(path: Path | None) -> GeoDatabase:
    """Opened once in each Python process of an executor: an open database can't be sent there."""
    return GeoDatabase(path)


def _on_distinct(function: TextFunction, dtype: pa.DataType) -> Any:
    """The function over the distinct rows of a batch of texts, spread over all rows."""

    def mapped(*texts: pa.Array) -> pa.Array:
        return on_distinct(function, list(zip(*(column.to_pylist() for column in texts), strict=True)), dtype)

    # Spark reads the kind of function off its hints, which it can't where they are only texts.
    mapped.__annotations__ = {}
    return mapped


def native(frame: Frame) -> DataFrame:
    plan: DataFrame = nw.to_native(frame)
    return plan


def _window(by: Sequence[str], order: Sequence[str]) -> WindowSpec:
    from pyspark.sql import Window

    return Window.partitionBy(*map(column_of, by)).orderBy(*(column_of(name).asc_nulls_first() for name in order))


def _with(frame: Frame, columns: Mapping[str, Column]) -> Frame:
    return nw.from_native(native(frame).withColumns(dict(columns)))


def column_of(name: str) -> Column:
    from pyspark.sql import functions as f

    return f.col("`" + name.replace("`", "``") + "`")


def spark_type(declared: str) -> str:
    """A declared type in Spark's terms; `decimal(p,s)` is called so there as well."""
    return _SPARK_TYPES.get(declared, declared)


def _as_uuid(digest: Column) -> Column:
    """The first 128 bits of a digest with version 5 and the RFC's variant set, written as UUIDs are."""
    from pyspark.sql import functions as f

    variant = f.translate(f.substring(digest, 17, 1), "0123456789abcdef", "89ab89ab89ab89ab")
    version = f.concat(f.lit("5"), f.substring(digest, 14, 3))
    groups = [f.substring(digest, 1, 8), f.substring(digest, 9, 4), version]
    return f.concat_ws("-", *groups, f.concat(variant, f.substring(digest, 18, 3)), f.substring(digest, 21, 12))

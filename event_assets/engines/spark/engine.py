"""Spark: for more than one machine. Executors read the lake's files and write the staged ones; the driver sees neither.

The lake is on a file system that driver and executors share under one path, and executors have this package.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property, reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

import narwhals as nw
import polars as pl
import pyarrow as pa

from event_assets.engines.arrow_writer import by_schema, with_empty, write_pieces
from event_assets.engines.engine import Content, Dates, Figures, Written, figures_by_date, split_column
from event_assets.engines.spark.ports import SparkPorts, column_of, native, spark_type
from event_assets.errors import LakeError
from event_assets.storage.parquet import by_hive
from event_assets.storage.written_file import WrittenFile
from event_assets.tables.column_types import arrow_type
from event_assets.tables.contract import Violation, merged, repeated_key, violations_of_file
from event_assets.tables.table import Table
from event_assets.transforms.interface import Frame, Outputs

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

#: What an executor reports about a file that it wrote.
_WRITTEN = pa.schema(
    [("part", pa.int32()), ("path", pa.string()), ("rows", pa.int64()), ("hive", pa.string()), ("date", pa.date32())]
)
_WRITTEN_DDL = "part int, path string, rows bigint, hive string, date date"
_BROKEN_DDL = "rule string, rows bigint, first_rows array<bigint>"


class SparkEngine:
    """Transforms on a Spark session, which is opened for the first frame."""

    name = "spark"
    holds_frames = False
    batch_rows = 1_000_000

    def __init__(self, open_session: Callable[[], SparkSession], geo_db: Path | None = None) -> None:
        self._open_session = open_session
        self.ports = SparkPorts(geo_db)

    @cached_property
    def _spark(self) -> SparkSession:
        return self._open_session()

    def scan(self, table: Table, partitions: Mapping[dt.date | None, Content]) -> Frame:
        paths = [path for files in partitions.values() for path in _files(files)]
        parts = [self._read(table, schema, alike) for schema, alike in by_schema(paths)]
        if not parts:
            columns = (*table.columns, *(table.hive_columns if table.by_date else ()))
            ddl = ", ".join(f"`{column.name}` {spark_type(column.type)}" for column in columns)
            parts = [self._spark.createDataFrame([], ddl)]
        return nw.from_native(reduce(lambda one, other: one.unionByName(other), parts))

    def _read(self, table: Table, schema: pa.Schema, paths: Sequence[Path]) -> DataFrame:
        from pyspark.sql.pandas.types import from_arrow_schema

        stored = from_arrow_schema(schema)
        reader = self._spark.read
        if table.by_date:  # the folders tell the date
            reader = reader.option("basePath", str(paths[0].parent.parent))
            stored = stored.add("event_date", "date")
        files = reader.schema(stored).parquet(*map(_literally, paths))
        columns = [_column(c.name, c.type, schema) for c in table.columns]
        return files.select(*columns, *([column_of("event_date")] if table.by_date else []))

    def constant(self, rows: pl.DataFrame) -> Frame:
        plain = rows.to_arrow(compat_level=pl.CompatLevel.oldest())
        return nw.from_native(self._spark.createDataFrame(plain))

    def write(self, outputs: Outputs, tables: Mapping[str, Table], folder: Path, dates: Dates = (None,)) -> Written:
        with _last_reported_versions():
            try:
                figures = _figures(outputs, dates)
                folder.mkdir(parents=True, exist_ok=True)
                pieces = {
                    name: _write(native(frame), tables[name], folder, figures) for name, frame in outputs.tables.items()
                }
            finally:
                self.ports.release()
        return Written(pieces, figures)

    def violations(self, table: Table, pieces: Sequence[WrittenFile]) -> Sequence[Violation]:
        paths = [str(piece.path) for piece in pieces]
        with _last_reported_versions():
            listed = self._spark.createDataFrame([(path,) for path in paths], "path string")
            found = listed.repartition(len(paths), "path").mapInArrow(_checked(table), _BROKEN_DDL).collect()
            broken = merged([[Violation(row.rule, row.rows, tuple(row.first_rows))] for row in found])
            repeated = sum(self._repeated(table, alike) for alike in by_hive(pieces))
        return [*broken, *([repeated_key(table, repeated)] if repeated else [])]

    def _repeated(self, table: Table, pieces: Sequence[WrittenFile]) -> int:
        files = self._spark.read.parquet(*map(_literally, (piece.path for piece in pieces)))
        distinct = files.select(*map(column_of, table.key)).distinct().count()
        return sum(piece.rows for piece in pieces) - distinct


def _figures(outputs: Outputs, dates: Dates) -> Figures:
    if outputs.figures is None:
        return figures_by_date((), (), dates)
    counts = native(outputs.figures)
    return figures_by_date(counts.columns, counts.collect(), dates)


def _write(frame: DataFrame, table: Table, folder: Path, figures: Figures) -> dict[dt.date | None, list[WrittenFile]]:
    split = [name] if (name := split_column(table, [*figures])) else []
    order = [column_of(name).asc_nulls_first() for name in (*split, *table.row_order)]
    rows = frame.select(*map(column_of, (*split, *table.names)))
    if len(figures) > 1:  # they are small: each is a file, whatever is computed together
        rows = rows.repartition("event_date").sortWithinPartitions(*order)
    else:  # partitions are ranges of the order: their numbers give the order of files
        rows = rows.orderBy(*order)
    written = rows.mapInArrow(_writer(table, folder, figures), _WRITTEN_DDL).collect()
    written.sort(key=lambda row: (row.part, row.path))
    dates = [*figures]
    pieces = (
        (row.date if len(dates) > 1 else dates[0], WrittenFile(Path(row.path), row.rows, row.hive)) for row in written
    )
    return with_empty(pieces, table, folder, figures)


def _writer(
    table: Table, folder: Path, figures: Figures
) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Runs on an executor: writes its partition and reports the files. A failed or second attempt leaves files that no
    log lists; they are deleted with the folder."""

    def write(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        from pyspark import TaskContext

        task: Any = TaskContext.get()
        part = task.partitionId()
        stem = f"{table.name}-{part:06d}-{task.taskAttemptId()}"
        for date, piece in write_pieces(batches, table, folder, stem, figures):
            record = {"part": part, "path": str(piece.path), "rows": piece.rows, "hive": piece.hive, "date": date}
            yield pa.RecordBatch.from_pylist([record], _WRITTEN)

    return write


def _checked(table: Table) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Runs on an executor: what the files of its partition break."""

    def check(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        schema = pa.schema([("rule", pa.string()), ("rows", pa.int64()), ("first_rows", pa.list_(pa.int64()))])
        for path in (path for batch in batches for path in batch.column(0).to_pylist()):
            broken = [
                {"rule": v.rule, "rows": v.rows, "first_rows": list(v.first_rows)}
                for v in violations_of_file(table, Path(path))
            ]
            yield pa.RecordBatch.from_pylist(broken, schema)

    return check


@contextmanager
def _last_reported_versions() -> Iterator[None]:
    from pyspark.errors import PySparkException

    try:
        yield
    except PySparkException as error:
        reason = str(error).strip().splitlines()
        raise LakeError(
            "Spark",
            f"a job failed ({reason[-1] if reason else type(error).__name__})",
            "look into the executors' logs and run again; nothing was published",
        ) from error


def _column(name: str, declared: str, stored: pa.Schema) -> Column:
    """A contract's column as a file of that schema gives it; what can't be cast is null."""
    from pyspark.sql import functions as f

    if name not in stored.names:
        return f.lit(None).cast(spark_type(declared)).alias(name)
    if stored.field(name).type == arrow_type(declared):
        return column_of(name)
    return column_of(name).try_cast(spark_type(declared)).alias(name)


def _files(content: Content) -> Sequence[Path]:
    assert not isinstance(content, pl.DataFrame), "Spark reads files"
    return content


def _literally(path: Path) -> str:
    """A path without wildcards, on the file system that all share."""
    escaped = "".join("\\" + letter if letter in "*?[]{}\\" else letter for letter in str(path))
    return f"file://{escaped}"

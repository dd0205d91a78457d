"""A table as a Polars LazyFrame whose every query reads one consistent version of the table.

Superseded files are deleted right after a commit, so a plan over fixed paths would fail after the next run. The frame
takes the list of files from the table's log each time that it is collected, and takes it again if one of them was
replaced before it was read.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, cast

import polars as pl
from polars.io.plugins import register_io_source

from event_assets.errors import LakeError
from event_assets.storage.published_partitions import WHOLE
from event_assets.storage.retry_missing_files import retry_missing_files
from event_assets.storage.table_store import TableStore
from event_assets.tables.column_types import polars_type
from event_assets.tables.table import Table

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa


class LazyTable(pl.LazyFrame):
    """A LazyFrame that also comes as Arrow or as a relation of DuckDB. Filters and selections of it do as well."""

    def arrow(self) -> pa.Table:
        """The rows as a PyArrow table."""
        return self.collect(engine="streaming").to_arrow()

    def duckdb(self) -> duckdb.DuckDBPyRelation:
        """The rows as a relation of DuckDB's default connection, which `duckdb.sql` uses as well."""
        import duckdb

        return duckdb.from_arrow(self.arrow())


def lazy_table(table: Table, store: TableStore, first: dt.date = dt.date.min, last: dt.date = dt.date.max) -> LazyTable:
    """The rows of a table by date and row order; its Hive column in front. Both dates count."""

    def collected(
        columns: list[str] | None, predicate: pl.Expr | None, rows: int | None, _size: int | None
    ) -> Iterator[pl.DataFrame]:
        def once() -> pl.DataFrame:
            store.entries(again=True)
            plan = _plan(table, store, first, last)
            plan = plan if rows is None else plan.head(rows)  # Polars puts a limit before a filter
            plan = plan if predicate is None else plan.filter(predicate)
            return (plan if columns is None else plan.select(columns)).collect(engine="streaming")

        try:
            yield retry_missing_files(once, lambda: None)
        except FileNotFoundError as error:
            raise LakeError(str(store.folder), f"its files are missing ({error})", "run the dataset again") from None

    frame = register_io_source(collected, schema=_schema(table), is_pure=True, explain_name=table.name)
    frame.__class__ = LazyTable  # its methods pass the class on; no function of Polars makes a frame of a subclass
    return cast(LazyTable, frame)


def _schema(table: Table) -> pl.Schema:
    return pl.Schema({column.name: polars_type(column.type) for column in (*table.hive_columns, *table.columns)})


def _plan(table: Table, store: TableStore, first: dt.date, last: dt.date) -> pl.LazyFrame:
    wanted = [
        unit for unit in sorted(store.entries()) if unit == WHOLE or first.isoformat() <= unit <= last.isoformat()
    ]
    paths = [path for unit in wanted for path in store.paths(unit)]
    parts = [
        scan for odd, some in groupby(paths, lambda path: _is_odd(path, table)) for scan in _scans(table, odd, some)
    ]
    return pl.concat(parts) if parts else pl.LazyFrame(schema=_schema(table))


def _is_odd(path: Path, table: Table) -> bool:
    """Whether a file has a column of another type than the table: the declaration changed since it was written."""
    schema, stored = table.polars_schema(), pl.read_parquet_schema(path)
    return any(dtype != schema.get(name, dtype) for name, dtype in stored.items())


def _scans(table: Table, odd: bool, paths: Iterator[Path]) -> Iterator[pl.LazyFrame]:
    """One scan for all files of the table's types, which opens them one after another; one for each other file."""
    schema, hive = _schema(table), table.partitioned_by
    hive_schema = {hive: schema[hive]} if hive else None
    for some in ([path] for path in paths) if odd else (list(paths),):
        plan = pl.scan_parquet(
            some,
            hive_partitioning=bool(hive),
            hive_schema=hive_schema,
            schema=None if odd else schema,
            missing_columns="insert",
            extra_columns="ignore",
            glob=False,
        )
        if odd:
            stored = plan.collect_schema()
            plan = plan.select(
                pl.col(name).cast(dtype, strict=False) if name in stored else pl.lit(None, dtype).alias(name)
                for name, dtype in schema.items()
            )
        yield plan.select(schema.names())

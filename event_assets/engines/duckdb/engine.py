"""DuckDB: for a date that is larger than memory. What doesn't fit into the limit is spilled to disk."""

from __future__ import annotations

import datetime as dt
import shutil
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from functools import cached_property, reduce
from pathlib import Path

import duckdb
import narwhals as nw
import polars as pl
import pyarrow as pa

from event_assets.engines.arrow_writer import by_schema, with_empty, write_pieces
from event_assets.engines.duckdb.ports import DuckDBPorts
from event_assets.engines.duckdb.resources import named_failures, thread_settings
from event_assets.engines.engine import Content, Dates, Figures, Written, figures_by_date, split_column
from event_assets.storage.parquet import by_hive
from event_assets.storage.written_file import WrittenFile
from event_assets.tables.column_types import arrow_type, sql_type
from event_assets.tables.contract import Violation, merged, repeated_key, violations_of_file
from event_assets.tables.table import Table
from event_assets.text.sql import identifier
from event_assets.transforms.interface import Frame, Outputs

_BATCH_ROWS = 1 << 16


class DuckDBEngine:
    """One in-memory database with a limit of memory and threads, which spills what exceeds the memory."""

    name = "duckdb"
    holds_frames = False
    batch_rows = 250_000

    def __init__(self, memory_bytes: int, workers: int, geo_db: Path | None = None) -> None:
        self._memory_bytes, self._workers, self._geo_db = memory_bytes, workers, geo_db

    @cached_property
    def _connection(self) -> duckdb.DuckDBPyConnection:
        spill = tempfile.mkdtemp(prefix="event_assets-")
        weakref.finalize(self, shutil.rmtree, spill, ignore_errors=True)
        return duckdb.connect(
            config={
                "memory_limit": f"{self._memory_bytes}B",
                **thread_settings(self._workers),
                "temp_directory": spill,
                # What has to be in order is sorted; keeping any other order costs memory.
                "preserve_insertion_order": False,
            }
        )

    @cached_property
    def ports(self) -> DuckDBPorts:
        return DuckDBPorts(self._connection, self._geo_db)

    def scan(self, table: Table, partitions: Mapping[dt.date | None, Content]) -> Frame:
        paths = [path for files in partitions.values() for path in _files(files)]
        parts = [self._read(table, schema, alike) for schema, alike in by_schema(paths)]
        if not parts:
            columns = (*table.columns, *(table.hive_columns if table.by_date else ()))
            schema = pa.schema([(column.name, arrow_type(column.type)) for column in columns])
            parts = [self._connection.from_arrow(schema.empty_table())]
        return nw.from_native(reduce(lambda one, other: one.union(other), parts))

    def _read(self, table: Table, schema: pa.Schema, paths: Sequence[Path]) -> duckdb.DuckDBPyRelation:
        files = self._connection.from_parquet([_literally(path) for path in paths], hive_partitioning=table.by_date)
        columns = [_column(c.name, c.type, schema) for c in table.columns]
        return files.project(", ".join([*columns, *(["event_date::DATE AS event_date"] if table.by_date else [])]))

    def constant(self, rows: pl.DataFrame) -> Frame:
        return nw.from_native(self._connection.from_arrow(rows.to_arrow()))

    def write(self, outputs: Outputs, tables: Mapping[str, Table], folder: Path, dates: Dates = (None,)) -> Written:
        try:
            with named_failures():
                figures = _figures(outputs, dates)
                folder.mkdir(parents=True, exist_ok=True)
                frames = outputs.tables.items()
                pieces = {name: self._write(frame, tables[name], folder, figures) for name, frame in frames}
        finally:
            self.ports.release()
        return Written(pieces, figures)

    def _write(
        self, frame: Frame, table: Table, folder: Path, figures: Figures
    ) -> dict[dt.date | None, list[WrittenFile]]:
        relation: duckdb.DuckDBPyRelation = nw.to_native(frame)
        split = [name] if (name := split_column(table, [*figures])) else []
        order = ", ".join(f"{identifier(column)} NULLS FIRST" for column in (*split, *table.row_order))
        rows = relation.project(", ".join(map(identifier, (*split, *table.names)))).order(order)
        batches = rows.to_arrow_reader(_BATCH_ROWS)
        return with_empty(write_pieces(batches, table, folder, table.name, figures), table, folder, figures)

    def violations(self, table: Table, pieces: Sequence[WrittenFile]) -> Sequence[Violation]:
        broken = merged(violations_of_file(table, piece.path) for piece in pieces)
        repeated = sum(self._repeated(table, alike) for alike in by_hive(pieces))
        return [*broken, *([repeated_key(table, repeated)] if repeated else [])]

    def _repeated(self, table: Table, pieces: Sequence[WrittenFile]) -> int:
        files = self._connection.from_parquet([_literally(piece.path) for piece in pieces], hive_partitioning=False)
        key = ", ".join(map(identifier, table.key))
        distinct: int = files.project(key).distinct().aggregate("count(*)").fetchall()[0][0]
        return sum(piece.rows for piece in pieces) - distinct


def _figures(outputs: Outputs, dates: Dates) -> Figures:
    if outputs.figures is None:
        return figures_by_date((), (), dates)
    relation: duckdb.DuckDBPyRelation = nw.to_native(outputs.figures)
    return figures_by_date(relation.columns, relation.fetchall(), dates)


def _column(name: str, declared: str, stored: pa.Schema) -> str:
    """A contract's column as a file of that schema gives it; what can't be cast is null."""
    wanted = sql_type(declared)
    if name not in stored.names:
        return f"NULL::{wanted} AS {identifier(name)}"
    if stored.field(name).type == arrow_type(declared):
        return identifier(name)
    return f"try_cast({identifier(name)} AS {wanted}) AS {identifier(name)}"


def _files(content: Content) -> Sequence[Path]:
    assert not isinstance(content, pl.DataFrame), "DuckDB reads files"
    return content


def _literally(path: Path) -> str:
    """A path without wildcards: DuckDB takes no other escape than a class of one character."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in str(path))

"""Functions that the engines with Arrow batches share: write a stream of batches to staged Parquet files, and apply a
function to distinct texts.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from event_assets.engines.engine import Figures, split_column
from event_assets.storage.parquet import NO_VALUE, footer, naming_disk_errors
from event_assets.storage.written_file import WrittenFile
from event_assets.tables.column_types import arrow_type
from event_assets.tables.table import Table
from event_assets.transforms.interface import TextFunction

#: The number of rows of a row group: equal rows give equal bytes, in whatever batches they come.
ROW_GROUP = 1 << 17


def file_schema(table: Table, figures: Mapping[str, int]) -> pa.Schema:
    """The contract's columns; the figures are kept in the footer, so that they live and die with the rows."""
    fields = [pa.field(column.name, arrow_type(column.type)) for column in table.columns]
    return pa.schema(fields, footer(figures))


def write_pieces(
    batches: Iterable[pa.RecordBatch], table: Table, folder: Path, stem: str, figures: Figures
) -> Iterator[tuple[dt.date | None, WrittenFile]]:
    """Write rows that come in order (the date or Hive column in front) as one file, or as one for each of its values;
    yields each with its date."""
    dates = [*figures]
    groups = groupby(_row_groups(batches, split_column(table, dates)), key=lambda group: group[0])
    for number, (value, tables) in enumerate(groups):
        date, hive = (value, None) if len(dates) > 1 else (dates[0], value)
        path = folder / f"{stem}-{number:04d}.parquet"
        yield (
            date,
            WrittenFile(path, _write(path, file_schema(table, figures[date]), (rows for _, rows in tables)), hive),
        )


def with_empty(
    pieces: Iterable[tuple[dt.date | None, WrittenFile]], table: Table, folder: Path, figures: Figures
) -> dict[dt.date | None, list[WrittenFile]]:
    """The pieces by date; a date of which there are none gets a file without rows, with the table's columns."""
    found: dict[dt.date | None, list[WrittenFile]] = {date: [] for date in figures}
    for date, piece in pieces:
        found[date].append(piece)
    for number, date in enumerate(date for date in figures if not found[date]):
        path = folder / f"{table.name}-empty-{number:04d}.parquet"
        rows = _write(path, file_schema(table, figures[date]), ())
        found[date].append(WrittenFile(path, rows, NO_VALUE if table.hive_column else None))
    return found


def on_distinct(function: TextFunction, rows: Sequence[tuple[str | None, ...]], dtype: pa.DataType) -> pa.Array:
    """Apply a function to the distinct rows of texts; returns its value for every row."""
    distinct = list(dict.fromkeys(rows))
    values = dict(zip(distinct, function(list(zip(*distinct, strict=True))), strict=True)) if distinct else {}
    return pa.array([values[row] for row in rows], dtype)


def by_schema(paths: Sequence[Path]) -> list[tuple[pa.Schema, list[Path]]]:
    """Files grouped by the columns and types that they hold."""
    groups: list[tuple[pa.Schema, list[Path]]] = []
    for path in paths:
        schema = pq.read_schema(path).remove_metadata()
        alike = next((found for known, found in groups if known == schema), None)
        if alike is None:
            groups.append((schema, [path]))
        else:
            alike.append(path)
    return groups


def _write(path: Path, schema: pa.Schema, groups: Iterable[pa.Table]) -> int:
    rows = 0
    with naming_disk_errors(path), pq.ParquetWriter(path, schema, store_decimal_as_integer=True) as writer:
        for group in groups:
            writer.write_table(group.select(schema.names).cast(schema), row_group_size=ROW_GROUP)
            rows += group.num_rows
    return rows


def _row_groups(batches: Iterable[pa.RecordBatch], split: str | None) -> Iterator[tuple[Any, pa.Table]]:
    """The rows in groups of one value of the column that splits them, and at most ROW_GROUP rows."""
    pending: list[pa.Table] = []
    value: Any = None
    for run_value, run in _runs(batches, split):
        if pending and run_value != value:
            yield value, pa.concat_tables(pending).combine_chunks()
            pending = []
        value, rest = run_value, run
        while (missing := ROW_GROUP - sum(part.num_rows for part in pending)) <= rest.num_rows:
            yield value, pa.concat_tables([*pending, rest.slice(0, missing)]).combine_chunks()
            pending, rest = [], rest.slice(missing)
        if rest.num_rows:
            pending.append(rest)
    if pending:
        yield value, pa.concat_tables(pending).combine_chunks()


def _runs(batches: Iterable[pa.RecordBatch], split: str | None) -> Iterator[tuple[Any, pa.Table]]:
    """Batches cut where that value changes."""
    for batch in batches:
        rows = pa.Table.from_batches([batch])
        if split is None:
            yield None, rows
            continue
        start = 0
        # Rows come in order of that column, so each of its values is one run.
        for count in rows[split].combine_chunks().value_counts():
            length = count["counts"].as_py()
            yield count["values"].as_py(), rows.slice(start, length)
            start += length

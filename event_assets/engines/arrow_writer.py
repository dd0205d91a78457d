"""Staged Parquet out of a stream of Arrow batches, which needn't fit into memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from event_assets.storage.parquet import NO_VALUE, footer, naming_disk_errors
from event_assets.storage.written_file import WrittenFile
from event_assets.tables.column_types import arrow_type
from event_assets.tables.table import Table

#: Rows are gathered into groups of so many: the same rows then are the same bytes, in whatever batches they came.
ROW_GROUP = 1 << 17


def file_schema(table: Table, figures: Mapping[str, int]) -> pa.Schema:
    """The contract's columns; the figures are kept in the footer, so that they live and die with the rows."""
    fields = [pa.field(column.name, arrow_type(column.type)) for column in table.columns]
    return pa.schema(fields, footer(figures))


def write_pieces(
    batches: Iterable[pa.RecordBatch], table: Table, folder: Path, stem: str, figures: Mapping[str, int]
) -> Iterator[WrittenFile]:
    """Write rows that come in order (a Hive column in front) as one file, or as one for each of its values."""
    schema = file_schema(table, figures)
    groups = groupby(_row_groups(batches, table.hive_column), key=lambda group: group[0])
    for number, (hive, tables) in enumerate(groups):
        path = folder / f"{stem}-{number:04d}.parquet"
        yield WrittenFile(path, _write(path, schema, (rows for _, rows in tables)), hive)


def write_nothing(table: Table, folder: Path, stem: str, figures: Mapping[str, int]) -> WrittenFile:
    """A table that was made and has no rows still stands there with its columns."""
    path = folder / f"{stem}-0000.parquet"
    return WrittenFile(path, _write(path, file_schema(table, figures), ()), NO_VALUE if table.hive_column else None)


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


def _row_groups(batches: Iterable[pa.RecordBatch], hive: str | None) -> Iterator[tuple[str | None, pa.Table]]:
    """The rows in groups of one Hive value and at most ROW_GROUP rows."""
    held: list[pa.Table] = []
    value: str | None = None
    for run_value, run in _runs(batches, hive):
        if held and run_value != value:
            yield value, pa.concat_tables(held).combine_chunks()
            held = []
        value, rest = run_value, run
        while (missing := ROW_GROUP - sum(part.num_rows for part in held)) <= rest.num_rows:
            yield value, pa.concat_tables([*held, rest.slice(0, missing)]).combine_chunks()
            held, rest = [], rest.slice(missing)
        if rest.num_rows:
            held.append(rest)
    if held:
        yield value, pa.concat_tables(held).combine_chunks()


def _runs(batches: Iterable[pa.RecordBatch], hive: str | None) -> Iterator[tuple[str | None, pa.Table]]:
    """Batches cut where the Hive value changes."""
    for batch in batches:
        rows = pa.Table.from_batches([batch])
        if hive is None:
            yield None, rows
            continue
        start = 0
        # Rows come in order of that column, so each of its values is one run.
        for count in rows[hive].combine_chunks().value_counts():
            length = count["counts"].as_py()
            yield count["values"].as_py(), rows.slice(start, length)
            start += length

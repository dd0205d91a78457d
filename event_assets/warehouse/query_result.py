"""The rows of a SELECT of DuckDB, as Polars frames or as Python's values."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import duckdb

from event_assets.errors import QueryError
from event_assets.text.sql import identifier

if TYPE_CHECKING:
    import polars as pl

_BATCH_ROWS = 64 * 1024
#: Types (by DuckDB's ids) that a frame can contain; other values become text, nested values JSON.
_PLAIN = {
    *("boolean", "tinyint", "smallint", "integer", "bigint", "hugeint"),
    *("utinyint", "usmallint", "uinteger", "ubigint", "float", "double", "decimal"),
    *("varchar", "blob", "uuid", "null", "date", "time"),
    *("timestamp", "timestamp_s", "timestamp_ms", "timestamp_ns", "timestamp with time zone"),
}
_NUMBERS = {
    *("tinyint", "smallint", "integer", "bigint", "hugeint"),
    *("utinyint", "usmallint", "uinteger", "ubigint", "float", "double", "decimal"),
}
_ZONED = "timestamp with time zone"
_NESTED = {"list", "array", "struct", "map", "union", "variant"}


class ArrowReaderError(Exception):
    """An error of DuckDB's that Arrow's reader handed on as its own."""


@dataclass(frozen=True)
class Rows:
    """A query's rows as Python's values, without the libraries that frames need, which take longer to load than it
    takes to read a small table."""

    numeric: dict[str, bool]
    """Whether each column contains numbers."""
    rows: Iterator[tuple[Any, ...]]


@dataclass(frozen=True)
class QueryResult:
    """A SELECT whose rows are not read yet, and the kinds of its columns."""

    connection: duckdb.DuckDBPyConnection
    relation: duckdb.DuckDBPyRelation
    kinds: Mapping[str, str]

    def frames(self) -> Iterator[pl.DataFrame]:
        """The rows in frames, the first of which has none."""
        import pyarrow as pa

        reader = self.relation.to_arrow_reader(_BATCH_ROWS)
        yield _frame(pa.Table.from_batches([], reader.schema))  # schema.empty_table() would import pandas
        try:
            for batch in reader:
                yield _frame(batch)
        except (OSError, pa.ArrowException) as error:
            raise ArrowReaderError(error) from None

    def rows(self) -> Rows:
        """The rows with the values that frames would have."""
        relation = self.relation.project(", ".join(_python(name, kind) for name, kind in self.kinds.items()))
        zoned = [place for place, kind in enumerate(self.kinds.values()) if kind == _ZONED]

        def rows() -> Iterator[tuple[Any, ...]]:
            found = self.connection.execute(relation.sql_query())
            while batch := found.fetchmany(_BATCH_ROWS):
                yield from (map(in_utc, batch) if zoned else batch)

        def in_utc(row: tuple[Any, ...]) -> tuple[Any, ...]:
            values = list(row)
            for place in zoned:
                if values[place] is not None:
                    values[place] = values[place].replace(tzinfo=dt.UTC)
            return tuple(values)

        return Rows({name: kind in _NUMBERS for name, kind in self.kinds.items()}, rows())


def query_result(connection: duckdb.DuckDBPyConnection, sql: str, parameters: Sequence[object]) -> QueryResult:
    """The result of a SELECT, with text for types that frames lack. QueryError if two columns have the same name."""
    relation = connection.sql(sql, params=list(parameters) or None)
    folded = [name.lower() for name in relation.columns]
    for name in relation.columns:
        if folded.count(name.lower()) > 1:
            raise QueryError("query", f"gives two columns named {name}", "name them apart with AS")
    kinds = dict(zip(relation.columns, (str(kind.id) for kind in relation.types), strict=True))
    if not _PLAIN.issuperset(kinds.values()):
        relation = relation.project(", ".join(_plain(name, kind) for name, kind in kinds.items()))
    return QueryResult(connection, relation, kinds)


def _plain(name: str, kind: str) -> str:
    column = identifier(name)
    if kind in _PLAIN:
        return column
    return f"CAST({f'to_json({column})' if kind in _NESTED else column} AS VARCHAR) AS {column}"


def _python(name: str, kind: str) -> str:
    """A column in a type that DuckDB converts to Python without another library (which times with a zone need), and
    that JSON can contain (no integer over 64 bits)."""
    column = identifier(name)
    texts = {
        _ZONED: f"{column} AT TIME ZONE 'UTC'",
        "hugeint": f"CAST({column} AS DECIMAL(38, 0))",
        "uuid": f"CAST({column} AS VARCHAR)",
    }
    return f"{texts[kind]} AS {column}" if kind in texts else column


def _frame(rows: Any) -> pl.DataFrame:
    import polars as pl

    frame = pl.from_arrow(rows)
    assert isinstance(frame, pl.DataFrame)
    return frame

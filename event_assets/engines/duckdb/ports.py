"""The operations that Narwhals lacks, in DuckDB. No rows are fetched: results are relations that DuckDB can spill."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from string import ascii_lowercase, ascii_uppercase

import duckdb
import narwhals as nw
import pyarrow as pa
from duckdb.func import FunctionNullHandling, PythonUDFType

from event_assets.engines.arrow_writer import on_distinct
from event_assets.engines.duckdb.resources import named_failures
from event_assets.engines.ip_continents import GeoDatabase
from event_assets.tables.column_types import arrow_type, sql_type
from event_assets.text.sql import identifier
from event_assets.transforms.interface import ColumnsFunction, Frame, TextFunction


class DuckDBPorts:
    """`Ports` over DuckDB relations of one connection; `geo_db` is a MaxMind file in place of the built-in database."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, geo_db: Path | None = None) -> None:
        # Times are UTC whatever zone the machine is in.
        connection.execute("SET TimeZone = 'UTC'")
        self.connection = connection
        self._geo = GeoDatabase(geo_db)
        self._names = count(1)
        self._made: list[tuple[str, str]] = []
        self.version = self._geo.version

    def shared(self, frame: Frame) -> Frame:
        """A temporary table, which DuckDB spills if needed; it is deleted with the connection."""
        name = f"shared_{next(self._names)}"
        with named_failures():
            self.connection.execute(f"CREATE TEMP TABLE {name} AS {_relation(frame).sql_query()}")
        self._made.append(("table", name))
        return nw.from_native(self.connection.table(name))

    def release(self) -> None:
        """Drop all shared or lent frames: the tables that are computed from them are written."""
        for kind, name in reversed(self._made):
            if kind == "table":
                self.connection.execute(f"DROP TABLE {name}")
            else:
                self.connection.remove_function(name)
        self._made.clear()

    def read_once(self, frame: Frame) -> Frame:
        return frame

    def folded(self, frame: Frame, columns: Mapping[str, tuple[str, str]]) -> Frame:
        letters = {"lower": (ascii_uppercase, ascii_lowercase), "upper": (ascii_lowercase, ascii_uppercase)}
        return _with(
            frame,
            **{
                into: "translate({}, '{}', '{}')".format(identifier(column), *letters[case])
                for into, (column, case) in columns.items()
            },
        )

    def microseconds(self, frame: Frame, columns: Mapping[str, str]) -> Frame:
        return _with(frame, **{into: f"epoch_us({identifier(column)})" for column, into in columns.items()})

    def uuid5(self, frame: Frame, column: str, *, text: str, namespace: str) -> Frame:
        digest = f"sha1(unhex('{uuid.UUID(namespace).hex}') || encode({identifier(text)}))"
        return _with(_with(frame, **{column: digest}), **{column: _as_uuid(identifier(column))})

    def previous(self, frame: Frame, columns: Mapping[str, str], *, by: Sequence[str], order: Sequence[str]) -> Frame:
        over = _over(by, order)
        return _with(frame, **{into: f"lag({identifier(column)}) {over}" for column, into in columns.items()})

    def latest(self, frame: Frame, columns: Sequence[str], *, by: Sequence[str], order: Sequence[str]) -> Frame:
        over = _over(by, order)
        return _with(frame, **{name: f"last_value({identifier(name)} IGNORE NULLS) {over}" for name in columns})

    def lookup(self, frame: Frame, other: Frame, on: Sequence[str]) -> Frame:
        return frame.join(other, on=list(on), how="left")

    def as_of(
        self, frame: Frame, other: Frame, *, by: Sequence[str], at: str, other_at: str, forward: bool = False
    ) -> Frame:
        rows, found = (f"({_relation(one).sql_query()})" for one in (frame, other))
        near = f"l.{identifier(at)} {'<=' if forward else '>='} r.{identifier(other_at)}"
        same = " AND ".join(f"l.{identifier(name)} = r.{identifier(name)}" for name in by)
        joined = f"FROM {rows} l ASOF LEFT JOIN {found} r ON {same} AND {near}"
        groups = ", ".join(map(identifier, by))
        return nw.from_native(self.connection.sql(f"SELECT l.*, r.* EXCLUDE ({groups}) {joined}"))

    def distinct(self, frame: Frame) -> Frame:
        return frame.unique()

    def distinct_text(self, frame: Frame, *, by: Sequence[str], column: str, into: str, separator: str) -> Frame:
        groups = ", ".join(identifier(name) for name in by)
        text = identifier(column)
        joined = f"coalesce(string_agg(DISTINCT {text}, '{separator}' ORDER BY {text}), '')"
        return nw.from_native(_relation(frame).aggregate(f"{groups}, {joined} AS {identifier(into)}", groups))

    def distinct_counts(self, frame: Frame, *, by: Sequence[str], column: str, into: str) -> Frame:
        return frame.group_by(*by).agg(nw.col(column).n_unique().cast(nw.Int64).alias(into))

    def ends(
        self, frame: Frame, *, by: Sequence[str], column: str, order: Sequence[str], first: str, last: str
    ) -> Frame:
        groups, value = ", ".join(map(identifier, by)), identifier(column)
        place = f"row({', '.join(map(identifier, order))})"
        ends = f"arg_min({value}, {place}) AS {identifier(first)}, arg_max({value}, {place}) AS {identifier(last)}"
        present = _relation(frame).filter(f"{value} IS NOT NULL")
        return nw.from_native(present.aggregate(f"{groups}, {ends}", groups))

    def from_text(
        self, frame: Frame, columns: Sequence[str], *, into: str, function: TextFunction, declared_type: str = "string"
    ) -> Frame:
        name = f"from_text_{next(self._names)}"
        self._made.append(("function", name))
        dtype = arrow_type(declared_type)

        def mapped(lists: pa.ChunkedArray) -> pa.Array:
            return on_distinct(function, [tuple(texts) for texts in lists.to_pylist()], dtype)

        self.connection.create_function(
            name,
            mapped,
            [duckdb.sqltype("VARCHAR[]")],
            duckdb.sqltype(sql_type(declared_type)),
            type=PythonUDFType.ARROW,
            null_handling=FunctionNullHandling.SPECIAL,
        )
        return _with(frame, **{into: f"{name}(list_value({', '.join(map(identifier, columns))}))"})

    def few_texts(
        self, frame: Frame, columns: Mapping[str, tuple[str, TextFunction]], expressions: ColumnsFunction
    ) -> Frame:
        return expressions(frame, [*columns])

    def region(self, frame: Frame, *, address: str, into: str) -> Frame:
        return self.from_text(frame, [address], into=into, function=self._geo.regions)


def _relation(frame: Frame) -> duckdb.DuckDBPyRelation:
    relation: duckdb.DuckDBPyRelation = nw.to_native(frame)
    return relation


def _with(frame: Frame, **columns: str) -> Frame:
    """The frame with further (or replaced) columns, given as SQL."""
    relation = _relation(frame)
    kept = [identifier(name) for name in relation.columns if name not in columns]
    made = [f"{sql} AS {identifier(name)}" for name, sql in columns.items()]
    return nw.from_native(relation.project(", ".join([*kept, *made])))


def _over(by: Sequence[str], order: Sequence[str]) -> str:
    groups, rows = (", ".join(map(identifier, names)) for names in (by, order))
    return f"OVER (PARTITION BY {groups} ORDER BY {rows} NULLS FIRST)"


def _as_uuid(digest: str) -> str:
    """The first 128 bits of a digest with version 5 and the RFC's variant set, written as UUIDs are."""
    variant = f"substr('89ab89ab89ab89ab', strpos('0123456789abcdef', substr({digest}, 17, 1)), 1)"
    return (
        f"concat(substr({digest}, 1, 8), '-', substr({digest}, 9, 4), '-5', substr({digest}, 14, 3), '-',"
        f" {variant}, substr({digest}, 18, 3), '-', substr({digest}, 21, 12))"
    )

"""A column's declared type in the terms of Polars, Arrow, Narwhals and DuckDB's SQL.

Beside the types of a declaration (`string, int64, float64, decimal(p,s), bool, date, timestamp, json`)
no table uses any other. A timestamp is microseconds in UTC; json is text.

Each of the libraries is loaded on first use: a command that needs none of them starts at once.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from event_assets.declaration.typed_values import decimal_parts

if TYPE_CHECKING:
    import narwhals as nw
    import polars as pl
    import pyarrow as pa


_SQL_TYPES = {
    "string": "VARCHAR",
    "json": "VARCHAR",
    "int64": "BIGINT",
    "float64": "DOUBLE",
    "bool": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
}


@cache
def _polars_types() -> dict[str, pl.DataType]:
    import polars as pl

    return {
        "string": pl.String(),
        "json": pl.String(),
        "int64": pl.Int64(),
        "float64": pl.Float64(),
        "bool": pl.Boolean(),
        "date": pl.Date(),
        "timestamp": pl.Datetime("us", "UTC"),
    }


@cache
def _arrow_types() -> dict[str, pa.DataType]:
    import pyarrow as pa

    return {
        "string": pa.string(),
        "json": pa.string(),
        "int64": pa.int64(),
        "float64": pa.float64(),
        "bool": pa.bool_(),
        "date": pa.date32(),
        "timestamp": pa.timestamp("us", "UTC"),
    }


@cache
def _narwhals_types() -> dict[str, nw.dtypes.DType]:
    import narwhals as nw

    return {
        "string": nw.String(),
        "json": nw.String(),
        "int64": nw.Int64(),
        "float64": nw.Float64(),
        "bool": nw.Boolean(),
        "date": nw.Date(),
        "timestamp": nw.Datetime("us", "UTC"),
    }


def polars_type(declared: str) -> pl.DataType:
    import polars as pl

    parts = decimal_parts(declared)
    return pl.Decimal(*parts) if parts else _polars_types()[declared]


def arrow_type(declared: str) -> pa.DataType:
    import pyarrow as pa

    parts = decimal_parts(declared)
    return pa.decimal128(*parts) if parts else _arrow_types()[declared]


def narwhals_type(declared: str) -> nw.dtypes.DType:
    import narwhals as nw

    parts = decimal_parts(declared)
    return nw.Decimal(*parts) if parts else _narwhals_types()[declared]


def sql_type(declared: str) -> str:
    parts = decimal_parts(declared)
    return f"DECIMAL({parts[0]}, {parts[1]})" if parts else _SQL_TYPES[declared]

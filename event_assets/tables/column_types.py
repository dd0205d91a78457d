"""A column's declared type in the terms of Polars, Arrow, Narwhals and DuckDB's SQL.

Beside the types of a declaration (`string, int64, float64, decimal(p,s), bool, date, timestamp, json`)
no table uses any other. A timestamp is microseconds in UTC; json is text.

Each of the libraries is loaded on first use: a command that needs none of them starts at once.
"""

from __future__ import annotations

from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

from event_assets.declaration.typed_values import decimal_parts

if TYPE_CHECKING:
    import narwhals as nw
    import polars as pl
    import pyarrow as pa

#: Declared type to its name in Polars and Narwhals, in Arrow and in SQL. Those of decimals have two parameters.
_NAMES = {
    "string": ("String", "string", "VARCHAR"),
    "json": ("String", "string", "VARCHAR"),
    "int64": ("Int64", "int64", "BIGINT"),
    "float64": ("Float64", "float64", "DOUBLE"),
    "bool": ("Boolean", "bool_", "BOOLEAN"),
    "date": ("Date", "date32", "DATE"),
    "timestamp": ("Datetime", "timestamp", "TIMESTAMP WITH TIME ZONE"),
}


@cache
def polars_type(declared: str) -> pl.DataType:
    import polars as pl

    dtype: pl.DataType = _frame_type(pl, declared)
    return dtype


@cache
def narwhals_type(declared: str) -> nw.dtypes.DType:
    import narwhals as nw

    dtype: nw.dtypes.DType = _frame_type(nw, declared)
    return dtype


@cache
def arrow_type(declared: str) -> pa.DataType:
    import pyarrow as pa

    if parts := decimal_parts(declared):
        return pa.decimal128(*parts)
    dtype: pa.DataType = getattr(pa, _NAMES[declared][1])(*_parameters(declared))
    return dtype


@cache
def sql_type(declared: str) -> str:
    parts = decimal_parts(declared)
    return f"DECIMAL({parts[0]}, {parts[1]})" if parts else _NAMES[declared][2]


def _frame_type(library: ModuleType, declared: str) -> Any:
    if parts := decimal_parts(declared):
        return library.Decimal(*parts)
    return getattr(library, _NAMES[declared][0])(*_parameters(declared))


def _parameters(declared: str) -> tuple[str, ...]:
    return ("us", "UTC") if declared == "timestamp" else ()

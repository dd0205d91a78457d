"""The tables of a dataset as a source of dbt, with descriptions, types and the tests that dbt itself ships.

dbt reads the views of the warehouse file, attached as the database `event_assets` (docs/how-to/dbt.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from event_assets.declaration import Dataset
from event_assets.tables.column_types import sql_type
from event_assets.tables.table import Column
from event_assets.text.sql import identifier
from event_assets.warehouse.views import REJECTED, View, views

DATABASE = "event_assets"


def dbt_sources(dataset: Dataset) -> dict[str, Any]:
    """The content of a `sources.yml`: one source, named like the dataset, with every table of it."""
    source = {
        "name": dataset.name,
        "description": _verbatim(dataset.description),
        "database": DATABASE,
        "schema": dataset.name,
        "tables": [_table(view) for view in views(dataset)],
    }
    return {"version": 2, "sources": [source]}


def _table(view: View) -> dict[str, Any]:
    found: dict[str, Any] = {"name": view.name, "description": _verbatim(view.description)}
    key = () if view.name == REJECTED else view.tables[0].unique
    if key:
        # dbt groups by the text given here as a column's name: a row of all columns of the key.
        row = ", ".join(identifier(name) for name in key)
        name = f"unique_{view.dataset}_{view.name}"
        found["data_tests"] = [{"unique": {"name": name, "arguments": {"column_name": f"row({row})"}}}]
    required = {column.name for column in view.columns if not column.nullable} | set(key)
    found["columns"] = [_column(column, column.name in required) for column in view.columns]
    return found


def _column(column: Column, required: bool) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": _verbatim(column.name),
        "quote": True,  # a test of the column `column` needs it
        "description": _verbatim(column.description),
        "data_type": sql_type(column.type),
    }
    if column.personal:
        found["config"] = {"meta": {"personal": True}}
    tests = list(_tests(column, required))
    return {**found, "data_tests": tests} if tests else found


def _tests(column: Column, required: bool) -> Iterator[str | dict[str, Any]]:
    if required:
        yield "not_null"
    if column.allowed:
        # dbt puts each value between single quotes as it is.
        values = [_verbatim(value).replace("'", "''") for value in column.allowed]
        yield {"accepted_values": {"arguments": {"values": values}}}


def _verbatim(text: str) -> str:
    """A text as dbt, which reads all texts of a sources.yml as Jinja, gives it back."""
    return re.sub(r"\{(?=[{%#])", '{{ "{" }}', text)

"""The tables of a dataset as a data contract of the Open Data Contract Standard (bitol.io), version 3."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from event_assets.declaration import Dataset
from event_assets.path_or_url import ObjectUrl, Place
from event_assets.tables.catalog import tables
from event_assets.tables.column_types import sql_type
from event_assets.tables.table import Column, Table
from event_assets.warehouse.views import View, views

_LOGICAL = {
    "string": "string",
    "json": "string",
    "int64": "integer",
    "float64": "number",
    "bool": "boolean",
    "date": "date",
    "timestamp": "timestamp",
}


def data_contract(dataset: Dataset, lake: Place) -> dict[str, Any]:
    """The contract: where the tables are, and every table with its columns, key and bounds."""
    made = tables(dataset)
    return {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": f"event_assets.{dataset.name}",
        "name": dataset.name,
        "version": "1.0.0",
        "status": "active",
        "description": {"purpose": dataset.description},
        "servers": [_server(dataset, lake)],
        **(
            {"team": {"name": dataset.owners[0], "members": [{"username": o} for o in dataset.owners]}}
            if dataset.owners
            else {}
        ),
        "schema": [_object(view, made[view.name], dataset) for view in views(dataset) if view.name in made],
    }


def _server(dataset: Dataset, lake: Place) -> dict[str, Any]:
    """Delta tables, not Parquet files: a glob over a table's folders would also match its log's checkpoints."""
    if isinstance(lake, ObjectUrl):
        return {"server": "lake", "type": "s3", "location": f"{lake}/{dataset.name}/{{model}}", "format": "delta"}
    path = (lake / dataset.name / "{model}").as_posix()
    return {"server": "lake", "type": "local", "path": path, "format": "delta"}


def _object(view: View, table: Table, dataset: Dataset) -> dict[str, Any]:
    return {
        "name": view.name,
        "physicalName": view.name,
        "physicalType": "table",
        "logicalType": "object",
        "description": view.description,
        "tags": [table.layer],
        "properties": [_property(column, table) for column in view.columns],
        "quality": list(_quality(table)),
    }


def _property(column: Column, table: Table) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": column.name,
        "logicalType": _LOGICAL.get(column.type, "number"),
        "physicalType": sql_type(column.type),
        "description": column.description,
        "required": not column.nullable,
    }
    if column.name == table.partitioned_by:
        found |= {"partitioned": True, "partitionKeyPosition": 1, "required": True}
    if column.name in table.key:
        found |= {"primaryKey": True, "primaryKeyPosition": table.key.index(column.name) + 1}
    if column.personal:
        found["classification"] = "restricted"
    bounds = {
        name: number
        for name, bound in (("minimum", column.min), ("maximum", column.max))
        if (number := _number(bound, column)) is not None
    }
    if bounds:
        found["logicalTypeOptions"] = bounds
    if column.allowed:
        found["quality"] = [
            {
                "type": "library",
                "metric": "invalidValues",
                "description": f"One of {', '.join(column.allowed)}.",
                "arguments": {"validValues": list(column.allowed)},
                "mustBe": 0,
            }
        ]
    return found


def _number(bound: str | None, column: Column) -> int | float | None:
    """A bound as the standard requires it: a number, and only for numeric columns."""
    if bound is None or _LOGICAL.get(column.type, "number") not in ("integer", "number"):
        return None
    value = float(bound)
    return int(value) if value.is_integer() else value


def _quality(table: Table) -> Iterator[dict[str, Any]]:
    if table.unique:
        yield {
            "type": "library",
            "metric": "duplicateValues",
            "description": f"No two rows share {', '.join(table.unique)}.",
            "arguments": {"properties": list(table.unique)},
            "mustBe": 0,
        }

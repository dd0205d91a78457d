"""Which columns of other tables a table's columns are computed from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from event_assets.declaration import Dataset
from event_assets.pipeline.steps import step_of
from event_assets.tables.catalog import tables
from event_assets.tables.table import Column, Table


def column_sources(dataset: Dataset, table: Table) -> dict[str, list[tuple[str, str]]]:
    """By column, the (table, column) pairs that it is computed from: those of its name in an input of the step, else
    those that its contract names. Internal tables are resolved to what they are computed from; a landed table
    has none."""
    if table.name not in step_of(dataset):
        return {}
    return {column.name: list(dict.fromkeys(_sources(dataset, table, column))) for column in table.columns}


def _sources(dataset: Dataset, table: Table, column: Column) -> Iterator[tuple[str, str]]:
    step, known = step_of(dataset).get(table.name), tables(dataset)
    inputs = [known[source.table] for source in step.inputs if source.table in known] if step else []
    carried = any(column.name in table.names for table in inputs)
    for name in [column.name] if carried or not inputs else _declared(inputs, column):
        holder = next((table for table in inputs if name in table.names), None)
        if holder and holder.internal:
            yield from _sources(dataset, holder, next(column for column in holder.columns if column.name == name))
        elif holder:
            yield holder.name, name


def _declared(inputs: Sequence[Table], column: Column) -> Sequence[str]:
    if column.made_from == ("*",):
        return [name for name in inputs[0].names if name not in inputs[0].key]
    return column.made_from

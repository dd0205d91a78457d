"""Which columns a table's columns come from: those of the same name, else those that the contract names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import dagster as dg

from event_assets.declaration import Dataset
from event_assets.orchestration.keys import asset_key
from event_assets.pipeline.steps import Step, step_of
from event_assets.tables.catalog import tables
from event_assets.tables.table import Column, Table


def column_lineage(dataset: Dataset, table: Table, step: Step | None) -> dict[str, list[dg.TableColumnDep]]:
    """By column, the columns of other tables that it is made from; none for a table that landing makes."""
    if step is None:
        return {}
    known = tables(dataset)
    inputs = [known[source.table] for source in step.inputs if source.table in known]
    return {column.name: list(dict.fromkeys(_deps(dataset, inputs, column))) for column in table.columns}


def _deps(dataset: Dataset, inputs: Sequence[Table], column: Column) -> Iterator[dg.TableColumnDep]:
    """A column of an internal table, which is no asset, counts as the columns that it is made from."""
    carried = any(column.name in table.names for table in inputs)
    for name in [column.name] if carried else _sources(inputs, column):
        holder = next((table for table in inputs if name in table.names), None)
        if holder and holder.internal:
            yield from column_lineage(dataset, holder, step_of(dataset)[holder.name])[name]
        elif holder:
            yield dg.TableColumnDep(asset_key(dataset.name, holder.name), name)


def _sources(inputs: Sequence[Table], column: Column) -> Sequence[str]:
    if column.made_from == ("*",):
        return [name for name in inputs[0].names if name not in inputs[0].key]
    return column.made_from

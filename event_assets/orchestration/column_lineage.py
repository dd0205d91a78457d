"""Which columns a table's columns come from: by name, and by a short list for those that are computed."""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from event_assets.declaration import Dataset
from event_assets.orchestration.keys import asset_key
from event_assets.pipeline.steps import Step
from event_assets.tables.catalog import tables
from event_assets.tables.table import Table

#: What a computed column is made from, in whichever of the step's inputs has it.
_MADE_FROM: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("first_time", "last_time", "last_gap_start"), ("event_time",)),
    **dict.fromkeys(("part_start", "part_end"), ("event_time",)),
    "session_start": ("event_time", "last_gap_start"),
    "session_end": ("part_end",),
    "duration_seconds": ("session_start", "part_end"),
    **dict.fromkeys(("first_event_time", "last_event_time", "minute"), ("event_time",)),
    **dict.fromkeys(("event_count", "log_count"), ("event_id",)),
    **dict.fromkeys(("session_count", "rank"), ("session_id",)),
    **dict.fromkeys(("valid_from", "valid_to"), ("file_id",)),
    **dict.fromkeys(("step_number", "step", "users"), ("furthest_step",)),
    **dict.fromkeys(("conversion_from_previous", "conversion_from_first"), ("furthest_step",)),
    "session_id": ("user_id", "event_time", "last_gap_start"),
    "event_types": ("event_type",),
    "user_count": ("user_id",),
    "has_profile": ("user_id",),
    "furthest_step": ("event_type", "event_time"),
}


def column_lineage(dataset: Dataset, table: Table, step: Step | None) -> dict[str, list[dg.TableColumnDep]]:
    """By column, the columns of other tables that it is made from; none for a table that landing makes."""
    if step is None:
        return {}
    known = tables(dataset)
    inputs = [known[source.table] for source in step.inputs if source.table in known]
    return {column.name: _deps(dataset, inputs, column.name) for column in table.columns}


def _deps(dataset: Dataset, inputs: Sequence[Table], column: str) -> list[dg.TableColumnDep]:
    carried = any(_has(table, column) for table in inputs)
    found = []
    for name in [column] if carried else _made_from(dataset, inputs, column):
        holder = next((table for table in inputs if _has(table, name)), None)
        if holder:
            found.append(dg.TableColumnDep(asset_key(dataset.name, holder.name), name))
    return found


def _made_from(dataset: Dataset, inputs: Sequence[Table], column: str) -> Sequence[str]:
    gold, shown = dataset.gold, dataset.sessions.column
    if column in _MADE_FROM:
        return _MADE_FROM[column]
    if column == "event_id":
        return [dataset.event_id] if dataset.event_id else dataset.dedupe_keys
    if column == "geo_region":
        return [dataset.geo] if dataset.geo else []
    if column == "total_watch_time_min":
        return [gold.watch_time.column] if gold.watch_time else []
    if shown and column in (f"first_{shown}", f"last_{shown}"):
        return [shown]
    if column == "median_seconds_from_previous":
        return [c.name for c in inputs[0].columns if c.name.endswith("_time")]
    if gold.user_funnel and column in {f"{step}_count" for step in gold.user_funnel.names}:
        return ["event_type"]
    if gold.user_funnel and column in {f"{step}_time" for step in gold.user_funnel.names}:
        return ["event_type", "event_time"]
    if column in ("reason", "reasons", "column", "raw"):  # of a record that was refused
        return [c.name for c in inputs[0].columns if c.name not in ("file_id", "row_number")]
    return []


def _has(table: Table, column: str) -> bool:
    return any(c.name == column for c in table.columns)

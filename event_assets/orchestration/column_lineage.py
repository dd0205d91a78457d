"""Converts the column lineage of a table to Dagster's metadata."""

from __future__ import annotations

import dagster as dg

from event_assets.declaration import Dataset
from event_assets.orchestration.asset_keys import asset_key
from event_assets.pipeline.column_lineage import column_sources
from event_assets.tables.table import Table


def column_lineage(dataset: Dataset, table: Table) -> dict[str, list[dg.TableColumnDep]]:
    """By column, the columns of other tables that it is computed from; none for a landed table."""
    return {
        column: [dg.TableColumnDep(asset_key(dataset.name, name), field) for name, field in sources]
        for column, sources in column_sources(dataset, table).items()
    }

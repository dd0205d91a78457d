"""Expressions that give an event its number of conversions and its revenue; sessions sum them
(docs/how-to/channels.md).
"""

from __future__ import annotations

import narwhals as nw

from event_assets.declaration import Dataset
from event_assets.tables.channel_tables import conversion_columns
from event_assets.tables.column_types import narwhals_type


def of_event(dataset: Dataset) -> list[nw.Expr]:
    """The figures of one event: 0 for one that is not a conversion."""
    channels = dataset.channels
    if channels is None or not channels.conversions:
        return []
    is_conversion = nw.col("event_type").is_in([*channels.conversions]).fill_null(False)
    values = {"conversions": nw.lit(1), "revenue": nw.col(channels.revenue) if channels.revenue else nw.lit(0)}
    figures = []
    for column in conversion_columns(dataset):
        dtype = narwhals_type(column.type)
        value = nw.when(is_conversion).then(values[column.name].cast(dtype))
        figures.append(nw.coalesce(value, nw.lit(0).cast(dtype)).alias(column.name))
    return figures


def names(dataset: Dataset) -> list[str]:
    """The columns of the figures; none where no conversions are declared."""
    return [column.name for column in conversion_columns(dataset)]

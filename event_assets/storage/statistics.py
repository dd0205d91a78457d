"""The smallest and largest values of a Parquet file's columns, as a Delta log holds them.

Only of whole numbers, dates and times: a reader that skips a file by a text or a rounded number may skip it wrongly.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from pathlib import Path
from typing import Any

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def delta_statistics(path: Path, columns: Collection[str]) -> dict[str, dict[str, object]]:
    """`minValues`, `maxValues` and `nullCount` of those of some columns of which the file's footer has them."""
    import pyarrow.parquet as pq

    metadata = pq.read_metadata(path)
    found: dict[str, dict[str, object]] = {"minValues": {}, "maxValues": {}, "nullCount": {}}
    for place in range(metadata.num_columns) if metadata.num_row_groups else ():
        name = metadata.schema.column(place).name
        groups = [metadata.row_group(group).column(place).statistics for group in range(metadata.num_row_groups)]
        if name not in columns or not all(group and group.has_null_count for group in groups):
            continue
        found["nullCount"][name] = sum(group.null_count for group in groups)
        bounded = [group for group in groups if group.has_min_max]
        if bounded and all(group.has_min_max or not group.num_values for group in groups):
            found["minValues"][name] = min(_text(group, "min") for group in bounded)
            found["maxValues"][name] = max(_text(group, "max") for group in bounded)
    return {key: values for key, values in found.items() if values}


def _text(group: Any, bound: str) -> Any:
    if "Timestamp(" in str(group.logical_type) and "microseconds" in str(group.logical_type):
        # `group.min` of a time imports pandas where that is installed: a second at the start of a run.
        value: Any = _EPOCH + dt.timedelta(microseconds=getattr(group, f"{bound}_raw"))
    else:
        value = getattr(group, bound)
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return value.isoformat() if isinstance(value, dt.date) else value

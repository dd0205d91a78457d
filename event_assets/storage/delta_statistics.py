"""The smallest and largest values of a Parquet file's columns, as a Delta log holds them.

Only of whole numbers, dates and times: a reader that skips a file by a text or a rounded number may skip it wrongly.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

_EPOCH = dt.datetime(1970, 1, 1)


def delta_statistics(path: Path, columns: Collection[str]) -> dict[str, dict[str, object]]:
    """`minValues`, `maxValues` and `nullCount` of the given columns, as far as the file's footer has them."""
    import pyarrow.parquet as pq

    metadata = pq.read_metadata(path)
    found: dict[str, dict[str, object]] = {"minValues": {}, "maxValues": {}, "nullCount": {}}
    types = metadata.schema.to_arrow_schema()
    for place in range(metadata.num_columns) if metadata.num_row_groups else ():
        name = metadata.schema.column(place).name
        groups = [metadata.row_group(group).column(place).statistics for group in range(metadata.num_row_groups)]
        if name not in columns or not all(group and group.has_null_count for group in groups):
            continue
        found["nullCount"][name] = sum(group.null_count for group in groups)
        bounded = [group for group in groups if group.has_min_max]
        if bounded and all(group.has_min_max or not group.num_values for group in groups):
            # The stored values: for a time's Python value pyarrow would load pandas, if it is installed.
            found["minValues"][name] = _value(min(group.min_raw for group in bounded), types.field(name).type)
            found["maxValues"][name] = _value(max(group.max_raw for group in bounded), types.field(name).type)
    return {key: values for key, values in found.items() if values}


def _value(stored: int, dtype: pa.DataType) -> object:
    """A whole number, the days of a date or the microseconds of a time as a Delta log writes it."""
    match str(dtype):
        case "date32[day]":
            return (_EPOCH + dt.timedelta(days=stored)).date().isoformat()
        case "timestamp[us, tz=UTC]":
            return (_EPOCH + dt.timedelta(microseconds=stored)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        case _:
            return stored

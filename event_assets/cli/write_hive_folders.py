"""Rows as Parquet in Hive folders that DuckDB, Polars, pyarrow, Spark and Hive read back, whatever the values.

Every byte of a value but letters, digits and `_.-~` is percent-encoded. The column's name is not: no reader decodes it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from event_assets.errors import QueryError

if TYPE_CHECKING:
    import polars as pl
    from polars.io.partition import FileProviderArgs

#: The folder of rows without a value. Readers decode a name before they compare it, so no value can be this text.
NULL_FOLDER = "__HIVE_DEFAULT_PARTITION__"
FILE_NAME = "00000000.parquet"
MAX_VALUES = 10_000
#: Bytes that file systems allow for a name.
_MAX_NAME = 255
#: Characters that end or change a column's name for one of the readers, and beginnings of folders that some pass over.
_UNUSABLE = re.compile(r"[=/\\?*#%\x00-\x1f]|^[_.]")


def write_hive_folders(source: str, rows: pl.LazyFrame, into: Path, column: str) -> None:
    """Write rows of text columns as one file per value, in their order; null and the empty text are one folder.

    QueryError names the column, or the value, that can't be a folder. `source` names the input in messages.
    """
    import polars as pl

    names = rows.collect_schema().names()
    if column not in names:
        raise QueryError(source, f"has no column {column}", f"choose one of {', '.join(names) or 'none'}")
    if len(names) == 1:
        raise QueryError(source, f"has no column but {column}", "leave out --partition-by")
    if _UNUSABLE.search(column):
        raise QueryError(source, f"column {column!r} can't name a Hive folder", "partition by another, or rename it")
    rows = rows.with_columns(pl.when(pl.col(column) != "").then(pl.col(column)).alias(column))
    _check_values(source, rows, column)

    def folder(file: FileProviderArgs) -> str:
        value = file.partition_keys.item(0, 0)
        return f"{column}={NULL_FOLDER if value is None else quote(value, safe='')}/{FILE_NAME}"

    by_value = pl.PartitionBy(
        into, key=column, include_key=False, approximate_bytes_per_file=None, file_path_provider=folder
    )
    rows.sink_parquet(by_value, compression="snappy", maintain_order=True, mkdir=True)


def _check_values(source: str, rows: pl.LazyFrame, column: str) -> None:
    import polars as pl

    values = rows.select(pl.col(column).unique()).collect(engine="streaming")[column].drop_nulls()
    if len(values) > MAX_VALUES:
        state = f"has {len(values):,} values of {column}"
        raise QueryError(source, state, f"choose a column of at most {MAX_VALUES:,}")
    if NULL_FOLDER in values:
        state = f"has the text {NULL_FOLDER} in {column}, by which readers of Hive folders mean null"
        raise QueryError(source, state, "replace that text, or partition by another column")
    longest = max((f"{column}={quote(value, safe='')}" for value in values), key=len, default="")
    if len(longest) > _MAX_NAME:
        state = f"has a value of {column} whose folder name takes {len(longest):,} bytes of at most {_MAX_NAME}"
        raise QueryError(source, state, "partition by another column")

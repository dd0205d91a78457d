"""Refused records counted by file and reason, with the first of each to look at."""

from __future__ import annotations

import polars as pl

from event_assets.declaration import Dataset
from event_assets.pipeline.workspace import Workspace

#: At most this number of row numbers is shown of each file and reason, and of files and reasons.
_FIRST, _LINES = 3, 50

#: The reasons for which landing rejects a record.
_LANDING = (
    *("malformed_record", "missing_timestamp", "invalid_timestamp", "ambiguous_timestamp", "out_of_range"),
    *("not_utf8", "record_too_long"),
)


def possible_reasons(dataset: Dataset) -> set[str]:
    """Every reason for which a record of the dataset can be rejected or quarantined."""
    columns = {column.name for column in (*dataset.columns, *dataset.profile_columns)}
    return {*_LANDING, *(f"{what}_{name}" for what in ("missing", "invalid") for name in columns)}


def count_refused(rows: pl.DataFrame | pl.LazyFrame, *within: str) -> pl.DataFrame:
    """file_id, reason, records, first_rows of rows of `landing_rejects` or `quarantine`, within the given columns, in
    any order.

    `first_rows` has the lowest row numbers: samples by their place, since a record's own text may tell who somebody is
    (`event-assets quarantine` shows it).
    """
    first = pl.col("row_number").sort().head(_FIRST).cast(pl.String).str.join(", ")
    counts = rows.lazy().group_by(*within, "file_id", "reason")
    return counts.agg(pl.len().cast(pl.Int64).alias("records"), first.alias("first_rows")).collect()


def refused_by_file(workspace: Workspace, counted: pl.DataFrame) -> pl.DataFrame:
    """file, reason, records, first_rows of a partition's `count_refused`; most records first.

    `file` is a name that refers to the file (its file_id where none is left).
    """
    files = counted["file_id"].unique().to_list()
    names = {file_id: name for file_id in files if (name := workspace.ledger.name(file_id))}
    return (
        counted.select(pl.col("file_id").replace(names).alias("file"), "reason", "records", "first_rows")
        .sort("records", "file", "reason", descending=[True, False, False])
        .head(_LINES)
    )

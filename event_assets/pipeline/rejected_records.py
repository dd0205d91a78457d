"""Refused records counted by file and reason, with the first of each to look at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from event_assets.declaration import Dataset
from event_assets.pipeline.workspace import Workspace
from event_assets.storage.parquet import scan_parquet

#: So many row numbers are shown of each file and reason, and so many files and reasons.
_FIRST, _LINES = 3, 50
_SCHEMA = {"file": pl.String, "reason": pl.String, "records": pl.Int64, "first_rows": pl.String}

#: Why landing rejects a record (SPEC §4).
_LANDING = (
    *("malformed_record", "missing_timestamp", "invalid_timestamp", "ambiguous_timestamp", "out_of_range"),
    *("not_utf8", "record_too_long"),
)


def possible_reasons(dataset: Dataset) -> set[str]:
    """Every reason for which a record of the dataset can be rejected or quarantined."""
    columns = {column.name for column in (*dataset.columns, *dataset.profile_columns)}
    return {*_LANDING, *(f"{what}_{name}" for what in ("missing", "invalid") for name in columns)}


def refused_by_file(workspace: Workspace, paths: Sequence[Path]) -> pl.DataFrame:
    """file, reason, records, first_rows: what the parts of `landing_rejects` or `quarantine` hold; most records first.

    `file` is a name that refers to the file (its file_id where none is left), `first_rows` the lowest row numbers:
    samples by their place, since a record's own text may tell who somebody is (`event-assets quarantine` shows it).
    """
    if not paths:
        return pl.DataFrame(schema=_SCHEMA)
    names = {file_id: found[0] for (_, file_id), found in workspace.ledger.names().items()}
    counted = (
        scan_parquet(*paths)
        .group_by("file_id", "reason")
        .agg(pl.len().cast(pl.Int64).alias("records"), pl.col("row_number").sort().head(_FIRST).alias("rows"))
        .collect()
    )
    return (
        counted.select(
            pl.col("file_id").replace(names).alias("file"),
            "reason",
            "records",
            pl.col("rows").cast(pl.List(pl.String)).list.join(", ").alias("first_rows"),
        )
        .sort("records", "file", "reason", descending=[True, False, False])
        .head(_LINES)
    )

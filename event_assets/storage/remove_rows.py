"""Landed parts without some of their rows or columns."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import polars as pl

from event_assets.errors import LakeError
from event_assets.storage.parquet import scan_parquet


def write_without(part: Path, row_numbers: Collection[int], into: Path) -> None:
    """Copy a landed part but for the rows of these numbers: streaming, since a date may be larger than memory."""
    removed = pl.Series(sorted(row_numbers), dtype=pl.Int64)
    _write(scan_parquet(part).filter(~pl.col("row_number").is_in(removed.implode())), into)


def write_without_columns(part: Path, columns: Collection[str], into: Path) -> bool:
    """Copy a landed part but for some columns; False, and no copy, where it has none of them."""
    rows = scan_parquet(part)
    there = [name for name in rows.collect_schema().names() if name in columns]
    if there:
        _write(rows.drop(there), into)
    return bool(there)


def _write(rows: pl.LazyFrame, into: Path) -> None:
    try:
        into.parent.mkdir(parents=True, exist_ok=True)
        rows.sink_parquet(into, compression="snappy", maintain_order=True)
    except OSError as error:
        into.unlink(missing_ok=True)
        raise LakeError(str(into), f"can't be written ({error})", "make room and run again") from None

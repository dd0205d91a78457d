"""Rewrites a landed file without some rows or columns, or with some texts replaced, for erasures and upgrades."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

import polars as pl

from event_assets.errors import LakeError
from event_assets.storage.parquet import scan_parquet


def copy_without_rows(
    part: Path, row_numbers: Collection[int], into: Path, texts: Mapping[str, Mapping[str, str]] | None = None
) -> None:
    """Copy a landed part without the rows of these numbers and with `texts` replaced (old to new text, by column). It
    streams, since a date may be larger than memory.
    """
    removed = pl.Series(sorted(row_numbers), dtype=pl.Int64)
    kept = scan_parquet(part).filter(~pl.col("row_number").is_in(removed.implode()))
    _write(kept.with_columns(replacements(texts or {})), into)


def replacements(texts: Mapping[str, Mapping[str, str]]) -> list[pl.Expr]:
    """Columns with some of their texts replaced."""
    return [pl.col(column).replace(new) for column, new in texts.items()]


def copy_without_columns(part: Path, columns: Collection[str], into: Path) -> bool:
    """Copy a landed part without some columns; returns False, without a copy, if it has none of them."""
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

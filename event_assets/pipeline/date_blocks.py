"""The rows of many small dates as few files, for tables over all dates: opening a file costs as much as 20,000 rows.

A block has the rows of up to 32 dates, of which one late date changes one block. It is a cache: its name contains the
digest of what it was made from, so that no other content is ever read from it.
"""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import narwhals as nw
import polars as pl

from event_assets.digest import digest
from event_assets.engines.engine import Content, Engine
from event_assets.pipeline.steps import Input
from event_assets.pipeline.workspace import Workspace
from event_assets.storage.atomic_write import atomic_write
from event_assets.storage.parquet import scan_parquet

#: So many dates in a row are a block.
DATES = 32
#: Fewer files than these are read as they are, and so is a block with more rows.
_FEW_DATES, _MANY_ROWS = 8, 500_000


def scan_all_dates(
    workspace: Workspace, source: Input, engine: Engine, content_of: Callable[[dt.date], Content]
) -> nw.LazyFrame[Any]:
    """The rows of all dates of an input with `event_date`, for an engine that holds frames; `content_of` gives what a
    date is read from."""
    folder, table = merged_folder(workspace) / source.table, workspace.tables[source.table]
    blocks: list[Path] = []
    others: dict[dt.date | None, Content] = {}
    for dates in _blocks(workspace, source):
        path = folder / f"{dates[0]}-{_digest(workspace, source, dates)}.parquet"
        if not _is_readable(path):
            contents: dict[dt.date | None, Content] = {date: content_of(date) for date in dates}
            if not _is_worth_a_block(workspace, source, dates):
                others |= contents
                continue
            with atomic_write(path) as file:
                plan: pl.LazyFrame = nw.to_native(engine.scan(table, contents))
                plan.collect(engine="streaming").write_parquet(file, compression="snappy")
        blocks.append(path)
    for path in folder.glob("*.parquet") if folder.is_dir() else ():
        if path not in blocks:
            path.unlink(missing_ok=True)
    parts = [nw.from_native(scan_parquet(*blocks))] if blocks else []
    if others or not parts:
        parts.append(engine.scan(table, others))
    return nw.concat([part.select(*table.names, "event_date") for part in parts])


def merged_folder(workspace: Workspace) -> Path:
    """Where rows of several dates are kept together."""
    return workspace.lake.state(workspace.dataset.name) / "history" / "merged"


def delete_merged(workspace: Workspace) -> None:
    """Delete all that is kept of several dates: the next run makes it again from what the tables hold then."""
    shutil.rmtree(merged_folder(workspace), ignore_errors=True)


def _blocks(workspace: Workspace, source: Input) -> Iterator[list[dt.date]]:
    """The dates that have rows, those of a block together."""
    dates = (date for date in workspace.dates(source.table) if workspace.rows(source.table, date))
    for _, block in groupby(dates, key=lambda date: date.toordinal() // DATES):
        yield list(block)


def _is_worth_a_block(workspace: Workspace, source: Input, dates: list[dt.date]) -> bool:
    rows = sum(workspace.rows(source.table, date) for date in dates)
    return len(dates) >= _FEW_DATES and rows <= _MANY_ROWS


def _digest(workspace: Workspace, source: Input, dates: list[dt.date]) -> str:
    columns = [(column.name, column.type) for column in workspace.tables[source.table].columns]
    return digest(columns, [(str(date), workspace.content(source.table, date)) for date in dates])


def _is_readable(path: Path) -> bool:
    try:
        pl.read_parquet_schema(path)
    except (OSError, pl.exceptions.PolarsError):
        return False
    return True

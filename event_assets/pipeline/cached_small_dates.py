"""Merges the rows of many small dates into a few cached files, from which tables over all dates are computed. Opening
a file costs as much as reading 20,000 rows.

A block has the rows of up to 32 dates, of which one late date changes one block.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Any

import narwhals as nw
import polars as pl

from event_assets.digest import digest
from event_assets.engines.engine import Content, Engine
from event_assets.pipeline.step import Input
from event_assets.pipeline.workspace import Workspace
from event_assets.storage.date_block_cache import DateBlockCache
from event_assets.storage.parquet import scan_parquet

#: The number of consecutive dates of a block.
DATES = 32
#: A block with fewer dates, or with more rows, isn't cached: its files are read.
_FEW_DATES, _MANY_ROWS = 8, 500_000


def scan_all_dates(
    workspace: Workspace, source: Input, engine: Engine, content_of: Callable[[dt.date], Content]
) -> nw.LazyFrame[Any]:
    """The rows of all dates of an input with `event_date`, for an engine that holds frames; `content_of` gives what a
    date is read from."""
    table, merged = workspace.tables[source.table], date_block_cache(workspace)
    columns = [(column.name, column.type) for column in table.columns]
    blocks: list[str] = []
    others: dict[dt.date | None, Content] = {}
    for dates in _blocks(workspace, source):
        made_from = digest(columns, [(str(date), workspace.content(source.table, date)) for date in dates])
        name = f"{source.table}/{dates[0]}-{made_from}.parquet"
        if merged.made_from(name) != made_from:
            contents: dict[dt.date | None, Content] = {date: content_of(date) for date in dates}
            rows = sum(workspace.rows(source.table, date) for date in dates)
            if len(dates) < _FEW_DATES or rows > _MANY_ROWS:
                others |= contents
                continue
            plan: pl.LazyFrame = nw.to_native(engine.scan(table, contents))
            merged.write(name, plan.collect(engine="streaming"), made_from)
        blocks.append(name)
    merged.keep_only(source.table, blocks)
    parts = [nw.from_native(scan_parquet(*map(merged.path, blocks)))] if blocks else []
    if others or not parts:
        parts.append(engine.scan(table, others))
    return nw.concat([part.select(*table.names, "event_date") for part in parts])


def date_block_cache(workspace: Workspace) -> DateBlockCache:
    """What is kept of several dates together."""
    return DateBlockCache(workspace.lake.state(workspace.dataset.name))


def _blocks(workspace: Workspace, source: Input) -> Iterator[list[dt.date]]:
    """The dates that have rows, those of a block together."""
    dates = (date for date in workspace.dates(source.table) if workspace.rows(source.table, date))
    for _, block in groupby(dates, key=lambda date: date.toordinal() // DATES):
        yield list(block)

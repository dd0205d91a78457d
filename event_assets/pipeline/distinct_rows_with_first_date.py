"""A cache of a table's distinct rows, each with the first date that has it; only changed dates are read again.

For tables over all dates to which of equal rows only the first date matters (`Input.first`). It is a cache: one file,
which contains the digests of the dates that it was made from.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import narwhals as nw
import polars as pl

from event_assets.engines.engine import Content, Engine
from event_assets.pipeline.merge_small_dates import date_block_cache
from event_assets.pipeline.step import Input
from event_assets.pipeline.workspace import Workspace
from event_assets.storage.parquet import read_parquet, scan_parquet
from event_assets.storage.partitions import EMPTY_CONTENT

_DATE = "event_date"


def scan_first_dates(
    workspace: Workspace, source: Input, engine: Engine, content_of: Callable[[dt.date], Content]
) -> nw.LazyFrame[Any]:
    """The distinct rows of all dates of an input, each with its first `event_date`, for an engine that holds frames;
    `content_of` gives what a date is read from."""
    table, merged, name = workspace.tables[source.table], date_block_cache(workspace), f"{source.table}.parquet"
    contents = {
        str(date): content
        for date in workspace.dates(source.table)
        if (content := workspace.content(source.table, date)) != EMPTY_CONTENT
    }
    columns = {column.name: column.type for column in table.columns}
    made_from = json.dumps({"columns": columns, "contents": contents})

    def scan(dates: Iterable[str]) -> pl.LazyFrame:
        days = map(dt.date.fromisoformat, dates)
        plan: pl.LazyFrame = nw.to_native(engine.scan(table, {day: content_of(day) for day in days}))
        return plan.select(*table.names, _DATE)

    kept = merged.made_from(name)
    if kept != made_from:
        before = json.loads(kept or "{}")
        if before.get("columns") == columns:
            rows = _followed(read_parquet(merged.path(name)), before["contents"], contents, scan, table.names)
        else:
            rows = _first(scan(contents), table.names)
        merged.write(name, rows, made_from)
    return nw.from_native(scan_parquet(merged.path(name)))


def _first(rows: pl.LazyFrame, names: Iterable[str]) -> pl.DataFrame:
    return rows.group_by(*names).agg(pl.col(_DATE).min()).collect(engine="streaming")


def _followed(
    rows: pl.DataFrame,
    before: Mapping[str, str],
    now: Mapping[str, str],
    scan: Callable[[Iterable[str]], pl.LazyFrame],
    names: Iterable[str],
) -> pl.DataFrame:
    """The rows after some dates changed. Only rows that began on such a date, and are not on it any more, are looked
    for on the other dates."""
    changed = {date for date in before.keys() | now.keys() if before.get(date) != now.get(date)}
    began = pl.col(_DATE).is_in([dt.date.fromisoformat(date) for date in changed])
    left = rows.filter(~began)
    found = _first(scan(sorted(changed & now.keys())), names)
    lost = rows.filter(began).join(found, on=[*names, _DATE], how="anti", nulls_equal=True)
    parts = [left, found]
    if lost.height:
        others = scan(date for date in now if date not in changed)
        parts.append(_first(others.join(lost.lazy(), on=[*names], how="semi", nulls_equal=True), names))
    return _first(pl.concat(parts).lazy(), names)

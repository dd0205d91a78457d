"""The results of a run: each partition is materialized, not published or waiting, with checks, figures and a sample."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import polars as pl

from event_assets.tables.partition_plots import Series
from event_assets.tables.table import Table

SAMPLE_ROWS = 5
MASK = "•••"


@dataclass(frozen=True)
class CheckResult:
    """What one check found on one partition: a sentence, and the numbers behind it."""

    table: str
    name: str
    passed: bool
    message: str
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What became of one table's partition in a run."""

    table: str
    date: dt.date | None
    state: Literal["materialized", "not_published", "waiting"]
    rows: int = 0
    content: str = ""
    changed: bool = False
    """Whether its rows differ from what was published before."""
    figures: Mapping[str, int] = field(default_factory=dict)
    checks: tuple[CheckResult, ...] = ()
    sample: pl.DataFrame | None = None
    """The first rows, with personal values masked."""
    plot: Series = field(default_factory=list)
    refused: pl.DataFrame | None = None
    """Its `count_refused`, if its rows are rejected or quarantined records."""
    seconds: float = 0.0
    waits_for: tuple[str, dt.date | None] | None = None
    """The table and date whose published version is stale, where the partition waits for it."""


def sample(table: Table, rows: pl.LazyFrame) -> pl.DataFrame | None:
    """The first rows of a partition for the event log; None for tables whose rows describe single users."""
    return None if table.has_users else samples(table, {None: rows.head(SAMPLE_ROWS).collect()})[None]


def samples(table: Table, partitions: Mapping[dt.date | None, pl.DataFrame]) -> dict[dt.date | None, pl.DataFrame]:
    """The `sample` of each partition, where the table has one."""
    if not partitions or table.has_users:
        return {}
    masked = [pl.lit(MASK).alias(column.name) for column in table.columns if column.personal]
    heads = {date: rows.head(SAMPLE_ROWS) for date, rows in partitions.items()}
    together = pl.concat([*heads.values()]).with_columns(masked)
    # Built again: a slice keeps all rows of what it was cut from in memory, and outcomes are kept until a run ends.
    together = pl.DataFrame(together.rows(), together.schema, orient="row")
    ends = itertools.accumulate(head.height for head in heads.values())
    return {date: together[end - head.height : end] for (date, head), end in zip(heads.items(), ends, strict=True)}

"""Computes the small plot of a partition: one series of labels and values, from the partition's rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

    Rows = pl.DataFrame | pl.LazyFrame

Series = list[tuple[str, float]]
"""(label, value), in the order of the plot; empty where there is nothing to plot."""
Plot = Callable[["Rows"], Series]
"""Reads a partition's rows. Lazy rows are never all kept in memory."""

_LENGTHS = (("<1m", 60.0), ("<5m", 300.0), ("<15m", 900.0), ("<30m", 1800.0), ("<1h", 3600.0), ("<3h", 10800.0))


def by_hour(column: str, total: str | None = None) -> Plot:
    """Rows by the hour (UTC) of a timestamp column; with `total`, the sum of that column."""

    def plot(rows: Rows) -> Series:
        import polars as pl

        value = pl.col(total).sum() if total else pl.len()
        hours = rows.group_by(pl.col(column).dt.hour().alias("hour")).agg(value.alias("value"))
        counts = dict(_collected(hours).iter_rows())
        return [(f"{hour:02d}:00", float(counts.get(hour, 0))) for hour in range(24)] if counts else []

    return plot


def by_value(column: str) -> Plot:
    """Rows by the values of a text column, in the order of the values."""

    def plot(rows: Rows) -> Series:
        import polars as pl

        counts = _collected(rows.group_by(pl.col(column)).len().sort(column))
        return [(value, float(count)) for value, count in counts.iter_rows()]

    return plot


def by_length(seconds: str) -> Plot:
    """Rows by a duration in seconds: 0, then bars of which each begins at the bound of the bar before."""

    def plot(rows: Rows) -> Series:
        import polars as pl

        labels = ["0", *(label for label, _ in _LENGTHS), "3h+"]
        length = pl.col(seconds).cast(pl.Float64)
        # A session of one event lasts 0 seconds. Every other bar counts the sessions between the bound before and its
        # own.
        below = [(length < bound).sum().alias(label) for label, bound in _LENGTHS]
        counts = _collected(rows.select((length <= 0).sum().alias("0"), *below, pl.len().alias("3h+"))).row(0)
        if not counts[-1]:
            return []
        return [(label, float(high - low)) for label, low, high in zip(labels, (0, *counts), counts, strict=False)]

    return plot


def by_furthest_step(steps: tuple[str, ...]) -> Plot:
    """Users that reached each step of a funnel."""

    def plot(rows: Rows) -> Series:
        import polars as pl

        reached = [(pl.col("furthest_step") > place).sum().alias(step) for place, step in enumerate(steps)]
        *counts, users = _collected(rows.select(*reached, pl.len().alias("all users"))).row(0)
        return [(step, float(count)) for step, count in zip(steps, counts, strict=True)] if users else []

    return plot


def _collected(rows: Rows) -> pl.DataFrame:
    import polars as pl

    return rows.collect(engine="streaming") if isinstance(rows, pl.LazyFrame) else rows

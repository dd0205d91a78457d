"""The one series of a partition that tells more than its number: what a small plot in the UI shows."""

from __future__ import annotations

import polars as pl

Series = list[tuple[str, float]]
Rows = pl.DataFrame | pl.LazyFrame

_LENGTHS = (("<1m", 60.0), ("<5m", 300.0), ("<15m", 900.0), ("<30m", 1800.0), ("<1h", 3600.0), ("<3h", 10800.0))


def series(table: str, rows: Rows) -> Series:
    """(label, value) in order; empty where the table has nothing to plot. Rows that are lazy are never all held."""
    match table:
        case "cleaned_events":
            return _by_hour(rows, "event_time", pl.len())
        case "events_by_minute":
            return _by_hour(rows, "minute", pl.col("event_count").sum())
        case "sessions":
            return _lengths(rows)
        case "quarantine" | "profile_quarantine":
            counts = _collected(rows.group_by("reason").len().sort("reason"))
            return [(reason, float(count)) for reason, count in counts.iter_rows()]
        case "user_funnel":
            return _reached(rows)
    return []


def _by_hour(rows: Rows, column: str, value: pl.Expr) -> Series:
    hours = rows.group_by(pl.col(column).dt.hour().alias("hour")).agg(value.alias("value"))
    counts = dict(_collected(hours).iter_rows())
    return [(f"{hour:02d}:00", float(counts.get(hour, 0))) for hour in range(24)] if counts else []


def _lengths(rows: Rows) -> Series:
    labels = ["0", *(label for label, _ in _LENGTHS), "3h+"]
    seconds = pl.col("duration_seconds").cast(pl.Float64)
    # A session of one event lasts 0 seconds; every other bar holds what lies between its bound and the one before.
    below = [(seconds < bound).sum().alias(label) for label, bound in _LENGTHS]
    counts = _collected(rows.select((seconds <= 0).sum().alias("0"), *below, pl.len().alias("3h+"))).row(0)
    if not counts[-1]:
        return []
    return [(label, float(high - low)) for label, low, high in zip(labels, (0, *counts), counts, strict=False)]


def _reached(rows: Rows) -> Series:
    steps = [name.removesuffix("_time") for name in rows.collect_schema().names() if name.endswith("_time")]
    reached = [(pl.col("furthest_step") > place).sum().alias(step) for place, step in enumerate(steps)]
    *counts, users = _collected(rows.select(*reached, pl.len().alias("users"))).row(0)
    return [(step, float(count)) for step, count in zip(steps, counts, strict=True)] if users else []


def _collected(rows: Rows) -> pl.DataFrame:
    return rows.collect(engine="streaming") if isinstance(rows, pl.LazyFrame) else rows

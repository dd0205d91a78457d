"""The one series of a partition that tells more than its number: what a small plot in the UI shows."""

from __future__ import annotations

import polars as pl

Series = list[tuple[str, float]]

_LENGTHS = (("<1m", 60.0), ("<5m", 300.0), ("<15m", 900.0), ("<30m", 1800.0), ("<1h", 3600.0), ("<3h", 10800.0))


def series(table: str, frame: pl.DataFrame) -> Series:
    """(label, value) in order; empty where the table has nothing to plot."""
    if frame.is_empty():
        return []
    match table:
        case "cleaned_events":
            return _by_hour(frame, "event_time", pl.len())
        case "events_by_minute":
            return _by_hour(frame, "minute", pl.col("event_count").sum())
        case "sessions":
            return _lengths(frame["duration_seconds"].cast(pl.Float64))
        case "quarantine" | "profile_quarantine":
            return [
                (reason, float(count)) for reason, count in frame.group_by("reason").len().sort("reason").iter_rows()
            ]
        case "user_funnel":
            steps = [name.removesuffix("_time") for name in frame.columns if name.endswith("_time")]
            return [(step, float((frame["furthest_step"] > place).sum())) for place, step in enumerate(steps)]
    return []


def _by_hour(frame: pl.DataFrame, column: str, value: pl.Expr) -> Series:
    hours = frame.group_by(pl.col(column).dt.hour().alias("hour")).agg(value.alias("value"))
    counts = dict(hours.iter_rows())
    return [(f"{hour:02d}:00", float(counts.get(hour, 0))) for hour in range(24)]


def _lengths(seconds: pl.Series) -> Series:
    labels = ["0", *(label for label, _ in _LENGTHS), "3h+"]
    # A session of one event lasts 0 seconds; every other bar holds what lies between its bound and the one before.
    below = [float((seconds < bound).sum()) for _, bound in _LENGTHS]
    shorter = [float((seconds <= 0).sum()), *below, float(len(seconds))]
    return [(label, high - low) for label, low, high in zip(labels, [0.0, *shorter[:-1]], shorter, strict=True)]

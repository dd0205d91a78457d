"""The script that a good engineer would write for `shop` in Polars, date by date: the yardstick.

Reads the CSV files of a folder, normalises and dates the events, drops duplicates, cuts sessions, writes events,
sessions and four gold tables as Snappy Parquet. No quarantine, no accounting, no contracts, no incremental runs.
It keeps sessions exact over midnight by sorting all events of all dates once.
"""

from __future__ import annotations

import sys
from pathlib import Path

import polars as pl

TIMES = ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d"]
ALIASES = {"product_view": "view", "add-to-cart": "cart", "add_to_cart": "cart", "buy": "purchase"}
COLUMNS = ["event_time", "event_type", "product_id", "category_id", "category_code", "brand", "price", "user_id"]


def main(inbox: Path, lake: Path) -> None:
    raw = pl.concat(
        [
            pl.scan_csv(path, infer_schema=False, truncate_ragged_lines=True, ignore_errors=True, encoding="utf8-lossy")
            for path in sorted(inbox.glob("events_*.csv"))
        ],
        how="diagonal",
    )
    text = pl.col("event_time").str.strip_chars().str.replace(r"(Z| ?UTC|[+-]00:?00)$", "")
    cleaned = (
        raw.select(*COLUMNS, "user_session")
        .with_columns(event_time=pl.coalesce(text.str.to_datetime(f, strict=False, time_unit="us") for f in TIMES))
        .with_columns(
            pl.col("event_type").str.strip_chars().str.to_lowercase().replace(ALIASES),
            pl.col("brand").str.strip_chars().str.to_lowercase(),
            pl.col("user_id", "product_id", "category_id").str.strip_chars().cast(pl.Int64, strict=False),
            pl.col("price").str.strip_chars().cast(pl.Decimal(18, 2), strict=False),
        )
        .drop_nulls(["event_time", "user_id", "event_type"])
        .unique()
        .sort("user_id", "event_time")
        .with_columns(
            start=(pl.col("event_time").diff() > pl.duration(minutes=30))
            | (pl.col("user_id").diff() != 0).fill_null(True)
        )
        .with_columns(session=pl.col("start").cum_sum(), event_date=pl.col("event_time").dt.date())
        .collect()
    )
    for (date,), events in cleaned.partition_by("event_date", as_dict=True).items():
        write(lake, "events", date, events)
        by_user = events.group_by("user_id").agg(pl.len(), pl.col("session").n_unique(), pl.col("event_time").min())
        write(lake, "daily_summary", date, by_user.sort("user_id"))
        minute = events.group_by(pl.col("event_time").dt.truncate("1m"), "event_type").len()
        write(lake, "events_by_minute", date, minute.sort("event_time", "event_type"))
        types = events.group_by("event_type").agg(pl.len(), pl.col("user_id").n_unique())
        write(lake, "events_by_type", date, types.sort("event_type"))
        top = by_user.sort("session", "user_id", descending=[True, False]).head(10)
        write(lake, "top_users", date, top)
    sessions = cleaned.group_by("session").agg(
        pl.col("user_id").first(),
        pl.col("event_time").min().alias("start"),
        pl.col("event_time").max().alias("end"),
        pl.len(),
    )
    dated = sessions.with_columns(event_date=pl.col("start").dt.date())
    for (date,), part in dated.partition_by("event_date", as_dict=True).items():
        write(lake, "sessions", date, part.sort("user_id", "start"))
    print(cleaned.height, sessions.height)


def write(lake: Path, table: str, date: object, frame: pl.DataFrame) -> None:
    folder = lake / table / f"event_date={date}"
    folder.mkdir(parents=True)
    frame.write_parquet(folder / "part.parquet", compression="snappy")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

"""The script that a good engineer would write for `bench` in Polars, date by date: the yardstick.

`plain_polars.py INBOX OUT`: three layers, sessions exact over midnight, profile join, six gold tables. No quarantine,
no accounting, no contracts, no incremental runs; a line that doesn't parse is dropped without a word. It takes for
granted that no session covers more than two dates and that each date has events.
"""

from __future__ import annotations

import sys
import uuid
from pathlib import Path

import polars as pl
import polars_hash as plh

COLUMNS = ["log_id", "user_id", "timestamp", "event_type", "platform", "product", "watch_time"]
GAP = pl.duration(minutes=30)
SESSIONS = str(uuid.uuid5(uuid.NAMESPACE_URL, "event_assets:session"))


def main(inbox: Path, out: Path) -> None:
    for path in sorted(inbox.glob("events_*.csv")):
        land(path, out)
    profiles = read_profiles(inbox / "profiles.csv")
    open_sessions = waiting = None
    before = ""
    for date in sorted(folder.name.split("=")[1] for folder in (out / "raw_events").iterdir()):
        events = clean(date, out)
        events, parts = cut_sessions(events, open_sessions)
        write(out, "cleaned_events", date, events.drop("session_id"))
        facts = events.join(profiles, on="user_id", how="left", maintain_order="left")
        write_gold(facts.with_columns(pl.col("has_profile").fill_null(False)), date, out)
        goes_on = pl.col("session_start").dt.date() != pl.lit(date).str.to_date()
        if waiting is not None:
            write_sessions(pl.concat([waiting, parts.filter(goes_on)]), before, out)
        waiting, before = parts.filter(~goes_on), date
        open_sessions = parts.group_by("user_id", maintain_order=True).last()
    if waiting is not None:
        write_sessions(waiting, before, out)
    write_overall(out)


def land(path: Path, out: Path) -> None:
    """A ragged line has no last field, or a field more than there are columns: the header gets a name for that."""
    lines = path.read_bytes()
    raw = pl.read_csv(
        ",".join([*COLUMNS, "surplus"]).encode() + lines[lines.index(b"\n") :],
        infer_schema=False,
        truncate_ragged_lines=True,
    ).filter(pl.col("watch_time").is_not_null() & pl.col("surplus").is_null())
    text = pl.col("timestamp")
    time = pl.coalesce(
        text.str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_unit="us", time_zone="UTC", strict=False),
        text.str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="us", time_zone="UTC", strict=False),
        text.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%:z", time_unit="us", time_zone="UTC", strict=False),
    )
    dated = raw.with_columns(event_time=time).drop("surplus", "timestamp").drop_nulls("event_time")
    by_date = dated.with_columns(date=pl.col("event_time").dt.date()).partition_by("date", as_dict=True)
    for (date,), events in by_date.items():
        write(out, "raw_events", str(date), events.drop("date"), path.stem)


def read_profiles(path: Path) -> pl.DataFrame:
    return (
        pl.read_csv(path, schema=dict.fromkeys(["user_id", "country", "plan", "signup_date"], pl.String))
        .select(
            pl.col("user_id").cast(pl.Int64),
            pl.col("country").str.strip_chars().str.to_uppercase(),
            pl.col("plan").str.to_lowercase(),
            pl.col("signup_date").str.to_date(),
            has_profile=True,
        )
        .unique("user_id", keep="last")
    )


def clean(date: str, out: Path) -> pl.DataFrame:
    """A date's events by user and time, one for each id."""
    kind, platform = pl.col("event_type").str.strip_chars(), pl.col("platform").str.strip_chars()
    return (
        pl.scan_parquet(out / "raw_events" / f"event_date={date}" / "*.parquet", hive_partitioning=False)
        .select(
            pl.col("log_id").alias("event_id"),
            pl.col("user_id").cast(pl.Int64, strict=False),
            kind.str.to_lowercase().replace({"start": "play", "purchase": "buy"}).alias("event_type"),
            "event_time",
            "log_id",
            platform.str.to_lowercase().replace({"ios": "iOS", "android": "Android", "web": "Web"}).alias("platform"),
            "product",
            pl.col("watch_time").cast(pl.Decimal(9, 2), strict=False),
        )
        .filter(pl.col("user_id").is_not_null(), pl.col("watch_time") >= 0)
        .sort("user_id", "event_time", "event_id")
        .filter(pl.col("event_id").is_first_distinct())
        .collect()
    )


def cut_sessions(events: pl.DataFrame, before: pl.DataFrame | None) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The events with session_id, and one row for each session with what it has on the date."""
    user, time = pl.col("user_id"), pl.col("event_time")
    begins = ((user != user.shift()) | (time.diff() > GAP)).fill_null(True)
    events = events.with_columns(part=begins.cum_sum())
    parts = events.group_by("part", maintain_order=True).agg(
        user.first(),
        time.first().alias("session_start"),
        time.last().alias("session_end"),
        pl.len().alias("event_count"),
        pl.col("event_type").unique().alias("event_types"),
    )
    if before is not None:
        known = before.select("user_id", last="session_end", carried="session_start")
        parts = parts.join(known, on="user_id", how="left", maintain_order="left").with_columns(
            session_start=pl.when(pl.col("session_start") - pl.col("last") <= GAP)
            .then("carried")
            .otherwise("session_start")
        )
    texts = [user.cast(pl.String), pl.col("session_start").dt.timestamp("us").cast(pl.String)]
    name = pl.concat_str(pl.lit("5:bench"), *(p for t in texts for p in (t.str.len_chars(), t)), separator=":")
    parts = parts.with_columns(name=name).with_columns(session_id=plh.col("name").uuidhash.uuid5(SESSIONS))
    events = events.join(parts.select("part", "session_id"), on="part", maintain_order="left").drop("part")
    columns = ["session_id", "user_id", "session_start", "session_end", "event_count", "event_types"]
    return events, parts.select(columns)


def write_sessions(parts: pl.DataFrame, date: str, out: Path) -> None:
    """A session is its part of the date and, where it goes on past midnight, that of the next."""
    twice = parts["session_id"].is_duplicated()
    merged = (
        parts.filter(twice)
        .group_by("session_id", "user_id", "session_start")
        .agg(pl.max("session_end"), pl.sum("event_count"), pl.col("event_types").explode().unique())
    )
    sessions = pl.concat([parts.filter(~twice), merged]).sort("user_id", "session_start")
    duration = (pl.col("session_end") - pl.col("session_start")).dt.total_microseconds()
    sessions = sessions.with_columns(pl.col("event_types").list.sort().list.join(","), duration_seconds=duration / 1e6)
    write(out, "sessions", date, sessions)


def write_gold(facts: pl.DataFrame, date: str, out: Path) -> None:
    write(out, "joined_facts", date, facts)
    time = pl.col("event_time")
    write(
        out,
        "daily_summary",
        date,
        facts.group_by("user_id", maintain_order=True).agg(
            pl.len().alias("event_count"),
            pl.col("session_id").n_unique().alias("session_count"),
            time.first().alias("first_event_time"),
            time.last().alias("last_event_time"),
        ),
    )
    sessions = facts.drop_nulls("platform").select("platform", "user_id", "session_id").unique()
    write(out, "platform_sessions", date, sessions.sort("platform", "user_id", "session_id"))
    write(out, "top_users", date, ranked(sessions.lazy()))
    minutes = facts.group_by(time.dt.truncate("1m").alias("minute"), "event_type").agg(pl.len().alias("event_count"))
    write(out, "events_by_minute", date, minutes.sort("minute", "event_type"))
    types = facts.group_by("event_type").agg(
        pl.len().alias("event_count"), pl.col("user_id").n_unique().alias("user_count")
    )
    write(out, "events_by_type", date, types.sort("event_type"))


def ranked(sessions: pl.LazyFrame) -> pl.DataFrame:
    users = sessions.group_by("platform", "user_id").agg(pl.col("session_id").n_unique().alias("session_count"))
    order = [pl.col("platform"), -pl.col("session_count").cast(pl.Int64), pl.col("user_id").cast(pl.String)]
    top = users.sort(order).group_by("platform", maintain_order=True).head(10)
    return top.with_columns(rank=pl.int_range(1, pl.len() + 1).over("platform")).collect()


def write_overall(out: Path) -> None:
    sessions = pl.scan_parquet(out / "platform_sessions" / "*" / "*.parquet", hive_partitioning=False)
    (out / "top_users_overall").mkdir()
    ranked(sessions).write_parquet(out / "top_users_overall" / "part.parquet", compression="snappy")


def write(out: Path, table: str, date: str, frame: pl.DataFrame, part: str = "part") -> None:
    folder = out / table / f"event_date={date}"
    folder.mkdir(parents=True, exist_ok=True)
    frame.write_parquet(folder / f"{part}.parquet", compression="snappy")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

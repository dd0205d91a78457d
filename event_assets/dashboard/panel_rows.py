"""Computes each panel's rows from the results of its queries: sums, shares and order."""

from __future__ import annotations

import polars as pl

from event_assets.dashboard.queries import LENGTHS, LONGER


def as_asked(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows of a question that a panel shows as they are."""
    return rows


def events_by_day(events_by_type: pl.DataFrame) -> pl.DataFrame:
    """event_date, event_type, events."""
    return events_by_type.select("event_date", "event_type", "events")


def types(events_by_type: pl.DataFrame) -> pl.DataFrame:
    """event_type, events, share, users_a_day. Most events first.

    Users of several dates can't be added up, so they are given per day: the mean over the dates that have the type.
    """
    rows = events_by_type.group_by("event_type").agg(pl.col("events").sum(), users_a_day=pl.col("users").mean())
    rows = rows.sort("events", "event_type", descending=[True, False])
    share = (pl.col("events") / pl.col("events").sum()).alias("share")
    rows = rows.select("event_type", "events", share, "users_a_day")
    return rows if rows["users_a_day"].null_count() == 0 else rows.drop("users_a_day")


def users_by_day(users: pl.DataFrame, events_by_type: pl.DataFrame | None = None) -> pl.DataFrame:
    """event_date, event_type (null: of any type), users. All types first, then each by name."""
    found = [users.drop_nulls("event_date").select("event_date", pl.lit(None, pl.String).alias("event_type"), "users")]
    if events_by_type is not None:
        found.append(events_by_type.drop_nulls("users").select("event_date", "event_type", "users"))
    return pl.concat(found, how="vertical_relaxed").sort("event_type", "event_date", nulls_last=False)


def sessions_by_day(sessions: pl.DataFrame) -> pl.DataFrame:
    """event_date, sessions, events_per_session."""
    rows = sessions.drop_nulls("event_date").group_by("event_date").agg(pl.col("sessions", "events").sum())
    rows = rows.with_columns(events_per_session=pl.col("events") / pl.col("sessions"))
    return rows.select("event_date", "sessions", "events_per_session").sort("event_date")


def session_lengths(sessions: pl.DataFrame) -> pl.DataFrame:
    """length, sessions, share: every length in order; no rows where there are no sessions."""
    names = [name for name, _ in (*LENGTHS, *LONGER)]
    found = sessions.drop_nulls("length").group_by("length").agg(pl.col("sessions", "events").sum())
    if found.is_empty():
        return pl.DataFrame(schema={"length": pl.String, "sessions": pl.Int64, "share": pl.Float64})
    rows = pl.DataFrame({"length": range(len(names)), "name": names}).with_columns(pl.col("length").cast(pl.Int32))
    rows = rows.join(found.cast({"length": pl.Int32}), on="length", how="left", maintain_order="left")
    rows = rows.select(pl.col("name").alias("length"), pl.col("sessions").fill_null(0))
    return rows.with_columns(share=pl.col("sessions") / pl.col("sessions").sum())

"""The sentence above each panel: what its rows show, in words."""

from __future__ import annotations

import datetime as dt

import polars as pl

from event_assets.dashboard.formatting import REGIONS, count, percent
from event_assets.dashboard.queries import LENGTHS
from event_assets.tables.gold_tables import SESSION_CHANGES


def _fullest(rows: pl.DataFrame, column: str) -> tuple[dt.date, int]:
    """The first of the dates with the highest figure, and that figure."""
    days = rows.group_by("event_date").agg(pl.col(column).sum()).sort(column, "event_date", descending=[True, False])
    date, figure = days.row(0)
    return date, figure


def events(rows: pl.DataFrame) -> str:
    date, events = _fullest(rows, "events")
    total = count(int(rows["events"].sum()))
    return f"{total} events on {_days(rows['event_date'].n_unique())}; the fullest is {date} with {count(events)}."


def users(rows: pl.DataFrame) -> str:
    days = rows.filter(pl.col("event_type").is_null())
    date, most = _fullest(days, "users")
    return (
        f"{count(int(days['users'].sum()) / days.height)} users on a day in the mean; at most {count(most)}, on {date}."
    )


def types(rows: pl.DataFrame) -> str:
    first = rows.row(0, named=True)
    return f"{first['event_type']} makes {percent(first['share'])} of the events."


def heat(rows: pl.DataFrame) -> str:
    hours = rows.group_by("hour").agg(pl.col("events").sum()).sort("events", "hour", descending=[True, False])
    hour, events = hours.row(0)
    return (
        f"The busiest hour begins at {hour:02d}:00 UTC and has {percent(events / rows['events'].sum())} of the events."
    )


def sessions(rows: pl.DataFrame) -> str:
    total = int(rows["sessions"].sum())
    date, most = _fullest(rows, "sessions")
    return f"{count(total / rows.height)} sessions begin on a day in the mean; at most {count(most)}, on {date}."


def lengths(rows: pl.DataFrame) -> str:
    single, longer = rows.row(0, named=True), rows.slice(1).sort("sessions", descending=True, maintain_order=True)
    usual = f"; of the others, most last {longer['length'][0]}" if longer["sessions"][0] else ""
    return f"{percent(single['share'])} of the sessions have {LENGTHS[0][0]}{usual}."


def funnel(rows: pl.DataFrame) -> str:
    first, last = rows.row(0, named=True), rows.row(-1, named=True)
    share = last["conversion_from_first"]
    reached = "no user began" if share is None else f"{percent(share)} reach {last['step']}"
    return f"Of {count(first['users'])} users with {first['step']}, {reached}."


def active(rows: pl.DataFrame) -> str:
    last = rows.row(-1, named=True)
    figures = (
        f"{count(last['day'])} on the day, {count(last['week'])} in the week, {count(last['month'])} in four weeks"
    )
    return f"Users up to {last['event_date']}: {figures}."


def cohorts(rows: pl.DataFrame) -> str:
    later = rows.filter(pl.col("offset_weeks") == 1)
    first = rows.filter(pl.col("offset_weeks") == 0).join(later, on="cohort_week", how="semi")
    if later.is_empty():
        return "No user came back in the week after the first."
    return f"{percent(int(later['users'].sum()) / int(first['users'].sum()))} came back in the week after their first."


def channels(rows: pl.DataFrame) -> str:
    first = rows.row(0, named=True)
    earned = f" and {percent(_share(rows, 'conversions'))} of the conversions" if "conversions" in rows.columns else ""
    return f"{first['channel']} brings {percent(first['share'])} of the sessions{earned}."


def campaigns(rows: pl.DataFrame) -> str:
    first = rows.row(0, named=True)
    return f"Most sessions come from {first['source']} / {first['medium']} ({count(first['sessions'])})."


def _share(rows: pl.DataFrame, column: str) -> float:
    """What part of a figure the first row has."""
    return int(rows[column][0]) / max(int(rows[column].sum()), 1)


def persons(rows: pl.DataFrame) -> str:
    together = rows.row(0, named=True)
    return f"{count(together['ids'])} ids are of {count(together['persons'])} persons."


def traffic(rows: pl.DataFrame) -> str:
    share = dict(rows.select("traffic", "share").iter_rows())
    return f"{percent(share.get('bot', 0))} of the events are of bots, {percent(share.get('internal', 0))} internal."


def top(rows: pl.DataFrame) -> str:
    first = rows.sort("session_count", descending=True, maintain_order=True).row(0, named=True)
    return f"The most active, {first['user_id']}, has {count(first['session_count'])} sessions."


def watch(rows: pl.DataFrame) -> str:
    first = rows.row(0, named=True)
    region = REGIONS.get(first["geo_region"], first["geo_region"])
    return f"Most is watched in {region}: {percent(first['share'])} of {count(float(rows['minutes'].sum()))} minutes."


def refused(rows: pl.DataFrame) -> str:
    first = rows.row(0, named=True)
    return f"{count(int(rows['records'].sum()))} records; most for {first['reason']} ({count(first['records'])})."


def missing(rows: pl.DataFrame) -> str:
    return f"{count(int(rows['missing'].sum()))} files are missing on {_days(rows.height)}."


def late(rows: pl.DataFrame) -> str:
    records, sessions = count(int(rows["records"].sum())), count(int(rows["sessions_changed"].sum()))
    kinds = {
        kind: int(rows[f"sessions_{kind}"].sum()) for kind in SESSION_CHANGES if f"sessions_{kind}" in rows.columns
    }
    which = ", ".join(f"{count(number)} {kind}" for kind, number in kinds.items() if number)
    days = _days(rows["event_date"].n_unique())
    return f"{records} records of {days} came late; they changed {sessions} sessions{f' ({which})' if which else ''}."


def _days(number: int) -> str:
    return "1 day" if number == 1 else f"{count(number)} days"

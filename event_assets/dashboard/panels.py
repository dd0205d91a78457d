"""What stands on a dataset's page, as data: each panel's question, its words, its chart and where it drills down to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from event_assets.dashboard import queries
from event_assets.dashboard.queries import Question
from event_assets.dashboard.text import count, date, percent


@dataclass(frozen=True)
class Drill:
    """Rows behind a row: of which table, and by which of the panel's columns. The last of these holds the link."""

    table: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Panel:
    """One question and how its answer is shown. `needs` is the key of the declaration that gives its table."""

    name: str
    title: str
    note: str
    question: Question
    summary: Callable[[pl.DataFrame], str]
    needs: str = "daily_summary"
    chart: str = ""
    drill: Drill | None = None
    wide: bool = False


def _events(rows: pl.DataFrame) -> str:
    days = (
        rows.group_by("event_date").agg(pl.col("events").sum()).sort("events", "event_date", descending=[True, False])
    )
    fullest = days.row(0, named=True)
    total = int(rows["events"].sum())
    return (
        f"{count(total)} events on {count(days.height)} dates; "
        f"the fullest is {date(fullest['event_date'])} with {count(fullest['events'])}."
    )


def _users(rows: pl.DataFrame) -> str:
    top = rows.sort("users", "event_date", descending=[True, False]).row(0, named=True)
    mean = int(rows["users"].sum()) / rows.height
    return f"{count(mean)} users on a day in the mean, at most {count(top['users'])} ({date(top['event_date'])})."


def _types(rows: pl.DataFrame) -> str:
    first = rows.row(0, named=True)
    return f"{count(rows.height)} types; {first['event_type']} makes {percent(first['share'])} of the events."


def _heat(rows: pl.DataFrame) -> str:
    hours = rows.group_by("hour").agg(pl.col("events").sum()).sort("events", "hour", descending=[True, False])
    hour, events = hours.row(0)
    return f"The busiest hour is {hour:02d}:00 UTC with {percent(events / rows['events'].sum())} of the events."


def _sessions(rows: pl.DataFrame) -> str:
    total = int(rows["sessions"].sum())
    return f"{count(total)} sessions, {count(total / rows.height)} on a day in the mean."


def _lengths(rows: pl.DataFrame) -> str:
    shares = dict(zip(rows["length"], rows["share"], strict=True))
    longest = rows.sort("sessions", descending=True, maintain_order=True).row(0, named=True)
    return (
        f"{percent(shares[queries.LENGTHS[0][0]])} of the sessions are of one event; "
        f"most are of length: {longest['length']}."
    )


def _funnel(rows: pl.DataFrame) -> str:
    first, last = rows.row(0, named=True), rows.row(-1, named=True)
    share = last["conversion_from_first"]
    reached = "nobody began" if share is None else f"{percent(share)} reach {last['step']}"
    return f"Of {count(first['users'])} users with {first['step']}, {reached}."


def _top(rows: pl.DataFrame) -> str:
    first = rows.sort("session_count", descending=True, maintain_order=True).row(0, named=True)
    return f"The most active user, {first['user_id']}, has {count(first['session_count'])} sessions."


def _watch(rows: pl.DataFrame) -> str:
    first = rows.row(0, named=True)
    return f"Most is watched in {first['geo_region']}: {percent(first['share'])} of the minutes."


def _refused(rows: pl.DataFrame) -> str:
    first = rows.row(0, named=True)
    return (
        f"{count(int(rows['records'].sum()))} records refused; most for {first['reason']} ({count(first['records'])})."
    )


PANELS = (
    Panel(
        "events",
        "Events per day",
        "By type. Choose a bar to see its rows.",
        queries.events_by_day,
        _events,
        needs="events_by_type",
        chart="events",
        drill=Drill("joined_facts", ("event_date", "event_type")),
        wide=True,
    ),
    Panel(
        "types",
        "Events by type",
        "Users are told per day: those of several days can't be added up.",
        queries.types,
        _types,
        needs="events_by_type",
        drill=Drill("joined_facts", ("event_type",)),
    ),
    Panel(
        "users",
        "Users per day",
        "Distinct users with an event on the day.",
        queries.users_by_day,
        _users,
        chart="users",
        drill=Drill("daily_summary", ("event_date",)),
        wide=True,
    ),
    Panel(
        "funnel",
        "Funnel",
        "Users by the furthest step that they reached.",
        queries.funnel,
        _funnel,
        needs="user_funnel",
        chart="funnel",
    ),
    Panel(
        "heat-map",
        "When it happens",
        "Events by hour, and by minute where one day is chosen. Times are UTC.",
        queries.heat_map,
        _heat,
        needs="events_by_minute",
        chart="heat",
        drill=Drill("events_by_minute", ("event_date",)),
        wide=True,
    ),
    Panel(
        "top-users",
        "Most active users",
        "By distinct sessions.",
        queries.top_users,
        _top,
        needs="top_users",
        drill=Drill("joined_facts", ("user_id",)),
    ),
    Panel(
        "sessions",
        "Sessions per day",
        "By the day on which they begin.",
        queries.sessions_by_day,
        _sessions,
        chart="sessions",
        drill=Drill("sessions", ("event_date",)),
        wide=True,
    ),
    Panel(
        "session-lengths",
        "Session lengths",
        "From the first event to the last.",
        queries.session_lengths,
        _lengths,
        chart="lengths",
    ),
    Panel(
        "watch-time",
        "Watch time by region",
        "Minutes by continent of the IP address.",
        queries.watch_time,
        _watch,
        needs="watch_time",
        chart="map",
        drill=Drill("watch_time", ("geo_region",)),
        wide=True,
    ),
)

#: Refused records: of the dates, and those that have none.
REFUSED = Panel(
    "refused",
    "Refused records by reason",
    "Of these dates, and those whose date can't be read.",
    queries.refused,
    _refused,
    chart="refused",
    drill=Drill("rejected_records", ("reason",)),
)

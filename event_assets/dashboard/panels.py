"""The panels of a dataset's page, as data: queries, words, chart and the link to the rows behind it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import polars as pl

from event_assets.dashboard import panel_rows as shapes
from event_assets.dashboard import queries
from event_assets.dashboard.formatting import REGIONS, count, percent
from event_assets.dashboard.queries import LENGTHS, Question
from event_assets.tables.gold_tables import SESSION_CHANGES

#: How much of the page's width a panel likes to have.
Span = Literal["narrow", "wide", "full"]


@dataclass(frozen=True)
class Drill:
    """Rows behind a row: of which table, and by which of the panel's columns. The last of these holds the link."""

    table: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Panel:
    """What a panel shows: `shape` of the answers to its questions, the first of which it can't do without.

    `needs` is the key of a declaration (at its top or below `gold:`) that gives its table; `chart` a name in
    static/specs.js.
    """

    name: str
    title: str
    note: str
    questions: tuple[Question, ...]
    summary: Callable[[pl.DataFrame], str]
    shape: Callable[..., pl.DataFrame] = shapes.as_asked
    needs: str = "daily_summary"
    chart: str = ""
    drill: Drill | None = None
    span: Span = "narrow"
    open_table: bool = False
    """Whether the table is beside the chart, not folded away below it."""


def _fullest(rows: pl.DataFrame, column: str) -> tuple[dt.date, int]:
    """The first of the dates with the highest figure, and that figure."""
    days = rows.group_by("event_date").agg(pl.col(column).sum()).sort(column, "event_date", descending=[True, False])
    date, figure = days.row(0)
    return date, figure


def _events(rows: pl.DataFrame) -> str:
    date, events = _fullest(rows, "events")
    total = count(int(rows["events"].sum()))
    return f"{total} events on {_days(rows['event_date'].n_unique())}; the fullest is {date} with {count(events)}."


def _users(rows: pl.DataFrame) -> str:
    days = rows.filter(pl.col("event_type").is_null())
    date, most = _fullest(days, "users")
    return (
        f"{count(int(days['users'].sum()) / days.height)} users on a day in the mean; at most {count(most)}, on {date}."
    )


def _types(rows: pl.DataFrame) -> str:
    first = rows.row(0, named=True)
    return f"{first['event_type']} makes {percent(first['share'])} of the events."


def _heat(rows: pl.DataFrame) -> str:
    hours = rows.group_by("hour").agg(pl.col("events").sum()).sort("events", "hour", descending=[True, False])
    hour, events = hours.row(0)
    return (
        f"The busiest hour begins at {hour:02d}:00 UTC and has {percent(events / rows['events'].sum())} of the events."
    )


def _sessions(rows: pl.DataFrame) -> str:
    total = int(rows["sessions"].sum())
    date, most = _fullest(rows, "sessions")
    return f"{count(total / rows.height)} sessions begin on a day in the mean; at most {count(most)}, on {date}."


def _lengths(rows: pl.DataFrame) -> str:
    single, longer = rows.row(0, named=True), rows.slice(1).sort("sessions", descending=True, maintain_order=True)
    usual = f"; of the others, most last {longer['length'][0]}" if longer["sessions"][0] else ""
    return f"{percent(single['share'])} of the sessions have {LENGTHS[0][0]}{usual}."


def _funnel(rows: pl.DataFrame) -> str:
    first, last = rows.row(0, named=True), rows.row(-1, named=True)
    share = last["conversion_from_first"]
    reached = "no user began" if share is None else f"{percent(share)} reach {last['step']}"
    return f"Of {count(first['users'])} users with {first['step']}, {reached}."


def _active(rows: pl.DataFrame) -> str:
    last = rows.row(-1, named=True)
    figures = (
        f"{count(last['day'])} on the day, {count(last['week'])} in the week, {count(last['month'])} in four weeks"
    )
    return f"Users up to {last['event_date']}: {figures}."


def _cohorts(rows: pl.DataFrame) -> str:
    later = rows.filter(pl.col("offset_weeks") == 1)
    first = rows.filter(pl.col("offset_weeks") == 0).join(later, on="cohort_week", how="semi")
    if later.is_empty():
        return "No user came back in the week after the first."
    return f"{percent(int(later['users'].sum()) / int(first['users'].sum()))} came back in the week after their first."


def _channels(rows: pl.DataFrame) -> str:
    first = rows.row(0, named=True)
    earned = f" and {percent(_share(rows, 'conversions'))} of the conversions" if "conversions" in rows.columns else ""
    return f"{first['channel']} brings {percent(first['share'])} of the sessions{earned}."


def _campaigns(rows: pl.DataFrame) -> str:
    first = rows.row(0, named=True)
    return f"Most sessions come from {first['source']} / {first['medium']} ({count(first['sessions'])})."


def _share(rows: pl.DataFrame, column: str) -> float:
    """What part of a figure the first row has."""
    return int(rows[column][0]) / max(int(rows[column].sum()), 1)


def _persons(rows: pl.DataFrame) -> str:
    together = rows.row(0, named=True)
    return f"{count(together['ids'])} ids are of {count(together['persons'])} persons."


def _traffic(rows: pl.DataFrame) -> str:
    share = dict(rows.select("traffic", "share").iter_rows())
    return f"{percent(share.get('bot', 0))} of the events are of bots, {percent(share.get('internal', 0))} internal."


def _top(rows: pl.DataFrame) -> str:
    first = rows.sort("session_count", descending=True, maintain_order=True).row(0, named=True)
    return f"The most active, {first['user_id']}, has {count(first['session_count'])} sessions."


def _watch(rows: pl.DataFrame) -> str:
    first = rows.row(0, named=True)
    region = REGIONS.get(first["geo_region"], first["geo_region"])
    return f"Most is watched in {region}: {percent(first['share'])} of {count(float(rows['minutes'].sum()))} minutes."


def _refused(rows: pl.DataFrame) -> str:
    first = rows.row(0, named=True)
    return f"{count(int(rows['records'].sum()))} records; most for {first['reason']} ({count(first['records'])})."


def _missing(rows: pl.DataFrame) -> str:
    return f"{count(int(rows['missing'].sum()))} files are missing on {_days(rows.height)}."


def _late(rows: pl.DataFrame) -> str:
    records, sessions = count(int(rows["records"].sum())), count(int(rows["sessions_changed"].sum()))
    kinds = {
        kind: int(rows[f"sessions_{kind}"].sum()) for kind in SESSION_CHANGES if f"sessions_{kind}" in rows.columns
    }
    which = ", ".join(f"{count(number)} {kind}" for kind, number in kinds.items() if number)
    days = _days(rows["event_date"].n_unique())
    return f"{records} records of {days} came late; they changed {sessions} sessions{f' ({which})' if which else ''}."


def _days(number: int) -> str:
    return "1 day" if number == 1 else f"{count(number)} days"


PANELS = (
    Panel(
        "events",
        "Events per day",
        "By type. Choose a bar to see its rows.",
        (queries.events_by_type,),
        _events,
        shapes.events_by_day,
        needs="events_by_type",
        chart="events",
        drill=Drill("joined_facts", ("event_type", "event_date")),
        span="wide",
    ),
    Panel(
        "types",
        "Events by type",
        "Users per day in the mean: those of several days can't be added up.",
        (queries.events_by_type,),
        _types,
        shapes.types,
        needs="events_by_type",
        drill=Drill("joined_facts", ("event_type",)),
    ),
    Panel(
        "users",
        "Users per day",
        "Distinct users with an event on the day, of any type and of each.",
        (queries.users, queries.events_by_type),
        _users,
        shapes.users_by_day,
        chart="users",
        drill=Drill("daily_summary", ("event_date",)),
        span="wide",
    ),
    Panel(
        "funnel",
        "Funnel",
        "Users by the furthest step that they reached, and how many of those who began.",
        (queries.funnel,),
        _funnel,
        needs="user_funnel",
        chart="funnel",
    ),
    Panel(
        "heat-map",
        "When it happens",
        "Events by day and hour, by hour and minute where one day is chosen. Times are UTC.",
        (queries.heat_map,),
        _heat,
        needs="events_by_minute",
        chart="heat",
        drill=Drill("events_by_minute", ("event_date",)),
        span="wide",
    ),
    Panel(
        "active-users",
        "Active users",
        "Distinct users of the day, of the week and of the four weeks that end on it.",
        (queries.active_users,),
        _active,
        needs="retention",
        chart="active",
        span="wide",
    ),
    Panel(
        "persons",
        "Persons",
        "Ids of all dates, and of how many persons they are.",
        (queries.persons,),
        _persons,
        needs="identity",
        open_table=True,
    ),
    Panel(
        "cohorts",
        "Who comes back",
        "Users by the ISO week of their first event, and how many of them were active so many weeks later.",
        (queries.retention,),
        _cohorts,
        needs="retention",
        chart="cohorts",
        span="wide",
    ),
    Panel(
        "traffic",
        "Traffic",
        "Who caused the events. Other panels of facts count humans, or what the dataset declares.",
        (queries.traffic,),
        _traffic,
        needs="traffic",
        drill=Drill("joined_facts", ("traffic",)),
        open_table=True,
    ),
    Panel(
        "top-users",
        "Most active users",
        "By distinct sessions.",
        (queries.top_users,),
        _top,
        needs="top_users",
        drill=Drill("joined_facts", ("user_id",)),
    ),
    Panel(
        "sessions",
        "Sessions per day",
        "By the day on which they begin.",
        (queries.sessions,),
        _sessions,
        shapes.sessions_by_day,
        chart="sessions",
        drill=Drill("sessions", ("event_date",)),
        span="wide",
    ),
    Panel(
        "channels",
        "Sessions by channel",
        "By what each session itself tells, and by its last touch that is not direct.",
        (queries.channels,),
        _channels,
        needs="channels",
        drill=Drill("sessions", ("channel",)),
        span="wide",
    ),
    Panel(
        "campaigns",
        "Sources and campaigns",
        "Of all sessions, also those that gold tables leave out.",
        (queries.campaigns,),
        _campaigns,
        needs="channels",
        drill=Drill("sessions", ("medium", "source")),
        span="wide",
    ),
    Panel(
        "session-lengths",
        "Session lengths",
        "From the first event to the last.",
        (queries.sessions,),
        _lengths,
        shapes.session_lengths,
        chart="lengths",
    ),
    Panel(
        "watch-time",
        "Watch time by region",
        "Minutes by continent of the IP address.",
        (queries.watch_time,),
        _watch,
        needs="watch_time",
        chart="map",
        drill=Drill("watch_time", ("geo_region",)),
        span="full",
        open_table=True,
    ),
    Panel(
        "completeness",
        "Dates that lack files",
        "By the date in the names of files.",
        (queries.completeness,),
        _missing,
        needs="expect",
        open_table=True,
    ),
    Panel(
        "lateness",
        "What came late",
        "Landed later than on the day after, and the sessions of the date that this changed.",
        (queries.lateness,),
        _late,
        needs="lateness",
        span="full",
        open_table=True,
    ),
)

#: Below the heading of data quality.
REFUSED = Panel(
    "refused",
    "Refused records by reason",
    "Of these dates, and those whose date can't be read.",
    (queries.refused,),
    _refused,
    chart="refused",
    drill=Drill("rejected_records", ("reason",)),
)

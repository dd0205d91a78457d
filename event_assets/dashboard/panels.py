"""The panels of a dataset's page, as data: queries, words, chart and the link to the rows behind it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import polars as pl

from event_assets.dashboard import panel_rows as shapes
from event_assets.dashboard import panel_summaries as summaries
from event_assets.dashboard import queries
from event_assets.dashboard.queries import Question

#: How much of the page's width a panel likes to have.
Span = Literal["narrow", "wide", "full"]


@dataclass(frozen=True)
class Drill:
    """The link from a row of a panel to the rows of `table` that have the same values in `columns`.

    The last column shows the link.
    """

    table: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Panel:
    """A panel shows the frame that `shape` computes from the answers to its questions. The first question is required.

    `needs` is the key of a declaration (at its top or below `gold:`) that gives its table; `chart` is a name in
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


PANELS = (
    Panel(
        "events",
        "Events per day",
        "By type. Choose a bar to see its rows.",
        (queries.events_by_type,),
        summaries.events,
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
        summaries.types,
        shapes.types,
        needs="events_by_type",
        drill=Drill("joined_facts", ("event_type",)),
    ),
    Panel(
        "users",
        "Users per day",
        "Distinct users with an event on the day, of any type and of each.",
        (queries.users, queries.events_by_type),
        summaries.users,
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
        summaries.funnel,
        needs="user_funnel",
        chart="funnel",
    ),
    Panel(
        "heat-map",
        "When it happens",
        "Events by day and hour, by hour and minute where one day is chosen. Times are UTC.",
        (queries.heat_map,),
        summaries.heat,
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
        summaries.active,
        needs="retention",
        chart="active",
        span="wide",
    ),
    Panel(
        "persons",
        "Persons",
        "Ids of all dates, and of how many persons they are.",
        (queries.persons,),
        summaries.persons,
        needs="identity",
        open_table=True,
    ),
    Panel(
        "cohorts",
        "Who comes back",
        "Users by the ISO week of their first event, and how many of them were active so many weeks later.",
        (queries.retention,),
        summaries.cohorts,
        needs="retention",
        chart="cohorts",
        span="wide",
    ),
    Panel(
        "traffic",
        "Traffic",
        "Who caused the events. Other panels of facts count humans, or what the dataset declares.",
        (queries.traffic,),
        summaries.traffic,
        needs="traffic",
        drill=Drill("joined_facts", ("traffic",)),
        open_table=True,
    ),
    Panel(
        "top-users",
        "Most active users",
        "By distinct sessions.",
        (queries.top_users,),
        summaries.top,
        needs="top_users",
        drill=Drill("joined_facts", ("user_id",)),
    ),
    Panel(
        "sessions",
        "Sessions per day",
        "By the day on which they begin.",
        (queries.sessions,),
        summaries.sessions,
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
        summaries.channels,
        needs="channels",
        drill=Drill("sessions", ("channel",)),
        span="wide",
    ),
    Panel(
        "campaigns",
        "Sources and campaigns",
        "Of all sessions, also those that gold tables leave out.",
        (queries.campaigns,),
        summaries.campaigns,
        needs="channels",
        drill=Drill("sessions", ("medium", "source")),
        span="wide",
    ),
    Panel(
        "session-lengths",
        "Session lengths",
        "From the first event to the last.",
        (queries.sessions,),
        summaries.lengths,
        shapes.session_lengths,
        chart="lengths",
    ),
    Panel(
        "watch-time",
        "Watch time by region",
        "Minutes by continent of the IP address.",
        (queries.watch_time,),
        summaries.watch,
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
        summaries.missing,
        needs="expect",
        open_table=True,
    ),
    Panel(
        "lateness",
        "What came late",
        "Landed later than on the day after, and the sessions of the date that this changed.",
        (queries.lateness,),
        summaries.late,
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
    summaries.refused,
    chart="refused",
    drill=Drill("rejected_records", ("reason",)),
)

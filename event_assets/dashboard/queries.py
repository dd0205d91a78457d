"""The page's queries of the gold tables: each one SELECT over the views, for a range of dates.

Of facts at most one column is read, which has three values (`traffic`). Where the range is all there is, the tables
over all dates answer, which are the smallest.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

from event_assets.declaration import Dataset
from event_assets.tables.catalog import tables
from event_assets.tables.channel_tables import conversion_columns
from event_assets.text.sql import identifier, literal
from event_assets.warehouse.views import REJECTED

#: Upper bounds of session lengths in seconds, and their names. A session of one event has no length.
LENGTHS = (("one event", 0), ("< 1 min", 60), ("1-5 min", 300), ("5-15 min", 900), ("15-30 min", 1800))
LONGER = (("30-60 min", 3600), ("1-3 h", 10800), ("> 3 h", None))
#: At most this number of dates is shown day by day in the heat map; more are summed by week.
DAILY_UP_TO = 400


@dataclass(frozen=True)
class Selection:
    """A dataset and the requested dates, both included; `whole` where the dataset has no others."""

    dataset: Dataset
    first: dt.date
    last: dt.date
    whole: bool = False

    def has(self, view: str) -> bool:
        """Whether the dataset declares the table (each has the view of its rejected records)."""
        return view == REJECTED or view in tables(self.dataset)

    def view(self, table: str) -> str:
        return f"{identifier(self.dataset.name)}.{identifier(table)}"

    @property
    def dates(self) -> tuple[object, ...]:
        return (self.first, self.last)

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1


@dataclass(frozen=True)
class Query:
    """One SELECT and the table that it reads. A table is read once for a page, and panels share its rows."""

    table: str
    sql: str
    parameters: tuple[object, ...] = ()


#: A question: its query, or None where the dataset declares no table that could answer.
Question = Callable[[Selection], Query | None]
_IN_RANGE = "event_date BETWEEN ? AND ?"


def _select(table: str, sql: str) -> Question:
    """The question that one SELECT answers where the dataset declares its table: `{view}`, on `{dates}`."""

    def question(at: Selection) -> Query | None:
        text = sql.format(view=at.view(table), dates=_IN_RANGE)
        return Query(table, text, at.dates if "?" in text else ()) if at.has(table) else None

    return question


_by_type = _select(
    "events_by_type",
    """SELECT event_date, event_type, event_count AS events, user_count AS users
        FROM {view} WHERE {dates} ORDER BY ALL""",
)
_by_minute = _select(
    "events_by_minute",
    """SELECT event_date, event_type, sum(event_count)::BIGINT AS events, NULL::BIGINT AS users
        FROM {view} WHERE {dates} GROUP BY ALL ORDER BY ALL""",
)


def events_by_type(at: Selection) -> Query | None:
    """event_date, event_type, events, users (of the date; null where the dataset declares no events_by_type)."""
    return _by_type(at) or _by_minute(at)


#: event_date, users (distinct), events: one row per date, and before them one without a date for all dates.
#: A date has one row per user. Grouping by user and counting the groups takes a quarter of a distinct count's time.
users = _select(
    "daily_summary",
    """WITH chosen AS MATERIALIZED (SELECT event_date, user_id, event_count FROM {view} WHERE {dates}),
        everybody AS (SELECT sum(event_count) AS events FROM chosen GROUP BY user_id)
    SELECT NULL AS event_date, count(*) AS users, coalesce(sum(events), 0)::BIGINT AS events FROM everybody
    UNION ALL SELECT event_date, count(*), sum(event_count)::BIGINT FROM chosen
    GROUP BY ALL ORDER BY event_date NULLS FIRST""",
)


def sessions(at: Selection) -> Query | None:
    """event_date (of the start), length (a place in LENGTHS and LONGER), sessions, events, median_seconds.

    The first row has neither date nor length: it counts all sessions, and has the median length of the sessions with
    more than one event (null if there are none).
    """
    bounds = [(place, bound) for place, (_, bound) in enumerate([*LENGTHS, *LONGER]) if bound]
    cases = " ".join(f"WHEN duration_seconds < {bound} THEN {place}" for place, bound in bounds)
    sql = f"""WITH chosen AS MATERIALIZED (SELECT event_date, event_count, duration_seconds,
            CASE WHEN event_count = 1 THEN 0 {cases} ELSE {len([*LENGTHS, *LONGER]) - 1} END AS length
            FROM {at.view("sessions")} WHERE {_IN_RANGE})
        SELECT NULL AS event_date, NULL AS length, count(*) AS sessions,
            coalesce(sum(event_count), 0)::BIGINT AS events,
            (quantile_disc(duration_seconds, 0.5) FILTER (event_count > 1))::DOUBLE AS median_seconds FROM chosen
        UNION ALL SELECT event_date, length, count(*), sum(event_count)::BIGINT, NULL FROM chosen
        GROUP BY ALL ORDER BY event_date NULLS FIRST, length"""
    return Query("sessions", sql, at.dates)


def heat_map(at: Selection) -> Query | None:
    """Of one date: hour, minute, events (UTC). Of several: event_date (or its week's Monday), hour, events."""
    if not at.has("events_by_minute"):
        return None
    bucket = "event_date" if at.days <= DAILY_UP_TO else "date_trunc('week', event_date)::DATE"
    columns = "hour(minute) AS hour, minute(minute) AS minute"
    if at.days > 1:
        columns = f"{bucket} AS event_date, hour(minute) AS hour"
    sql = f"""SELECT {columns}, sum(event_count)::BIGINT AS events FROM {at.view("events_by_minute")}
        WHERE {_IN_RANGE} GROUP BY ALL ORDER BY ALL"""
    return Query("events_by_minute", sql, at.dates)


def funnel(at: Selection) -> Query | None:
    """step_number, step, users, conversion_from_previous, conversion_from_first: as `funnel_summary` for the dates."""
    options = at.dataset.gold.user_funnel
    if options is None:
        return None
    if at.whole:
        sql = f"""SELECT step_number, step, users, conversion_from_previous::DOUBLE AS conversion_from_previous,
            conversion_from_first::DOUBLE AS conversion_from_first
            FROM {at.view("funnel_summary")} ORDER BY step_number"""
        return Query("funnel_summary", sql)
    steps = ", ".join(f"({number}, {literal(step)})" for number, step in enumerate(options.names, 1))
    sql = f"""WITH furthest AS (SELECT user_id, max(furthest_step) AS step FROM {at.view("user_funnel")}
            WHERE {_IN_RANGE} GROUP BY user_id),
        reached AS (SELECT step AS number, count(*) AS users FROM furthest GROUP BY ALL),
        counted AS (SELECT step_number, name AS step, coalesce(sum(users), 0)::BIGINT AS users
            FROM (VALUES {steps}) AS named(step_number, name) LEFT JOIN reached ON number >= step_number GROUP BY ALL)
        SELECT *, users / nullif(lag(users) OVER (ORDER BY step_number), 0) AS conversion_from_previous,
            users / nullif(first_value(users) OVER (ORDER BY step_number), 0) AS conversion_from_first
        FROM counted WHERE (SELECT count(*) FROM furthest) > 0 ORDER BY step_number"""
    return Query("user_funnel", sql, at.dates)


#: event_date, day, week, month: distinct users of the date, and of the 7 and 28 dates that end on it.
active_users = _select(
    "active_users", 'SELECT event_date, "day", "week", "month" FROM {view} WHERE {dates} ORDER BY event_date'
)
#: cohort_week, offset_weeks, users, share: of the users first seen in a week of the dates, how many were active that
#: many weeks later.
retention = _select(
    "retention_by_week",
    """SELECT cohort_week, offset_weeks, users,
        users / first_value(users) OVER (PARTITION BY cohort_week ORDER BY offset_weeks) AS share
    FROM {view} WHERE cohort_week BETWEEN ?::DATE - 6 AND ? ORDER BY ALL""",
)
#: column (first `all` together), ids, persons: how many ids each column has, and of how many persons they are.
persons = _select(
    "identities",
    """SELECT coalesce("column", 'all') AS "column", count(*) AS ids, count(DISTINCT person_id) AS persons FROM {view}
    GROUP BY GROUPING SETS ((), (identities."column")) ORDER BY grouping(identities."column") DESC, ids DESC, 1""",
)


def traffic(at: Selection) -> Query | None:
    """traffic, events, share: facts of humans, bots and oneself. Most events first."""
    if at.dataset.traffic is None:
        return None
    sql = f"""SELECT traffic, count(*) AS events, count(*) / sum(count(*)) OVER () AS share
        FROM {at.view("joined_facts")} WHERE {_IN_RANGE} GROUP BY traffic ORDER BY events DESC, traffic"""
    return Query("joined_facts", sql, at.dates)


def channels(at: Selection) -> Query | None:
    """channel, sessions, share, last_touch_sessions, and conversions and revenue if declared. Most sessions first."""
    if not at.has("channel_summary"):
        return None
    sums = "".join(f", {_sum(name)}" for name in ("last_touch_sessions", *_earned(at)))
    sql = f"""SELECT channel, {_sum("sessions")}, sum("sessions") / sum(sum("sessions")) OVER () AS share{sums}
        FROM {at.view("channel_summary")} WHERE {_IN_RANGE} GROUP BY channel
        ORDER BY "sessions" DESC, last_touch_sessions DESC, channel"""
    return Query("channel_summary", sql, at.dates)


def campaigns(at: Selection) -> Query | None:
    """source, medium, campaign, sessions and, where declared, conversions and revenue. Most sessions first."""
    if not at.has("channel_summary"):
        return None
    sums = "".join(f", {_sum(name)}" for name in _earned(at))
    sql = f"""SELECT source, medium, campaign, count(*) AS "sessions"{sums} FROM {at.view("sessions")}
        WHERE {_IN_RANGE} GROUP BY ALL ORDER BY "sessions" DESC, source, medium, campaign"""
    return Query("sessions", sql, at.dates)


def _earned(at: Selection) -> list[str]:
    return [column.name for column in conversion_columns(at.dataset)]


def _sum(column: str) -> str:
    kind = "DOUBLE" if column == "revenue" else "BIGINT"
    return f'sum("{column}")::{kind} AS "{column}"'


def top_users(at: Selection) -> Query | None:
    """[platform,] rank, user_id, session_count: distinct sessions of the dates, ranked as `top_users` is."""
    options = at.dataset.gold.top_users
    if options is None:
        return None
    by = identifier(options.by) + ", " if options.by else ""
    columns = f"SELECT {by}rank, user_id, session_count"
    if at.whole:
        return Query("top_users_overall", f"{columns} FROM {at.view('top_users_overall')} ORDER BY {by}rank")
    if at.days == 1:
        sql = f"{columns} FROM {at.view('top_users')} WHERE {_IN_RANGE} ORDER BY {by}rank"
        return Query("top_users", sql, at.dates)
    within = f"PARTITION BY {identifier(options.by)} " if options.by else ""
    sql = f"""WITH counted AS (SELECT {by}user_id, count(DISTINCT session_id) AS session_count
            FROM {at.view("platform_sessions")} WHERE {_IN_RANGE} GROUP BY {by}user_id),
        ranked AS (SELECT *, row_number() OVER ({within}ORDER BY session_count DESC, user_id::VARCHAR) AS rank
            FROM counted)
        {columns} FROM ranked WHERE rank <= {options.n} ORDER BY {by}rank"""
    return Query("platform_sessions", sql, at.dates)


def watch_time(at: Selection) -> Query | None:
    """geo_region, minutes, share, users (distinct), logs. Most minutes first."""
    if not at.has("watch_time"):
        return None
    table, where = ("watch_time_overall", "") if at.whole else ("watch_time", f"WHERE {_IN_RANGE}")
    sql = f"""SELECT geo_region, sum(total_watch_time_min) AS minutes,
        (sum(total_watch_time_min) / nullif(sum(sum(total_watch_time_min)) OVER (), 0))::DOUBLE AS share,
        count(DISTINCT user_id) AS users, sum(log_count)::BIGINT AS logs
        FROM {at.view(table)} {where} GROUP BY geo_region ORDER BY minutes DESC, geo_region"""
    return Query(table, sql, () if at.whole else at.dates)


#: reason, records, of_no_date (how many had no readable date): rejected records of the dates and those.
refused = _select(
    REJECTED,
    """SELECT reason, count(*) AS records, count(*) FILTER (event_date IS NULL) AS of_no_date
    FROM {view} WHERE event_date IS NULL OR {dates} GROUP BY reason ORDER BY records DESC, reason""",
)
#: event_date, expected, arrived, missing: the dates that lack files.
completeness = _select(
    "completeness",
    """SELECT event_date, expected, arrived, missing FROM {view}
    WHERE NOT complete AND {dates} ORDER BY event_date""",
)
#: event_date, landed_date, records, sessions_changed and its parts by kind: records landed later than on the day after
#: their date.
lateness = _select(
    "lateness", "SELECT * FROM {view} WHERE landed_date > event_date + 1 AND {dates} ORDER BY event_date, landed_date"
)

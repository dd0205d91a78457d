"""The SELECT that computes a metric of `ask` over any range of dates, from the smallest table that gives it exactly.

Distinct users are never added up over dates: they are counted from sets. Where no rollup holds a question's sets, facts
are scanned, and the answer reports it. Figures by channel are of the sessions that begin on the dates.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, get_args

from event_assets.declaration import Dataset
from event_assets.errors import DeclarationError
from event_assets.tables.catalog import tables
from event_assets.tables.channel_tables import all_sessions_count, channel_columns, conversion_columns
from event_assets.tables.facts_table import FACTS, TRAFFIC
from event_assets.tables.landed_tables import COMPLETENESS
from event_assets.tables.table import Table
from event_assets.text.sql import identifier, literal

Metric = Literal["users", "persons", "sessions", "events", "minutes", "conversions", "revenue"]
METRICS: tuple[Metric, ...] = get_args(Metric)
#: Periods that `ask` groups by, as SQL of a partition's date. A week is named by its Monday.
PERIODS = {
    "event_date": "event_date",
    "week": "date_trunc('week', event_date)::DATE",
    "month": "strftime(event_date, '%Y-%m')",
}


@dataclass(frozen=True)
class Answer:
    """How a question is answered: one SELECT of (dimension,) figure over the named tables."""

    tables: tuple[str, ...]
    sql: str

    @property
    def scanned(self) -> bool:
        """Whether facts are read, since no rollup covers the question."""
        return FACTS in self.tables


@dataclass(frozen=True)
class _Source:
    """A table that may answer: the SQL of its figure and dimension, and a condition on its rows."""

    table: str
    figure: str
    dimension: str = ""
    where: str = ""
    reads_facts: bool = False
    """Whether `where` reads the facts too."""


def dimensions(dataset: Dataset) -> list[str]:
    """What `ask` can group by: periods, columns of the facts and of channels."""
    of_facts = tables(dataset)[FACTS].names
    return list(dict.fromkeys([*PERIODS, *of_facts, *(column.name for column in channel_columns(dataset))]))


def answer(dataset: Dataset, metric: Metric, by: str | None, first: dt.date, last: dt.date) -> Answer:
    """The SELECT that answers a question. DeclarationError if the facts don't have the column or the figure."""
    known = tables(dataset)
    if by is not None and by not in dimensions(dataset):
        state = f"is not a column of the facts of {dataset.name}"
        raise DeclarationError(f"--by {by}", state, f"name one of {', '.join(dimensions(dataset))}")
    if metric in _NEEDED and not _NEEDED[metric][1](dataset):
        state = f"needs {_NEEDED[metric][0]} in {dataset.name}"
        raise DeclarationError(f"--metric {metric}", state, "ask for another metric")
    of_facts = known[FACTS].names
    period = PERIODS.get(by) if by and by not in of_facts else None
    # A table by date that can answer for all dates can also answer for each period.
    within = None if period else by
    by_session = metric in ("conversions", "revenue") or within not in (None, *of_facts)
    sources = _of_sessions(dataset, metric, within) if by_session else _sources(dataset, metric, within)
    source = next((source for source in sources if source.table in known), None)
    if source is None:
        state = f"is not kept by {by} in {dataset.name}"
        raise DeclarationError(f"--metric {metric}", state, "ask for sessions by channel, or query joined_facts")
    table = f"{identifier(dataset.name)}.{identifier(source.table)}"
    read = (source.table, FACTS) if source.reads_facts else (source.table,)
    dates = f"event_date BETWEEN {literal(str(first))}::DATE AND {literal(str(last))}::DATE"
    where = " AND ".join(filter(None, (dates, source.where, _complete(dataset, known[source.table]))))
    if by is None:
        return Answer(read, f"SELECT {source.figure} AS {metric} FROM {table} WHERE {where}")
    named = period or source.dimension or identifier(by)
    dimension = f"CAST({named} AS VARCHAR) AS {identifier(by)}"
    figures = f"SELECT {dimension}, {source.figure} AS {metric} FROM {table} WHERE {where} GROUP BY 1"
    order = "1" if period else "2 DESC, 1"
    return Answer(read, f"{figures} HAVING {source.figure} <> 0 ORDER BY {order}")


def counted_traffic(dataset: Dataset, by: str | None) -> tuple[str, ...]:
    """The kinds of traffic that an answer counts, where it leaves out others; by kind it counts all of them."""
    kinds = dataset.traffic.count if dataset.traffic and by != TRAFFIC.name else ()
    return () if {*kinds} == set(TRAFFIC.allowed or ()) else kinds


def dates_of_facts(dataset: Dataset) -> str:
    """The SELECT of the first and the last date that has facts; null where there are none."""
    return f"SELECT min(event_date), max(event_date) FROM {identifier(dataset.name)}.{identifier(FACTS)}"


def _complete(dataset: Dataset, table: Table) -> str:
    """The condition that leaves out dates that wait for their files (`expect.hold`): gold tables are empty there."""
    if table.layer == "gold" or dataset.expect is None or not dataset.expect.hold:
        return ""
    waiting = f"{identifier(dataset.name)}.{identifier(COMPLETENESS.name)}"
    return f"event_date NOT IN (SELECT event_date FROM {waiting} WHERE NOT complete)"


def _sources(dataset: Dataset, metric: Metric, by: str | None) -> Iterator[_Source]:
    """The tables with the sets or sums that a question needs, the smallest first, the facts last."""
    by_kind = dataset.traffic is not None and by == TRAFFIC.name  # of which rollups have only those that count
    yield from () if by_kind else _ROLLUPS[metric](dataset, by)
    minutes = dataset.gold.watch_time.column if dataset.gold.watch_time else ""
    figure = _OF_FACTS[metric].format(column=identifier(minutes))
    yield _Source(FACTS, figure, where="" if by_kind else _counted(dataset))


def _counted(dataset: Dataset) -> str:
    """The condition on facts that gold tables count."""
    return f"traffic IN ({', '.join(map(literal, dataset.traffic.count))})" if dataset.traffic else ""


def _of_sessions(dataset: Dataset, metric: Metric, by: str | None) -> Iterator[_Source]:
    """The tables of sessions with a figure by the columns that `channels` adds to sessions."""
    amount = "coalesce(sum({}), 0)" if metric == "revenue" else "coalesce(sum({}), 0)::BIGINT"
    if metric in ("sessions", "conversions", "revenue") and by in _CHANNELS:
        yield _Source("channel_summary", amount.format(f"{_CHANNELS[by]}{metric}"), "channel")
    if metric not in ("persons", "events", "minutes") and by in [column.name for column in channel_columns(dataset)]:
        figures = {"users": "count(DISTINCT user_id)", "sessions": "count(*)"}
        figure = figures.get(metric, amount.format(metric))
        if all_sessions_count(dataset):
            yield _Source("sessions", figure)
            return
        # As in `channel_summary`: a session counts if a fact at its start does.
        facts = f"{identifier(dataset.name)}.{identifier(FACTS)}"
        begun = f"SELECT event_date, session_id, event_time FROM {facts} WHERE {_counted(dataset) or 'true'}"
        yield _Source(
            "sessions", figure, where=f"(event_date, session_id, session_start) IN ({begun})", reads_facts=True
        )


def _users(dataset: Dataset, by: str | None) -> Iterator[_Source]:
    figure = "count(DISTINCT user_id)"
    if by is None:
        yield _Source("daily_summary", figure)
        yield _Source("user_funnel", figure)
    if by is not None and by in dataset.gold.users_by:
        yield _Source("users_by", figure, '"value"', f'"dimension" = {literal(by)}')
    if by in (None, "geo_region"):
        yield _Source("watch_time", figure)


def _sessions(dataset: Dataset, by: str | None) -> Iterator[_Source]:
    options = dataset.gold.top_users
    given = any(column.name == "source_session_id" for column in dataset.columns)
    if options is not None and options.by is None and by is None and not given:
        yield _Source("platform_sessions", "count(DISTINCT session_id)")


def _events(dataset: Dataset, by: str | None) -> Iterator[_Source]:
    figure = "coalesce(sum(event_count), 0)::BIGINT"
    if by in (None, "event_type"):
        yield _Source("events_by_type", figure)
        yield _Source("events_by_minute", figure)
    if by in (None, "user_id") and dataset.column("user_id").required:
        yield _Source("daily_summary", figure)
    if by == "geo_region" and dataset.column("user_id").required:
        yield _Source("watch_time", "coalesce(sum(log_count), 0)::BIGINT")


_WATCHED = (_Source("watch_time", "coalesce(sum(total_watch_time_min), 0)"),)
#: Dimension to the prefix of its figures in `channel_summary`.
_CHANNELS = {None: "", "channel": "", "first_touch_channel": "first_touch_", "last_touch_channel": "last_touch_"}
#: Metric to the key that it needs, and whether a dataset declares that.
_NEEDED: dict[Metric, tuple[str, Callable[[Dataset], bool]]] = {
    "persons": ("identity", lambda dataset: dataset.identity is not None),
    "minutes": ("gold.watch_time", lambda dataset: dataset.gold.watch_time is not None),
    "conversions": ("channels.conversions", lambda dataset: bool(conversion_columns(dataset))),
    "revenue": ("channels.revenue", lambda dataset: len(conversion_columns(dataset)) > 1),
}
_ROLLUPS: dict[Metric, Callable[[Dataset, str | None], Iterator[_Source]]] = {
    "users": _users,
    "persons": lambda dataset, by: iter(()),
    "sessions": _sessions,
    "events": _events,
    "minutes": lambda dataset, by: iter(_WATCHED if by in (None, "geo_region", "user_id") else ()),
}
_OF_FACTS: dict[Metric, str] = {
    "users": "count(DISTINCT user_id)",
    "persons": "count(DISTINCT person_id)",
    "sessions": "count(DISTINCT session_id)",
    "events": "count(*)",
    "minutes": "coalesce(sum({column}) FILTER (WHERE user_id IS NOT NULL), 0)",
}

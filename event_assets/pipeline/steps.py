"""Every transform of a dataset as data: what it reads, of which dates, what it makes, by which rules.

From these rows come the Dagster assets and their partition mappings, what a late file touches, how a
backfill widens, and the order of computing. A new gold table is one function and one row here.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from event_assets.declaration import Dataset
from event_assets.declaration.dataset import Kind
from event_assets.digest import digest
from event_assets.tables.catalog import tables
from event_assets.tables.channel_tables import all_sessions_count
from event_assets.tables.custom_table_functions import custom_tables
from event_assets.tables.landed_tables import COMPLETENESS, RAW_EVENTS, RAW_PROFILES
from event_assets.tables.table import Table
from event_assets.text import user_agents
from event_assets.transforms import (
    active_users,
    clean,
    daily_summary,
    event_counts,
    funnel,
    joined_facts,
    persons,
    profiles,
    sessions,
    source_sessions,
    top_users,
    watch_time,
)
from event_assets.transforms import call_custom_function as custom_transforms
from event_assets.transforms import channels as session_channels
from event_assets.transforms.dates_on_hold import empty_where_held
from event_assets.transforms.interface import Inputs, Outputs, Scope
from event_assets.transforms.traffic import counted_only

#: Raised when a transform's meaning changes: every partition that it made is then stale.
VERSION = 1

#: The table that a run publishes last, from what is published.
RECONCILIATION = "reconciliation"
#: The table that it publishes just before, where it is declared.
LATENESS = "lateness"


@dataclass(frozen=True)
class Input:
    """A table that a step reads: on the same date, and `before` and `after` so many dates around it.

    `before="all"` is every earlier date. A step without dates reads every date of a table that has them.

    With `key` the earlier dates matter only by which of the date's own keys they hold: a step then reads no other
    dates than those that hold one, and is stale only where these keys are others (docs/adr/0011).

    With `users_of` a table of users over time matters only by its values on the date for the users in that other
    input: a step is stale only where this is something else (docs/adr/0013).
    """

    table: str
    before: int | Literal["all"] = 0
    after: int = 0
    same_date: bool = True
    key: str | None = None
    users_of: str | None = None
    values: tuple[str, ...] = ()
    """Of a table with `users_of`: the columns that matter, where not all do."""
    first: bool = False
    """Whether of equal rows of several dates only the first date matters to a step without dates."""
    holds: bool = False
    """Whether it matters only by which of the step's own dates it holds back."""


@dataclass(frozen=True)
class Equation:
    """Nothing is lost: the rows of `whole` (an input, counted by the log) are those of `parts`, each a table's
    rows or, with a leading `#`, a figure that the transform counted."""

    whole: str
    parts: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.whole} = {' + '.join(part.lstrip('#') for part in self.parts)}"


@dataclass(frozen=True)
class Step:
    """One transform: the tables that it makes together."""

    tables: tuple[str, ...]
    inputs: tuple[Input, ...]
    transform: Callable[[Inputs, Scope], Outputs]
    rules: str
    """Digest of the parts of the declaration, the contracts and the version that the result depends on."""
    by_date: bool = True
    equation: Equation | None = None
    uses_geo: bool = False
    several_dates: bool = True
    """Whether the transform computes several dates at once."""

    @property
    def name(self) -> str:
        return self.tables[0]

    def window(self, source: Input, date: dt.date, known: Sequence[dt.date]) -> list[dt.date]:
        """The dates of an input that the step reads for a date; `known` are the dates that the input has."""
        if source.before == "all":
            return [d for d in known if d < date or (d == date and source.same_date)]
        days = range(-source.before, source.after + 1)
        return [date + dt.timedelta(days=n) for n in days if n or source.same_date]


@cache
def steps(dataset: Dataset) -> tuple[Step, ...]:
    """The dataset's steps, upstream first."""
    made = tables(dataset)
    found: list[Step] = []

    def add(
        names: Sequence[str],
        inputs: Sequence[Input],
        transform: Callable[[Inputs, Scope], Outputs],
        rules: dict[str, Any],
        **more: Any,
    ) -> None:
        if names[0] not in made:
            return
        if holds and made[names[0]].layer == "gold" and more.get("by_date", True):
            dated = {source.table for source in inputs if source.table in made and made[source.table].by_date}
            more["several_dates"] = more.get("several_dates", True) and not any(source.after for source in inputs)
            transform = empty_where_held(transform, dated, COMPLETENESS.name)
            inputs = (*inputs, Input(COMPLETENESS.name, holds=True))
        present = tuple(source for source in inputs if source.table in made or source.table == "profile_snapshots")
        shapes = [_shape(made[name]) for name in names]
        rules_digest = digest(VERSION, transform.__name__, dataset.name, rules, shapes)
        found.append(Step(tuple(names), present, transform, rules_digest, **more))

    def excluded(kind: Kind) -> tuple[str, ...]:
        return ("#excluded",) if dataset.leaves_out(kind) else ()

    def blocks(kind: Kind) -> list[Any]:
        """What each block has of its own by which its records are judged."""
        return [
            [block.rules("where"), {c.name: c.numbers and c.numbers.rules() for c in block.columns}]
            for block in dataset.blocks(kind)
        ]

    channels = dataset.channels
    holds = dataset.expect is not None and dataset.expect.hold
    reach = dataset.dedupe_days
    columns = [c.rules(*_CLEANING_KEYS) for c in dataset.columns]
    cleaning = {
        "columns": columns,
        "blocks": blocks("events"),
        "keys": dataset.dedupe_keys,
        "event_id": dataset.event_id,
        "source_timezone": dataset.source_timezone,
        "required": sorted(clean.required_columns(dataset)),
    }
    profile_columns = [c.rules(*_CLEANING_KEYS) for c in dataset.columns_of("profiles")]
    gap = {**dataset.sessions.rules("gap", "column"), **({"by": dataset.sessions.by} if dataset.sessions.by else {})}

    add(
        ("profiles", "profile_quarantine"),
        (Input(RAW_PROFILES), Input("profile_snapshots")),
        profiles.profiles,
        {"columns": profile_columns, "blocks": blocks("profiles"), "source_timezone": dataset.source_timezone},
        by_date=False,
        equation=Equation(RAW_PROFILES, ("#valid", "profile_quarantine", *excluded("profiles"))),
    )
    add(("event_keys",), (Input(RAW_EVENTS),), clean.event_keys, cleaning)
    add(
        ("cleaned_events", "quarantine"),
        (
            Input(RAW_EVENTS),
            *((Input("event_keys", before=reach, same_date=False, key="event_id"),) if reach else ()),
        ),
        clean.clean,
        {**cleaning, "days": reach},
        equation=Equation(RAW_EVENTS, ("cleaned_events", "#duplicates", "quarantine", *excluded("events"))),
    )
    if dataset.identity:
        add(("identity_links",), (Input("cleaned_events"),), persons.identity_links, dataset.identity.rules())
        add(
            ("identities",),
            (Input("identity_links", first=True),),
            persons.identities,
            dataset.identity.rules(),
            by_date=False,
        )
    earned = {**gap, **channels.rules("conversions", "revenue")} if channels and channels.conversions else gap
    touched = {**earned, **channels.rules("lookback")} if channels else gap
    touches = (Input("session_sources"), Input("session_touches", before=channels.lookback - 1)) if channels else ()
    attribution = {"channels": channels.attribution} if channels else {}
    events, parts = Input("cleaned_events"), Input("session_parts")
    if dataset.sessions.by:
        add(("session_parts",), (events,), source_sessions.session_parts, earned)
        add(("session_index",), (parts,), source_sessions.session_index, earned, by_date=False)
        index = Input("session_index", users_of="session_parts")
        add(
            ("session_sources", "session_touches"),
            (events, parts, index),
            session_channels.session_sources,
            attribution,
        )
        add(("sessions",), (parts, index, *touches), source_sessions.sessions, touched)
    else:
        add(("session_edges",), (events,), sessions.session_edges, gap)
        edges = Input("session_edges", before=sessions.edge_days(dataset), same_date=False)
        add(("session_parts",), (events, edges), sessions.session_parts, earned)
        add(("session_sources", "session_touches"), (events, parts), session_channels.session_sources, attribution)
        add(("sessions",), (Input("session_parts", after=1), *touches), sessions.sessions, touched)
    facts = ("#human", "#bot", "#internal") if dataset.traffic else ("joined_facts",)
    add(
        ("joined_facts",),
        (
            Input("cleaned_events"),
            Input("session_parts"),
            Input("profiles", users_of="session_parts"),
            Input("identities", users_of="identity_links", values=("person_id",)),
        ),
        joined_facts.joined_facts,
        {
            **gap,
            "geo": dataset.geo,
            "filter": [block.rules("filter") for block in dataset.profiles],
            **({"identity": dataset.identity.columns} if dataset.identity else {}),
            **({"traffic": [dataset.traffic.rules(), user_agents.version()]} if dataset.traffic else {}),
            "profile_columns": profile_columns,
        },
        equation=Equation("cleaned_events", (*facts, "#filtered")),
        uses_geo=dataset.geo is not None,
    )
    daily = (Input("joined_facts"),)
    counted = {"count": dataset.traffic.count} if dataset.traffic else {}
    gold = dataset.gold.rules()
    add(("daily_summary",), daily, counted_only(daily_summary.daily_summary), counted)
    top = {"top_users": gold["top_users"]}
    add(
        ("platform_sessions",),
        daily,
        counted_only(top_users.platform_sessions),
        {"by": (gold["top_users"] or {}).get("by"), **counted},
    )
    add(("top_users",), (Input("platform_sessions"),), top_users.top_users, top)
    add(("watch_time",), daily, counted_only(watch_time.watch_time), {"watch_time": gold["watch_time"], **counted})
    add(("events_by_minute",), daily, counted_only(event_counts.events_by_minute), counted)
    add(("events_by_type",), daily, counted_only(event_counts.events_by_type), counted)
    if dataset.gold.user_funnel:
        later = funnel.funnel_days(dataset)
        steps_rule = {"funnel": gold["user_funnel"]}
        add(
            ("user_funnel",),
            (Input("joined_facts", after=later),),
            counted_only(funnel.user_funnel),
            {**steps_rule, **counted},
        )
        add(("funnel_summary",), (Input("user_funnel"),), funnel.funnel_summary, steps_rule, by_date=False)
    all_count = all_sessions_count(dataset)
    add(
        ("channel_summary",),
        (Input("sessions"), *(() if all_count else daily)),
        counted_only(session_channels.channel_summary),
        counted,
        equation=Equation("sessions", ("#sessions_by_channel", *([] if all_count else ["#left_out"]))),
    )
    add(("users_by",), daily, counted_only(active_users.users_by), {"users_by": gold["users_by"], **counted})
    add(("daily_users",), daily, counted_only(active_users.daily_users), counted)
    add(("active_users",), (Input("daily_users", before=active_users.MONTH - 1),), active_users.active_users, {})
    add(("first_seen",), (Input("daily_users", first=True),), active_users.first_seen, {}, by_date=False)
    week = (Input("daily_users", before=active_users.WEEK - 1), Input("first_seen", users_of="daily_users"))
    add(("daily_cohorts",), week, active_users.daily_cohorts, {})
    cohorts = ("retention", "retention_by_week")
    add(cohorts, (Input("daily_cohorts"),), active_users.retention, {}, by_date=False)
    add(("top_users_overall",), (Input("platform_sessions"),), top_users.top_users_overall, top, by_date=False)
    totals = ("watch_time_overall", "watch_time_by_user")
    add(totals, (Input("watch_time"),), watch_time.watch_time_overall, {}, by_date=False)
    for own in custom_tables(dataset):
        sources = [Input(name) for name in own.inputs]
        add(
            (own.table.name,),
            sources,
            custom_transforms.transform_of(own),
            {"function": own.rules},
            by_date=own.by_date,
            several_dates=own.several_dates,
        )
    # What tables by date read comes before them, other tables over all dates come last.
    ranks = {"profiles": 0, "identities": 1, "session_index": 1, "first_seen": 1}
    return tuple(sorted(found, key=lambda step: ranks.get(step.name, 1 if step.by_date else 2)))


_CLEANING_KEYS = (
    "name",
    "type",
    "source",
    "constant",
    "required",
    "null_values",
    "aliases",
    "case",
    "booleans",
    "min",
    "max",
)


def unread(dataset: Dataset) -> list[str]:
    """The first table of each step that no other step reads, in order."""
    read = {source.table for step in steps(dataset) for source in step.inputs}
    return [step.name for step in steps(dataset) if read.isdisjoint(step.tables)]


def step_of(dataset: Dataset) -> dict[str, Step]:
    """The step that makes each table, by table name."""
    return {name: step for step in steps(dataset) for name in step.tables}


def _shape(table: Table) -> list[Any]:
    """What of a contract shows in a table's files."""
    return [[c.name, c.type, c.nullable, c.min, c.max, c.allowed] for c in table.columns] + [table.row_order]

"""The steps of a dataset: what each table is computed from, of which dates, and by which rules.

The Dagster assets and their partition mappings, the effect of a late file, the dates that a backfill adds and the order
of the steps are derived from these rows. CONTRIBUTING.md ("Add a table") shows what else a new table needs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, partialmethod
from typing import Any

from event_assets.declaration import Dataset
from event_assets.declaration.dataset import Kind
from event_assets.digest import digest
from event_assets.pipeline.step import Equation, Input, Step
from event_assets.tables.catalog import tables
from event_assets.tables.channel_tables import all_sessions_count
from event_assets.tables.custom_table_functions import custom_tables
from event_assets.tables.landed_tables import COMPLETENESS, RAW_EVENTS, RAW_PROFILES
from event_assets.tables.table import Table
from event_assets.text import bot_user_agents
from event_assets.transforms import call_custom_function as custom_transforms
from event_assets.transforms import channels as session_channels
from event_assets.transforms import (
    clean,
    daily_summary,
    event_counts,
    funnel,
    joined_facts,
    persons,
    profiles,
    sessions,
    sessions_by_source_id,
    top_users,
    users_and_cohorts,
    watch_time,
)
from event_assets.transforms.interface import Transform
from event_assets.transforms.traffic import counted_only
from event_assets.transforms.withhold_incomplete_dates import empty_where_held

#: Raised when a transform's meaning changes: all its partitions are then stale.
VERSION = 1

#: The table that a run publishes last, from the published tables.
RECONCILIATION = "reconciliation"
#: The table that it publishes just before, where it is declared.
LATENESS = "lateness"

_CLEANING_KEYS = (
    *("name", "type", "source", "constant", "required", "null_values", "aliases", "case", "booleans", "min", "max"),
)


@cache
def steps(dataset: Dataset) -> tuple[Step, ...]:
    """The dataset's steps, upstream first."""
    graph = _Graph(dataset)
    _add_profiles(graph)
    _add_events(graph)
    if dataset.identity:
        _add_persons(graph, dataset.identity.rules())
    if dataset.sessions.by:
        _add_source_sessions(graph)
    else:
        _add_sessions(graph)
    _add_facts(graph)
    _add_gold(graph)
    _add_active_users(graph)
    _add_totals(graph)
    _add_custom(graph)
    # What tables by date read comes before them, other tables over all dates come last.
    ranks = {"profiles": 0, "identities": 1, "session_index": 1, "first_seen": 1}
    return tuple(sorted(graph.steps, key=lambda step: ranks.get(step.name, 1 if step.by_date else 2)))


class _Graph:
    """The steps added so far, and rules that several steps share."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset, self.steps = dataset, list[Step]()
        self._tables = tables(dataset)
        self._holds = dataset.expect is not None and dataset.expect.hold
        by = {"by": dataset.sessions.by} if dataset.sessions.by else {}
        self.gap = {**dataset.sessions.rules("gap", "column"), **by}
        self.counted = {"count": dataset.traffic.count} if dataset.traffic else {}

    def add(
        self,
        names: str | tuple[str, ...],
        inputs: Sequence[Input | str],
        transform: Transform,
        rules: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> None:
        """Add a step if the dataset has its tables, with the inputs that the dataset has.

        A text among the inputs is a table that is read on the same date.
        """
        made, names = self._tables, (names,) if isinstance(names, str) else names
        if names[0] not in made:
            return
        read = [source if isinstance(source, Input) else Input(source) for source in inputs]
        if self._holds and made[names[0]].layer == "gold" and more.get("by_date", True):
            dated = {source.table for source in read if source.table in made and made[source.table].by_date}
            more["several_dates"] = more.get("several_dates", True) and not any(source.after for source in read)
            transform = empty_where_held(transform, dated, COMPLETENESS.name)
            read.append(Input(COMPLETENESS.name, holds=True))
        present = tuple(source for source in read if source.table in made or source.table == "profile_snapshots")
        shapes = [_shape(made[name]) for name in names]
        rules_digest = digest(VERSION, transform.__name__, self.dataset.name, rules or {}, shapes)
        self.steps.append(Step(names, present, transform, rules_digest, **more))

    #: Adds a step that makes tables over all dates.
    add_whole = partialmethod(add, by_date=False)

    def add_gold(self, name: str, inputs: Sequence[Input | str], transform: Transform, **rules: Any) -> None:
        """Add a step whose table counts the facts that the dataset counts."""
        self.add(name, inputs, counted_only(transform), {**rules, **self.counted})

    def excluded(self, kind: Kind) -> tuple[str, ...]:
        return ("#excluded",) if self.dataset.leaves_out(kind) else ()

    def columns(self, kind: Kind) -> list[Any]:
        """What cleaning depends on of each column."""
        return [column.rules(*_CLEANING_KEYS) for column in self.dataset.columns_of(kind)]

    def blocks(self, kind: Kind) -> list[Any]:
        """What each block has of its own by which its records are judged."""
        return [
            [block.rules("where"), {c.name: c.numbers and c.numbers.rules() for c in block.columns}]
            for block in self.dataset.blocks(kind)
        ]


def _add_profiles(graph: _Graph) -> None:
    rules = {
        "columns": graph.columns("profiles"),
        "blocks": graph.blocks("profiles"),
        "source_timezone": graph.dataset.source_timezone,
    }
    equation = Equation(RAW_PROFILES, ("#valid", "profile_quarantine", *graph.excluded("profiles")))
    tables, inputs = ("profiles", "profile_quarantine"), (RAW_PROFILES, "profile_snapshots")
    graph.add_whole(tables, inputs, profiles.profiles, rules, equation=equation)


def _add_events(graph: _Graph) -> None:
    dataset, reach = graph.dataset, graph.dataset.dedupe_days
    cleaning = {
        "columns": graph.columns("events"),
        "blocks": graph.blocks("events"),
        "keys": dataset.dedupe_keys,
        "event_id": dataset.event_id,
        "source_timezone": dataset.source_timezone,
        "required": sorted(clean.required_columns(dataset)),
    }
    graph.add("event_keys", [RAW_EVENTS], clean.event_keys, cleaning)
    earlier = [Input("event_keys", before=reach, same_date=False, key="event_id")] if reach else []
    equation = Equation(RAW_EVENTS, ("cleaned_events", "#duplicates", "quarantine", *graph.excluded("events")))
    rules = {**cleaning, "days": reach}
    graph.add(("cleaned_events", "quarantine"), [RAW_EVENTS, *earlier], clean.clean, rules, equation=equation)


def _add_persons(graph: _Graph, rules: dict[str, Any]) -> None:
    graph.add("identity_links", ["cleaned_events"], persons.identity_links, rules)
    # All dates before: retention keeps them, since a login links the ids of all dates.
    links = Input("identity_links", before="all", first=True)
    graph.add_whole("identities", [links], persons.identities, rules)


def _add_source_sessions(graph: _Graph) -> None:
    """The sessions that the source itself gives."""
    earned, touched, touches = _channel_rules(graph)
    index = Input("session_index", users_of="session_parts")
    graph.add("session_parts", ["cleaned_events"], sessions_by_source_id.session_parts, earned)
    graph.add_whole("session_index", ["session_parts"], sessions_by_source_id.session_index, earned)
    _add_session_sources(graph, ["cleaned_events", "session_parts", index])
    graph.add("sessions", ["session_parts", index, *touches], sessions_by_source_id.sessions, touched)


def _add_sessions(graph: _Graph) -> None:
    """The sessions that a gap ends."""
    earned, touched, touches = _channel_rules(graph)
    edges = Input("session_edges", before=sessions.edge_days(graph.dataset), same_date=False)
    graph.add("session_edges", ["cleaned_events"], sessions.session_edges, graph.gap)
    graph.add("session_parts", ["cleaned_events", edges], sessions.session_parts, earned)
    _add_session_sources(graph, ["cleaned_events", "session_parts"])
    graph.add("sessions", [Input("session_parts", after=1), *touches], sessions.sessions, touched)


def _add_session_sources(graph: _Graph, inputs: Sequence[Input | str]) -> None:
    channels = graph.dataset.channels
    rules = {"channels": channels.attribution} if channels else {}
    graph.add(("session_sources", "session_touches"), inputs, session_channels.session_sources, rules)


def _channel_rules(graph: _Graph) -> tuple[dict[str, Any], dict[str, Any], tuple[Input, ...]]:
    """The rules of a session's parts and of sessions, and the inputs from which sessions have their touches."""
    channels, gap = graph.dataset.channels, graph.gap
    if channels is None:
        return gap, gap, ()
    earned = {**gap, **channels.rules("conversions", "revenue")} if channels.conversions else gap
    touches = (Input("session_sources"), Input("session_touches", before=channels.lookback - 1))
    return earned, {**earned, **channels.rules("lookback")}, touches


def _add_facts(graph: _Graph) -> None:
    dataset = graph.dataset
    kinds = ("#human", "#bot", "#internal") if dataset.traffic else ()
    graph.add(
        "joined_facts",
        [
            *("cleaned_events", "session_parts"),
            Input("profiles", users_of="session_parts"),
            Input("identities", users_of="identity_links", values=("person_id",)),
        ],
        joined_facts.joined_facts,
        {
            **graph.gap,
            "geo": dataset.geo,
            "filter": [block.rules("filter") for block in dataset.profiles],
            **({"identity": dataset.identity.columns} if dataset.identity else {}),
            **({"traffic": [dataset.traffic.rules(), bot_user_agents.version()]} if dataset.traffic else {}),
            "profile_columns": graph.columns("profiles"),
        },
        equation=Equation("cleaned_events", ("joined_facts", "#filtered"), kinds),
        uses_geo=dataset.geo is not None,
    )


def _add_gold(graph: _Graph) -> None:
    """The gold tables of each date, and the funnel over all dates."""
    dataset, facts = graph.dataset, ["joined_facts"]
    gold = dataset.gold.rules()
    graph.add_gold("daily_summary", facts, daily_summary.daily_summary)
    graph.add_gold("platform_sessions", facts, top_users.platform_sessions, by=(gold["top_users"] or {}).get("by"))
    graph.add("top_users", ["platform_sessions"], top_users.top_users, {"top_users": gold["top_users"]})
    graph.add_gold("watch_time", facts, watch_time.watch_time, watch_time=gold["watch_time"])
    graph.add_gold("events_by_minute", facts, event_counts.events_by_minute)
    graph.add_gold("events_by_type", facts, event_counts.events_by_type)
    if dataset.gold.user_funnel:
        attempts = Input("joined_facts", after=funnel.funnel_days(dataset))
        graph.add_gold("user_funnel", [attempts], funnel.user_funnel, funnel=gold["user_funnel"])
        graph.add_whole("funnel_summary", ["user_funnel"], funnel.funnel_summary, {"funnel": gold["user_funnel"]})
    all_count = all_sessions_count(dataset)
    graph.add(
        "channel_summary",
        ["sessions", *([] if all_count else facts)],
        counted_only(session_channels.channel_summary),
        graph.counted,
        equation=Equation("sessions", ("channel_summary.sessions", *([] if all_count else ["#left_out"]))),
    )
    graph.add_gold("users_by", facts, users_and_cohorts.users_by, users_by=gold["users_by"])


def _add_active_users(graph: _Graph) -> None:
    """Who came when, and who came back."""
    graph.add_gold("daily_users", ["joined_facts"], users_and_cohorts.daily_users)
    graph.add(
        "active_users", [Input("daily_users", before=users_and_cohorts.MONTH - 1)], users_and_cohorts.active_users
    )
    graph.add_whole("first_seen", [Input("daily_users", first=True)], users_and_cohorts.first_seen)
    week = (Input("daily_users", before=users_and_cohorts.WEEK - 1), Input("first_seen", users_of="daily_users"))
    graph.add("daily_cohorts", week, users_and_cohorts.daily_cohorts)
    graph.add_whole(("retention", "retention_by_week"), ["daily_cohorts"], users_and_cohorts.retention)


def _add_totals(graph: _Graph) -> None:
    """Tables over all dates that are merged from rollups."""
    top = {"top_users": graph.dataset.gold.rules()["top_users"]}
    graph.add_whole("top_users_overall", ["platform_sessions"], top_users.top_users_overall, top)
    graph.add_whole(("watch_time_overall", "watch_time_by_user"), ["watch_time"], watch_time.watch_time_overall)


def _add_custom(graph: _Graph) -> None:
    for own in custom_tables(graph.dataset):
        transform, rules = custom_transforms.transform_of(own), {"function": own.rules}
        more = {"by_date": own.by_date, "several_dates": own.several_dates}
        graph.add(own.table.name, own.inputs, transform, rules, **more)


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

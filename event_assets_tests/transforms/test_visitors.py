"""Persons, traffic, channels and returning users by transforms alone: equal to a scan of all events.

Many visitors are computed together, so `make test-long` tries thousands of histories in minutes.
"""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from event_assets.declaration import Dataset
from event_assets.pipeline.step import Step
from event_assets.pipeline.steps import steps
from event_assets.transforms.interface import Scope
from event_assets_tests.pipeline.scan_visitors import assert_scanned, sessions_of, traffic
from event_assets_tests.pipeline.visitors import ARRIVALS, IDS, Event, Rules, some_crowds, some_events, some_rules
from event_assets_tests.transforms.bench import Bench, collected, schema_of

pytestmark = pytest.mark.timeout(36000)
LONG = settings.default.max_examples >= 1000  # type: ignore[union-attr]


def cleaned(events: Iterable[Event], chance: random.Random) -> pl.DataFrame:
    """cleaned_events with ids in any order, so that of equal times any event may be the first."""
    names = ("user_id", "event_type", "event_time", "device", "cookie", "url", "from", "source_session_id", "price")
    distinct = sorted({*events}, key=str)
    ids = chance.sample(range(100, 1000), len(distinct))
    rows = [
        {
            **dict(zip((*names, "agent", "ip"), event, strict=True)),
            "event_time": event.at.replace(tzinfo=dt.UTC),
            "event_id": f"event {n}",
            "event_date": event.date,
        }
        for event, n in zip(distinct, ids, strict=True)
    ]
    schema = schema_of(Rules().dataset(), "cleaned_events")
    return pl.DataFrame([{name: row.get(name) for name in schema} for row in rows], schema=schema)


def computed(bench: Bench, rules: Rules, events: pl.DataFrame, chance: random.Random) -> dict[str, pl.DataFrame]:
    """What the steps compute from cleaned events, all dates together, from rows in any order."""
    dataset = rules.dataset()
    tables = {"cleaned_events": events}
    dates = sorted(events["event_date"].unique())
    for step in steps(dataset):
        inputs = {source.table: tables[source.table] for source in step.inputs if source.table in tables}
        if not inputs or "cleaned_events" in step.tables:
            continue
        frames = {name: bench.opened.constant(frame) for name, frame in inputs.items()}
        outputs = step.transform(frames, Scope(dataset, bench.ports, tuple(dates) if step.by_date else ()))
        for name, frame in outputs.tables.items():
            rows = collected(frame)
            rows = rows.with_columns(event_date=pl.lit(dates[0])) if step.by_date and len(dates) == 1 else rows
            tables[name] = rows.sample(fraction=1, shuffle=True, seed=chance.randint(0, 999))
        if step.by_date:
            assert_alone(bench, step, dataset, tables, chance.choice([dates[-1], *dates[-3:], *dates]))
    return tables


def assert_alone(bench: Bench, step: Step, dataset: Dataset, tables: dict[str, pl.DataFrame], date: dt.date) -> None:
    """A date by itself, from no other dates than those that its step reads, has the same rows."""
    frames = {}
    for source in step.inputs:
        rows = tables[source.table]
        if "event_date" in rows.columns:
            rows = rows.filter(pl.col("event_date").is_in(step.window(source, date, rows["event_date"].unique())))
        frames[source.table] = bench.opened.constant(rows)
    for name, frame in step.transform(frames, Scope(dataset, bench.ports, (date,))).tables.items():
        expected = tables[name].filter(pl.col("event_date") == date).drop("event_date")
        assert Counter(collected(frame).select(expected.columns).rows()) == Counter(expected.rows()), (name, date)


@settings(max_examples=500 if LONG else 8)
@given(st.randoms(use_true_random=True))
def test_the_transforms_alone_give_the_tables_of_a_scan(chance: random.Random) -> None:
    rules, events = some_rules(chance), some_crowds(chance, 30)
    assert_scanned(computed(Bench("polars"), rules, cleaned(events, chance), chance), events, rules)


def edges(events: list[Event]) -> set[str]:
    """Which edges of the rules a history lies on."""
    found = {"a duplicate"} if len({*events}) < len(events) else set()
    found |= {traffic(event) for event in events}
    found |= {"without a user"} if not all(event.user for event in events) else set()
    found |= {"no page"} if any(event.user and not event.url for event in events) else set()
    for column in IDS:
        pairs = {(event.ids[column], event.user) for event in events if column in event.ids and event.user}
        found |= {"two users of a device"} if len(pairs) > len({id_ for id_, _ in pairs}) else set()
        found |= {"two devices of a user"} if len(pairs) > len({user for _, user in pairs}) else set()
    ids = {event: f"{n:03d}" for n, event in enumerate(sorted({*events}, key=str))}
    sessions = sessions_of(ids, Rules(), ids)
    for theirs in ([s for s in sessions if s[0].user == user] for user in {s[0].user for s in sessions}):
        arrivals = [ARRIVALS[s[0].url, s[0].sender] for s in sorted(theirs, key=lambda s: s[0].at)]
        found |= {"over midnight"} if any(s[0].date < s[-1].date for s in theirs) else set()
        found |= {"two events at the start"} if any(len(s) > 1 and s[0].at == s[1].at for s in theirs) else set()
        found |= {"bot and human in a session"} if any(len({*map(traffic, s)}) > 1 for s in theirs) else set()
        campaigns = [campaign for _, _, campaign, name in arrivals if name != "Direct"]
        found |= {"a touch without campaign after one"} if (None in campaigns[1:] and any(campaigns)) else set()
        direct = [name == "Direct" for *_, name in arrivals]
        found |= {"direct after a touch"} if any(a < b for a, b in pairwise(direct)) else set()
    starts = Counter((s[0].user, s[0].at) for s in sessions_of(ids, Rules(by_source=True), ids))
    return found | ({"two sessions at once"} if any(n > 1 for n in starts.values()) else set())


def test_one_history_in_thirty_or_more_lies_on_each_edge() -> None:
    found = Counter(edge for seed in range(300) for edge in edges(some_events(random.Random(seed), 16)))
    expected = {
        *("a duplicate", "human", "bot", "internal", "without a user", "no page", "two users of a device"),
        *("two devices of a user", "over midnight", "two events at the start", "bot and human in a session"),
        *("a touch without campaign after one", "direct after a touch", "two sessions at once"),
    }
    assert {edge: found[edge] for edge in expected if found[edge] < 10} == {}

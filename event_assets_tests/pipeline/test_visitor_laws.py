"""Persons, traffic, channels and returning users: equal to a scan of all events, whatever came when and in which file.

`make test-long` draws thousands for the transforms alone and hundreds for whole lakes.
"""

from __future__ import annotations

import datetime as dt
import os
import random
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from event_assets.pipeline.erase import erase, rows_by_table
from event_assets.pipeline.erased_ids import tombstone_name
from event_assets.pipeline.retention import expire
from event_assets.pipeline.steps import steps
from event_assets.transforms.interface import Scope
from event_assets_tests.pipeline.scan_visitors import Rows, found, left_of, people, scan
from event_assets_tests.pipeline.visitors import START, Event, Rules, pieces, some_crowds, some_events, some_rules, text
from event_assets_tests.transforms.bench import Bench, collected, schema_of
from event_assets_tests.world import World

LONG = settings.default.max_examples >= 1000  # type: ignore[union-attr]
MEMORY = "/dev/shm" if os.path.isdir("/dev/shm") else None
CHANCE = st.randoms(use_true_random=True)
pytestmark = pytest.mark.timeout(36000)


def assert_scanned(tables: dict[str, pl.DataFrame], events: Iterable[Event], rules: Rules) -> None:
    expected, computed = scan(events, rules, tables["joined_facts"]), found(tables, rules)
    assert computed.keys() == expected.keys()
    for name, rows in expected.items():
        assert computed[name] == rows, f"{name}: {computed[name] - rows} are wrong, {rows - computed[name]} are missing"


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
    """What the steps compute from cleaned events: all dates together, and one of them by itself from no other dates
    than those that its step reads."""
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
            tables[name] = collected(frame)
            if step.by_date and len(dates) == 1:
                tables[name] = tables[name].with_columns(event_date=pl.lit(dates[0]))
        if step.by_date:
            alone = chance.choice(dates)
            for source in step.inputs:
                if "event_date" in tables[source.table].columns:
                    window = pl.col("event_date").is_in(step.window(source, alone, dates))
                    frames[source.table] = bench.opened.constant(tables[source.table].filter(window))
            for name, frame in step.transform(frames, Scope(dataset, bench.ports, (alone,))).tables.items():
                of_date = tables[name].filter(pl.col("event_date") == alone).drop("event_date").sort(pl.all())
                assert collected(frame).select(of_date.columns).sort(pl.all()).equals(of_date), (name, alone)
    return tables


@settings(max_examples=1000 if LONG else 8)
@given(CHANCE)
def test_the_transforms_alone_give_the_tables_of_a_scan(chance: random.Random) -> None:
    rules, events = some_rules(chance), some_crowds(chance, 30)
    assert_scanned(computed(Bench("polars"), rules, cleaned(events, chance), chance), events, rules)


def tables_of(world: World, rules: Rules) -> dict[str, pl.DataFrame]:
    names = ("identities", "first_seen", "retention", "retention_by_week", "joined_facts", "sessions")
    names += ("channel_summary", "daily_summary", "users_by", "active_users")
    return {name: world.table(name) for name in names if name in world.workspace.tables}


class Files:
    """Files that come, are replaced, retracted and brought back, with runs in between; and what they leave."""

    def __init__(self, world: World, chance: random.Random) -> None:
        self._world, self._chance, self._number = world, chance, 0
        self._bound: dict[str, list[Event]] = {}
        self._retracted: set[str] = set()

    @property
    def events(self) -> list[Event]:
        return [event for name, piece in self._bound.items() if name not in self._retracted for event in piece]

    def drop(self, name: str, piece: list[Event]) -> None:
        self._number += 1
        self._world.drop(name, text(piece, self._number))
        self._world.land()
        self._bound[name] = piece
        self._retracted.discard(name)

    def change(self, others: list[Event]) -> None:
        """Something that happens to the files, or a run."""
        chance, name = self._chance, self._chance.choice([*self._bound])
        match chance.choice(["make", "make", "some dates", "replace", "retract", "restore", "again"]):
            case "make":
                self._world.make()
            case "some dates":
                dates = sorted({str(event.date) for event in self.events})
                self._world.make(chance.sample(dates, min(len(dates), chance.randint(1, 3))))
            case "replace":
                self.drop(name, chance.sample(others, min(len(others), 3)) + self._bound[name][1:])
            case "retract" if name not in self._retracted:
                self._world.retract(name)
                self._retracted.add(name)
            case "restore" if name in self._retracted:
                self._world.restore(name)
                self._retracted.discard(name)
            case "again" if name not in self._retracted:
                self.drop(f"again_{name}", self._bound[name])


def history(world: World, chance: random.Random, events: list[Event]) -> Iterator[Files]:
    """Files in any order and cut, and after each of them what may happen between two runs."""
    files = Files(world, chance)
    for number, piece in enumerate(pieces(events, chance)):
        files.drop(f"f{number}.csv", piece)
        for _ in range(chance.choice([0, 1, 1, 2])):
            files.change(some_events(chance, 3))
        yield files
    world.refresh()


@settings(max_examples=200 if LONG else 3)
@given(CHANCE)
def test_any_history_of_files_and_runs_gives_the_tables_of_a_scan(chance: random.Random) -> None:
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        rules = some_rules(chance)
        world = World(Path(folder), rules.dataset())
        *_, files = history(world, chance, some_events(chance, 16))
        assume(files.events)
        assert_scanned(tables_of(world, rules), files.events, rules)
        assert world.reconciled().holds
        assert world.make() == []


@settings(max_examples=100 if LONG else 3)
@given(CHANCE)
def test_erasing_a_user_leaves_the_tables_of_the_events_of_others_now_and_later(chance: random.Random) -> None:
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        rules = some_rules(chance)
        world = World(Path(folder), rules.dataset())
        came = history(world, chance, some_events(chance, 16))
        files = next(came)
        assume(files.events)
        user, persons = chance.choice("abc"), people(files.events, rules.max_ids)
        theirs = {("user_id", user)}
        if rules.identity:
            theirs |= {node for node, name in persons.items() if name == persons.get(("user_id", user))}
        with world.workspace.writing():
            world.workspace.refresh()
            erase(world.workspace, user)
        assert [*came]  # files that come later, and those that are brought back
        left = left_of(files.events, theirs)
        assume(left)
        assert rows_by_table(world.workspace, user) == {}
        assert_scanned(tables_of(world, rules), left, rules)
        assert world.reconciled().holds
        rebuilt = world.make({str(event.date) for event in left})
        assert not [outcome for outcome in rebuilt if outcome.changed]


@settings(max_examples=100 if LONG else 3)
@given(CHANCE)
def test_rows_depend_on_files_and_tombstones_and_never_on_what_came_first(chance: random.Random) -> None:
    rules, events = Rules(max_ids=chance.choice([1, 2])), some_events(chance, 16)
    files, before = pieces(events, chance), chance.randint(0, 4)
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        one, other = (World(Path(folder) / name, rules.dataset()) for name in ("one", "other"))
        for number, piece in enumerate(files):
            if number == before:
                with one.workspace.writing():
                    one.workspace.refresh()
                    erase(one.workspace, chance.choice("abc"))
            one.drop(f"{number}.csv", text(piece, number))
            one.land()
        ledger = one.workspace.ledger
        ids = {node for event in events for node in event.ids.items()}
        left = left_of(events, {node for node in ids if ledger.is_erased(tombstone_name(*node))})
        assert raw_rows(one) == Counter((e.user, e.at.isoformat(), e.device, e.cookie, e.url) for e in left)
        with other.workspace.writing():
            other.workspace.refresh()
            other.workspace.ledger.append(ledger.erased.values())
        other.drop("all.csv", text(events))
        other.land()
        assert raw_rows(other) == raw_rows(one)


def raw_rows(world: World) -> Counter[tuple[str | None, ...]]:
    return Counter(world.table("raw_events").select("user_id", "time_text", "device", "cookie", "url").rows())


@settings(max_examples=100 if LONG else 3)
@given(CHANCE)
def test_dates_that_are_kept_are_as_if_no_date_had_been_deleted(chance: random.Random) -> None:
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        rules = replace(some_rules(chance), by_source=False, identity=False)
        world = World(Path(folder), rules.dataset(retention={"cleaned": chance.choice([2, 6, 25])}))
        events, late = some_events(chance, 16), some_events(chance, 6)
        world.drop("first.csv", text(events))
        world.refresh()
        deleted = world.table("joined_facts")
        with world.workspace.writing():
            world.workspace.refresh()
            expire(world.workspace)
        limit = str(world.workspace.ledger.expired_before.get("cleaned_events", START))
        assert world.make() == []
        world.drop("late.csv", text(late, 1))
        world.refresh()
        facts = pl.concat([world.table("joined_facts"), deleted.filter(pl.col("event_date") < limit)])
        expected = scan([*events, *(event for event in late if str(event.date) >= limit)], rules, facts)
        computed = found(tables_of(world, rules), rules)
        for name in ("sessions", "channel_summary", "daily_summary", "users_by", "active_users"):
            assert rows_since(limit, computed[name]) == rows_since(limit, expected[name]), name
        assert world.make() == []


def rows_since(limit: str, rows: Rows) -> Rows:
    return Counter({row: number for row, number in rows.items() if str(row[0]) >= limit})

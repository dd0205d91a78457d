"""Persons, traffic, channels and returning users: equal to a scan of all events, whatever came when and in which file.

A lake takes a second or two: transforms/test_visitors.py tries many more histories by transforms alone.
"""

from __future__ import annotations

import os
import random
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from event_assets.pipeline.erase import erase, rows_by_table
from event_assets.pipeline.erased_ids import tombstone_name
from event_assets.pipeline.retention import expire
from event_assets_tests.pipeline.scan_visitors import Rows, assert_scanned, found, left_of, people, scan
from event_assets_tests.pipeline.visitors import (
    START,
    Event,
    Rules,
    pieces,
    some_events,
    some_rules,
    text,
)
from event_assets_tests.world import World

LONG = settings.default.max_examples >= 1000  # type: ignore[union-attr]
MEMORY = "/dev/shm" if os.path.isdir("/dev/shm") else None
CHANCE = st.randoms(use_true_random=True)
pytestmark = pytest.mark.timeout(36000)


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
        for _ in came:  # files that come later, and those that are brought back
            pass
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

"""Persons, cohorts and active users: equal to a scan of all events, whatever the order and the cut of files."""

from __future__ import annotations

import datetime as dt
import random
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from event_assets.declaration import Dataset
from event_assets.pipeline.erase import erase, rows_by_table
from event_assets.pipeline.erased_ids import tombstone_name
from event_assets.pipeline.retract import named_files, retract
from event_assets.pipeline.run_results import Outcome
from event_assets.transforms.interface import Scope
from event_assets.transforms.persons import identities, identity_links, with_person
from event_assets.transforms.users_and_cohorts import (
    active_users,
    daily_cohorts,
    daily_users,
    first_seen,
    retention,
)
from event_assets_tests.pipeline.test_erasure import files_with
from event_assets_tests.transforms.bench import Bench, schema_of
from event_assets_tests.world import NOW, World, clicks, made

HEADER = "user,kind,at,device,cookie"
IDS = ("device", "cookie")
COLUMNS = ("user_id", *IDS)
LINKS = [["device", "user_id"], ["cookie", "user_id"], ["cookie", "device"]]
FEW = 4 if settings.default.max_examples < 1000 else 300  # type: ignore[union-attr]

Event = tuple[str | None, str, str | None, str | None]
"""user, time, device, cookie"""


def dataset(*, identity: bool = True, max_ids: int = 1, **changes: object) -> Dataset:
    """Clicks with two anonymous ids; persons are declared unless said otherwise."""
    columns = [
        {"name": "user_id", "source": "user", "required": False, "description": "Who."},
        {"name": "event_type", "source": "kind", "description": "What."},
        {"name": "device", "description": "On which device."},
        {"name": "cookie", "description": "With which cookie."},
    ]
    events = {"files": ["*.csv"], "format": "csv", "time": {"source": "at"}, "columns": columns}
    persons = {"identity": {"links": LINKS, "max_ids": max_ids}} if identity else {}
    return clicks(events=events, sessions={}, gold={"retention": {}, "daily_summary": {}}, **persons, **changes)


def text(events: Iterable[Event]) -> str:
    rows = [f"{user or ''},v,{at},{device or ''},{cookie or ''}" for user, at, device, cookie in events]
    return "\n".join([HEADER, *rows]) + "\n"


def people(events: Iterable[Event], max_ids: int = 1) -> dict[tuple[str, str], str]:
    """(column, id) to person by union-find, read off the rule."""
    parent: dict[tuple[str, str], tuple[str, str]] = {}

    def root(node: tuple[str, str]) -> tuple[str, str]:
        parent.setdefault(node, node)
        while parent[node] != node:
            node = parent[node]
        return node

    linked: dict[tuple[str, str], set[tuple[str, str]]] = defaultdict(set)
    for user, _, device, cookie in events:
        ids = {"user_id": user, "device": device, "cookie": cookie}
        for column, value in ids.items():
            if value:
                root((column, value))
        for column, other in LINKS:
            if ids[column] and ids[other]:
                linked[column, str(ids[column])].add((other, str(ids[other])))
    for node, others in linked.items():
        for other in others if max(Counter(column for column, _ in others).values()) <= max_ids else ():
            parent[root(node)] = root(other)
    members: dict[tuple[str, str], list[tuple[bool, str]]] = defaultdict(list)
    for node in parent:
        members[root(node)].append((node[0] != "user_id", node[1]))
    return {node: min(members[root(node)])[1] for node in parent}


def person(event: Event, persons: dict[tuple[str, str], str]) -> str | None:
    user, _, device, cookie = event
    ids = (("user_id", user), ("device", device), ("cookie", cookie))
    return next((persons[column, value] for column, value in ids if value), None)


def expected(events: list[Event], who: Any) -> dict[str, list[tuple[Any, ...]]]:
    """The four tables by a scan of all events."""
    days: dict[str, set[dt.date]] = defaultdict(set)
    for event in events:
        if name := who(event):
            days[name].add(dt.date.fromisoformat(event[1][:10]))
    first = {name: min(dates) for name, dates in days.items()}
    dates = sorted({date for found in days.values() for date in found})
    active = []
    for date in dates:
        spans = [
            sum(any(date - dt.timedelta(days=back - 1) <= day <= date for day in found) for found in days.values())
            for back in (1, 7, 28)
        ]
        active.append((str(date), *spans))
    by_date: dict[tuple[dt.date, int], set[str]] = defaultdict(set)
    by_week: dict[tuple[dt.date, int], set[str]] = defaultdict(set)
    for name, found in days.items():
        monday = first[name] - dt.timedelta(days=first[name].weekday())
        for day in found:
            by_date[first[name], (day - first[name]).days].add(name)
            by_week[monday, ((day - dt.timedelta(days=day.weekday())) - monday).days // 7].add(name)
    return {
        "active_users": active,
        "first_seen": sorted(first.items()),
        "retention": [(*key, len(names)) for key, names in sorted(by_date.items())],
        "retention_by_week": [(*key, len(names)) for key, names in sorted(by_week.items())],
    }


def found(world: World) -> dict[str, list[tuple[Any, ...]]]:
    return {name: world.table(name).rows() for name in ("active_users", "first_seen", "retention", "retention_by_week")}


TIMES = st.sampled_from(
    ["2025-01-05T10:00:00", "2025-01-06T23:30:00", "2025-01-07T00:30:00", "2025-01-13T08:00:00", "2025-02-03T08:00:00"]
)
SOME = st.sampled_from([None, "a", "b", "c", "d"])
EVENTS = st.lists(st.tuples(SOME, TIMES, SOME, SOME), min_size=1, max_size=14, unique=True)


@settings(max_examples=FEW)
@given(EVENTS, st.integers(1, 2), st.booleans(), st.randoms(use_true_random=False))
def test_tables_are_those_of_a_scan_whatever_the_order_and_the_cut_of_files(
    events: list[Event], max_ids: int, identity: bool, chance: random.Random
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), dataset(identity=identity, max_ids=max_ids))
        left = list(events)
        chance.shuffle(left)
        number = 0
        while left:
            size = chance.randint(1, len(left))
            world.drop(f"f{(number := number + 1)}.csv", text(left[:size]))
            left = left[size:]
            world.land()
            if chance.random() < 0.6:
                world.make()
        wrong: Event = ("a", "2025-01-06T12:00:00", "d", "d")
        world.drop("wrong.csv", text([wrong]))
        world.refresh()
        with world.workspace.writing():
            world.workspace.refresh()
            retract(world.workspace, named_files(world.workspace, "wrong.csv"), NOW)
        world.make()
        if not identity:
            assert found(world) == expected(events, lambda event: event[0])
            return
        persons = people(events, max_ids)
        assert found(world) == expected(events, lambda event: person(event, persons))
        rows = world.table("identities").select("column", "id", "person_id").rows()
        assert {(column, id_): name for column, id_, name in rows} == persons
        facts = world.table("joined_facts").select("user_id", "device", "cookie", "person_id").rows()
        assert all(name == person((user, "", device, cookie), persons) for user, device, cookie, name in facts)
        assert world.make() == []


MANY_DATES = [dt.date(2025, 1, 1) + dt.timedelta(days=n) for n in (0, 1, 5, 6, 7, 27, 28, 29, 34, 60)]
MANY_IDS = st.sampled_from([None, *"abcdefghij"])
MANY_EVENTS = st.lists(
    st.tuples(MANY_IDS, st.sampled_from(MANY_DATES).map("{}T10:00:00".format), MANY_IDS, MANY_IDS),
    min_size=1,
    max_size=60,
)


@given(MANY_EVENTS, st.integers(1, 3))
def test_transforms_alone_give_the_tables_of_a_scan(events: list[Event], max_ids: int) -> None:
    bench, declared = Bench("polars"), dataset(max_ids=max_ids)
    by_date, whole = Scope(declared, bench.ports, tuple(MANY_DATES)), Scope(declared, bench.ports)
    rows = [
        {"user_id": user, "device": device, "cookie": cookie, "event_date": dt.date.fromisoformat(at[:10])}
        for user, at, device, cookie in events
    ]
    cleaned = bench.frame(rows, schema_of(declared, "cleaned_events"))
    links = identity_links({"cleaned_events": cleaned}, by_date).tables["identity_links"]
    known = identities({"identity_links": links}, whole).tables["identities"]
    persons = people(events, max_ids)
    assert {(row["column"], row["id"]): row["person_id"] for row in bench.rows(known)} == persons
    facts = with_person(cleaned, known, whole)
    daily = daily_users({"joined_facts": facts}, by_date).tables["daily_users"]
    first = first_seen({"daily_users": daily}, whole).tables["first_seen"]
    cohorts = daily_cohorts({"daily_users": daily, "first_seen": first}, by_date).tables["daily_cohorts"]
    tables = {
        "first_seen": first,
        **active_users({"daily_users": daily}, by_date).tables,
        **retention({"daily_cohorts": cohorts}, whole).tables,
    }
    for name, wanted in expected(events, lambda event: person(event, persons)).items():
        rows = [tuple(row.values()) for row in bench.rows(tables[name])]
        assert sorted((str(first), *others) for first, *others in rows) == sorted(
            (str(first), *others) for first, *others in wanted
        ), name


DAYS = [str(dt.date(2025, 1, 1) + dt.timedelta(days=n)) for n in range(40)]


def units(outcomes: Iterable[Outcome]) -> dict[str, list[int]]:
    """By table the numbers of the days that were computed; none for a table over all dates."""
    found: dict[str, list[int]] = defaultdict(list)
    for table, date in sorted(made(outcomes)):
        found[table] += [DAYS.index(date)] if date else []
    return dict(found)


def test_a_login_on_day_thirty_computes_the_days_of_that_person_again_and_no_others(tmp_path: Path) -> None:
    world = World(tmp_path, dataset())
    events: list[Event] = [("bob", f"{day}T10:00:00", "tv", None) for day in DAYS]
    events += [(None, f"{DAYS[n]}T11:00:00", "phone", None) for n in (2, 25)]
    world.drop("first.csv", text(events))
    world.refresh()
    assert set(world.table("joined_facts").filter(pl.col("device") == "phone")["person_id"]) == {"phone"}
    world.drop("login.csv", text([("ann", f"{DAYS[30]}T12:00:00", "phone", None)]))
    computed = units(world.refresh())
    assert set(world.table("joined_facts").filter(pl.col("device") == "phone")["person_id"]) == {"ann"}
    assert computed == {
        **{name: [30] for name in ("cleaned_events", "quarantine", "identity_links", "session_edges")},
        "session_parts": [30, 31, 32],
        "sessions": [29, 30],
        "identities": [],
        **{name: [2, 25, 30] for name in ("joined_facts", "daily_summary", "daily_users")},
        "active_users": list(range(2, 40)),  # of each date the 28 that end on it
        "daily_cohorts": [*range(2, 9), *range(25, 37)],  # of each date its week
        **{name: [] for name in ("first_seen", "retention", "retention_by_week")},
    }
    world.drop("shared.csv", text([("cat", f"{DAYS[8]}T12:00:00", "phone", None)]))
    computed = units(world.refresh())  # a second user of the phone: it links nothing any more
    assert computed["joined_facts"] == [2, 8, 25, 30]
    assert world.table("identities").filter(pl.col("id") == "phone")["person_id"].to_list() == ["phone"]
    world.drop("known.csv", text([("bob", f"{DAYS[12]}T12:00:00", "tv", None)]))
    computed = units(world.refresh())  # nobody new and no new link
    assert "identities" not in computed
    assert computed["joined_facts"] == [12]
    assert "active_users" not in computed
    assert "retention" not in computed


def test_a_late_earlier_event_moves_one_cohort(tmp_path: Path) -> None:
    world = World(tmp_path, dataset(identity=False))
    comes = {"ann": (5, 6, 20), "bob": (5, 7, 12), "cat": (8, 9, 20)}
    world.drop(
        "first.csv", text((user, f"{DAYS[n]}T10:00:00", None, None) for user, days in comes.items() for n in days)
    )
    world.refresh()
    before = set(world.table("retention").rows())
    world.drop("late.csv", text([("bob", f"{DAYS[1]}T10:00:00", None, None)]))
    computed = units(world.refresh())
    assert {name: computed[name] for name in ("joined_facts", "daily_users", "active_users", "daily_cohorts")} == {
        "joined_facts": [1],
        "daily_users": [1],
        "active_users": [1, 5, 6, 7, 8, 9, 12, 20],
        "daily_cohorts": [1, 5, 6, 7, 12],
    }
    after = set(world.table("retention").rows())
    first, fifth = dt.date(2025, 1, 2), dt.date(2025, 1, 6)
    assert after - before == {*((first, days, 1) for days in (0, 4, 6, 11)), (fifth, 0, 1)}
    assert before - after == {(fifth, 0, 2), (fifth, 2, 1), (fifth, 7, 1)}
    assert dict(world.table("first_seen").rows()) == {"ann": fifth, "bob": first, "cat": dt.date(2025, 1, 9)}


def test_erasing_a_user_takes_all_ids_of_the_person(tmp_path: Path) -> None:
    world = World(tmp_path, dataset())
    mine: list[Event] = [
        (None, "2025-01-05T10:00:00", "phone77131", None),
        ("ann77132", "2025-01-06T10:00:00", "phone77131", None),
        ("ann77132", "2025-01-07T10:00:00", None, "cookie77133"),
        (None, "2025-01-08T10:00:00", None, "cookie77133"),
    ]
    others: list[Event] = [("bob", "2025-01-06T10:00:00", "tv", None), (None, "2025-01-08T10:00:00", "radio", None)]
    world.drop("first.csv", text([*mine, *others]))
    world.refresh()
    with world.workspace.writing():
        world.workspace.refresh()
        assert erase(world.workspace, "ann77132").rows == {"raw_events": 4}
    world.make()
    assert rows_by_table(world.workspace, "ann77132") == {}
    for text_of_mine in ("phone77131", "ann77132", "cookie77133"):
        assert files_with(world, text_of_mine) == []
    world.drop(
        "later.csv",
        text([(None, "2025-01-09T10:00:00", "phone77131", None), ("cat", "2025-01-09T10:00:00", None, None)]),
    )
    world.refresh()
    assert world.table("raw_events")["user_id"].drop_nulls().sort().to_list() == ["bob", "cat"]
    assert files_with(world, "phone77131") == []
    assert world.reconciled().holds


@settings(max_examples=FEW)
@given(EVENTS, st.integers(1, 2), st.sampled_from("abcd"))
def test_after_an_erasure_the_tables_are_those_of_the_events_of_others(
    events: list[Event], max_ids: int, user: str
) -> None:
    persons = people(events, max_ids)
    theirs = {node for node, name in persons.items() if name == persons.get(("user_id", user))} or {("user_id", user)}
    others = left_of(events, theirs)
    assume(others)
    with tempfile.TemporaryDirectory() as folder:
        one, other = (World(Path(folder) / name, dataset(max_ids=max_ids)) for name in ("one", "other"))
        one.drop("all.csv", text(events))
        one.refresh()
        with one.workspace.writing():
            one.workspace.refresh()
            erase(one.workspace, user)
        one.make()
        other.drop("others.csv", text(others))
        other.refresh()
        assert one.reconciled().holds
        expected = other.tables()
        for name, frame in one.tables().items():
            assert frame.equals(expected[name]), f"{name}\n{frame}\n{expected[name]}"


def left_of(events: Iterable[Event], erased: set[tuple[str, str]]) -> list[Event]:
    """The events that stay when ids are erased: those of other users, and those without a user under other ids."""
    return [
        event
        for event in events
        if (("user_id", event[0]) not in erased if event[0] else erased.isdisjoint(zip(IDS, event[2:], strict=True)))
    ]


@settings(max_examples=FEW)
@given(EVENTS, st.integers(1, 2), st.sampled_from("abcd"), st.integers(0, 3), st.randoms(use_true_random=False))
def test_rows_depend_on_files_and_tombstones_and_never_on_what_came_first(
    events: list[Event], max_ids: int, user: str, before: int, chance: random.Random
) -> None:
    chance.shuffle(events)
    parts = [events[number::4] for number in range(4)]
    with tempfile.TemporaryDirectory() as folder:
        one, other = (World(Path(folder) / name, dataset(max_ids=max_ids)) for name in ("one", "other"))
        for number, part in enumerate(parts):
            if number == before:
                with one.workspace.writing():
                    one.workspace.refresh()
                    erase(one.workspace, user)
            if part:
                one.drop(f"{number}.csv", text(part))
            one.land()
        ledger = one.workspace.ledger
        ids = {
            (column, value) for event in events for column, value in zip(COLUMNS, (event[0], *event[2:]), strict=True)
        }
        erased = {(column, id_) for column, id_ in ids if id_ and ledger.is_erased(tombstone_name(column, id_))}
        found = one.table("raw_events").select("user_id", "time_text", *IDS).rows()
        assert Counter(found) == Counter(left_of(events, erased))
        with other.workspace.writing():
            other.workspace.refresh()
            other.workspace.ledger.append(ledger.erased.values())
        other.drop("all.csv", text(events))
        other.land()
        again = other.table("raw_events").select("user_id", "time_text", *IDS).rows()
        assert Counter(again) == Counter(found)


def test_who_shares_a_device_keeps_what_is_under_the_own_name_whenever_it_came(tmp_path: Path) -> None:
    shared: list[Event] = [
        ("ann", "2025-01-05T10:00:00", "phone", None),
        ("bob", "2025-01-06T10:00:00", "phone", None),
    ]
    for number, order in enumerate(([shared[0]], shared)):
        world = World(tmp_path / str(number), dataset())
        world.drop("first.csv", text(order))
        world.refresh()
        with world.workspace.writing():
            world.workspace.refresh()
            erase(world.workspace, "ann")
        world.drop("later.csv", text([*shared[len(order) :], ("bob", "2025-01-07T10:00:00", "phone", None)]))
        world.refresh()
        assert world.table("joined_facts")["person_id"].to_list() == ["bob", "bob"]
        assert rows_by_table(world.workspace, "ann") == {}


def test_erasing_a_user_follows_what_was_landed_and_retracted_since_the_last_run(tmp_path: Path) -> None:
    world = World(tmp_path, dataset())
    world.drop("first.csv", text((None, "2025-01-05T10:00:00", device, None) for device in ("phone77131", "tv77132")))
    world.drop("wrong.csv", text([("ann", "2025-01-06T10:00:00", "tv77132", None)]))
    world.refresh()
    world.retract("wrong.csv")
    world.drop("login.csv", text([("ann", "2025-01-06T11:00:00", "phone77131", None)]))
    world.land()
    with world.workspace.writing():
        world.workspace.refresh()
        erase(world.workspace, "ann")
    world.make()
    assert world.table("joined_facts")["device"].to_list() == ["tv77132"]
    assert files_with(world, "phone77131") == []


@pytest.mark.parametrize(
    ("links", "message"),
    [([["page", "mail"]], "identity.links names no declared column: 'mail'"), ([], "identity.links")],
)
def test_a_link_of_unknown_columns_is_refused(links: list[list[str]], message: str) -> None:
    with pytest.raises(Exception, match=message):
        clicks(identity={"links": links})

"""Persons and cohorts: what a late file recomputes, and erasure of a person (test_visitor_laws.py has the laws)."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import polars as pl
import pytest

from event_assets.declaration import Dataset
from event_assets.pipeline.erase import erase, rows_by_table
from event_assets.pipeline.retention import expire
from event_assets.pipeline.run_results import Outcome
from event_assets_tests.pipeline.test_erasure import files_with
from event_assets_tests.world import World, clicks, made

HEADER = "user,kind,at,device,cookie"
LINKS = [["device", "user_id"], ["cookie", "user_id"], ["cookie", "device"]]

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


@pytest.mark.parametrize("identity", [False, True])
def test_a_late_earlier_event_moves_one_cohort(tmp_path: Path, identity: bool) -> None:
    world = World(tmp_path, dataset(identity=identity))
    comes = {"ann": (5, 6, 20), "bob": (5, 7, 12), "cat": (8, 9, 20)}
    world.drop(
        "first.csv", text((user, f"{DAYS[n]}T10:00:00", None, None) for user, days in comes.items() for n in days)
    )
    world.refresh()
    before = set(world.table("retention").rows())
    world.drop("late.csv", text([("bob", f"{DAYS[1]}T10:00:00", None, None)]))
    silver = ("cleaned_events", "quarantine", "session_edges", "session_parts", "sessions", "joined_facts")
    assert units(world.refresh()) == {
        **{name: [1] for name in (*silver, "daily_summary", "daily_users")},
        "active_users": [1, 5, 6, 7, 8, 9, 12, 20],  # of each date the 28 that end on it
        "daily_cohorts": [1, 5, 6, 7, 12],  # of each date its week; and those of bob
        **({"identity_links": [1], "identities": []} if identity else {}),  # the same persons, one since earlier
        **{name: [] for name in ("first_seen", "retention", "retention_by_week")},
    }
    after = set(world.table("retention").rows())
    first, fifth = dt.date(2025, 1, 2), dt.date(2025, 1, 6)
    assert after - before == {*((first, days, 1) for days in (0, 4, 6, 11)), (fifth, 0, 1)}
    assert before - after == {(fifth, 0, 2), (fifth, 2, 1), (fifth, 7, 1)}
    assert dict(world.table("first_seen").rows()) == {"ann": fifth, "bob": first, "cat": dt.date(2025, 1, 9)}


def test_a_login_on_a_deleted_date_still_links_and_an_erasure_takes_it(tmp_path: Path) -> None:
    world = World(tmp_path, dataset(retention={"raw": 5, "cleaned": 20, "gold": 1}))
    world.drop("first.csv", text([("ann77132", f"{DAYS[0]}T10:00:00", "phone77131", None)]))
    world.drop("later.csv", text((None, f"{DAYS[n]}T10:00:00", "phone77131", None) for n in (5, 20, 34)))
    world.drop("bob.csv", text([("bob", f"{DAYS[34]}T10:00:00", "tv", None)]))
    world.refresh()
    with world.workspace.writing():
        world.workspace.refresh()
        expire(world.workspace)
    world.make()
    assert world.table("joined_facts").select("event_date", "person_id").rows() == [
        *((DAYS[day], "ann77132") for day in (20, 34)),
        (DAYS[34], "bob"),
    ]
    assert dict(world.table("first_seen").rows()) == {"ann77132": dt.date(2025, 1, 21), "bob": dt.date(2025, 2, 4)}
    world.drop("late.csv", text([(None, f"{DAYS[33]}T10:00:00", "phone77131", None)]))
    world.refresh()
    assert set(world.table("joined_facts")["person_id"]) == {"ann77132", "bob"}
    with world.workspace.writing():
        world.workspace.refresh()
        erase(world.workspace, "ann77132")
    world.make()
    assert set(world.table("joined_facts")["person_id"]) == {"bob"}
    for text_of_mine in ("phone77131", "ann77132"):
        assert files_with(world, text_of_mine) == []


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

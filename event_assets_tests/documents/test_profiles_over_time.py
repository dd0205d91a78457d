"""Profiles with a history: snapshots by the date in a file's name, joined as of each event."""

from __future__ import annotations

from pathlib import Path

import pytest

from event_assets_tests.documents.shipped import FACTS, array, csv, landed, rows
from event_assets_tests.world import World, made

HEADER = "user_id,signup_date,country"
COLUMNS = ("event_date", "user_id", "country", "has_profile")


def event(user: str, date: str) -> str:
    return f'{{"user_id":"{user}","event_type":"login","timestamp":"{date}T00:00:00","value":1,"metadata":{{}}}}'


EVENTS = array(
    [event("u1", f"2025-03-{day:02}") for day in (1, 10, 20)] + [event("u2", "2025-03-01"), event("u9", "2025-03-10")]
)
FILES = {
    "raw_events.json": EVENTS,
    "users_20250305.csv": csv(HEADER, "u1,2024-01-01,US", "u2,2024-02-02,US"),
    "users_20250310.csv": csv(HEADER, "u1,2024-01-01,CA"),  # u2 is missing: the last profile goes on
    "users_2025-03-15.csv": csv(HEADER, "u1,2024-01-01,us", "u2,2024-02-02,US"),
}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return landed(tmp_path, "benefits", FILES)


def test_each_change_opens_an_interval_and_a_user_missing_from_a_snapshot_keeps_the_last(world: World) -> None:
    assert rows(world, "profiles", "user_id", "country", "valid_from", "valid_to") == [
        ("u1", "US", "2025-03-05", "2025-03-10"),
        ("u1", "CA", "2025-03-10", "2025-03-15"),
        ("u1", "US", "2025-03-15", None),
        ("u2", "US", "2025-03-05", None),
    ]


def test_an_event_takes_the_profile_of_its_own_day_and_before_the_first_the_first(world: World) -> None:
    # On 2025-03-10 u1 is in Canada and is filtered out; u9 has no profile and is counted as well.
    assert rows(world, "joined_facts", *COLUMNS) == [
        ("2025-03-01", "u1", "US", True),
        ("2025-03-01", "u2", "US", True),
        ("2025-03-20", "u1", "US", True),
    ]
    found = world.reconciled()
    assert (found.cleaned, found.facts, found.filtered, found.orphans) == (5, 3, 2, 1)
    assert found.holds


def test_a_late_snapshot_changes_the_dates_whose_facts_it_can_change_and_no_cleaned_event(world: World) -> None:
    world.drop("users_20250228.csv", csv(HEADER, "u1,2024-01-01,FR", "u9,2025-01-01,US"))
    outcomes = world.refresh()
    assert rows(world, "joined_facts", *COLUMNS) == [
        ("2025-03-01", "u2", "US", True),
        ("2025-03-10", "u9", "US", True),
        ("2025-03-20", "u1", "US", True),
    ]
    assert "cleaned_events" not in {table for table, _ in made(outcomes)}
    assert {o.date.day for o in outcomes if o.date and o.changed and o.table == "daily_summary"} == {1, 10}


def test_the_order_in_which_snapshots_come_does_not_matter(world: World, tmp_path: Path) -> None:
    late = World(tmp_path / "late", world.dataset)
    for name in reversed(FILES):
        late.drop(name, FILES[name])
        late.land()
        late.make(tables=FACTS)
    assert all(late.table(name).equals(world.table(name)) for name in ("profiles", "cleaned_events", "joined_facts"))


def test_a_file_without_a_date_holds_since_ever_and_a_dated_one_changes_it(tmp_path: Path) -> None:
    files = {"users.csv": csv(HEADER, "u1,2024-01-01,US"), "users_20250310.csv": csv(HEADER, "u1,2024-01-01,DE")}
    world = landed(tmp_path, "benefits", {"raw_events.json": EVENTS, **files})
    assert rows(world, "profiles", "user_id", "country", "valid_from", "valid_to") == [
        ("u1", "US", "1970-01-01", "2025-03-10"),
        ("u1", "DE", "2025-03-10", None),
    ]
    assert rows(world, "joined_facts", *COLUMNS) == [("2025-03-01", "u1", "US", True)]

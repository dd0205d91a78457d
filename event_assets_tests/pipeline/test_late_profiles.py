"""A profile snapshot touches the dates on which a user of it says or said something else, and no others."""

from __future__ import annotations

from pathlib import Path

import pytest

from event_assets.pipeline.run_results import Outcome
from event_assets_tests.world import World, clicks, lines, made

COLUMNS = [
    {"name": "user_id", "source": "id", "required": True, "description": "Who."},
    {"name": "country", "description": "Where."},
]
PROFILES = {"files": ["users*.csv"], "format": "csv", "columns": COLUMNS}


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path, clicks(profiles=PROFILES))
    for day in range(10, 16):
        users = ["ann", "bob"] if day % 2 else ["ann", "cat"]
        world.drop(f"clicks_{day}.csv", lines(*(f"{user},view,2025-01-{day}T10:00:00,/a,1" for user in users)))
    world.drop("users_20250110.csv", "id,country\nann,SE\nbob,NO\n")
    world.refresh()
    return world


def joined(outcomes: list[Outcome]) -> list[str]:
    return sorted(date[-2:] for _, date in made(outcomes, "joined_facts"))


def test_a_new_snapshot_touches_its_own_and_later_dates_of_the_users_whose_profile_changed(world: World) -> None:
    world.drop("users_20250113.csv", "id,country\nann,SE\nbob,DK\n")
    outcomes = world.refresh()
    assert joined(outcomes) == ["13", "15"]
    facts = world.table("joined_facts").filter(user_id="bob")
    assert facts.select("event_date", "country").rows() == [
        ("2025-01-11", "NO"),
        ("2025-01-13", "DK"),
        ("2025-01-15", "DK"),
    ]
    assert world.refresh() == []


def test_a_users_first_profile_touches_the_dates_before_it_as_well(world: World) -> None:
    world.drop("users_20250113.csv", "id,country\ncat,FI\n")
    assert joined(world.refresh()) == ["10", "12", "14"]
    assert world.table("joined_facts").filter(user_id="cat")["country"].to_list() == ["FI"] * 3


def test_a_snapshot_of_users_without_events_and_one_that_says_the_same_touch_nothing(world: World) -> None:
    world.drop("users_20250112.csv", "id,country\nann,SE\nzoe,IS\n")
    outcomes = world.refresh()
    assert {table for table, _ in made(outcomes)} == {"profiles", "profile_quarantine"}


def test_a_change_that_is_taken_back_on_the_next_day_touches_one_day(world: World) -> None:
    world.drop("users_20250114.csv", "id,country\nann,SE\n")
    world.refresh()
    world.drop("users_20250113.csv", "id,country\nann,\n")
    assert joined(world.refresh()) == ["13"]
    assert world.table("joined_facts").filter(event_date="2025-01-13", user_id="ann")["country"].to_list() == [None]


def test_a_late_event_of_a_user_whose_profile_is_known_touches_its_date_only(world: World) -> None:
    world.drop("clicks_late.csv", lines("bob,view,2025-01-12T11:00:00,/a,1"))
    assert joined(world.refresh()) == ["12"]


@pytest.mark.parametrize("text", [None, "{", "[]"])
def test_what_was_remembered_of_profiles_can_be_lost(world: World, text: str | None) -> None:
    path = world.workspace.lake.state("clicks") / "history" / "validity" / "profiles" / "digests.json"
    assert path.exists()
    if text is None:
        path.unlink()
    else:
        path.write_text(text)
    again = World(world.folder, world.dataset)
    assert again.refresh() == []
    again.drop("users_20250113.csv", "id,country\nbob,DK\n")
    assert joined(again.refresh()) == ["13", "15"]

"""Records without a time take the date of their file's name, which belongs to the file's identity then."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from event_assets_tests.world import World, clicks, lines

TIME = {"source": "at", "missing_time": "file_date"}
FILE = lines("ann,view,,/a,1", "bob,view,2025-01-20T10:00:00,/a,1")
EARLY, LATE = "clicks_20250107.csv", "clicks_20250109.csv"


@pytest.fixture
def world(tmp_path: Path) -> World:
    events = {**clicks().events[0].model_dump(mode="json", by_alias=True), "time": TIME}
    return World(tmp_path, clicks(events=events))


def dates(world: World) -> list[str]:
    assert world.refresh() == []
    assert world.reconciled().holds
    return world.table("cleaned_events").sort("event_date", "user_id")["event_date"].to_list()


@pytest.mark.parametrize("looks", [[[EARLY, LATE]], [[EARLY], [LATE]], [[LATE], ["clicks_x.csv", EARLY]]])
def test_one_content_under_names_with_two_dates_is_two_files(world: World, looks: list[list[str]]) -> None:
    for names in looks:
        for name in names:
            world.drop(name, FILE)
        world.refresh()
    assert dates(world) == ["2025-01-07", "2025-01-09", "2025-01-20"]
    assert len(set(world.table("source_files")["file_id"])) == len([name for names in looks for name in names])


def test_names_with_one_date_are_one_file_and_a_name_without_is_known_by_its_bytes(world: World) -> None:
    for name in (EARLY, "clicks_2025-01-07_again.csv", "clicks_x.csv"):
        world.drop(name, FILE)
    world.refresh()
    files = {file["file_id"]: json.loads(file["names"]) for file in world.table("source_files").to_dicts()}
    assert sorted(files.values()) == [["clicks_2025-01-07_again.csv", EARLY], ["clicks_x.csv"]]
    assert files[hashlib.sha256(FILE.encode()).hexdigest()] == ["clicks_x.csv"]
    assert world.land().landed == ()


def test_when_a_dated_name_comes_to_stand_for_something_else_its_old_rows_are_dropped(world: World) -> None:
    world.drop(EARLY, FILE)
    world.drop(LATE, FILE)
    world.refresh()
    world.drop(EARLY, lines("cat,view,,/a,1"))
    world.refresh()
    assert dates(world) == ["2025-01-07", "2025-01-09", "2025-01-20"]
    assert world.table("cleaned_events").filter(user_id="ann")["event_date"].to_list() == ["2025-01-09"]
    superseded = world.table("source_files").filter(state="superseded")
    assert superseded["names"].to_list() == [json.dumps([EARLY])]  # it keeps the name that it had


def test_a_declaration_that_begins_to_read_the_date_makes_other_files(world: World) -> None:
    dated = world.dataset
    world.use(clicks())
    world.drop(EARLY, FILE)
    assert len(world.land().landed) == 1
    world.use(dated)
    assert len(world.land().landed) == 1
    world.refresh()
    assert dates(world) == ["2025-01-07", "2025-01-20"]
    world.use(clicks())
    world.refresh()
    assert world.table("raw_events")["user_id"].to_list() == ["bob"]


def test_a_content_whose_names_have_no_date_rejects_what_has_no_time(world: World) -> None:
    world.drop("clicks_x.csv", FILE)
    world.refresh()
    assert dates(world) == ["2025-01-20"]
    assert world.table("landing_rejects")["reason"].to_list() == ["missing_timestamp"]

"""Records without a time take the date of their file's name: of several names the earliest, whichever came first."""

from __future__ import annotations

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


@pytest.mark.parametrize(
    "looks", [[[EARLY, LATE]], [[EARLY], [LATE]], [[LATE], [EARLY]], [["clicks_x.csv"], [LATE, EARLY]]]
)
def test_of_several_names_of_one_content_the_earliest_dates_it(world: World, looks: list[list[str]]) -> None:
    for names in looks:
        for name in names:
            world.drop(name, FILE)
        world.refresh()
    assert dates(world) == ["2025-01-07", "2025-01-20"]


def test_when_the_earliest_name_comes_to_stand_for_something_else_the_next_one_dates(world: World) -> None:
    world.drop(EARLY, FILE)
    world.drop(LATE, FILE)
    world.refresh()
    world.drop(EARLY, lines("cat,view,,/a,1"))
    world.refresh()
    assert dates(world) == ["2025-01-07", "2025-01-09", "2025-01-20"]
    assert world.table("cleaned_events").filter(user_id="ann")["event_date"].to_list() == ["2025-01-09"]


def test_a_content_whose_names_have_no_date_rejects_what_has_no_time(world: World) -> None:
    world.drop("clicks_x.csv", FILE)
    world.refresh()
    assert dates(world) == ["2025-01-20"]
    assert world.table("landing_rejects")["reason"].to_list() == ["missing_timestamp"]


def test_a_name_with_a_later_date_or_none_reads_nothing_again(world: World) -> None:
    world.drop(EARLY, FILE)
    world.refresh()
    world.drop(LATE, FILE)
    world.drop("clicks_x.csv", FILE)
    assert world.land().landed == ()

"""`event-assets status` and `event-assets list`."""

from __future__ import annotations

import json

import pytest

from event_assets_tests.cli.conftest import Command
from event_assets_tests.world import World, lines

FILE = lines("ann,view,2025-01-06T10:00:00,/a,1.50", ",view,2025-01-07T09:00:00,/a,", "eve,view,soon,/a,")


@pytest.fixture
def world(clicks_world: World) -> World:
    clicks_world.drop("clicks_1.csv", FILE)
    clicks_world.refresh()
    return clicks_world


def test_status_shows_dates_refused_share_stale_and_waiting_files(command: Command, world: World) -> None:
    world.drop("clicks_2.csv", FILE + "bob,view,2025-01-08T09:00:00,/a,1\n")
    said = command("status", "clicks")
    assert said.code == 0
    rows = [[cell.strip() for cell in line.strip("│").split("│")] for line in said.out.splitlines() if "│" in line]
    assert rows[0] == ["clicks", "2025-01-06", "2025-01-07", "3", "66.7%", "0", "1", "", "1"]
    assert ["sessions", "2", "1", "2025-01-06", "2025-01-07", "0"] in rows
    assert "event-assets run clicks lands new files and recomputes stale partitions" in said.err


def test_status_as_json_has_every_dataset_or_one(command: Command, world: World) -> None:
    found = {one["dataset"]: one for one in json.loads(command("status", "--json").out)}
    assert len(found) == 6
    assert (found["clicks"]["refused"], found["clicks"]["refused_share"]) == (2, pytest.approx(2 / 3))
    assert found["shop"]["first_date"] is None
    one = json.loads(command("status", "clicks", "--json").out)
    assert one == found["clicks"]
    assert {table["table"]: table["rows"] for table in one["tables"]}["cleaned_events"] == 1


def test_status_names_the_last_run(command: Command, world: World) -> None:
    assert json.loads(command("status", "clicks", "--json").out)["last_run"] is None
    assert command("run", "clicks").code == 0
    assert json.loads(command("status", "clicks", "--json").out)["last_run"]["state"] == "success"
    assert "success" in command("status", "clicks", "--wide").out


def test_list_names_every_table_with_its_key(command: Command, world: World) -> None:
    found = {one["dataset"]: one for one in json.loads(command("list", "--json").out)}
    assert list(found) == ["clicks", "activity", "app_events", "benefits", "shop", "streaming"]
    tables = {table["table"]: table for table in found["clicks"]["tables"]}
    assert (tables["sessions"]["layer"], tables["sessions"]["by"], tables["sessions"]["key"]) == (
        "silver",
        "event_date",
        ["session_id"],
    )
    said = command("list", "clicks")
    assert said.out.startswith("clicks: Clicks of a small shop.\n")
    assert "│ sessions " in said.out
    assert command("list", "click").code == 2


@pytest.mark.parametrize("name", ["list", "status"])
def test_tables_for_people_show_samples_only_where_they_have_data_or_are_alone(
    command: Command, world: World, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (world.settings.inbox / "shop").mkdir(parents=True)
    said = command(name)
    assert "shop" in said.out
    assert "benefits" not in said.out
    assert "shipped datasets without data: activity, app_events, benefits, streaming" in said.err
    monkeypatch.delenv("EVENT_ASSETS_DATASETS")
    assert "benefits" in command(name).out


@pytest.mark.parametrize("arguments", [("list",), ("status",), ("status", "clicks"), ("quarantine", "clicks")])
def test_tables_fit_eighty_columns(
    command: Command, world: World, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.delenv("COLUMNS")
    said = command(*arguments)
    assert said.code == 0
    drawn = [line for line in said.out.splitlines() if line[:1] in "│┃┏└┡"]
    assert drawn
    assert max(len(line) for line in drawn) <= 80

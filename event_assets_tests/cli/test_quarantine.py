"""`event-assets quarantine`: what was refused, and that fixed rules take it back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from event_assets_tests.cli.conftest import Command
from event_assets_tests.world import CLICKS, World, lines

BAD = lines(
    "ann,view,2025-01-06T10:00:00,/a,1.50",
    ",view,2025-01-06T11:00:00,/a,",
    "bob,view,2025-01-07T11:00:00,/a,-5",
    "bob,view,soon,=1+1,",
    "bob,view",
)


@pytest.fixture
def world(clicks_world: World) -> World:
    clicks_world.drop("clicks_1.csv", BAD)
    clicks_world.refresh()
    return clicks_world


def test_counts_by_reason_and_date_come_with_the_records_own_text(command: Command, world: World) -> None:
    found = json.loads(command("quarantine", "clicks", "--json").out)
    assert found["counts"] == [
        {"reason": "invalid_price", "event_date": "2025-01-07", "records": 1},
        {"reason": "invalid_timestamp", "event_date": None, "records": 1},
        {"reason": "malformed_record", "event_date": None, "records": 1},
        {"reason": "missing_user_id", "event_date": "2025-01-06", "records": 1},
    ]
    records = [(r["event_date"], r["file"], r["row_number"], r["column"], r["raw"]) for r in found["records"]]
    assert records[:2] == [
        (None, "clicks_1.csv", 4, "at", "bob,view,soon,=1+1,"),
        (None, "clicks_1.csv", 5, None, "bob,view"),
    ]
    assert [record[:4] for record in records[2:]] == [
        ("2025-01-06", "clicks_1.csv", 2, "user_id"),
        ("2025-01-07", "clicks_1.csv", 3, "price"),
    ]


def test_people_see_tables(command: Command, world: World) -> None:
    said = command("quarantine", "clicks", "--limit", 2)
    assert said.code == 0
    assert "4 refused records of clicks" in said.out
    assert "The first 2" in said.out
    assert "bob,view,soon,=1+1," in said.out
    assert "The first" not in command("quarantine", "clicks", "--limit", 0).out


def test_counts_come_by_file_as_well(command: Command, world: World) -> None:
    world.drop("clicks_2.csv", lines("eva,view,2025-01-07T11:00:00,/a,-1", "eva,view,2025-01-08T11:00:00,/a,-1", "eva"))
    world.refresh()
    found = json.loads(command("quarantine", "clicks", "--reason", "invalid_price", "--json").out)
    assert [(f["file"], f["reason"], f["event_date"], f["records"]) for f in found["files"]] == [
        ("clicks_1.csv", "invalid_price", "2025-01-07", 1),
        ("clicks_2.csv", "invalid_price", "2025-01-07", 1),
        ("clicks_2.csv", "invalid_price", "2025-01-08", 1),
    ]
    shown = command("quarantine", "clicks").out.partition("By file")[2].partition("The first")[0]
    rows = [[cell.strip() for cell in line.strip("│").split("│")] for line in shown.splitlines() if "│" in line]
    assert rows[:2] == [
        ["clicks_2.csv", "invalid_price", "2", "2025-01-07", "2025-01-08"],
        ["clicks_1.csv", "invalid_price", "1", "2025-01-07", "2025-01-07"],
    ]


def test_one_reason_is_shown_and_exported_alone(command: Command, world: World) -> None:
    said = command("quarantine", "clicks", "--reason", "malformed_record", "--out", "bad.csv", "--json")
    assert [record["raw"] for record in json.loads(said.out)["records"]] == ["bob,view"]
    header, line = Path("bad.csv").read_text().splitlines()
    assert header == "event_date,file,row_number,reason,reasons,column,raw,file_id"
    assert line.startswith(',clicks_1.csv,5,malformed_record,malformed_record,,"bob,view",')
    none = command("quarantine", "clicks", "--reason", "missing_event_type")
    assert (none.code, none.out) == (0, "No record of clicks is refused for missing_event_type\n")


def test_a_reason_that_no_record_can_have_is_wrong_usage_that_names_those_there_are(
    command: Command, world: World
) -> None:
    said = command("quarantine", "clicks", "--reason", "nonsense")
    assert said.code == 2
    assert "refused are records for invalid_price, invalid_timestamp, malformed_record, missing_user_id" in said.err


def test_a_replay_after_a_rule_was_mended_moves_what_it_now_takes_once(
    command: Command, world: World, tmp_path: Path
) -> None:
    declared = yaml.safe_load(CLICKS)
    del declared["events"]["columns"][3]["min"]
    text = yaml.safe_dump({"type": "event_assets.EventDataset", "attributes": declared})
    (tmp_path / "datasets" / "clicks" / "defs.yaml").write_text(text)

    replayed = json.loads(command("quarantine", "clicks", "--replay", "--json").out)
    assert replayed["replayed"] == {"left": 1, "entered": 0, "stayed": 3}
    assert "invalid_price" not in [count["reason"] for count in replayed["counts"]]
    facts = command("query", "SELECT price FROM clicks.joined_facts WHERE user_id = 'bob'", "--json")
    assert json.loads(facts.out) == [{"price": -5}]

    again = command("quarantine", "clicks", "--replay")
    assert "0 records left quarantine, 0 entered it, 3 stayed" in again.out


def test_a_dataset_that_is_not_there_is_wrong_usage(command: Command) -> None:
    said = command("quarantine", "benefit")
    assert (said.code, "did you mean benefits?" in said.err) == (2, True)
    assert command("quarantine", "benefits").out == "No record of benefits is refused\n"


def test_formulas_are_disarmed_in_an_export_unless_that_is_asked_for_and_said(command: Command, world: World) -> None:
    world.drop("clicks_2.csv", lines("=1+1,view,never,/,"))
    world.land()
    command("quarantine", "clicks", "--reason", "invalid_timestamp", "--out", "safe.csv")
    said = command("quarantine", "clicks", "--reason", "invalid_timestamp", "--out", "raw.csv", "--raw")
    assert '"\'=1+1,view,never,/,"' in Path("safe.csv").read_text()
    assert '"=1+1,view,never,/,"' in Path("raw.csv").read_text()
    assert "formulas left as they are (--raw)" in said.err

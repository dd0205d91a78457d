"""`event-assets plan`, as a user types it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import polars as pl
import pytest

from event_assets_tests.cli.conftest import Command
from event_assets_tests.world import World, lines

FILE = lines("ann,view,2025-01-06T10:00:00,/a,1.00", "ann,buy,2025-01-06T10:25:00,/b,1.00")


@pytest.fixture
def world(command: Command, clicks_world: World) -> World:
    clicks_world.drop("clicks_1.csv", FILE)
    assert command("run", "clicks").code == 0
    return clicks_world


def shorter_gap(world: World) -> None:
    declared = world.folder / "datasets" / "clicks" / "defs.yaml"
    declared.write_text(declared.read_text().replace("gap: 30m", "gap: 20m"))


def test_nothing_to_do_is_an_empty_plan_and_exit_code_0(command: Command, world: World) -> None:
    said = command("plan", "clicks", "--diff", "--json", "--exit-code")
    assert (said.code, said.err) == (0, "")
    found = json.loads(said.out)
    assert (found["changes"], found["units"], found["tables"], found["files"]) == ([], {}, {}, [])


def test_a_changed_rule_is_shown_with_its_effect_and_the_run_has_just_that_effect(
    command: Command, world: World
) -> None:
    shorter_gap(world)
    assert command("plan", "clicks", "--exit-code").code == 1
    before = world.table("sessions")
    said = command("plan", "clicks", "--diff", "--json", "--out", "plan.json", "--exit-code")
    assert (said.code, said.err) == (1, "")
    found = json.loads(said.out)
    assert json.loads(Path("plan.json").read_text()) == found
    assert found["changes"] == [{"key": "sessions.gap", "old": "30m", "new": "20m"}]
    assert found["units"]["sessions"] == ["2025-01-06"]
    assert found["tables"]["sessions"] == {"2025-01-06": {"added": 1, "removed": 0, "changed": 1}}
    assert found["tables"]["top_users_overall"] == {"": {"added": 0, "removed": 0, "changed": 1}}
    assert world.table("sessions").equals(before)
    shown = command("plan", "clicks", "--diff").out
    assert "sessions.gap: 30m → 20m" in shown
    assert "would materialize sessions 2025-01-06: its rules changed (sessions.gap)" in shown
    assert "\nsessions 2025-01-06: 1 added, 1 changed (session_end 1, duration_seconds 1, " in shown
    assert '\n  changed 2025-01-06 {"user_id":"ann"}: session_count\n' in shown
    assert '\ntop_users_overall: 1 changed (session_count 1)\n  changed {"rank":1}: session_count\n' in shown
    assert command("run", "clicks").code == 0
    assert world.table("sessions").height == 2
    assert json.loads(command("plan", "clicks", "--json").out)["changes"] == []


def test_a_touched_file_is_no_difference_and_one_that_stops_its_landing_is(command: Command, world: World) -> None:
    os.utime(world.settings.inbox / "clicks" / "clicks_1.csv", (1, 1))
    assert command("plan", "clicks", "--exit-code").code == 1, "its content is not read"
    said = command("plan", "clicks", "--diff", "--exit-code")
    assert (said.code, said.err) == (0, "")
    assert said.out.endswith("No row of any table would differ.\n")
    declared = world.folder / "datasets" / "clicks" / "defs.yaml"
    declared.write_text(declared.read_text().replace("attributes:\n", "attributes:\n  mode: fail_fast\n"))
    world.drop("clicks_2.csv", lines("ann,view,soon,/a,1.00"))
    said = command("plan", "clicks", "--diff", "--exit-code")
    assert said.code == 1
    assert "warning: " in said.out
    assert "clicks_2.csv" in said.out


def test_the_rows_that_differ_are_written_to_a_file(command: Command, world: World) -> None:
    shorter_gap(world)
    assert command("plan", "clicks", "--diff", "--out", "rows.parquet").code == 0
    rows = pl.read_parquet("rows.parquet").filter(table="daily_summary")
    assert rows.rows() == [("daily_summary", "2025-01-06", "changed", '{"user_id":"ann"}', "session_count")]
    wrong = command("plan", "clicks", "--out", "rows.csv")
    assert (wrong.code, wrong.out) == (2, "")


def test_a_file_that_stops_its_landing_is_named_and_nothing_else_is_touched(command: Command, world: World) -> None:
    world.drop("clicks_2.csv.gz", b"this is not gzip")
    said = command("plan", "clicks", "--diff")
    assert said.code == 0
    assert "would land clicks_2.csv.gz: new" in said.out
    assert world.table("source_files").height == 1

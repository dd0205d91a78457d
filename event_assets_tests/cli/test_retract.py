"""`event-assets retract`, as a user types it."""

from __future__ import annotations

import json

from event_assets_tests.cli.conftest import Command
from event_assets_tests.world import World, lines


def test_a_file_and_a_run_are_taken_out_and_brought_back(command: Command, clicks_world: World) -> None:
    world = clicks_world
    world.drop("clicks_1.csv", lines("ann,view,2025-01-01T12:00:00,/a,1", "ann,view,never,/a,1"))
    run = json.loads(command("run", "clicks", "--json").out)["run_id"]
    before = world.tables()
    said = command("retract", "clicks", "--run", run[:8])
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("clicks_1.csv: 1 row and 1 reject removed, ")
    assert world.table("joined_facts").is_empty()
    again = command("retract", "clicks", "clicks_1.csv").out
    assert again == "clicks_1.csv: 0 rows and 0 rejects removed, 0 partitions changed; it was retracted before\n"
    world.drop("clicks_2.csv", lines("ann,view,2025-01-01T12:00:00,/a,1", "ann,view,never,/a,1"))
    assert "clicks_2.csv was retracted on " in command("run", "clicks").out
    undone = json.loads(command("retract", "clicks", "--undo", "--json").out)
    assert (undone["rows"], undone["rejects"], undone["undo"]) == (1, 1, True)
    assert {name: frame.rows() for name, frame in world.tables().items()} == {
        name: frame.rows() for name, frame in before.items()
    }


def test_what_is_not_known_is_one_line_and_naming_nothing_is_wrong_usage(command: Command, clicks_world: World) -> None:
    assert command("retract", "clicks").code == 2
    assert command("retract", "clicks", "clicks_1.csv", "--run", "12345678").code == 2
    for words in (["clicks_1.csv"], ["--run", "12345678"], ["--undo"]):
        failed = command("retract", "clicks", *words)
        assert (failed.code, failed.out, failed.err.count("\n")) == (1, "", 1)

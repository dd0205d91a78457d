"""`event-assets erase` and `event-assets retention`, as a user types them."""

from __future__ import annotations

import json

import pytest

from event_assets_tests.cli.conftest import Command
from event_assets_tests.world import World, lines, places_of

FILE = lines(
    *(f"{user},view,2025-01-{day:02d}T12:00:00,/a,1" for day in range(1, 6) for user in ("ann", "bob")),
    "ann,view,never,/a,1",
)


@pytest.fixture
def world(command: Command, clicks_world: World) -> World:
    clicks_world.drop("clicks_1.csv", FILE)
    clicks_world.refresh()
    return clicks_world


def test_erase_says_what_it_took_out_of_each_table_and_what_it_left_alone(command: Command, world: World) -> None:
    world.drop("clicks_ann.csv", "no header of clicks\n")  # rejected, or not landed at all: its name is enough
    said = command("erase", "clicks", "--user-id", " ann")
    assert (said.code, said.err) == (0, "")
    told = said.out.splitlines()
    assert told[:2] == ["raw_events: 5 rows taken out", "landing_rejects: 1 row taken out"]
    assert "cleaned_events: 5 rows taken out" in told
    assert told[-1].endswith("though they hold the user: clicks_1.csv, clicks_ann.csv")
    assert set(world.table("daily_summary")["user_id"]) == {"bob"}
    files = [path for path in world.settings.lake.rglob("*") if path.is_file()]
    assert not [path for path in files if b"ann" in path.read_bytes().replace(b"channel", b"")]  # a declaration's word
    again = json.loads(command("erase", "clicks", "--user-id", "ann", "--json").out)
    assert (again["rows"], again["changed"], again["in_inbox"]) == ({}, 0, ["clicks_ann.csv"])


def test_erasing_a_user_of_whom_nothing_is_there_is_an_error_that_stands_for_later_files(
    command: Command, world: World
) -> None:
    said = command("erase", "clicks", "--user-id", "nobody")
    assert (said.code, said.err.count("\n")) == (1, 1)
    assert "no record of clicks is this user's" in said.err
    world.drop("clicks_2.csv", lines("nobody,view,2025-01-02T12:00:00,/a,1", "eve,view,2025-01-02T12:00:00,/a,1"))
    world.refresh()
    assert set(world.table("raw_events")["user_id"]) == {"ann", "bob", "eve"}
    assert command("erase", "clicks", "--user-id", "nobody").code == 0


def test_no_file_outside_the_inbox_contains_an_erased_id(command: Command, world: World) -> None:
    user, records = "mnemo-7731", [f"{{}},view,2025-01-0{day}T12:00:00,/a,1" for day in (2, 3)]
    theirs = lines(
        *(record.format(user) for record in records), f"{user},view,never,/a,1", f"{user},view,2025-01-02,/a,-1"
    )
    head, member = f"user,kind,at,page,price,{user}", f'{{"{user}": 1}}'
    world.drop(f"clicks_{user}.csv", theirs)
    for name, day in (("b", 2), (f"{user}_long_enough_to_be_cut_off", 3)):  # one field of two files
        world.drop(f"clicks_{name}.csv", f"{head}\nbob,view,2025-01-0{day}T13:00:00,/b,1,7\nbob,view,never,/b,1,\n")
    world.drop("clicks_headless.csv", f"{user},view,2025-01-02T12:00:00\n")
    world.drop(f"notes of {user}.txt", member)
    assert command("run", "clicks").code == 0
    assert command("retract", "clicks", f"clicks_{user}_long_enough_to_be_cut_off.csv").code == 0
    assert command("query", "SELECT count(*) FROM clicks.raw_events").code == 0
    found = places_of(world.folder, user)
    assert {name.split("/")[0] for name in found} == {"lake", "dagster", "inbox"}

    said = command("erase", "clicks", "--user-id", user)
    assert said.code == 0
    assert f"clicks_{user}.csv" in said.out  # on the screen: who erases has to find the file
    assert [name for name in places_of(world.folder, user) if not name.startswith("inbox")] == []

    world.drop(f"clicks_{user}_2025-01-04.csv", lines("bob,view,2025-01-04T13:00:00,/a,1"))
    assert command("run", "clicks").code == 0
    for undo in ([], ["--undo"]):
        assert command("retract", "clicks", f"clicks_{user}_2025-01-04.csv", *undo).code == 0
    world.drop(f"clicks_{user}.csv", theirs)
    assert command("run", "clicks", "--from", "2025-01-01", "--to", "2025-01-05").code == 0
    assert [name for name in places_of(world.folder, user) if not name.startswith("inbox")] == []


def test_erasing_nobody_is_wrong_usage_and_an_empty_id_is_one_line(command: Command, world: World) -> None:
    assert command("erase", "clicks").code == 2
    said = command("erase", "clicks", "--user-id", " ")
    assert (said.code, said.err) == (
        1,
        "--user-id ' ': is no string, as user ids of clicks are; give one as tables show it\n",
    )


def test_retention_says_what_goes_and_a_dry_run_only_says_it(command: Command, world: World) -> None:
    declared = world.folder / "datasets" / "clicks" / "defs.yaml"
    assert "clicks has no date that is older than its retention limits" in command("retention", "clicks").out
    declared.write_text(declared.read_text().replace("attributes:\n", "attributes:\n  retention: {raw: 2}\n"))
    said = command("retention", "clicks", "--dry-run").out
    assert said.splitlines()[0] == "raw_events: would expire 2 dates (2025-01-01 to 2025-01-02), 4 rows"
    assert len(world.table("raw_events")) == 10
    done = json.loads(command("retention", "clicks", "--json").out)
    assert done["dropped"]["raw_events"] == {"before": "2025-01-03", "dates": 2, "rows": 4}
    assert len(world.table("raw_events")) == 6
    assert len(world.table("cleaned_events")) == 10
    assert "landed, but dropped since" in command("run", "clicks").out

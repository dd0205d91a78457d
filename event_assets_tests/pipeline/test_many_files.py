"""Landing several files in one look: in parallel, each content once, and one that stops leaves the others whole."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from event_assets.errors import LandingError
from event_assets_tests.world import World, clicks, lines


def record(user: int, minute: int) -> str:
    return f"u{user},view,2025-01-06T10:{minute:02d}:00,/a,"


def test_many_files_in_parallel_give_what_they_give_one_by_one(tmp_path: Path) -> None:
    worlds = []
    for workers in (1, 4):
        world = World(tmp_path / str(workers))
        world.settings = dataclasses.replace(world.settings, workers=workers)
        world.use(world.dataset)
        for number in range(40):
            world.drop(f"clicks_{number:02d}.csv", lines(*(record(number, minute) for minute in range(5))))
        summary = world.land()
        assert (len(summary.landed), sum(file.landed for file in summary.landed)) == (40, 200)
        worlds.append(world)
    assert worlds[0].table("raw_events").equals(worlds[1].table("raw_events"))


def test_two_names_of_one_new_content_are_landed_once(tmp_path: Path) -> None:
    world = World(tmp_path)
    for name in ("clicks_a.csv", "clicks_b.csv"):
        world.drop(name, lines(record(1, 1)))
    assert len(world.land().landed) == 1
    assert world.table("source_files")["names"].to_list() == ['["clicks_a.csv", "clicks_b.csv"]']
    assert world.table("raw_events").height == 1


def test_a_file_that_fails_fast_is_not_there_and_those_before_it_are(tmp_path: Path) -> None:
    world = World(tmp_path, clicks(mode="fail_fast"))
    world.drop("clicks_1.csv", lines(record(1, 1)))
    world.drop("clicks_2.csv", lines(record(2, 1), "u2,view,soon,/a,"))
    with pytest.raises(LandingError, match=r"clicks_2\.csv"):
        world.land()
    again = World(tmp_path, clicks(mode="fail_fast"))
    assert again.table("raw_events")["user_id"].to_list() == ["u1"]
    assert again.table("source_files")["names"].to_list() == ['["clicks_1.csv"]']
    # Mended, it lands.
    again.drop("clicks_2.csv", lines(record(2, 1)))
    again.refresh()
    assert again.reconciled().facts == 2


def test_a_file_that_cannot_be_opened_is_listed_with_its_reason_and_the_others_go_on(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.drop("clicks_1.csv", lines(record(1, 1)))
    world.drop("clicks_2.csv", "user,page\nann,/a\n")
    world.drop("clicks_3.csv.gz", b"this is not gzip")
    world.refresh()
    files = {row["names"]: row for row in world.table("source_files").iter_rows(named=True)}
    assert files['["clicks_1.csv"]']["state"] == "active"
    assert (files['["clicks_2.csv"]']["state"], files['["clicks_3.csv.gz"]']["state"]) == ("rejected", "rejected")
    assert files['["clicks_2.csv"]']["reason"].startswith("missing_column")
    assert world.reconciled().holds
    assert world.refresh() == []  # a rejected file is not tried at every look


def test_a_retracted_file_is_out_of_every_table_and_stays_out(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.drop("clicks_1.csv", lines(record(1, 1)))
    world.refresh()
    expected = world.tables()
    bad = lines(record(2, 1), "u2,view,soon,/a,", "u2,view,2025-01-06T11:00:00,/a,-1")
    world.drop("clicks_2.csv", bad)
    world.refresh()
    world.retract("clicks_2.csv")
    world.drop("clicks_3.csv", bad)  # the same content under another name stays retracted
    assert world.land().warnings == (
        "clicks_3.csv was retracted on 2025-06-01 and stays retracted;"
        " event-assets retract clicks clicks_3.csv --undo takes that back",
    )
    assert world.land().warnings == ()
    world.make(["2025-01-06"])
    assert all(expected[name].equals(frame) for name, frame in world.tables().items())
    assert world.table("landing_rejects").is_empty()
    assert sorted(world.table("source_files")["state"]) == ["active", "retracted"]
    with pytest.raises(LandingError, match=r"clicks_9.csv: is no landed file of clicks; name one of clicks_1.csv"):
        world.retract("clicks_9.csv")


#: A run as the sensor or a user starts it, anywhere: it lands what it finds, and says how many files those were.
LAND = """
import sys
from pathlib import Path
from event_assets_tests.world import World
print("ready", flush=True)
sys.stdin.readline()
print(len(World(Path(sys.argv[1])).land().landed))
"""


def test_runs_that_land_one_inbox_at_once_land_each_file_once(tmp_path: Path) -> None:
    world = World(tmp_path)
    for number in range(40):
        world.drop(f"clicks_{number:02d}.csv", lines(record(number, 1), record(number, 2)))
    world.drop("clicks_again.csv", lines(record(7, 1), record(7, 2)))  # what another file holds
    command = [sys.executable, "-c", LAND, str(tmp_path)]
    runs = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    for run in runs:
        assert run.stdout is not None
        assert run.stdout.readline() == "ready\n"
    for run in runs:  # all have started, none has looked
        assert run.stdin is not None
        run.stdin.write("\n")
        run.stdin.flush()
    world.drop("clicks_late.csv", lines(record(99, 1)))
    said = [run.communicate(timeout=300)[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0, 0]
    late = len(world.land().landed)  # where all three had looked before it came
    assert sum(map(int, said)) + late == 41
    assert world.table("raw_events").height == 81
    assert world.table("source_files").height == 41

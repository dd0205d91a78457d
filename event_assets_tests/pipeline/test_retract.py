"""Retraction by file and by run, and its undo: the tables are what they were before, digest by digest."""

from __future__ import annotations

import datetime as dt
import os
import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from event_assets.errors import LandingError
from event_assets.pipeline.retract import files_of_run
from event_assets.storage.published_partitions import EMPTY_CONTENT
from event_assets_tests.pipeline.histories import RULES, History, histories
from event_assets_tests.world import NOW, World, clicks, lines

LONG = settings.default.max_examples >= 1000  # type: ignore[union-attr]
BOUNDED = settings(max_examples=1000 if LONG else 2)
MEMORY = "/dev/shm" if os.path.isdir("/dev/shm") else None

ONE = lines("ann,view,2025-01-06T10:00:00,/a,1.00", "bob,view,2025-01-06T23:50:00,/a,")
TWO = lines("bob,view,2025-01-07T00:10:00,/c,", "ann,view,soon,/a,")
THREE = lines("ann,view,2025-01-07T09:00:00,/a,")


def contents(world: World) -> dict[tuple[str, str], str]:
    """The digest of every unit that has rows."""
    world.publish_reconciliation()
    return {
        (name, unit): entry.content
        for name, store in world.workspace.stores.items()
        for unit, entry in store.entries(again=True).items()
        if entry.content != EMPTY_CONTENT
    }


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    for number, content in enumerate((ONE, TWO, THREE)):
        world.drop(f"clicks_{number}.csv", content)
        world.land(run=f"{min(number, 1)}a4f0c8b5-0000")
    world.make()
    return world


def test_what_a_run_landed_is_taken_out_and_brought_back(world: World) -> None:
    before = contents(world)
    world.retract(run="1a4f0c8b")
    world.make()
    assert world.table("raw_events")["page"].to_list() == ["/a", "/a"]
    assert world.table("source_files")["state"].to_list().count("retracted") == 2
    world.restore(run="1a4f0c8b5-0000")
    world.refresh()
    assert contents(world) == before


def test_without_a_name_the_last_retraction_is_undone(world: World) -> None:
    world.retract("clicks_0.csv")
    world.refresh()
    before = contents(world)
    world.retract(run="1a4f0c8b", at=NOW + dt.timedelta(hours=1))
    world.refresh()
    world.restore()
    world.refresh()
    assert contents(world) == before
    world.restore()
    world.refresh()
    assert world.table("raw_events").height == 4
    with pytest.raises(LandingError, match="clicks: has no retracted file"):
        world.restore()


def test_a_file_that_is_landed_again_by_other_rules_still_is_of_the_run_that_brought_it(world: World) -> None:
    world.use(clicks(start_date="2025-01-01"))
    world.land(run="9d")
    world.retract(run="1a4f0c8b")
    assert world.table("source_files")["state"].to_list().count("retracted") == 2


def test_a_retracted_file_is_not_landed_again_by_other_rules_but_comes_back_by_them(world: World) -> None:
    world.retract("clicks_2.csv")
    world.use(clicks(start_date="2025-01-01"))
    world.refresh()
    assert len(world.files_on_disk("raw_events")) == 2
    world.restore("clicks_2.csv")
    world.refresh()
    fresh = World(world.folder / "fresh", world.dataset, inbox=world.settings.inbox)
    fresh.refresh()
    assert contents(world) == contents(fresh)


def test_content_that_is_dropped_again_while_it_is_retracted_leaves_no_file_in_the_lake(world: World) -> None:
    world.retract("clicks_2.csv")
    world.drop("clicks_9.csv", THREE)
    world.refresh()
    assert len(world.files_on_disk("raw_events")) == 2
    world.restore("clicks_9.csv")
    world.refresh()
    assert '["clicks_2.csv", "clicks_9.csv"]' in world.table("source_files")["names"].to_list()
    assert world.reconciled().holds


def test_a_file_that_left_the_inbox_is_not_brought_back_before_it_is_there_again(world: World) -> None:
    before = contents(world)
    world.retract("clicks_2.csv")
    world.make()
    (world.settings.inbox / "clicks" / "clicks_2.csv").unlink()
    with pytest.raises(LandingError, match=r"clicks_2.csv: its rows were deleted and its source is not in the inbox"):
        world.restore("clicks_2.csv")
    assert world.refresh() == []
    world.drop("clicks_2.csv", THREE)
    world.refresh()
    world.restore("clicks_2.csv")
    world.refresh()
    assert contents(world) == before


def test_a_run_that_landed_nothing_is_named(world: World) -> None:
    with pytest.raises(LandingError, match=r"--run 77: is no run that landed a file of clicks; name one of 1a4f0c8b5"):
        world.retract(run="77")
    with pytest.raises(LandingError, match=r"--run 1a4f0c8b: landed no file that is retracted"):
        files_of_run(world.workspace, "1a4f0c8b", retracted=True)
    with pytest.raises(LandingError, match=r"clicks_1.csv: is not retracted in clicks"):
        world.restore("clicks_1.csv")


@pytest.mark.timeout(36000)
@pytest.mark.parametrize("rules", ["all columns as the key", "duplicates for ever", "profiles that change"])
def test_undo_gives_what_was_there_before_whatever_was_retracted_in_between(rules: str) -> None:
    @BOUNDED
    @given(histories(RULES[rules]), st.randoms(use_true_random=True))
    def law(history: History, chance: random.Random) -> None:
        with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
            check(World(Path(folder) / "one", history.rules.dataset), World(Path(folder) / "two"), history, chance)

    law()


def check(world: World, other: World, history: History, chance: random.Random) -> None:
    runs: dict[str, list[tuple[str, str]]] = {}
    for name, content in history.files:
        world.drop(name, content)
        run = f"run-000{chance.randint(1, 2)}"
        runs.setdefault(run, []).append((name, content))
        world.land(run=run)
        if chance.random() < 1 / 2:
            world.make()
    world.make()
    before = contents(world)
    undone = chance.choice(sorted(runs))
    names = [name for name, _ in runs[undone]]
    if chance.random() < 1 / 2:
        world.retract(run=undone)
    else:
        for name in names:
            world.retract(name)
            if chance.random() < 1 / 2:
                world.make()
    for name, content in runs[undone]:
        if chance.random() < 1 / 2:
            world.drop(f"clicks_again_{name}" if name.startswith("clicks") else name, content)
    world.refresh()
    other.use(world.dataset)
    for name, content in history.files:
        if name not in names:
            other.drop(name, content)
    other.refresh()
    expected = other.tables()
    assert {name: frame.rows() for name, frame in world.tables().items()} == {
        name: frame.rows() for name, frame in expected.items()
    }
    world.restore(run=undone)
    if chance.random() < 1 / 2:
        world.land()
    world.refresh()
    after = contents(world)
    assert {unit: content for unit, content in after.items() if unit[0] != "source_files"} == {
        unit: content for unit, content in before.items() if unit[0] != "source_files"
    }

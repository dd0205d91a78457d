"""Kill -9 at every step of landing and publishing, and at random moments: the next run makes it as if it never was."""

from __future__ import annotations

import random
import shutil
import time
from pathlib import Path

import pytest

from event_assets_tests.faults import children, crash
from event_assets_tests.faults.lakes import Rows, at_rest, rows_of, same
from event_assets_tests.pipeline.histories import PROFILES
from event_assets_tests.world import World, clicks, lines

pytestmark = pytest.mark.timeout(7200)

DATASET = clicks(profiles=PROFILES)
DATES = [f"2025-01-{day:02d}" for day in range(1, 24)]


def land_and_make(folder: Path, die_at: int | None) -> None:
    crash.in_small_steps()
    crash.die_at(die_at, folder / crash.STEPS)
    World(folder, DATASET).refresh()


def before(folder: Path) -> World:
    """A lake at rest, with a session over a midnight."""
    world = World(folder, DATASET)
    world.drop("clicks_1.csv", lines("ann,view,2025-01-06T10:00:00,/a,1.00", "ann,buy,2025-01-06T23:50:00,/b,5.00"))
    world.drop("clicks_2.csv", lines("ann,view,2025-01-07T00:30:00,/a,1.00", "bob,view,2025-01-08T12:00:00,/a,1.00"))
    world.drop("users.csv", "user,country\nann,US\nbob,DE\n")
    world.refresh()
    return world


def change(world: World) -> None:
    """A late file, replaced content, a new date, rejects of both kinds, a new snapshot of profiles."""
    world.drop("clicks_3.csv", lines("ann,view,2025-01-07T00:10:00,/late,1.00", "ann,view,soon,/a,1.00"))
    world.drop("clicks_2.csv", lines("ann,view,2025-01-07T00:30:00,/a,1.00", "cat,view,2025-01-09T12:00:00,/a,-1"))
    world.drop("users_20250107.csv", "user,country\nann,DE\n")


class Scene:
    """A lake about to change, the rows of every unit before and after, and the steps in between."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.prepared = folder / "prepared"
        world = before(self.prepared)
        self.before = rows_of(world)
        change(world)
        clean = self.copy("clean")
        assert children.run(land_and_make, clean, None) == 0
        self.steps = (clean / crash.STEPS).read_text().splitlines()
        self.after = rows_of(World(clean, DATASET))

    def copy(self, name: str) -> Path:
        return Path(shutil.copytree(self.prepared, self.folder / name))


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return Scene(tmp_path_factory.mktemp("kill"))


def kill_and_heal(scene: Scene, number: int) -> None:
    step = scene.steps[number]
    folder = scene.copy(f"at-{number}")
    assert children.run(land_and_make, folder, number) == children.KILLED, step
    assert_as_it_was_or_will_be(rows_of(World(folder, DATASET)), scene.before, scene.after, step)
    healed = World(folder, DATASET)
    healed.refresh()
    same(rows_of(healed), scene.after, step)
    at_rest(healed)
    assert healed.refresh() == [], step
    shutil.rmtree(folder)


def assert_as_it_was_or_will_be(found: Rows, before: Rows, after: Rows, step: str) -> None:
    for unit, frame in found.items():
        allowed = [rows for rows in (before.get(unit), after.get(unit)) if rows is not None]
        assert any(frame.equals(rows) for rows in allowed), f"{step}: {unit}\n{frame}"


def test_the_steps_are_those_of_landing_and_publishing(scene: Scene) -> None:
    assert {step.split()[0] for step in scene.steps} == {"mark", "write", "place", "commit", "delete", "clear"}
    committed = {step.split()[1] for step in scene.steps if step.startswith("commit")}
    assert committed == {"ledger", *World(scene.prepared, DATASET).workspace.tables}


@pytest.mark.parametrize(
    "step",
    [
        pytest.param("write 0000/landing", id="a landed file is being staged"),
        pytest.param("place raw_events/event_date=2025-01-09", id="one date of a file is in place, the other is not"),
        pytest.param("commit ledger", id="a file is in place and not in the ledger"),
        pytest.param("delete _state/ledger", id="the ledger is folded, its old entries still there"),
        pytest.param("commit raw_events", id="a file is in the ledger and not in the table"),
        pytest.param("delete raw_events", id="a file was superseded, its rows still there"),
        pytest.param("place quarantine", id="one of two tables of a step is in place"),
        pytest.param("commit quarantine", id="one of two tables of a step is published"),
        pytest.param("delete joined_facts", id="a partition was replaced, its old file still there"),
        pytest.param("commit top_users_overall", id="the last table is not published"),
    ],
)
def test_a_kill_at_a_named_step_is_healed_by_the_next_run(scene: Scene, step: str) -> None:
    kill_and_heal(scene, next(number for number, name in enumerate(scene.steps) if name.startswith(step)))


@pytest.mark.long
def test_a_kill_at_any_step_is_healed_by_the_next_run(scene: Scene) -> None:
    for number in range(len(scene.steps)):
        kill_and_heal(scene, number)


def backfill(folder: Path) -> None:
    World(folder).make(DATES)


@pytest.mark.parametrize(
    "moments", [pytest.param(3, id="3 moments"), pytest.param(100, id="100 moments", marks=pytest.mark.long)]
)
def test_a_kill_at_random_moments_of_a_backfill_is_healed_by_the_same_backfill(tmp_path: Path, moments: int) -> None:
    landed = World(tmp_path / "landed")
    for number in range(3):
        landed.drop(f"clicks_{number}.csv", lines(*(record(date, number) for date in DATES)))
    landed.land()
    clean = Path(shutil.copytree(landed.folder, tmp_path / "clean"))
    began = time.monotonic()
    assert children.run(backfill, clean) == 0
    seconds = time.monotonic() - began
    expected = rows_of(World(clean))
    chance = random.Random(moments)
    killed = 0
    for _ in range(moments):
        folder = Path(shutil.copytree(landed.folder, tmp_path / "killed"))
        process = children.start(backfill, folder)
        process.join(chance.uniform(0, seconds))
        process.kill()
        process.join()
        killed += process.exitcode == children.KILLED
        for unit, frame in rows_of(World(folder)).items():
            assert frame.equals(expected[unit]), f"{unit} is neither missing nor whole"
        healed = World(folder)
        healed.make(DATES)
        same(rows_of(healed), expected)
        at_rest(healed)
        shutil.rmtree(folder)
    assert killed > moments / 2


def record(date: str, number: int) -> str:
    """On even dates late in the evening, on odd ones right after midnight: sessions go over every other midnight."""
    hour = "23:5" if int(date[-2:]) % 2 == 0 else "00:1"
    return f"u{number},{'buy' if number else 'view'},{date}T{hour}{number}:00,/{number},1.00"

"""The live feed, by a clock of the test's own."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from event_assets.errors import EventAssetsError
from event_assets.synthetic import RECIPES, supply
from event_assets.synthetic.generate import recipe_of
from event_assets_tests.synthetic.plain import RULES, count

NOON = dt.datetime(2025, 3, 5, 12, 0, 0, tzinfo=dt.UTC)


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self, time: dt.datetime = NOON) -> None:
        self.time = time

    def now(self) -> dt.datetime:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += dt.timedelta(seconds=seconds)


def feed(dataset: str, inbox: Path, clock: Clock, *, seconds: float = 6, seed: int = 3) -> list[Path]:
    dropped: list[Path] = []
    files = supply(
        dataset,
        inbox=inbox,
        rate=50,
        every=2,
        for_seconds=seconds,
        seed=seed,
        now=clock.now,
        sleep=clock.sleep,
        dropped=dropped.append,
    )
    events = [path for path in dropped if path.name.startswith(RECIPES[dataset].stem)]
    assert files == len(events)
    return events


@pytest.mark.parametrize("dataset", RECIPES)
def test_a_feed_drops_a_file_at_once_and_then_every_so_often(dataset: str, tmp_path: Path) -> None:
    clock = Clock()

    events = feed(dataset, tmp_path, clock)

    stem, suffix = RECIPES[dataset].stem, RECIPES[dataset].suffix
    assert [path.relative_to(tmp_path).as_posix() for path in events] == [
        f"{dataset}/{stem}_20250305_120000000000_0.{suffix}",
        f"{dataset}/{stem}_20250305_120002000000_1.{suffix}",
        f"{dataset}/{stem}_20250305_120004000000_2.{suffix}",
    ]
    assert clock.time == NOON + dt.timedelta(seconds=4)
    assert len({path.read_bytes() for path in events}) == 3
    found = count(events, RULES[dataset])
    assert found.records == 150
    if dataset != "activity":  # its records without a time count at midnight
        times = [moment for _, moment in found.valid]
        assert NOON - dt.timedelta(hours=1) <= min(times)
        assert max(times) < clock.time


def test_log_ids_of_a_feed_never_come_again_by_chance(tmp_path: Path) -> None:
    clock = Clock()
    before = feed("streaming", tmp_path, clock, seconds=20)
    clock.sleep(1)
    after = feed("streaming", tmp_path, clock, seconds=20)

    found = count(before + after, RULES["streaming"])

    assert len(before + after) == 20
    # Each file of 50 sends half a record again (1 %, rounded), all others are new.
    assert found.duplicates == 20


def test_the_profiles_come_with_the_first_file_and_are_left_alone_where_there_are_some(tmp_path: Path) -> None:
    feed("benefits", tmp_path, Clock())
    profiles = tmp_path / "benefits" / "users.csv"
    assert profiles.read_text().startswith("user_id,signup_date,country\n")

    profiles.write_text("the user's own")
    feed("benefits", tmp_path, Clock(NOON + dt.timedelta(days=1)))

    assert profiles.read_text() == "the user's own"


def test_ctrl_c_ends_a_feed_with_whole_files_only(tmp_path: Path) -> None:
    clock, drops = Clock(), 0

    def impatient(seconds: float) -> None:
        nonlocal drops
        drops += 1
        if drops == 3:
            raise KeyboardInterrupt
        clock.sleep(seconds)

    files = supply("shop", inbox=tmp_path, rate=5, every=1, seed=1, now=clock.now, sleep=impatient)

    assert files == 2
    assert len(list((tmp_path / "shop").iterdir())) == 2


def test_ctrl_c_within_a_file_leaves_nothing_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def interrupted(*_: object) -> None:
        seen.extend(path.name for path in (tmp_path / "shop").iterdir())
        raise KeyboardInterrupt

    monkeypatch.setattr("event_assets.synthetic.write_text_files._lines", interrupted)

    files = supply("shop", inbox=tmp_path, rate=5, every=1, seed=1, now=Clock().now, sleep=Clock().sleep)

    assert files == 0
    assert seen == [f".events_20250305_120000000000_0.csv.{seen[0][-13:-5]}.part"], (
        "a file is hidden while it is written"
    )
    assert list((tmp_path / "shop").iterdir()) == []


@pytest.mark.parametrize(
    ("option", "wrong"), [("--rate", {"rate": 0}), ("--every", {"every": 0}), ("--seed", {"seed": -1})]
)
def test_an_argument_that_makes_no_sense_is_named(option: str, wrong: dict[str, Any], tmp_path: Path) -> None:
    arguments: dict[str, Any] = {"rate": 5, "every": 1, "seed": 1, **wrong}

    with pytest.raises(EventAssetsError, match=f"{option}: .* is too small; take a greater number"):
        supply("shop", inbox=tmp_path, now=Clock().now, sleep=Clock().sleep, **arguments)


def test_a_dataset_without_a_generator_is_named() -> None:
    with pytest.raises(EventAssetsError, match="dataset shopp: has no generator"):
        recipe_of("shopp")

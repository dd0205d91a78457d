"""Deduplication over many dates touches the dates that share a key with a late file, and no others."""

from __future__ import annotations

import datetime as dt
import random
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from event_assets.pipeline.run_results import Outcome
from event_assets.pipeline.staleness import key_hashes, key_history
from event_assets.pipeline.staleness.stale_partitions import stale_units
from event_assets_tests.world import World, clicks, lines, made

EVER = {"deduplicate": {"keys": ["user_id", "page"], "days": "all"}}
TWO_DAYS = {"deduplicate": {"keys": ["user_id", "page"], "days": 2}}


def day(number: int, *users: str) -> str:
    return lines(*(f"{user},view,2025-01-{number:02d}T10:00:00,/a," for user in users))


def ten_days(folder: Path, rules: Mapping[str, object]) -> World:
    world = World(folder, clicks(**rules))
    for number in range(10, 20):
        world.drop(f"clicks_{number}.csv", day(number, f"u{number}", "often" if number % 3 == 0 else f"v{number}"))
    world.refresh()
    return world


@pytest.fixture
def world(tmp_path: Path) -> World:
    return ten_days(tmp_path, EVER)


def january(number: int) -> dt.date:
    return dt.date(2025, 1, number)


def cleaned(outcomes: list[Outcome]) -> list[str]:
    return sorted(date[-2:] for _, date in made(outcomes, "cleaned_events"))


def test_of_a_key_on_many_dates_the_first_stays(world: World) -> None:
    often = world.table("cleaned_events").filter(user_id="often")
    assert often["event_date"].to_list() == ["2025-01-12"]
    assert world.reconciled().duplicates == 2


def test_a_late_file_touches_its_own_date_and_later_ones_that_hold_one_of_its_keys(world: World) -> None:
    world.drop("clicks_late.csv", day(11, "u17", "new"))
    outcomes = world.refresh()
    assert cleaned(outcomes) == ["11", "17"]
    assert made(outcomes, "event_keys") == {("event_keys", "2025-01-11")}
    assert world.table("cleaned_events").filter(user_id="u17")["event_date"].to_list() == ["2025-01-11"]
    assert world.refresh() == []


def test_a_late_key_that_was_there_before_changes_no_laterjanuary(world: World) -> None:
    world.drop("clicks_late.csv", day(14, "often"))
    assert cleaned(world.refresh()) == ["14"]


def test_the_date_on_which_a_retracted_key_comes_next_gets_it_back(world: World) -> None:
    world.retract("clicks_12.csv")
    assert cleaned(world.make()) == ["12", "15"]
    assert world.table("cleaned_events").filter(user_id="often")["event_date"].to_list() == ["2025-01-15"]


def test_within_a_number_of_days_a_late_file_reaches_no_further(tmp_path: Path) -> None:
    world = ten_days(tmp_path, TWO_DAYS)
    world.drop("clicks_late.csv", day(13, "u14", "u17", "new", "often"))
    assert cleaned(world.refresh()) == ["13", "14", "15"]


def test_a_backfill_of_one_date_makes_the_dates_that_share_its_keys_and_no_others(world: World) -> None:
    world.drop("clicks_late.csv", day(11, "u17"))
    world.land()
    assert cleaned(world.make(["2025-01-11"])) == ["11", "17"]
    assert world.refresh() == []


def test_a_date_in_between_that_is_asked_for_reads_no_other_dates(world: World) -> None:
    step, source = world.workspace.step_of["cleaned_events"], world.workspace.step_of["cleaned_events"].inputs[1]
    dates = {number: january(number) for number in (13, 15, 18)}
    reads = {n: [unit[1] for unit in world.workspace.input_units(step, source, date)] for n, date in dates.items()}
    assert reads == {13: [], 15: [january(12)], 18: [january(15)]}


@pytest.mark.parametrize("harm", ["lost", "damaged", "of other rules"])
def test_a_history_that_is_gone_or_broken_is_made_again(
    world: World, harm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = world.workspace.lake.state("clicks") / "history" / "event_keys"
    assert len(list(folder.iterdir())) == 11
    for path in folder.iterdir():
        if harm == "lost":
            path.unlink()
        elif path.suffix == ".npz":
            path.write_bytes(b"PK")
    if harm == "of other rules":
        for module in (key_hashes, key_history):
            monkeypatch.setattr(module, "MADE_BY", "00000000")
    again = World(world.folder, world.dataset)
    assert again.refresh() == []
    again.drop("clicks_late.csv", day(11, "u17", "new"))
    assert cleaned(again.refresh()) == ["11", "17"]
    assert len(list(folder.iterdir())) == 11


def test_who_only_looks_writes_no_history(world: World) -> None:
    folder = world.workspace.lake.state("clicks") / "history" / "event_keys"
    for path in folder.iterdir():
        path.unlink()
    looking = World(world.folder, world.dataset)
    looking.workspace.refresh()
    assert list(stale_units(looking.workspace)) == []
    assert list(folder.iterdir()) == []


def test_many_keys_are_put_in_order_piece_by_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_history, "_TOGETHER", 3)
    world = ten_days(tmp_path, EVER)
    assert world.table("cleaned_events").filter(user_id="often")["event_date"].to_list() == ["2025-01-12"]
    assert world.reconciled().duplicates == 2


BOUNDED = settings(max_examples=5 if settings.default.max_examples < 1000 else 1000)  # type: ignore[union-attr]
RECORDS = st.lists(
    st.builds(
        lambda user, number: f"{user},view,2025-01-{number:02d}T10:00:00,/a,",
        st.sampled_from(["ann", "bob", "cat", "dan"]),
        st.integers(10, 18),
    ),
    min_size=1,
    max_size=20,
)


@BOUNDED
@given(RECORDS, st.sampled_from([EVER, TWO_DAYS]), st.randoms(use_true_random=False))
def test_files_that_come_in_any_order_leave_the_tables_of_one_batch(
    records: list[str], rules: Mapping[str, object], chance: random.Random
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        whole = World(Path(folder) / "whole", clicks(**rules))
        whole.drop("clicks_1.csv", lines(*records))
        whole.refresh()
        parts = World(Path(folder) / "parts", clicks(**rules))
        shuffled = list(records)
        chance.shuffle(shuffled)
        for number in range(0, len(shuffled), 4):
            parts.drop(f"clicks_{number}.csv", lines(*shuffled[number : number + 4]))
            parts.refresh()
        found = parts.tables()
        for name, frame in whole.tables().items():
            assert frame.equals(found[name]), name
        assert parts.refresh() == []

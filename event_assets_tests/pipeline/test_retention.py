"""Dates that are dropped stay dropped, and what was made from them is unchanged."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import polars as pl
import pytest

from event_assets.pipeline.erase import erase, rows_by_table
from event_assets.pipeline.retention import Expired, due, expire
from event_assets.pipeline.run_results import Outcome
from event_assets_tests.world import World, clicks, lines, made


def file(*days: int) -> str:
    """On each date one visit of ann around noon, and one of bob over midnight."""
    return lines(
        *(f"ann,view,2025-01-{day:02d}T12:00:00,/a," for day in days),
        *(f"bob,{kind},2025-01-{day:02d}T23:5{minute}:00,/b,1" for day in days for minute, kind in ((0, "view"),)),
        *(f"bob,buy,2025-01-{day + 1:02d}T00:05:00,/c,2" for day in days),
        *(f"cat,view,2025-01-{day:02d}T12:00:00,/a,-1" for day in days),
    )


def world_of(folder: Path, **retention: int) -> World:
    world = World(folder, clicks(retention=retention))
    world.drop("clicks_1.csv", file(1, 2, 3, 4, 5))
    world.drop("clicks_2.csv", file(8, 9))
    world.refresh()
    return world


def drop(world: World) -> dict[str, list[int]]:
    """Drop what is due; the days that are gone, by table."""
    with world.workspace.writing():
        world.workspace.refresh()
        return days(expire(world.workspace))


def days(expired: list[Expired]) -> dict[str, list[int]]:
    return {one.table: [date.day for date in one.dates] for one in expired}


def days_of(world: World, table: str) -> list[int]:
    world.workspace.refresh()
    return [date.day for date in world.workspace.dates(table)]


def dates_made(outcomes: list[Outcome]) -> set[str]:
    return {date[-2:] for _, date in made(outcomes)}


def test_a_dataset_that_declares_nothing_keeps_everything(tmp_path: Path) -> None:
    assert drop(world_of(tmp_path)) == {}


def test_raw_rows_go_and_what_was_made_from_them_stays(tmp_path: Path) -> None:
    world = world_of(tmp_path, raw=6)
    before = world.tables()
    # The newest date is the 10th, on which bob's visit of the 9th ends.
    assert drop(world) == {"raw_events": [1, 2, 3], "quarantine": [1, 2, 3]}
    assert days_of(world, "raw_events") == [4, 5, 6, 8, 9, 10]
    assert not any("2025-01-01" in str(path) for path in world.files_on_disk("raw_events"))
    assert world.refresh() == []
    after = world.tables()
    assert {name for name, frame in before.items() if not frame.equals(after[name])} == {"quarantine"}


def test_a_range_that_is_asked_for_leaves_dropped_dates_as_they_are(tmp_path: Path) -> None:
    world = world_of(tmp_path, raw=6)
    drop(world)
    before = world.tables()
    outcomes = world.make([f"2025-01-{day:02d}" for day in range(1, 11)])
    assert dates_made([o for o in outcomes if o.table == "cleaned_events"]) == {"04", "05", "06", "08", "09", "10"}
    assert dates_made([o for o in outcomes if o.table == "joined_facts"]) == {
        f"{d:02d}"
        for d in range(1, 11)
        if d != 7  # which has no records
    }
    after = world.tables()
    assert all(frame.equals(after[name]) for name, frame in before.items())
    assert world.refresh() == []


def test_every_layer_goes_by_its_own_days_and_tables_over_all_dates_count_what_is_kept(tmp_path: Path) -> None:
    world = world_of(tmp_path, raw=3, cleaned=6, gold=8)
    overall = world.table("top_users_overall").select("user_id", "session_count").rows()
    gone = drop(world)
    assert gone["raw_events"] == [1, 2, 3, 4, 5, 6]
    assert gone["cleaned_events"] == gone["sessions"] == gone["joined_facts"] == [1, 2, 3]
    assert gone["session_edges"] == [1]  # dates from the 4th on read those of two before
    assert gone["daily_summary"] == gone["platform_sessions"] == [1]
    outcomes = world.make()
    assert {table for table, _ in made(outcomes)} == {"top_users_overall", "funnel_summary"}
    assert overall == [("ann", 7), ("bob", 7)]
    assert world.table("top_users_overall").select("user_id", "session_count").rows() == [("bob", 7), ("ann", 6)]
    assert world.refresh() == []


def test_the_date_after_the_dropped_ones_is_made_as_if_they_were_there(tmp_path: Path) -> None:
    world = world_of(tmp_path, cleaned=6)
    expected = world.table("joined_facts").filter(event_date="2025-01-04")
    drop(world)
    world.make(["2025-01-04"])
    assert world.table("joined_facts").filter(event_date="2025-01-04").equals(expected)


def test_a_late_record_of_a_dropped_date_is_counted_and_not_kept(tmp_path: Path) -> None:
    world = world_of(tmp_path, raw=6)
    drop(world)
    before = world.tables()
    world.drop("clicks_late.csv", lines("dan,view,2025-01-02T12:00:00,/a,", "dan,view,2025-01-08T12:00:00,/a,"))
    warnings = world.land().warnings
    assert warnings == ("clicks_late.csv: 1 records of dates before 2025-01-04, which were dropped, are not kept",)
    assert "02" not in dates_made(world.make())
    assert days_of(world, "raw_events") == [4, 5, 6, 8, 9, 10]
    assert (
        world.table("daily_summary")
        .filter(event_date="2025-01-02")
        .equals(before["daily_summary"].filter(event_date="2025-01-02"))
    )
    found = world.reconciled()
    assert (found.dropped, found.holds) == (12, True)
    assert world.refresh() == []


def test_files_that_come_later_move_the_limit_and_older_ones_never_move_it_back(tmp_path: Path) -> None:
    world = world_of(tmp_path, raw=6)
    drop(world)
    assert drop(world) == {}
    world.drop("clicks_3.csv", lines("ann,view,2025-01-12T12:00:00,/a,"))
    world.refresh()
    assert drop(world)["raw_events"] == [4, 5]
    world.drop("clicks_3.csv", lines("ann,view,2025-01-11T12:00:00,/a,"))
    world.refresh()
    assert drop(world) == {}
    assert days_of(world, "raw_events") == [6, 8, 9, 10, 11]


def test_files_that_are_read_again_bring_no_dropped_date_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of(tmp_path, raw=6)
    drop(world)
    monkeypatch.setattr("event_assets.pipeline.landing_rules.LANDING_VERSION", 99)
    world.refresh()
    assert days_of(world, "raw_events") == [4, 5, 6, 8, 9, 10]
    assert world.reconciled().holds


def test_keys_over_all_time_are_kept_so_that_old_duplicates_are_still_found(tmp_path: Path) -> None:
    rules = {"deduplicate": {"keys": ["user_id", "page"], "days": "all"}, "retention": {"cleaned": 3, "raw": 3}}
    world = World(tmp_path, clicks(**rules))
    world.drop("clicks_1.csv", lines("ann,view,2025-01-01T12:00:00,/a,", "ann,view,2025-01-09T12:00:00,/b,"))
    world.refresh()
    assert "event_keys" not in drop(world)
    world.drop("clicks_2.csv", lines("ann,view,2025-01-08T12:00:00,/a,"))
    world.refresh()
    assert (world.reconciled().duplicates, world.reconciled().holds) == (1, True)


def test_a_drop_that_was_killed_before_the_tables_followed_is_made_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise SystemExit(137)

    world = world_of(tmp_path, raw=6, gold=6)
    with monkeypatch.context() as patch:
        patch.setattr("event_assets.pipeline.retention.sync_raw_tables", killed)
        with pytest.raises(SystemExit):
            drop(world)
    again = World(world.folder, world.dataset)
    again.refresh()
    assert days_of(again, "daily_summary") == days_of(again, "raw_events") == [4, 5, 6, 8, 9, 10]


def test_what_is_due_is_told_beforehand_and_nothing_is_done(tmp_path: Path) -> None:
    world = world_of(tmp_path, gold=8)
    found = [one for one in due(world.workspace) if one.table == "daily_summary"]
    assert found == [Expired("daily_summary", dt.date(2025, 1, 2), (dt.date(2025, 1, 1),), 2)]
    assert days_of(world, "daily_summary") == [1, 2, 3, 4, 5, 6, 8, 9, 10]


@pytest.mark.parametrize("retention", [{"raw": 6}, {"cleaned": 6}, {"raw": 6, "cleaned": 6}])
def test_an_erased_user_leaves_dates_that_can_not_be_made_again_as_well(
    tmp_path: Path, retention: dict[str, int]
) -> None:
    world = world_of(tmp_path, **retention)
    drop(world)
    others = world.table("daily_summary").filter(pl.col("user_id") != "bob")
    with world.workspace.writing():
        world.workspace.refresh()
        erase(world.workspace, "bob")
        erase(world.workspace, "cat")
    world.make()
    assert rows_by_table(world.workspace, "bob") == rows_by_table(world.workspace, "cat") == {}
    assert world.table("daily_summary").equals(others)
    assert world.table("top_users_overall").select("user_id", "session_count").rows() == [("ann", 7)]
    assert world.refresh() == []

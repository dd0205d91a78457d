"""What a late, repeated, replaced or broken file does to the tables, and what it leaves alone."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import polars as pl
import pytest

from event_assets.pipeline.land_files import land_new_files
from event_assets.pipeline.retract import named_files, restore, retract
from event_assets.pipeline.run_steps import run
from event_assets.pipeline.staleness.input_digest import digest_by_rules, input_digest
from event_assets.pipeline.staleness.schedule import Request, empty_dates, everything
from event_assets.pipeline.staleness.stale_partitions import candidate_dates
from event_assets.pipeline.workspace import Workspace
from event_assets_tests.world import NOW, World, clicks, lines, made

MONDAY = lines(
    "ann,view,2025-01-06T10:00:00,/a,",
    "ann,buy,2025-01-06T10:10:00,/b,5.00",
    "bob,view,2025-01-06T23:50:00,/a,",
)
TUESDAY = lines("bob,view,2025-01-07T00:10:00,/c,", "ann,view,2025-01-07T12:00:00,/a,")
FRIDAY = lines("ann,view,2025-01-10T12:00:00,/a,")


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    world.drop("clicks_1.csv", MONDAY)
    world.drop("clicks_2.csv", TUESDAY)
    world.drop("clicks_3.csv", FRIDAY)
    world.refresh()
    return world


def dates_of(world: World, outcomes: list, table: str) -> list[str]:  # type: ignore[type-arg]
    return sorted(date for _, date in made(outcomes, table))


def test_every_record_is_where_the_equations_say(world: World) -> None:
    found = world.reconciled()
    assert found.holds
    assert (found.records, found.raw, found.cleaned, found.facts) == (6, 6, 6, 6)


def test_a_session_over_midnight_is_one_session_of_the_date_on_which_it_starts(world: World) -> None:
    sessions = world.table("sessions").filter(user_id="bob").select("event_date", "event_count", "duration_seconds")
    assert sessions.rows() == [("2025-01-06", 2, 1200)]
    assert world.table("joined_facts").filter(user_id="bob")["session_id"].n_unique() == 1


def test_a_second_run_finds_nothing_to_do(world: World) -> None:
    assert world.refresh() == []


def test_a_late_file_touches_its_date_and_the_neighbours_that_it_can_change(world: World) -> None:
    world.drop("clicks_4.csv", lines("bob,view,2025-01-07T00:35:00,/late,"))
    outcomes = world.refresh()
    assert dates_of(world, outcomes, "cleaned_events") == ["2025-01-07"]
    # The session that began on Monday goes on; Wednesday and Thursday have no events and stay unmade.
    assert dates_of(world, outcomes, "sessions") == ["2025-01-06", "2025-01-07"]
    assert dates_of(world, outcomes, "daily_summary") == ["2025-01-07"]
    assert "2025-01-10" not in {date for _, date in made(outcomes)}
    longest = world.table("sessions").filter(user_id="bob")
    assert longest.select("event_date", "event_count", "duration_seconds").rows() == [("2025-01-06", 3, 2700)]


def test_a_late_file_that_changes_nothing_stops_the_wave_where_rows_are_equal(world: World) -> None:
    before = world.tables()
    # The same event once more, in another file: a duplicate, whichever of the two is kept.
    world.drop("clicks_0.csv", lines("ann,view,2025-01-10T12:00:00Z,/a, "))
    outcomes = world.refresh()
    assert dates_of(world, outcomes, "cleaned_events") == ["2025-01-10"]
    assert world.reconciled().duplicates == 1
    assert all(before[name].equals(frame) for name, frame in world.tables().items())


def test_the_same_content_under_another_name_adds_nothing(world: World) -> None:
    world.drop("clicks_copy.csv", MONDAY)
    assert world.refresh() == []
    files = world.table("source_files")
    assert files.height == 3
    assert '["clicks_1.csv", "clicks_copy.csv"]' in files["names"].to_list()


def test_new_content_under_a_name_supersedes_and_the_old_content_back_counts_again(world: World) -> None:
    before = world.tables()
    world.drop("clicks_3.csv", lines("cat,view,2025-01-10T12:00:00,/z,"))
    world.refresh()
    assert world.table("cleaned_events").filter(event_date="2025-01-10")["user_id"].to_list() == ["cat"]
    assert sorted(world.table("source_files")["state"]) == ["active", "active", "active", "superseded"]
    world.drop("clicks_3.csv", FRIDAY)
    world.refresh()
    assert all(before[name].equals(frame) for name, frame in world.tables().items())


def test_a_name_whose_content_moved_to_another_date_empties_the_old_one(world: World) -> None:
    world.drop("clicks_3.csv", lines("ann,view,2025-01-11T12:00:00,/a,"))
    outcomes = world.refresh()
    assert dates_of(world, outcomes, "cleaned_events") == ["2025-01-10", "2025-01-11"]
    assert sorted(world.table("joined_facts")["event_date"].unique()) == ["2025-01-06", "2025-01-07", "2025-01-11"]


def test_a_file_taken_out_of_the_inbox_changes_nothing(world: World) -> None:
    (world.settings.inbox / "clicks" / "clicks_1.csv").unlink()
    assert world.refresh() == []
    assert world.reconciled().records == 6


def test_a_changed_rule_makes_stale_what_it_touches_and_a_quarantined_record_moves_back_once(world: World) -> None:
    world.drop("clicks_5.csv", lines("ann,view,2025-01-10T13:00:00,/a,-3.00"))
    world.refresh()
    assert world.table("quarantine").select("reason", "column").rows() == [("invalid_price", "price")]
    columns = [c.model_dump(mode="json") for c in world.dataset.columns]
    for column in columns:
        column["min"] = None
    events = {**world.dataset.events[0].model_dump(mode="json", by_alias=True), "columns": columns}
    world.use(clicks(events=events))
    outcomes = world.refresh()
    assert world.table("quarantine").is_empty()
    assert world.table("cleaned_events").filter(event_date="2025-01-10").height == 2
    assert dates_of(world, outcomes, "cleaned_events") == ["2025-01-06", "2025-01-07", "2025-01-10"]
    assert dates_of(world, outcomes, "daily_summary") == ["2025-01-10"]
    assert world.refresh() == []


def test_a_new_gold_option_leaves_upstream_tables_alone(world: World) -> None:
    gold = world.dataset.gold.model_dump()
    gold["top_users"]["n"] = 1
    world.use(clicks(gold=gold))
    outcomes = world.refresh()
    assert {table for table, _ in made(outcomes)} == {"top_users", "top_users_overall"}
    assert world.table("top_users_overall").height == 1


def test_a_backfill_of_one_date_leaves_the_edges_right(world: World) -> None:
    expected = world.tables()
    world.drop("clicks_4.csv", lines("bob,view,2025-01-07T00:35:00,/late,"))
    world.land()
    outcomes = world.make(["2025-01-07"])
    assert dates_of(world, outcomes, "sessions") == ["2025-01-06", "2025-01-07"]
    assert not expected["sessions"].equals(world.tables()["sessions"])
    assert world.refresh() == []


def test_a_date_without_raw_records_is_empty_and_nothing_is_written_for_it(world: World) -> None:
    outcomes = world.make(["2025-01-07", "2025-01-08", "2025-01-09", "2025-01-10"], ["cleaned_events", "sessions"])
    assert dates_of(world, outcomes, "cleaned_events") == ["2025-01-07", "2025-01-10"]
    assert "2025-01-08" not in world.workspace.stores["cleaned_events"].entries()
    assert empty_dates(world.workspace, None) == [dt.date(2025, 1, 8), dt.date(2025, 1, 9)]
    outside = frozenset({dt.date(2025, 1, 1), dt.date(2025, 1, 9), dt.date(2025, 1, 11)})
    assert empty_dates(world.workspace, outside) == [dt.date(2025, 1, 9)]
    assert world.refresh() == []


def test_tables_asked_for_by_hand_are_made_fresh_or_stale_and_no_others(world: World) -> None:
    outcomes = world.make(["2025-01-06"], ["events_by_type"])
    assert made(outcomes) == {("events_by_type", "2025-01-06")}
    assert not any(outcome.changed for outcome in outcomes)


def test_a_landing_that_was_killed_before_the_ledger_is_done_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.drop("clicks_4.csv", lines("dan,view,2025-01-10T15:00:00,/a,"))
    with monkeypatch.context() as patch:
        patch.setattr(world.workspace.ledger, "append", _killed)
        with pytest.raises(SystemExit):
            world.land()
    again = World(world.folder)
    assert again.table("raw_events").height == 6
    again.refresh()
    assert again.reconciled().facts == 7
    assert len(again.files_on_disk("raw_events")) == 4


def test_a_landing_that_was_killed_after_the_ledger_heals_at_the_next_look(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.drop("clicks_4.csv", lines("dan,view,2025-01-10T15:00:00,/a,"))
    with monkeypatch.context() as patch:
        patch.setattr("event_assets.pipeline.land_files.sync_raw_tables", _killed)
        with pytest.raises(SystemExit):
            world.land()
    again = World(world.folder)
    again.refresh()
    assert again.reconciled().holds
    assert again.reconciled().facts == 7


def test_a_lake_whose_table_was_lost_is_made_again(world: World) -> None:
    import shutil

    expected = world.tables()
    shutil.rmtree(world.workspace.stores["sessions"].folder)
    again = World(world.folder)
    assert {table for table, _ in made(again.refresh())} == {"sessions"}
    assert all(expected[name].equals(frame) for name, frame in again.tables().items())


def test_rows_are_sampled_of_tables_without_users_alone(world: World) -> None:
    samples = {o.table: o.sample for o in world.make(["2025-01-06"], ["daily_summary", "events_by_type"])}
    assert samples["daily_summary"] is None
    assert isinstance(samples["events_by_type"], pl.DataFrame)
    assert samples["events_by_type"]["event_type"].to_list() == ["buy", "view"]


def _killed(*_: object, **__: object) -> None:
    raise SystemExit(137)


def test_a_file_that_is_not_ready_waits_and_the_others_go_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from event_assets.landing.inbox import NotReadyError
    from event_assets.pipeline import pending_files

    identify = pending_files.identify

    def growing(path: Path) -> object:
        if path.name == "clicks_4.csv":
            raise NotReadyError(path.name, "is still being written", "it is taken at the next look")
        return identify(path)

    world.drop("clicks_4.csv", lines("dan,view,2025-01-10T15:00:00,/a,"))
    world.drop("clicks_5.csv", lines("eve,view,2025-01-10T16:00:00,/a,"))
    with monkeypatch.context() as patch:
        patch.setattr(pending_files, "identify", growing)
        found = world.land()
    assert len(found.landed) == 1
    assert "clicks_4.csv: is still being written" in found.warnings[0]
    world.refresh()
    assert world.reconciled().facts == 8


def test_nothing_of_a_run_is_left_in_staging(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.drop("clicks_1.csv", lines("u1,view,2025-01-01T10:00:00,/,1.00", "u1,view,no time,/,1.00"))
    world.refresh()
    assert list((world.workspace.lake.state("clicks") / "staging").iterdir()) == []


@pytest.mark.parametrize("another_process", [False, True], ids=["this process", "the next process"])
@pytest.mark.parametrize("reach", [{}, {"deduplicate": {"days": 30}}])
def test_remembered_digests_are_those_that_would_be_computed(
    tmp_path: Path, reach: dict[str, object], another_process: bool
) -> None:
    gold = {"retention": {}, "daily_summary": {}, "top_users": {"by": None, "n": 3}}
    world = World(tmp_path, clicks(gold=gold, **reach))
    workspace = world.workspace

    def differing() -> list[tuple[str, dt.date | None]]:
        units = [(step, date) for step in workspace.steps for date in candidate_dates(workspace, step)]
        return [(s.name, d) for s, d in units if input_digest(workspace, s, d) != digest_by_rules(workspace, s, d)]

    world.drop("clicks_1.csv", MONDAY)
    world.drop("clicks_2.csv", TUESDAY)
    for name, records in (("clicks_3.csv", FRIDAY), ("late.csv", "ann,view,2025-01-07T23:55:00,/late,")):
        world.drop(name, lines(records))
        if another_process:
            workspace = Workspace(world.dataset, world.settings)
            assert not records.startswith("ann") or any(workspace.digests.of(step) for step in workspace.steps)
        with workspace.writing():
            workspace.refresh()
            assert differing() == []
            land_new_files(workspace, now=lambda: NOW).raise_failures()
            assert differing() == []
            published = 0
            for _ in run(workspace, Request(everything(workspace))):
                assert differing() == []
                published += 1
            assert published
            retract(workspace, named_files(workspace, "clicks_2.csv"), NOW)
            assert differing() == []
            for _ in run(workspace, Request(everything(workspace))):
                assert differing() == []
            restore(workspace, named_files(workspace, "clicks_2.csv"))
            assert differing() == []

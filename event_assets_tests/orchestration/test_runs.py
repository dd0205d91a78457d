"""Runs of a dataset's job: what they make, what they record, and what they leave alone."""

from __future__ import annotations

import html

from event_assets.orchestration.asset_keys import asset_key
from event_assets.pipeline.steps import RECONCILIATION
from event_assets_tests.orchestration.platform import Platform, dates_of
from event_assets_tests.world import lines

THREE_DAYS = lines(*(f"ann,view,2025-01-0{day}T10:00:00,/a,1.00" for day in (5, 6, 8)))
OVERALL = {("top_users_overall", ""), ("funnel_summary", "")}


def test_a_run_without_dates_lands_and_makes_every_table(platform: Platform) -> None:
    platform.drop("clicks_1.csv", THREE_DAYS)
    result = platform.run()
    assert result.success
    units = platform.materialized(result)
    by_date = {table.name for table in platform.workspace.tables.values() if table.by_date and not table.internal}
    assert {table for table, date in units if date} == by_date
    assert {tuple(dates_of(units, table)) for table in by_date} == {
        ("2025-01-05", "2025-01-06", "2025-01-07", "2025-01-08")
    }
    assert units >= OVERALL
    assert platform.reconciled().holds


def test_a_second_run_without_dates_makes_nothing_again(platform: Platform) -> None:
    platform.drop("clicks_1.csv", THREE_DAYS)
    platform.run()
    units = platform.materialized(platform.run())
    landed = {"source_files", "raw_profiles", "raw_events", "landing_rejects"}
    assert {table for table, _ in units} <= {*landed, RECONCILIATION}
    assert dates_of(units, "raw_events") == []


def test_a_late_file_makes_again_only_what_it_can_change(platform: Platform) -> None:
    platform.drop("clicks_1.csv", THREE_DAYS)
    platform.run()
    platform.drop("clicks_2.csv", lines("bob,buy,2025-01-06T12:00:00,/b,2.00"))
    units = platform.materialized(platform.run())
    assert dates_of(units, "raw_events") == ["2025-01-06"]
    assert dates_of(units, "daily_summary") == ["2025-01-06"]
    assert units >= OVERALL


def test_a_range_materializes_each_of_its_dates_and_no_other(platform: Platform) -> None:
    platform.drop("clicks_1.csv", THREE_DAYS)
    platform.run()
    units = platform.materialized(platform.run(dates=("2025-01-06", "2025-01-08")))
    tables = {table.name for table in platform.workspace.tables.values() if table.by_date and not table.internal}
    assert {tuple(dates_of(units, table)) for table in tables} == {("2025-01-06", "2025-01-07", "2025-01-08")}
    assert platform.table("daily_summary").get_column("event_date").to_list() == [
        "2025-01-05",
        "2025-01-06",
        "2025-01-08",
    ]


def test_a_range_lands_what_is_new_and_makes_its_own_dates_of_it(platform: Platform) -> None:
    platform.drop("clicks_1.csv", THREE_DAYS)
    units = platform.materialized(platform.run(dates=("2025-01-05", "2025-01-06")))
    assert dates_of(units, "raw_events") == ["2025-01-05", "2025-01-06", "2025-01-08"]
    assert dates_of(units, "daily_summary") == ["2025-01-05", "2025-01-06"]


def test_one_table_on_one_date_is_made_again_by_hand_though_it_is_fresh(platform: Platform) -> None:
    platform.drop("clicks_1.csv", THREE_DAYS)
    platform.run()
    result = platform.run("daily_summary", dates=("2025-01-06", "2025-01-06"))
    assert platform.materialized(result) == {("daily_summary", "2025-01-06")}


def test_a_backfill_counts_no_raw_events_that_another_tables_run_landed(platform: Platform) -> None:
    # Dagster makes the tables without dates first: their run lands, and would leave a hole in the range otherwise.
    platform.drop("clicks_1.csv", THREE_DAYS)
    definitions = platform.definitions.resolve_job_def("clicks")
    result = definitions.execute_in_process(
        instance=platform.instance,
        asset_selection=[asset_key("clicks", "source_files"), asset_key("clicks", "landing_rejects")],
        tags={"dagster/backfill": "some"},
    )
    assert platform.materialized(result) == {("source_files", ""), ("landing_rejects", "")}
    raw = platform.instance.get_materialized_partitions(asset_key("clicks", "raw_events"))
    assert raw == {"2025-01-05", "2025-01-06", "2025-01-08"}


def test_what_was_refused_is_counted_by_file_and_reason_with_its_first_rows(platform: Platform) -> None:
    platform.drop("clicks_1.csv", lines("ann,view,2025-01-05T10:00:00,/a,-1", "ann", "bob", "ann,view,soon,/a,1"))
    platform.run()
    shown = {}
    for table in ("landing_rejects", "quarantine"):
        event = platform.instance.get_latest_materialization_event(asset_key("clicks", table))
        assert event is not None
        assert event.asset_materialization is not None
        text = html.unescape(str(event.asset_materialization.metadata["rejects by file"].value))
        shown[table] = [[cell.strip() for cell in line.strip("| ").split("|")] for line in text.splitlines()[2:]]
    assert shown == {
        "landing_rejects": [
            ["clicks_1.csv", "malformed_record", "2", "2, 3"],
            ["clicks_1.csv", "invalid_timestamp", "1", "4"],
        ],
        "quarantine": [["clicks_1.csv", "invalid_price", "1", "1"]],
    }


def test_a_materialization_tells_rows_figures_folder_and_a_preview(platform: Platform) -> None:
    platform.drop("clicks_1.csv", lines("ann,view,2025-01-05T10:00:00,/a,1.00", "ann,view,2025-01-05T10:00:00,/a,1.00"))
    platform.run()
    event = platform.instance.get_latest_materialization_event(asset_key("clicks", "cleaned_events"))
    assert event is not None
    assert event.asset_materialization is not None
    metadata = {name: value.value for name, value in event.asset_materialization.metadata.items()}
    assert metadata["dagster/partition_row_count"] == 1
    assert (metadata["raw"], metadata["duplicates"], metadata["quarantined"], metadata["cleaned"]) == (2, 1, 0, 1)
    assert metadata["folder"].endswith("clicks/cleaned_events/event_date=2025-01-05")
    assert "preview" not in metadata  # its rows tell of single users
    event = platform.instance.get_latest_materialization_event(asset_key("clicks", "events_by_type"))
    assert event is not None
    assert event.asset_materialization is not None
    assert "view" in str(event.asset_materialization.metadata["preview"].value)

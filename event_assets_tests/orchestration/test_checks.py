"""What Dagster shows of checks: one result for each partition, on what is materialized there."""

from __future__ import annotations

import dagster as dg
import narwhals as nw
import pytest

from event_assets.orchestration.asset_specs import check_specs
from event_assets_tests.orchestration.platform import Platform, break_table, failure
from event_assets_tests.world import lines

KINDS = {5: "view", 6: "view", 7: "view", 8: "buy"}
FOUR_DAYS = lines(*(f"ann,{kind},2025-01-0{day}T10:00:00,/a,1.00" for day, kind in KINDS.items()))
DAILY = dg.DailyPartitionsDefinition("2024-01-01")
DATES = ["2025-01-05", "2025-01-06", "2025-01-07", "2025-01-08"]


def negative_price(frame: nw.LazyFrame) -> nw.LazyFrame:
    return frame.with_columns(price=(nw.col("price") * -1).cast(nw.Decimal(10, 2)))


def test_every_check_of_every_partition_has_its_result(platform: Platform) -> None:
    platform.drop("clicks_1.csv", FOUR_DAYS)
    platform.run()
    for spec in check_specs(platform.dataset, DAILY):
        partitions = DATES if spec.partitions_def else [None]
        found = platform.checked(spec.asset_key.path[-1], spec.name)
        assert found == dict.fromkeys(partitions, "SUCCEEDED"), spec.key


def test_a_range_leaves_no_check_planned(platform: Platform) -> None:
    platform.drop("clicks_1.csv", FOUR_DAYS)
    platform.run(dates=("2025-01-05", "2025-01-08"))
    for spec in check_specs(platform.dataset, DAILY):
        assert set(platform.checked(spec.asset_key.path[-1], spec.name).values()) == {"SUCCEEDED"}, spec.key


def test_a_check_of_a_partition_that_was_made_again_is_not_outdated(platform: Platform) -> None:
    platform.drop("clicks_1.csv", FOUR_DAYS)
    platform.run()
    platform.run("cleaned_events", "quarantine", dates=("2025-01-06", "2025-01-06"))
    assert platform.checked("cleaned_events", "contract") == dict.fromkeys(DATES, "SUCCEEDED")


def test_a_broken_partition_fails_its_check_and_the_run_and_is_not_materialized(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_table(monkeypatch, "cleaned_events", "2025-01-07", negative_price)
    platform.drop("clicks_1.csv", FOUR_DAYS)
    result = platform.run()
    assert not result.success
    assert failure(result) == (
        "clicks/cleaned_events 2025-01-07: was not published (the previous version is kept): price greater than "
        "or equal to(0): 1 rows (rows 0); fix the rule or the source and materialize it again"
    )
    assert platform.checked("cleaned_events", "contract") == {
        "2025-01-05": "SUCCEEDED",
        "2025-01-06": "SUCCEEDED",
        "2025-01-07": "FAILED",
        "2025-01-08": "SUCCEEDED",
    }
    units = platform.materialized(result)
    assert ("cleaned_events", "2025-01-07") not in units
    assert {("cleaned_events", "2025-01-06"), ("cleaned_events", "2025-01-08")} <= units
    assert ("daily_summary", "2025-01-06") in units
    assert ("top_users_overall", "") not in units


def test_the_failure_shows_beside_what_stays_published(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    platform.drop("clicks_1.csv", FOUR_DAYS)
    platform.run()
    with monkeypatch.context() as broken:
        break_table(broken, "cleaned_events", "2025-01-07", negative_price)
        platform.run("cleaned_events", "quarantine", dates=("2025-01-07", "2025-01-07"))
    assert platform.checked("cleaned_events", "contract") == dict.fromkeys(DATES, "SUCCEEDED") | {
        "2025-01-07": "FAILED"
    }
    assert platform.table("cleaned_events").filter(event_date="2025-01-07").height == 1


def test_a_check_that_only_watches_quality_warns_and_holds_nothing_up(platform: Platform) -> None:
    platform.drop("clicks_1.csv", lines(",view,2025-01-05T10:00:00,/a,1.00", "ann,view,2025-01-05T11:00:00,/a,1.00"))
    result = platform.run()
    assert result.success
    assert platform.checked("quarantine", "rejects") == {"2025-01-05": "FAILED"}
    assert ("daily_summary", "2025-01-05") in platform.materialized(result)


def test_a_check_that_fails_says_what_it_found_and_what_to_do(platform: Platform) -> None:
    platform.drop("clicks_1.csv", lines(",view,2025-01-05T10:00:00,/a,1.00", "ann,view,2025-01-05T11:00:00,/a,1.00"))
    result = platform.run()
    evaluations = {(e.asset_key.path[-1], e.check_name): e for e in stored_evaluations(platform, result)}
    rejects = evaluations["quarantine", "rejects"]
    assert rejects.description == (
        "1 of 2 records are quarantined. What to do: see the reasons in the materialization, fix the rule, then "
        "event-assets quarantine clicks --replay"
    )
    assert {name: entry.value for name, entry in rejects.metadata.items()} == {
        "quarantined": 1,
        "records": 2,
        "quarantined share": 0.5,
    }
    assert evaluations["cleaned_events", "volume"].description == (
        "1 events, no usual Sunday in the last 8 weeks to compare with"
    )


def test_every_result_is_of_a_check_that_is_declared_and_every_check_says_what_to_do(platform: Platform) -> None:
    platform.drop("clicks_1.csv", FOUR_DAYS)
    found = {e.asset_check_key for e in stored_evaluations(platform, platform.run())}
    declared = {spec.key: spec.description or "" for spec in check_specs(platform.dataset, DAILY)}
    assert found == set(declared)
    assert [key for key, description in declared.items() if " If it fails: " not in description] == []


def stored_evaluations(platform: Platform, result: dg.ExecuteInProcessResult) -> list[dg.AssetCheckEvaluation]:
    """What the checks of a run found, by what Dagster stored of it."""
    stored = platform.instance.all_logs(result.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    return [entry.get_dagster_event().asset_check_evaluation_data for entry in stored]

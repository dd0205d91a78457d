"""In Dagster: a date that lacks files is red, and the run that holds it back is green."""

from __future__ import annotations

import dagster as dg

from event_assets.orchestration.asset_keys import asset_key
from event_assets_tests.orchestration.platform import Platform
from event_assets_tests.world import clicks, lines


def test_an_incomplete_date_is_an_error_of_its_check_and_the_run_succeeds(platform: Platform) -> None:
    platform.use(clicks(expect={"count": 2, "hold": True, "due": "02:00"}))
    platform.drop("clicks_2025-01-06_a.csv", lines("ann,view,2025-01-06T10:00:00,/a,1"))
    result = platform.run()
    assert result.success
    [found] = [e for e in result.get_asset_check_evaluations() if e.check_name == "complete"] or stored(
        platform, result
    )
    assert (found.asset_key, found.passed, found.severity) == (
        asset_key("clicks", "completeness"),
        False,
        dg.AssetCheckSeverity.ERROR,
    )
    assert found.description is not None
    assert found.description.startswith("2025-01-06: 1 of 2 files (due since 2025-01-07 02:00 UTC). What to do: ")
    assert platform.table("daily_summary").is_empty()
    assert platform.table("joined_facts").height == 1


def stored(platform: Platform, result: dg.ExecuteInProcessResult) -> list[dg.AssetCheckEvaluation]:
    logs = platform.instance.all_logs(result.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    found = [entry.get_dagster_event().asset_check_evaluation_data for entry in logs]
    return [evaluation for evaluation in found if evaluation.check_name == "complete"]

"""In Dagster: the table `lateness` is published at the end of a run, after the tables that it compares."""

from __future__ import annotations

import dagster as dg

from event_assets.orchestration.asset_keys import asset_key
from event_assets_tests.orchestration.platform import Platform
from event_assets_tests.world import clicks, lines


def test_a_run_publishes_lateness_and_checks_its_contract(platform: Platform) -> None:
    platform.use(clicks(gold={"events_by_type": {}, "lateness": {}}))
    platform.drop("clicks_1.csv", lines("ann,view,2025-01-06T10:00:00,/a,1", "ann,view,2025-01-07T10:00:00,/a,1"))
    result = platform.run()
    assert result.success
    assert ("lateness", "") in platform.materialized(result)
    assert platform.table("lateness").select("records", "sessions_changed").rows() == [(1, 1), (1, 1)]
    logs = platform.instance.all_logs(result.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    found = [entry.get_dagster_event().asset_check_evaluation_data for entry in logs]
    assert [(e.check_name, e.passed) for e in found if e.asset_key == asset_key("clicks", "lateness")] == [
        ("contract", True)
    ]

"""A plan of a lake in an object store, from a machine that never saw it."""

from __future__ import annotations

from pathlib import Path

from event_assets.path_or_url import ObjectUrl
from event_assets.pipeline.planned_difference import planned_difference
from event_assets.storage.object_store import Objects
from event_assets_tests.object_stores.world import ObjectWorld
from event_assets_tests.world import NOW, clicks, lines


def test_a_plan_from_another_machine_names_changed_keys_and_rows_and_touches_no_object(
    bucket: ObjectUrl, tmp_path: Path
) -> None:
    world = ObjectWorld(tmp_path / "here", bucket)
    world.drop("clicks_1.csv", lines("ann,view,2025-01-06T10:00:00Z,/a,", "ann,buy,2025-01-06T10:25:00Z,/a,"))
    world.refresh()
    world.publish_reconciliation()
    there = ObjectWorld(tmp_path / "there", bucket, clicks(sessions={"gap": "20m", "column": "page"}))
    there.drop("clicks_2.csv", lines("bob,view,2025-01-07T10:00:00Z,/a,"))
    before = {(found.key, found.version) for found in Objects(bucket).all()}
    planned = planned_difference(there.workspace, now=lambda: NOW)
    assert {(found.key, found.version) for found in Objects(bucket).all()} == before
    assert [str(change) for change in planned.plan.changes] == ["sessions.gap: 30m → 20m"]
    tables = planned.as_json()["tables"]
    assert tables["sessions"] == {
        "2025-01-06": {"added": 1, "removed": 0, "changed": 1},
        "2025-01-07": {"added": 1, "removed": 0, "changed": 0},
    }
    there.refresh()
    assert there.table("sessions").height == 3

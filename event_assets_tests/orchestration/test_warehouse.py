"""The warehouse in Dagster: every run keeps its file current, and the asset makes and shows it."""

from __future__ import annotations

import dagster as dg
import duckdb

from event_assets.orchestration import warehouse_asset as warehouse
from event_assets_tests.orchestration.platform import Platform
from event_assets_tests.world import lines

EVENTS = lines("ann,view,2025-01-06T10:00:00,/a,1.50")


def test_a_run_adds_its_tables_to_the_file_and_says_so_once(platform: Platform) -> None:
    platform.drop("clicks_1.csv", EVENTS)
    assert platform.run().success
    with duckdb.connect(str(platform.settings.warehouse), read_only=True) as connection:
        assert connection.sql("SELECT sum(price) FROM clicks.joined_facts").fetchall() == [(1.5,)]
    assert platform.run().success
    records = platform.instance.fetch_materializations(warehouse.KEY, limit=10).records
    assert len(records) == 1


def test_a_file_that_cant_be_written_fails_no_run(platform: Platform) -> None:
    platform.settings.warehouse.write_text("somebody else's")
    platform.drop("clicks_1.csv", EVENTS)
    assert platform.run().success
    assert platform.settings.warehouse.read_text() == "somebody else's"


def test_the_asset_makes_the_file_and_lists_its_views(platform: Platform) -> None:
    resource = {"warehouse": warehouse.warehouse_resource(platform.settings)}
    definitions = dg.Definitions.merge(
        warehouse.warehouse_definitions({"clicks": platform.dataset}), dg.Definitions(resources=resource)
    )
    result = definitions.resolve_implicit_global_asset_job_def().execute_in_process(
        asset_selection=[warehouse.KEY], instance=platform.instance
    )
    [made] = [event.materialization for event in result.all_events if event.is_step_materialization]
    assert made.metadata["file"] == dg.MetadataValue.path(str(platform.settings.warehouse))
    assert "| `clicks.sessions` |" in str(made.metadata["tables"].value)

"""Datasets with settings of their own in one code location, and datasets of several code locations in one lake."""

from __future__ import annotations

import json
from pathlib import Path

import dagster as dg
import duckdb
import polars as pl
from typer.testing import CliRunner

from event_assets.cli.main import application
from event_assets.orchestration.asset_keys import ONLY_STALE_TAG, asset_key
from event_assets.orchestration.dataset_definitions import dataset_definitions
from event_assets.orchestration.io_manager import LakeIOManager
from event_assets_tests.orchestration.test_sensors import settle
from event_assets_tests.orchestration.test_starting import QUIET
from event_assets_tests.world import World, clicks, lines

ANN = lines("ann,view,2025-01-05T10:00:00,/a,1.00")
BOB = lines("bob,view,2025-01-05T10:00:00,/a,1.00", "bob,view,2025-01-05T10:01:00,/a,1.00")


def run_job(definitions: dg.Definitions, name: str, instance: dg.DagsterInstance) -> None:
    job = definitions.get_repository_def().get_job(name)
    assert job.execute_in_process(instance=instance, tags={ONLY_STALE_TAG: "true"}, run_config=QUIET).success


def test_two_lakes_in_one_code_location(tmp_path: Path) -> None:
    east, west = World(tmp_path / "east", clicks(name="east")), World(tmp_path / "west", clicks(name="west"))
    east.drop("clicks_1.csv", ANN)
    west.drop("clicks_1.csv", BOB)

    @dg.asset(
        key=["west", "both"],
        ins={name: dg.AssetIn(asset_key(name, "daily_summary")) for name in ("east", "west")},
        partitions_def=dg.DailyPartitionsDefinition("2025-01-01"),
        io_manager_key="west_lake",
    )
    def both(east: pl.DataFrame, west: pl.DataFrame) -> pl.DataFrame:
        return pl.concat([east, west]).select("user_id", "event_count")

    definitions = dg.Definitions.merge(
        dataset_definitions(east.dataset, east.settings),
        dataset_definitions(west.dataset, west.settings),
        dg.Definitions(
            assets=[both],
            resources={"west_lake": LakeIOManager(lake=str(west.settings.lake))},
            executor=dg.in_process_executor,
        ),
    )
    with dg.DagsterInstance.ephemeral() as instance:
        for name in ("east", "west"):
            run_job(definitions, name, instance)
        own = (
            definitions.get_repository_def().get_implicit_global_asset_job_def().get_subset(asset_selection={both.key})
        )
        assert own.execute_in_process(instance=instance, partition_key="2025-01-05", run_config=QUIET).success
    assert east.table("daily_summary")["user_id"].to_list() == ["ann"]
    assert west.table("daily_summary")["user_id"].to_list() == ["bob"]
    files = west.settings.lake / "west" / "both" / "event_date=*" / "*.parquet"
    stored = pl.read_parquet(files, hive_partitioning=False)
    assert stored.rows() == [("ann", 1), ("bob", 2)]
    assert {path.name for path in (tmp_path / "east" / "lake").iterdir()} == {"east"}


def test_a_sensor_looks_where_the_settings_of_its_definitions_say(tmp_path: Path) -> None:
    world = World(tmp_path / "elsewhere")
    definitions = dataset_definitions(world.dataset, world.settings)
    sensor = definitions.get_repository_def().get_sensor_def("clicks_new_files")

    def tick() -> tuple[int, str]:
        with dg.DagsterInstance.ephemeral() as instance:
            found = sensor.evaluate_tick(dg.build_sensor_context(instance=instance, definitions=definitions))
        return len(found.run_requests or []), str(found.skip_message)

    settle(_drop(tmp_path / "inbox" / "clicks", ANN))  # the inbox of the environment
    requests, skipped = tick()
    assert requests == 0
    assert str(tmp_path / "elsewhere" / "inbox" / "clicks") in skipped
    settle(world.drop("clicks_1.csv", ANN))
    assert tick()[0] == 1


def _drop(folder: Path, content: str) -> Path:
    folder.mkdir(parents=True)
    path = folder / "clicks_1.csv"
    path.write_text(content)
    return path


def test_the_warehouse_and_queries_see_the_datasets_of_every_code_location_of_a_lake(tmp_path: Path) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        for name, content in (("east", ANN), ("west", BOB)):  # each location knows its own dataset alone
            world = World(tmp_path, clicks(name=name))
            world.drop("clicks_1.csv", content)
            alone = dg.Definitions(executor=dg.in_process_executor)
            run_job(dg.Definitions.merge(dataset_definitions(world.dataset), alone), name, instance)
    sql = "SELECT user_id FROM east.daily_summary UNION ALL SELECT user_id FROM west.daily_summary ORDER BY 1"
    told = CliRunner().invoke(application(), ["query", sql, "--json"])
    assert json.loads(told.stdout) == [{"user_id": "ann"}, {"user_id": "bob"}]
    with duckdb.connect(str(world.settings.warehouse), read_only=True) as connection:
        assert connection.sql(sql).fetchall() == [("ann",), ("bob",)]

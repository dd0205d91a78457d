"""The small world of `event_assets_tests.world`, run by Dagster in this process."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from pathlib import Path

import dagster as dg
import pytest

from event_assets.declaration import Dataset
from event_assets.orchestration.asset_keys import ONLY_STALE_TAG, asset_key
from event_assets.orchestration.dataset_definitions import dataset_definitions
from event_assets.pipeline.steps import steps
from event_assets_tests.world import Break, World, wrong_on

RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


class Platform(World):
    """One dataset, its inbox and lake, and the Dagster instance that makes its tables."""

    def __init__(self, folder: Path, dataset: Dataset | None = None) -> None:
        super().__init__(folder, dataset)
        self.instance = dg.DagsterInstance.ephemeral()

    @property
    def definitions(self) -> dg.Definitions:
        return dg.Definitions.merge(dataset_definitions(self.dataset), dg.Definitions(executor=dg.in_process_executor))

    def run(
        self, *tables: str, dates: tuple[str, str] | None = None, tags: dict[str, str] | None = None
    ) -> dg.ExecuteInProcessResult:
        """Run the dataset's job, for some tables (all where none are named), for a range or for what is stale."""
        asked = {RANGE_START: dates[0], RANGE_END: dates[1]} if dates else {ONLY_STALE_TAG: "true"}
        return self.definitions.resolve_job_def(self.dataset.name).execute_in_process(
            instance=self.instance,
            tags=asked | (tags or {}),
            asset_selection=[asset_key(self.dataset.name, table) for table in tables] or None,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            raise_on_error=False,
        )

    def materialized(self, result: dg.ExecuteInProcessResult) -> set[tuple[str, str]]:
        """What a run materialized of the dataset by what Dagster stored of it, as (table, partition)."""
        stored = self.instance.all_logs(result.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
        events = [entry.get_dagster_event() for entry in stored]
        keys = [(event.asset_key, event.partition or "") for event in events if event.asset_key]
        return {(key.path[-1], partition) for key, partition in keys if key.path[0] == self.dataset.name}

    def checked(self, table: str, check: str) -> dict[str | None, str]:
        """What Dagster shows of a check: its status by partition, `outdated` where it judged something else."""
        key = dg.AssetCheckKey(asset_key(self.dataset.name, table), check)
        found = self.instance.event_log_storage.get_asset_check_partition_info([key])
        return {
            info.partition_key: info.latest_execution_status.value if info.is_current else "outdated" for info in found
        }

    def tick(self, sensor: str) -> list[dg.RunRequest] | str:
        """What a sensor does when it looks now: its run requests, or why there are none."""
        definition = self.definitions.get_repository_def().get_sensor_def(sensor)
        with dg.build_sensor_context(instance=self.instance, definitions=self.definitions) as context:
            found = definition.evaluate_tick(context)
        return list(found.run_requests or []) or str(found.skip_message)

    def obey(self, request: dg.RunRequest) -> dg.ExecuteInProcessResult:
        """Run what a sensor asked for, with its tags, as the daemon would."""
        return self.run(tags=dict(request.tags))


def failure(result: dg.ExecuteInProcessResult) -> str:
    """The line that a failed run shows."""
    [event] = [event for event in result.all_events if event.is_step_failure]
    return str(event.step_failure_data.user_failure_data.description)


def break_table(monkeypatch: pytest.MonkeyPatch, table: str, date: str, how: Break) -> None:
    """Let the step that makes a table make it wrong on one date."""

    def broken(dataset: Dataset) -> tuple:
        return tuple(
            dataclasses.replace(step, transform=wrong_on(date, table, step.transform, how))
            if table in step.tables
            else step
            for step in steps(dataset)
        )

    monkeypatch.setattr("event_assets.pipeline.workspace.steps", broken)


def dates_of(units: Collection[tuple[str, str]], table: str) -> list[str]:
    """The dates of one table among (table, date)."""
    return sorted(date for name, date in units if name == table)

"""The job that deletes expired dates of a dataset by its retention limits, and the job's schedule."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from event_assets.declaration import Dataset
from event_assets.declaration.limits import Retention
from event_assets.errors import EventAssetsError
from event_assets.orchestration.asset_keys import asset_key
from event_assets.orchestration.private.one_line_failure import OneLineFailure
from event_assets.pipeline.retention import expire
from event_assets.pipeline.workspace import Workspace
from event_assets.settings import Settings, load_settings


def retention_schedule(dataset: Dataset, settings: Settings | None = None) -> Iterator[dg.ScheduleDefinition]:
    """The schedule of a dataset that declares `retention`; none of one that doesn't. Off until it is turned on.

    A table over all dates that read a deleted date is stale afterwards: the next run materializes it.
    """
    if dataset.retention == Retention():
        return

    @dg.op(name=f"{dataset.name}_delete_expired_dates", pool=dataset.name)
    def delete_expired_dates(context: dg.OpExecutionContext) -> None:
        workspace = Workspace(dataset, settings or load_settings())
        try:
            with workspace.writing():
                workspace.refresh()
                expired = expire(workspace)
        except EventAssetsError as error:
            raise OneLineFailure(str(error)) from None
        for one in expired:
            context.log.info(f"{one.table}: {len(one.dates)} dates before {one.before} deleted, {one.rows} rows")
            figures: dict[str, Any] = {
                "dates deleted": len(one.dates),
                "rows deleted": one.rows,
                "first date kept": str(one.before),
            }
            context.log_event(dg.AssetObservation(asset_key(dataset.name, one.table), metadata=figures))
        if not expired:
            context.log.info("no date is older than the retention limits")

    @dg.job(
        name=f"{dataset.name}_retention",
        description=f"Permanently drops the dates of {dataset.name} that are older than its declaration's `retention`.",
    )
    def retention() -> None:
        delete_expired_dates()

    yield dg.ScheduleDefinition(
        name=f"{dataset.name}_retention",
        job=retention,
        cron_schedule="0 2 * * *",
        execution_timezone=dataset.timezone,
        description=f"Each night: drops the dates of {dataset.name} that are older than its declaration keeps them.",
        default_status=dg.DefaultScheduleStatus.STOPPED,
    )

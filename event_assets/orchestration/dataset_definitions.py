"""The Dagster definitions of one dataset: assets, checks, job, sensor, and the schedule of its retention."""

from __future__ import annotations

import dagster as dg

from event_assets.declaration import Dataset
from event_assets.orchestration.assets import dataset_assets
from event_assets.orchestration.dataset_run_resource import settings_of
from event_assets.orchestration.retention_job import retention_schedule
from event_assets.orchestration.sensors import dataset_sensor
from event_assets.orchestration.up_to_date_check import up_to_date_check
from event_assets.pipeline.progress_listener import NullProgress
from event_assets.settings import Settings


def dataset_definitions(
    dataset: Dataset, settings: Settings | None = None, progress: NullProgress | None = None
) -> dg.Definitions:
    """The definitions of one dataset; without settings, those of the environment at the time of a run."""
    assets = dataset_assets(dataset, settings, progress)
    # By keys: in the dataset's group there may be assets of users, with other partitions.
    # Its runs evaluate all checks of what they make. Were they selected as well, Dagster would plan a result of each
    # for the run's partitions, and one that has other partitions, or none, would stay planned for ever.
    job = dg.define_asset_job(
        dataset.name,
        selection=dg.AssetSelection.assets(*assets.keys).without_checks(),
        description=f"Lands what is new in the inbox of {dataset.name} and materializes its tables.",
    )
    return dg.Definitions(
        assets=[assets],
        jobs=[job],
        asset_checks=[up_to_date_check(dataset, settings)],
        schedules=list(retention_schedule(dataset, settings)),
        sensors=[dataset_sensor(dataset, job.name, settings_of(settings))],
    )

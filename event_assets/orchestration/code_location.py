"""All datasets that there are, and what they share."""

from __future__ import annotations

import dagster as dg

from event_assets.declaration import load_datasets
from event_assets.orchestration.dataset_definitions import dataset_definitions
from event_assets.orchestration.io_manager import LakeIOManager
from event_assets.orchestration.warehouse_asset import warehouse_definitions
from event_assets.settings import load_settings


def location_definitions() -> dg.Definitions:
    """The definitions of the whole code location."""
    datasets = load_datasets(load_settings().datasets)
    for error in datasets.failures.values():
        dg.get_dagster_logger("event_assets").error(f"{error} (the other datasets load)")
    return dg.Definitions.merge(
        *(dataset_definitions(dataset) for dataset in datasets.values()),
        warehouse_definitions(datasets),
        dg.Definitions(resources={"io_manager": LakeIOManager()}, executor=dg.in_process_executor),
    )

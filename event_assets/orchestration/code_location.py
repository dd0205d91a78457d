"""Builds the definitions of the code location: those of all datasets, and the resources and jobs that they share."""

from __future__ import annotations

import logging

import dagster as dg

from event_assets.errors import DeclarationError
from event_assets.orchestration.asset_keys import asset_key
from event_assets.orchestration.dataset_definitions import dataset_definitions
from event_assets.orchestration.io_manager import LakeIOManager
from event_assets.orchestration.line_logger import line_logger
from event_assets.orchestration.warehouse_asset import warehouse_definitions, warehouse_resource
from event_assets.settings import load_settings
from event_assets.tables.catalog import load_datasets

_LOG = logging.getLogger("dagster")


def location_definitions() -> dg.Definitions:
    """The definitions of the whole code location."""
    datasets = load_datasets(load_settings().datasets)
    for error in datasets.failures.values():
        _LOG.error(str(error))
    return dg.Definitions.merge(
        *(dataset_definitions(dataset) for dataset in datasets.values()),
        dg.Definitions(assets=[_not_loaded(name, error) for name, error in datasets.failures.items()]),
        warehouse_definitions(datasets),
        shared_definitions(),
    )


def shared_definitions() -> dg.Definitions:
    """What the jobs of all datasets share: a run by command that has the same is a run of the same job."""
    return dg.Definitions(
        resources={"io_manager": LakeIOManager(), "warehouse": warehouse_resource(load_settings())},
        executor=dg.in_process_executor,
        loggers={"lines": line_logger},
    )


def _not_loaded(name: str, error: DeclarationError) -> dg.AssetSpec:
    """What the UI shows in place of a dataset whose declaration is wrong; the others load and run."""
    return dg.AssetSpec(
        asset_key(name, "declaration"), group_name=name, kinds={"yaml"}, description=f"Not loaded: {error}"
    )

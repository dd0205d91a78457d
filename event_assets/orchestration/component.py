"""The component `event_assets.EventDataset`: one `defs.yaml` becomes a dataset's definitions."""

from __future__ import annotations

from typing import Any

import dagster as dg

from event_assets.declaration import Dataset, parse_dataset
from event_assets.orchestration.component_schema import DatasetAttributes
from event_assets.orchestration.dataset_definitions import dataset_definitions
from event_assets.orchestration.partition_dates import partitions
from event_assets.orchestration.scaffold import EventDatasetScaffolder
from event_assets.settings import load_settings


@dg.scaffold_with(EventDatasetScaffolder)
class EventDataset(dg.Component, dg.Resolvable):
    """A stream of events with its profiles and rules, from landing to gold tables.

    Values may be templates, such as `{{ env.INBOX_PATTERN }}`; `post_processing` sets what Dagster knows of assets:
    automation conditions, freshness policies, tags, owners.
    """

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset

    @property
    def partitions(self) -> dg.DailyPartitionsDefinition:
        """The dates of its tables. Dagster runs assets together, for one selection of dates, only if they share it."""
        return partitions(self.dataset, load_settings())

    @classmethod
    def get_spec(cls) -> dg.ComponentTypeSpec:
        return dg.ComponentTypeSpec(owners=[], tags=["events", "parquet"])

    @classmethod
    def model(cls) -> type[DatasetAttributes]:
        return DatasetAttributes

    @classmethod
    def load(cls, attributes: Any, context: dg.ComponentLoadContext) -> EventDataset:
        if isinstance(attributes, Dataset):
            return cls(attributes)
        values = attributes.root if isinstance(attributes, DatasetAttributes) else attributes
        rendered = context.resolution_context.at_path("attributes").resolve_value(values)
        return cls(parse_dataset(rendered, str(context.path / "defs.yaml")))

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        return dataset_definitions(self.dataset)

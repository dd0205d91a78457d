"""The component `event_assets.EventDataset`: one `defs.yaml` becomes a dataset's definitions."""

from __future__ import annotations

from typing import Any

import dagster as dg

from event_assets.declaration import Dataset, parse_dataset
from event_assets.orchestration.dataset_definitions import dataset_definitions


class EventDataset(dg.Component):
    """A stream of events with its profiles and rules, from landing to gold tables."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset

    @classmethod
    def get_model_cls(cls) -> Any:
        return Dataset

    @classmethod
    def load(cls, attributes: Any, context: dg.ComponentLoadContext) -> EventDataset:
        if isinstance(attributes, Dataset):
            return cls(attributes)
        return cls(parse_dataset(attributes, str(context.path / "defs.yaml")))

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        return dataset_definitions(self.dataset)

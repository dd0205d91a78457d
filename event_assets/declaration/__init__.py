"""What a dataset declares: the models of one `defs.yaml`, and how it is read from disk.

Here lives the meaning of every key. No Dagster, no frames, no paths of the lake: the component in
`orchestration/` wraps this model, tables and transforms are built from it.
"""

from event_assets.declaration.base import Declared
from event_assets.declaration.channels import Channels
from event_assets.declaration.column import RESERVED_COLUMNS, Column
from event_assets.declaration.dataset import Dataset
from event_assets.declaration.events_and_profiles import CsvDialect, Events, Source
from event_assets.declaration.gold import Funnel, FunnelStep
from event_assets.declaration.load import COMPONENT_TYPE, SHIPPED, load_dataset, load_datasets, parse_dataset
from event_assets.declaration.sessions_and_identity import Identity, Traffic

__all__ = [
    "COMPONENT_TYPE",
    "RESERVED_COLUMNS",
    "SHIPPED",
    "Channels",
    "Column",
    "CsvDialect",
    "Dataset",
    "Declared",
    "Events",
    "Funnel",
    "FunnelStep",
    "Identity",
    "Source",
    "Traffic",
    "load_dataset",
    "load_datasets",
    "parse_dataset",
]

"""What a dataset declares: the models of one `defs.yaml`, and how it is read from disk.

Here lives the meaning of every key. No Dagster, no frames, no paths of the lake: the component in
`defs/` wraps this model, contracts and transforms are built from it.
"""

from event_assets.dataset.column import RESERVED_COLUMNS, Column
from event_assets.dataset.dataset import Dataset
from event_assets.dataset.declared import Declared
from event_assets.dataset.digests import digest
from event_assets.dataset.load import COMPONENT_TYPE, SHIPPED, load_dataset, load_datasets, parse_dataset
from event_assets.dataset.parts import (
    CsvDialect,
    Deduplicate,
    Events,
    Funnel,
    Gold,
    Nothing,
    Profiles,
    Quality,
    Sessions,
    Source,
    Time,
    TopUsers,
    WatchTime,
)

__all__ = [
    "COMPONENT_TYPE",
    "RESERVED_COLUMNS",
    "SHIPPED",
    "Column",
    "CsvDialect",
    "Dataset",
    "Declared",
    "Deduplicate",
    "Events",
    "Funnel",
    "Gold",
    "Nothing",
    "Profiles",
    "Quality",
    "Sessions",
    "Source",
    "Time",
    "TopUsers",
    "WatchTime",
    "digest",
    "load_dataset",
    "load_datasets",
    "parse_dataset",
]

"""What a dataset declares: the models of one `defs.yaml`, and how it is read from disk.

Here lives the meaning of every key. No Dagster, no frames, no paths of the lake: the component in
`orchestration/` wraps this model, tables and transforms are built from it.
"""

from event_assets.declaration.base import Declared
from event_assets.declaration.channels import Channels
from event_assets.declaration.column import RESERVED_COLUMNS, Column, Numbers
from event_assets.declaration.dataset import Dataset
from event_assets.declaration.events_and_profiles import CsvDialect, Events, Log, Profiles, Source, Time
from event_assets.declaration.expected_files import Expect
from event_assets.declaration.gold import Funnel, FunnelStep, Gold, Nothing, TopUsers, WatchTime
from event_assets.declaration.limits import Quality
from event_assets.declaration.load import (
    COMPONENT_TYPE,
    SHIPPED,
    Datasets,
    load_dataset,
    load_datasets,
    parse_dataset,
    read_yaml,
)
from event_assets.declaration.sessions_and_identity import Deduplicate, Identity, Sessions, Traffic
from event_assets.digest import digest

__all__ = [
    "COMPONENT_TYPE",
    "RESERVED_COLUMNS",
    "SHIPPED",
    "Channels",
    "Column",
    "CsvDialect",
    "Dataset",
    "Datasets",
    "Declared",
    "Deduplicate",
    "Events",
    "Expect",
    "Funnel",
    "FunnelStep",
    "Gold",
    "Identity",
    "Log",
    "Nothing",
    "Numbers",
    "Profiles",
    "Quality",
    "Sessions",
    "Source",
    "Time",
    "TopUsers",
    "Traffic",
    "WatchTime",
    "digest",
    "load_dataset",
    "load_datasets",
    "parse_dataset",
    "read_yaml",
]

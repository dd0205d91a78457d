"""Stores each dataset's current declaration in the lake, and lists the datasets that have one there, for queries."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from pathlib import Path

from event_assets.declaration import Dataset, parse_dataset
from event_assets.errors import DeclarationError
from event_assets.settings import Settings
from event_assets.storage.atomic_write import atomic_write
from event_assets.storage.damaged_files import STATE
from event_assets.storage.lake import Lake

_NAME = "declaration.json"


def remember(dataset: Dataset, lake: Lake) -> None:
    """Keep the declaration beside the dataset's tables. The caller is the dataset's one writer."""
    path = lake.state(dataset.name) / _NAME
    text = json.dumps(dataset.model_dump(by_alias=True), default=_plain).encode()
    if not path.exists() or path.read_bytes() != text:
        with atomic_write(path) as file:
            file.write(text)


def known_datasets(declared: Mapping[str, Dataset], settings: Settings) -> dict[str, Dataset]:
    """The declared datasets, and those whose runs left their declaration in a lake on a disk.

    Left out is one that this process can't understand: a table of the user's own that it can't import, or an older
    declaration.
    """
    found = dict(declared)
    paths = sorted(settings.lake.glob(f"*/{STATE}/{_NAME}")) if isinstance(settings.lake, Path) else []
    for path in paths:
        name = path.parent.parent.name
        if name not in found:
            try:
                found[name] = parse_dataset(json.loads(path.read_bytes()), str(path))
            except (DeclarationError, OSError, ValueError):
                continue
    return found


def _plain(value: object) -> str:
    return f"{value.total_seconds():.0f}s" if isinstance(value, dt.timedelta) else str(value)

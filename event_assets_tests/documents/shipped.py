"""The datasets that ship, each on a tiny inbox and lake of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from event_assets.declaration import SHIPPED, Dataset, load_datasets, parse_dataset
from event_assets_tests.world import World

Files = Mapping[str, str | bytes]


def declared(name: str, changes: Mapping[str, object] | None = None) -> Dataset:
    """A shipped declaration, with some of its keys (`mode`, `profiles.encoding`) changed."""
    if not changes:
        return load_datasets()[name]
    attributes = yaml.safe_load((SHIPPED / name / "defs.yaml").read_text())["attributes"]
    for key, value in changes.items():
        *parents, last = key.split(".")
        part = attributes
        for parent in parents:
            part = part[parent]
        part[last] = value
    return parse_dataset(attributes, name)


#: What a test may ask for, that has no need of every table.
CLEANED = ("event_keys", "cleaned_events")
FACTS = ("profiles", *CLEANED, "session_edges", "session_parts", "joined_facts")


def landed(folder: Path, dataset: Dataset | str, files: Files, tables: Iterable[str] | None = None) -> World:
    """A world in which these files were dropped, landed and made into every table (or those named)."""
    world = World(folder, declared(dataset) if isinstance(dataset, str) else dataset)
    for name, content in files.items():
        world.drop(name, content)
    world.land()
    world.make(tables=tables)
    return world


def rows(world: World, table: str, *columns: str) -> list[tuple[Any, ...]]:
    """All rows of a table in some of its columns, decimals and times as their text."""
    frame = world.table(table).select(*columns)
    return [tuple(_plain(value) for value in row) for row in frame.rows()]


def rejects(world: World) -> list[tuple[Any, ...]]:
    """(row_number, reason, column) of all records that can't be read or dated."""
    return sorted(rows(world, "landing_rejects", "row_number", "reason", "column"))


def quarantined(world: World) -> list[tuple[Any, ...]]:
    """(row_number, reason, column) of all dated records that break the contract."""
    return sorted(rows(world, "quarantine", "row_number", "reason", "column"))


def csv(header: str, *lines: str) -> str:
    return "\n".join([header, *lines]) + "\n"


def array(records: Iterable[str]) -> str:
    """A JSON array of records that are JSON already."""
    return "[" + ",\n".join(records) + "]"


def _plain(value: object) -> object:
    return value if value is None or isinstance(value, (int, str)) else str(value)

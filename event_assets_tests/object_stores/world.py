"""The small dataset `clicks` with its inbox and its lake in an object store."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import polars as pl

from event_assets.declaration import Dataset
from event_assets.path_or_url import ObjectUrl, parse_place
from event_assets.settings import Settings
from event_assets.storage.object_store import Objects
from event_assets_tests.world import World, clicks


class ObjectWorld(World):
    """A machine with a disk of its own (`folder`) in front of a bucket that others may share."""

    def __init__(self, folder: Path, bucket: ObjectUrl, dataset: Dataset | None = None) -> None:
        self.folder, self.bucket = folder, bucket
        self.settings = Settings(
            inbox=bucket / "inbox",
            lake=bucket / "lake",
            cache=folder / "cache",
            warehouse=folder / "warehouse.duckdb",
            memory_bytes=10**9,
        )
        self.use(dataset or clicks())

    def drop(self, name: str, content: str | bytes) -> Any:
        data = content if isinstance(content, bytes) else content.encode()
        put(self.bucket / "inbox" / self.dataset.name, name, data)
        return self.bucket / "inbox" / self.dataset.name / name

    def objects(self, table: str) -> set[str]:
        """The Parquet files that lie in a table's folder of the bucket, whether they count or not."""
        found = Objects(_url(self.workspace.stores[table].folder)).all()
        return {each.key for each in found if not each.key.startswith("_")}

    def counting(self, table: str) -> set[str]:
        entries = self.workspace.stores[table].entries(again=True)
        return {path for entry in entries.values() for path in entry.files}

    def at_rest(self) -> None:
        """AssertionError where a folder holds anything but the current files."""
        for table in self.workspace.stores:
            assert self.objects(table) == self.counting(table), table


def _url(folder: Any) -> ObjectUrl:
    url = parse_place(str(folder))
    assert isinstance(url, ObjectUrl)
    return url


def put(url: ObjectUrl, key: str, content: bytes) -> None:
    import obstore
    from obstore.store import from_url

    obstore.put(from_url(str(url)), key, io.BytesIO(content))


def from_scratch(folder: Path, files: dict[str, str]) -> dict[str, pl.DataFrame]:
    """The tables that the same files give on a disk."""
    world = World(folder)
    for name, content in files.items():
        world.drop(name, content)
    world.refresh()
    return world.tables()

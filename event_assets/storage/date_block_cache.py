"""A cache of the rows of many dates of a table in few files below `_state`. A file has the digest of its inputs."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from pathlib import Path

import polars as pl

from event_assets.storage.atomic_write import atomic_write

_MADE_FROM = "made_from"


class DateBlockCache:
    """The files of one dataset, by name."""

    def __init__(self, state: Path) -> None:
        self._folder = state / "history" / "merged"

    def path(self, name: str) -> Path:
        return self._folder / name

    def made_from(self, name: str) -> str | None:
        """What a file was made from, as it was written; None where it can't be read."""
        try:
            return pl.read_parquet_metadata(self.path(name)).get(_MADE_FROM)
        except (OSError, pl.exceptions.PolarsError):
            return None

    def write(self, name: str, rows: pl.DataFrame, made_from: str) -> None:
        with atomic_write(self.path(name)) as file:
            rows.write_parquet(file, compression="snappy", metadata={_MADE_FROM: made_from})

    def keep_only(self, table: str, names: Collection[str]) -> None:
        """Delete the blocks of a table with other names: they may contain rows that are in no table any more."""
        for path in self.path(table).glob("*.parquet"):
            if f"{table}/{path.name}" not in names:
                path.unlink(missing_ok=True)

    def delete(self) -> None:
        """Delete all files: the next run writes them again from what the tables then contain."""
        shutil.rmtree(self._folder, ignore_errors=True)

"""Which keys each date of a table has, as sorted 64-bit hashes: a cache with one small file per date.

All of it is made from the table and can be made from it again; a file that fits no content of the table is never read.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from event_assets.storage.atomic_write import atomic_write
from event_assets.storage.parquet import read_parquet

Hashes = npt.NDArray[np.uint64]

#: Polars gives the same hash of the same key within one version of it.
MADE_BY = hashlib.sha256(f"1 {pl.__version__}".encode()).hexdigest()[:8]
NO_KEYS: Hashes = np.zeros(0, np.uint64)


class KeyHashes:
    """The hashes of the distinct keys (the columns `key`) of each date, in order, kept in a folder."""

    def __init__(self, folder: Path, key: Sequence[str]) -> None:
        self._folder, self._key = folder, list(key)

    def of(self, date: dt.date, content: str, paths: Callable[[], Sequence[Path]], *, save: bool) -> Hashes:
        """Those of a date whose files hold what has the digest `content`."""
        kept = self.kept(date, content)
        if kept is None:
            frames = [read_parquet(path, self._key) for path in paths()]
            kept = distinct_hashes(pl.concat(frames), self._key) if frames else NO_KEYS
            if save:
                self.keep(date, content, kept)
        return kept

    def kept(self, date: dt.date, content: str) -> Hashes | None:
        """Those that were kept of a date with this content; None where none were."""
        try:
            found: Hashes = np.fromfile(self._path(date, content), np.uint64)
            return found
        except FileNotFoundError:
            return None

    def keep(self, date: dt.date, content: str, hashes: Hashes) -> None:
        with atomic_write(self._path(date, content)) as file:
            file.write(hashes.tobytes())

    def delete_others(self, contents: Mapping[dt.date, str], others: Collection[str]) -> None:
        """Delete all files of the folder but those of dates with these contents, and the named others."""
        wanted = {self._path(date, content).name for date, content in contents.items()} | {*others}
        for name in os.listdir(self._folder):
            if name not in wanted:
                (self._folder / name).unlink(missing_ok=True)

    def _path(self, date: dt.date, content: str) -> Path:
        return self._folder / f"{date}-{content}-{MADE_BY}.u64"


def hash_of(columns: Sequence[str]) -> pl.Expr:
    """The hash of a key of one or several columns."""
    return pl.col(columns[0]).hash() if len(columns) == 1 else pl.struct(*columns).hash()


def distinct_hashes(frame: pl.DataFrame, key: Sequence[str]) -> Hashes:
    """The hashes of a frame's keys, each once, in order."""
    return np.unique(frame.select(hash_of(key)).to_series().to_numpy())


def any_of(few: Hashes, hashes: Hashes) -> bool:
    """Whether one of a few hashes is among many; both are in order."""
    if not len(few) or not len(hashes):
        return False
    places = np.minimum(np.searchsorted(hashes, few), len(hashes) - 1)
    return bool((hashes[places] == few).any())

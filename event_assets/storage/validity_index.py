"""What rows over validity intervals say on a date of those keys that the date holds (docs/adr/0013).

A cache: remembered digests count as long as the contents that they were made from are the same.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import polars as pl

from event_assets.storage.atomic_write import atomic_write
from event_assets.storage.parquet import read_parquet
from event_assets.storage.partitions import EMPTY_CONTENT

Unit = tuple[str, Callable[[], Sequence[Path]]]
"""The digest of what a unit holds, and what gives its files."""


class Validity:
    """Digests of a table with the columns `key`, by date; kept in one file.

    Its rows are valid over an interval where it has `valid_from` and `valid_to`. Only the columns `says` matter.
    """

    def __init__(self, path: Path, key: Sequence[str], says: Sequence[str] = ()) -> None:
        self._path, self._key, self._says = path, list(key), list(says)
        self._digests: dict[str, list[str]] | None = None
        self._rows: tuple[str, pl.DataFrame] | None = None
        self._changed = False

    def digest(self, date: dt.date, rows: Unit, holding: Unit) -> str:
        """The rows' values on a date for the keys in the `holding` files: of each key the interval that the date is
        in, or its first where that begins later. The intervals' ends don't count. Empty where they say nothing."""
        known = self._known()
        contents = [rows[0], holding[0]]
        found = known.get(date.isoformat())
        if found is None or found[:2] != contents:
            found = [*contents, self._computed(date, rows, holding)]
            known[date.isoformat()] = found
            self._changed = True
        return found[2]

    def save(self) -> None:
        """Keep what was found for the next process."""
        if self._changed:
            with atomic_write(self._path) as file:
                file.write(json.dumps(self._known(), sort_keys=True).encode())
            self._changed = False

    def _known(self) -> dict[str, list[str]]:
        if self._digests is None:
            try:
                self._digests = dict(json.loads(self._path.read_text(encoding="utf-8")))
            except (OSError, ValueError, TypeError):
                self._digests = {}
        return self._digests

    def _computed(self, date: dt.date, rows: Unit, holding: Unit) -> str:
        if EMPTY_CONTENT in (rows[0], holding[0]):
            return ""
        if self._rows is None or self._rows[0] != rows[0]:
            self._rows = (rows[0], _read(rows[1]()))
        keys = _read(holding[1](), self._key).unique()
        valid = self._rows[1].join(keys, on=self._key, how="semi")
        if "valid_from" in valid.columns:
            valid = valid.filter(pl.col("valid_to").is_null() | (pl.col("valid_to") > date))
            valid = valid.filter(pl.col("valid_from") == pl.col("valid_from").min().over(self._key))
            valid = valid.drop("valid_from", "valid_to")
        if valid.is_empty():
            return ""
        said = valid.select([*self._key, *self._says] if self._says else pl.all()).sort(self._key).write_ndjson()
        return hashlib.blake2b(said.encode(), digest_size=8).hexdigest()


def _read(paths: Sequence[Path], columns: list[str] | None = None) -> pl.DataFrame:
    return pl.concat([read_parquet(path, columns) for path in paths])

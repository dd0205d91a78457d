"""What rows over validity intervals say on a date of those keys that the date holds (docs/adr/0013).

A cache: remembered digests count as long as the contents that they were made from are the same.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from event_assets.storage.atomic_write import atomic_write
from event_assets.storage.parquet import read_parquet, scan_parquet
from event_assets.storage.partitions import EMPTY_CONTENT

#: So many rows of small dates are looked at together.
_TOGETHER = 250_000
_DATE, _FILE = "a date", "a file"


@dataclass(frozen=True)
class Unit:
    """A table, or a date of one: the digest of what it holds, how many rows these are, and what gives its files."""

    content: str
    rows: int
    paths: Callable[[], Sequence[Path]]


class Validity:
    """Digests of a table with the columns `key`, by date; kept in one file.

    Its rows are valid for an interval where it has `valid_from` and `valid_to`. Only the columns `values` matter, where
    named.
    """

    def __init__(self, path: Path, key: Sequence[str], values: Sequence[str] = ()) -> None:
        self._path, self._key, self._values = path, list(key), list(values)
        self._digests: dict[str, list[str]] | None = None
        self._rows: tuple[str, pl.DataFrame] | None = None
        self._changed = False

    def digest(
        self, date: dt.date, rows: Unit, holding: Callable[[dt.date], Unit], dates: Callable[[], Iterable[dt.date]]
    ) -> str:
        """The rows' values on a date for the keys that its `holding` unit has: for each key the interval that contains
        the date, or its first where that begins later. The intervals' ends don't matter. Empty without values.

        After a change of the rows all digests are computed again: those of small `dates` together.
        """
        if not self._is_known(date, rows, holding(date)):
            later = (day for day in dates() if day > date and not self._is_known(day, rows, holding(day)))
            batch = {date: holding(date)}
            left = _TOGETHER - batch[date].rows
            for day in later:
                unit = holding(day)
                left -= unit.rows
                if left < 0:
                    break
                batch[day] = unit
            self._remember(batch, rows)
        return self._known()[date.isoformat()][2]

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

    def _is_known(self, date: dt.date, rows: Unit, unit: Unit) -> bool:
        return self._known().get(date.isoformat(), [])[:2] == [rows.content, unit.content]

    def _remember(self, batch: dict[dt.date, Unit], rows: Unit) -> None:
        filled = {date: unit for date, unit in batch.items() if unit.content != EMPTY_CONTENT}
        try:
            found = self._computed(filled, rows) if filled and rows.content != EMPTY_CONTENT else {}
        except Exception:
            if len(batch) == 1:
                raise
            for date, unit in batch.items():  # the one that fails alone is named
                self._remember({date: unit}, rows)
            return
        for date, unit in batch.items():
            self._known()[date.isoformat()] = [rows.content, unit.content, found.get(date, "")]
        self._changed = True

    def _computed(self, units: dict[dt.date, Unit], rows: Unit) -> dict[dt.date, str]:
        if self._rows is None or self._rows[0] != rows.content:
            self._rows = (rows.content, pl.concat([read_parquet(path) for path in rows.paths()]))
        valid = self._keys(units).join(self._rows[1], on=self._key, how="inner")
        date = pl.col(_DATE)
        if "valid_from" in valid.columns:
            valid = valid.filter(pl.col("valid_to").is_null() | (pl.col("valid_to") > date))
            valid = valid.filter(pl.col("valid_from") == pl.col("valid_from").min().over(_DATE, *self._key))
            valid = valid.drop("valid_from", "valid_to")
        names = [*self._key, *self._values] if self._values else self._rows[1].columns
        values = valid.select(_DATE, *(name for name in names if name in valid.columns)).sort(_DATE, *self._key)
        return {
            part[_DATE][0]: hashlib.blake2b(part.drop(_DATE).write_ndjson().encode(), digest_size=8).hexdigest()
            for part in values.partition_by(_DATE, maintain_order=True)
        }

    def _keys(self, units: dict[dt.date, Unit]) -> pl.DataFrame:
        """The distinct keys of each date, with the date."""
        files = {str(path): date for date, unit in units.items() for path in unit.paths()}
        if len(files) == 1:
            ((path, date),) = files.items()
            return read_parquet(Path(path), self._key).unique().with_columns(pl.lit(date).alias(_DATE))
        plan = scan_parquet(*map(Path, files), file_column=_FILE).select(_FILE, *self._key)
        dates = pl.Series([*files.values()], dtype=pl.Date)
        dated = plan.with_columns(pl.col(_FILE).replace_strict(pl.Series([*files]), dates).alias(_DATE))
        return dated.drop(_FILE).unique().collect()

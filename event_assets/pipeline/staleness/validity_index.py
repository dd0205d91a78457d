"""The values on a date of rows that are valid over intervals, for the keys that the date has (docs/adr/0013).

A cache: a remembered digest is used as long as the contents that it was computed from are the same.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from event_assets.pipeline.dataset_tables import DatasetTables, unit_of
from event_assets.storage.atomic_write import atomic_write
from event_assets.storage.parquet import read_parquet, scan_parquet
from event_assets.storage.partitions import EMPTY_CONTENT, WHOLE

#: So many rows of small dates are looked at together.
_TOGETHER = 250_000
_DATE, _FILE = "a date", "a file"


class ValidityIndex:
    """Digests of a table with the columns `key`, by date; kept in one file.

    Its rows are valid for an interval where it has `valid_from` and `valid_to`. Only the columns `values` matter, where
    named.
    """

    def __init__(
        self, tables: DatasetTables, table: str, path: Path, key: Sequence[str], values: Sequence[str] = ()
    ) -> None:
        self._tables, self._table, self._path = tables, table, path
        self._key, self._values = list(key), list(values)
        self._digests: dict[str, list[str]] | None = None
        self._rows: tuple[str, pl.DataFrame] | None = None
        self._changed = False

    def digest(self, date: dt.date, keys_of: str) -> str:
        """The rows' values on a date for the keys that the table `keys_of` has on it: for each key the interval that
        contains the date, or its first where that begins later. The intervals' ends don't matter. Empty without values.

        After a change of the rows all digests are computed again: those of small dates together.
        """
        if not self._is_known(date, keys_of):
            batch, left = [date], _TOGETHER - self._tables.rows(keys_of, date)
            for day in self._tables.dates(keys_of):
                if day > date and not self._is_known(day, keys_of):
                    left -= self._tables.rows(keys_of, day)
                    if left < 0:
                        break
                    batch.append(day)
            self._remember(batch, keys_of)
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

    def _contents(self, date: dt.date, keys_of: str) -> list[str]:
        return [self._tables.content(self._table, None), self._tables.content(keys_of, date)]

    def _is_known(self, date: dt.date, keys_of: str) -> bool:
        return self._known().get(date.isoformat(), [])[:2] == self._contents(date, keys_of)

    def _remember(self, dates: Sequence[dt.date], keys_of: str) -> None:
        filled = [date for date in dates if EMPTY_CONTENT not in self._contents(date, keys_of)]
        try:
            found = self._computed(filled, keys_of) if filled else {}
        except Exception:
            if len(dates) == 1:
                raise
            for date in dates:  # the one that fails alone is named
                self._remember([date], keys_of)
            return
        for date in dates:
            self._known()[date.isoformat()] = [*self._contents(date, keys_of), found.get(date, "")]
        self._changed = True

    def _computed(self, dates: Sequence[dt.date], keys_of: str) -> dict[dt.date, str]:
        content = self._tables.content(self._table, None)
        if self._rows is None or self._rows[0] != content:
            files = self._tables.stores[self._table].paths(WHOLE)
            self._rows = (content, pl.concat([read_parquet(path) for path in files]))
        valid = self._keys(dates, keys_of).join(self._rows[1], on=self._key, how="inner")
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

    def _keys(self, dates: Sequence[dt.date], keys_of: str) -> pl.DataFrame:
        """The distinct keys of each date, with the date."""
        store = self._tables.stores[keys_of]
        files = {str(path): date for date in dates for path in store.paths(unit_of(date))}
        if len(files) == 1:
            ((path, date),) = files.items()
            return read_parquet(Path(path), self._key).unique().with_columns(pl.lit(date).alias(_DATE))
        plan = scan_parquet(*map(Path, files), file_column=_FILE).select(_FILE, *self._key)
        days = pl.Series([*files.values()], dtype=pl.Date)
        dated = plan.with_columns(pl.col(_FILE).replace_strict(pl.Series([*files]), days).alias(_DATE))
        return dated.drop(_FILE).unique().collect()

"""For each date, a cached digest of the profile values that are valid on it, of those users only who occur on it
(docs/adr/0013).

A cache: a remembered digest is used as long as the date's keys are the same, and the values of none of them changed.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from event_assets.pipeline.published_tables import DatasetTables, unit_of
from event_assets.storage.atomic_write import atomic_write
from event_assets.storage.parquet import read_parquet, scan_parquet
from event_assets.storage.published_partitions import EMPTY_CONTENT, WHOLE

if TYPE_CHECKING:
    from event_assets.pipeline.staleness.key_hashes import Hashes, KeyHashes

#: At most this number of rows of small dates is processed together.
_TOGETHER = 250_000
_DATE, _FILE = "a date", "a file"
_KEY, _VALUES = "key", "values"
_STATE = "digests.json"


class ValidityIndex:
    """Digests of a table with the columns `key`, by date; kept in a folder, with hashes of keys and of values.

    Its rows are valid for an interval where it has `valid_from` and `valid_to`. Only the columns `values` matter, where
    named.
    """

    def __init__(
        self, tables: DatasetTables, table: str, folder: Path, key: Sequence[str], values: Sequence[str] = ()
    ) -> None:
        self._tables, self._table, self._folder = tables, table, folder
        self._key, self._values = list(key), list(values)
        self._keys_of = ""
        self._content: str | None = None
        """Of the rows from which the digests were computed."""
        self._digests: dict[dt.date, tuple[str, str]] | None = None
        """Date to the content of its keys, and the digest of their values."""
        self._rows: tuple[str, pl.DataFrame] | None = None
        self._changed = False

    def digest(self, date: dt.date, keys_of: str) -> str:
        """The rows' values on a date for the keys that the table `keys_of` has on it: for each key the interval that
        contains the date, or its first where that begins later. The intervals' ends don't matter. Empty without values.

        Unknown digests of small dates are computed together.
        """
        self._keys_of = keys_of
        self._forget_changed()
        if not self._is_known(date):
            batch, left = [date], _TOGETHER - self._tables.rows(keys_of, date)
            for day in self._tables.dates(keys_of):
                if day > date and not self._is_known(day):
                    left -= self._tables.rows(keys_of, day)
                    if left < 0:
                        break
                    batch.append(day)
            self._remember(batch)
        return self._known()[date][1]

    def save(self) -> None:
        """Keep what was found for the next process."""
        if not self._changed:
            return
        known = {date: found for date, found in self._known().items() if self._is_known(date)}
        named = {"rows": self._content, "dates": {str(date): known[date] for date in sorted(known)}}
        with atomic_write(self._folder / _STATE) as file:
            file.write(json.dumps(named).encode())
        pairs = self._pairs_path(self._content or "")
        if self._rows is not None and self._rows[0] == self._content and not pairs.exists():
            with atomic_write(pairs) as file:
                self._pairs(self._rows[1]).write_parquet(file)
        self._hashes.delete_others({date: content for date, (content, _) in known.items()}, [_STATE, pairs.name])
        self._changed = False

    @cached_property
    def _hashes(self) -> KeyHashes:
        from event_assets.pipeline.staleness.key_hashes import KeyHashes  # loads NumPy

        return KeyHashes(self._folder, self._key)

    def _known(self) -> dict[dt.date, tuple[str, str]]:
        if self._digests is None:
            try:
                named = json.loads((self._folder / _STATE).read_text(encoding="utf-8"))
                self._content = named["rows"]
                found = named["dates"].items()
                self._digests = {dt.date.fromisoformat(date): (keys, values) for date, (keys, values) in found}
            except (OSError, ValueError, TypeError, KeyError, AttributeError):
                self._content, self._digests = None, {}
        return self._digests

    def _is_known(self, date: dt.date) -> bool:
        return self._known().get(date, ("",))[0] == self._tables.content(self._keys_of, date)

    def _forget_changed(self) -> None:
        """Forget the dates that have a key whose values changed with the rows."""
        known, content = self._known(), self._tables.content(self._table, None)
        if self._content == content:
            return
        changed = self._changed_keys() if known and content != EMPTY_CONTENT else None
        if changed is None:
            known.clear()
        elif len(changed):
            from event_assets.pipeline.staleness.key_hashes import any_of

            for date, (keys_content, _) in [*known.items()]:
                keys = self._hashes.kept(date, keys_content)
                if keys_content != EMPTY_CONTENT and (keys is None or any_of(changed, keys)):
                    del known[date]
        self._content, self._changed = content, True

    def _changed_keys(self) -> Hashes | None:
        """The hashes of the keys whose values differ from those before; None where it could be any."""
        try:
            before = pl.read_parquet(self._pairs_path(self._content or ""))
        except (OSError, pl.exceptions.PolarsError):
            return None
        now, both = self._pairs(self._read()), [_KEY, _VALUES]
        differing = (one.join(other, on=both, how="anti") for one, other in ((now, before), (before, now)))
        return pl.concat(differing)[_KEY].unique().sort().to_numpy()

    def _pairs(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The hash of each row's key and of its values."""
        from event_assets.pipeline.staleness.key_hashes import hash_of

        values = [*self._key, *self._values] if self._values else rows.columns
        return rows.select(hash_of(self._key).alias(_KEY), hash_of(values).alias(_VALUES)).unique()

    def _pairs_path(self, content: str) -> Path:
        from event_assets.pipeline.staleness.key_hashes import MADE_BY

        return self._folder / f"rows-{content}-{MADE_BY}.parquet"

    def _read(self) -> pl.DataFrame:
        content = self._tables.content(self._table, None)
        if self._rows is None or self._rows[0] != content:
            files = self._tables.stores[self._table].paths(WHOLE)
            self._rows = (content, pl.concat([read_parquet(path) for path in files]))
        return self._rows[1]

    def _remember(self, dates: Sequence[dt.date]) -> None:
        contents = {date: self._tables.content(self._keys_of, date) for date in dates}
        filled = [date for date, content in contents.items() if EMPTY_CONTENT not in (content, self._content)]
        try:
            found = self._computed(filled) if filled else {}
        except Exception:
            if len(dates) == 1:
                raise
            for date in dates:  # the one that fails alone is named
                self._remember([date])
            return
        for date, content in contents.items():
            self._known()[date] = (content, found.get(date, ""))
        self._changed = True

    def _computed(self, dates: Sequence[dt.date]) -> dict[dt.date, str]:
        keys, rows = self._keys(dates), self._read()
        if self._tables.is_writer:
            self._keep_hashes(dates, keys)
        valid = keys.join(rows, on=self._key, how="inner")
        date = pl.col(_DATE)
        if "valid_from" in valid.columns:
            valid = valid.filter(pl.col("valid_to").is_null() | (pl.col("valid_to") > date))
            valid = valid.filter(pl.col("valid_from") == pl.col("valid_from").min().over(_DATE, *self._key))
            valid = valid.drop("valid_from", "valid_to")
        names = [*self._key, *self._values] if self._values else rows.columns
        values = valid.select(_DATE, *(name for name in names if name in valid.columns)).sort(_DATE, *self._key)
        return {
            part[_DATE][0]: hashlib.blake2b(part.drop(_DATE).write_ndjson().encode(), digest_size=8).hexdigest()
            for part in values.partition_by(_DATE, maintain_order=True)
        }

    def _keep_hashes(self, dates: Sequence[dt.date], keys: pl.DataFrame) -> None:
        from event_assets.pipeline.staleness.key_hashes import NO_KEYS, distinct_hashes

        of_dates = keys.partition_by(_DATE, as_dict=True)
        for date in dates:
            found = of_dates.get((date,))
            hashes = NO_KEYS if found is None else distinct_hashes(found, self._key)
            self._hashes.keep(date, self._tables.content(self._keys_of, date), hashes)

    def _keys(self, dates: Sequence[dt.date]) -> pl.DataFrame:
        """The distinct keys of each date, with the date."""
        store = self._tables.stores[self._keys_of]
        files = {str(path): date for date in dates for path in store.paths(unit_of(date))}
        if len(files) == 1:
            ((path, date),) = files.items()
            return read_parquet(Path(path), self._key).unique().with_columns(pl.lit(date).alias(_DATE))
        plan = scan_parquet(*map(Path, files), file_column=_FILE).select(_FILE, *self._key)
        days = pl.Series([*files.values()], dtype=pl.Date)
        dated = plan.with_columns(pl.col(_FILE).replace_strict(pl.Series([*files]), days).alias(_DATE))
        return dated.drop(_FILE).unique().collect()

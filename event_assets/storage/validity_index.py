"""What rows over validity intervals say on a date of those keys that the date holds (docs/adr/0013).

A cache: remembered digests count as long as the contents that they were made from are the same, and those of a date
that holds no key of which the rows say something else than before.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from event_assets.storage.atomic_write import atomic_write
from event_assets.storage.parquet import read_parquet, scan_parquet
from event_assets.storage.partitions import EMPTY_CONTENT

if TYPE_CHECKING:
    from event_assets.storage.key_hashes import Hashes, KeyHashes

#: So many rows of small dates are looked at together.
_TOGETHER = 250_000
_DATE, _FILE = "a date", "a file"
_KEY, _SAID = "key", "said"
_STATE = "digests.json"


@dataclass(frozen=True)
class Unit:
    """A table, or a date of one: the digest of what it holds, how many rows these are, and what gives its files."""

    content: str
    rows: int
    paths: Callable[[], Sequence[Path]]


class Validity:
    """Digests of a table with the columns `key`, by date; kept in a folder, with hashes of keys and of what rows say.

    Its rows hold over an interval where it has `valid_from` and `valid_to`. Only the columns `says` count, where named.
    """

    def __init__(self, folder: Path, key: Sequence[str], says: Sequence[str] = ()) -> None:
        self._folder, self._key, self._says = folder, list(key), list(says)
        self._content: str | None = None
        """Of the rows by which the digests are true."""
        self._digests: dict[dt.date, tuple[str, str]] | None = None
        """Date to the content of its unit, and what the rows say of its keys."""
        self._rows: tuple[str, pl.DataFrame] | None = None
        self._holding: Callable[[dt.date], Unit] | None = None
        self._changed = False

    def digest(
        self,
        date: dt.date,
        rows: Unit,
        holding: Callable[[dt.date], Unit],
        dates: Callable[[], Iterable[dt.date]],
        *,
        save: bool,
    ) -> str:
        """What the rows say on a date of the keys that its `holding` unit has: of each key the interval that the date
        lies in, or its first where that begins later. The intervals' ends don't count. Empty where they say nothing.

        What is not known is computed for small `dates` together. With `save` the hashes of their keys are kept.
        """
        self._holding = holding
        self._follow(rows)
        if not self._is_known(date, holding(date)):
            later = (day for day in dates() if day > date and not self._is_known(day, holding(day)))
            batch = {date: holding(date)}
            left = _TOGETHER - batch[date].rows
            for day in later:
                unit = holding(day)
                left -= unit.rows
                if left < 0:
                    break
                batch[day] = unit
            self._remember(batch, rows, save)
        return self._known()[date][1]

    def save(self) -> None:
        """Keep what was found for the next process."""
        if not self._changed or self._holding is None:
            return
        known = {date: found for date, found in self._known().items() if self._holding(date).content == found[0]}
        named = {"rows": self._content, "dates": {str(date): known[date] for date in sorted(known)}}
        with atomic_write(self._folder / _STATE) as file:
            file.write(json.dumps(named).encode())
        said = self._said_path(self._content or "")
        if self._rows is not None and self._rows[0] == self._content:
            with atomic_write(said) as file:
                self._said(self._rows[1]).write_parquet(file)
        self._hashes.delete_others({date: content for date, (content, _) in known.items()}, [_STATE, said.name])
        self._changed = False

    @property
    def _hashes(self) -> KeyHashes:
        from event_assets.storage.key_hashes import KeyHashes  # loads NumPy

        return KeyHashes(self._folder, self._key)

    def _known(self) -> dict[dt.date, tuple[str, str]]:
        if self._digests is None:
            try:
                named = json.loads((self._folder / _STATE).read_text(encoding="utf-8"))
                self._content = named["rows"]
                found = named["dates"].items()
                self._digests = {dt.date.fromisoformat(date): (unit, said) for date, (unit, said) in found}
            except (OSError, ValueError, TypeError, KeyError, AttributeError):
                self._content, self._digests = None, {}
        return self._digests

    def _is_known(self, date: dt.date, unit: Unit) -> bool:
        return self._known().get(date, ("",))[0] == unit.content

    def _follow(self, rows: Unit) -> None:
        """Forget the dates that hold a key of which other rows say something else."""
        known = self._known()
        if self._content == rows.content:
            return
        changed = self._changed_keys(rows) if known and rows.content != EMPTY_CONTENT else None
        if changed is None:
            known.clear()
        elif len(changed):
            from event_assets.storage.key_hashes import any_of

            for date, (content, _) in [*known.items()]:
                keys = self._hashes.kept(date, content)
                if content != EMPTY_CONTENT and (keys is None or any_of(changed, keys)):
                    del known[date]
        self._content, self._changed = rows.content, True

    def _changed_keys(self, rows: Unit) -> Hashes | None:
        """The hashes of the keys of which the rows say something else than before; None where it could be any."""
        try:
            before = pl.read_parquet(self._said_path(self._content or ""))
        except (OSError, pl.exceptions.PolarsError):
            return None
        now = self._said(self._read(rows))
        pairs = [_KEY, _SAID]
        differing = (one.join(other, on=pairs, how="anti") for one, other in ((now, before), (before, now)))
        return pl.concat(differing)[_KEY].unique().sort().to_numpy()

    def _said(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The hashes of keys, and of what the rows say of each."""
        from event_assets.storage.key_hashes import hash_of

        says = [*self._key, *self._says] if self._says else rows.columns
        return rows.select(hash_of(self._key).alias(_KEY), hash_of(says).alias(_SAID)).unique()

    def _said_path(self, content: str) -> Path:
        from event_assets.storage.key_hashes import MADE_BY

        return self._folder / f"rows-{content}-{MADE_BY}.parquet"

    def _read(self, rows: Unit) -> pl.DataFrame:
        if self._rows is None or self._rows[0] != rows.content:
            frames = [read_parquet(path) for path in rows.paths()]
            self._rows = (rows.content, pl.concat(frames) if frames else pl.DataFrame())
        return self._rows[1]

    def _remember(self, batch: dict[dt.date, Unit], rows: Unit, save: bool) -> None:
        held = {date: unit for date, unit in batch.items() if unit.content != EMPTY_CONTENT}
        try:
            found = self._computed(held, rows, save) if held and rows.content != EMPTY_CONTENT else {}
        except Exception:
            if len(batch) == 1:
                raise
            for date, unit in batch.items():  # the one that fails alone is named
                self._remember({date: unit}, rows, save)
            return
        for date, unit in batch.items():
            self._known()[date] = (unit.content, found.get(date, ""))
        self._changed = True

    def _computed(self, units: dict[dt.date, Unit], rows: Unit, save: bool) -> dict[dt.date, str]:
        keys = self._keys(units)
        if save:
            self._keep_hashes(units, keys)
        valid = keys.join(self._read(rows), on=self._key, how="inner")
        date = pl.col(_DATE)
        if "valid_from" in valid.columns:
            valid = valid.filter(pl.col("valid_to").is_null() | (pl.col("valid_to") > date))
            valid = valid.filter(pl.col("valid_from") == pl.col("valid_from").min().over(_DATE, *self._key))
            valid = valid.drop("valid_from", "valid_to")
        names = [*self._key, *self._says] if self._says else self._read(rows).columns
        said = valid.select(_DATE, *(name for name in names if name in valid.columns)).sort(_DATE, *self._key)
        return {
            part[_DATE][0]: hashlib.blake2b(part.drop(_DATE).write_ndjson().encode(), digest_size=8).hexdigest()
            for part in said.partition_by(_DATE, maintain_order=True)
        }

    def _keep_hashes(self, units: dict[dt.date, Unit], keys: pl.DataFrame) -> None:
        from event_assets.storage.key_hashes import NO_KEYS, distinct_hashes

        of_dates = keys.partition_by(_DATE, as_dict=True)
        for date, unit in units.items():
            found = of_dates.get((date,))
            hashes = NO_KEYS if found is None else distinct_hashes(found, self._key)
            self._hashes.keep(date, unit.content, hashes)

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

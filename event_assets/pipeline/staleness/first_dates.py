"""A cache of a table's distinct rows, each with the first date on which it occurs. Some tables over all dates depend
on these rows only.

A cache: one file of rows, brought up to date by the dates that changed, and the digests of the dates that it was
computed from. A step that reads it (`Input.first`) is stale only if these rows change.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import narwhals as nw
import polars as pl
import polars_hash

from event_assets.digest import digest
from event_assets.engines.engine import Content
from event_assets.engines.select_engine import merging_engine
from event_assets.pipeline.published_tables import DatasetTables
from event_assets.storage.atomic_write import atomic_write
from event_assets.storage.damaged_files import damaged, damaged_files
from event_assets.storage.date_block_cache import DateBlockCache
from event_assets.storage.parquet import scan_parquet
from event_assets.storage.published_partitions import EMPTY_CONTENT

_DATE, _STATE = "event_date", "dates.json"
#: Between two columns of a row, and in place of a null.
_APART, _NULL = "\x1f", "\x1e"


@dataclass(frozen=True)
class _Known:
    """The digest of the rows, and by date the content from which they were computed."""

    columns: Mapping[str, str]
    contents: Mapping[str, str]
    digest: int

    @property
    def name(self) -> str:
        return f"{digest(self.columns, self.digest)}.parquet"


class FirstDates:
    """The distinct rows of one table by date."""

    def __init__(self, tables: DatasetTables, table: str) -> None:
        self._tables, self._table, self._store = tables, tables.tables[table], tables.stores[table]
        self._names, self._folder = list(self._table.names), f"first/{table}"
        self._cache = DateBlockCache(tables.lake.state(tables.dataset.name))
        self._seen: object = None
        self._known: _Known | None = None
        self._rows: pl.DataFrame | None = None
        """The rows, if they are in no file: only the dataset's writer writes the cache."""

    def digest(self) -> str:
        """A digest of the rows as the table has them now; their order doesn't matter."""
        return f"{self._followed().digest:016x}"

    def scan(self) -> pl.LazyFrame:
        """The rows, in the table's columns and `event_date`."""
        known = self._followed()
        if self._rows is None and not self._path(known).exists():  # an erasure deletes the cache
            self._keep(known, self._first(known.contents))
        return scan_parquet(self._path(known)) if self._rows is None else self._rows.lazy()

    def _followed(self) -> _Known:
        """What is known, brought up to the table's dates."""
        if self._known is None or self._store.state != self._seen:
            columns = {column.name: column.type for column in self._table.columns}
            entries = self._store.entries().items()
            contents = {unit: entry.content for unit, entry in entries if entry.content != EMPTY_CONTENT}
            before = self._known or self._load()
            if before is None or before.columns != columns or not self._follow(before, contents):
                rows = self._first(contents)
                self._keep(_Known(columns, contents, _sum(rows)), rows)
            self._seen = self._store.state
        assert self._known is not None
        return self._known

    def _follow(self, before: _Known, now: Mapping[str, str]) -> bool:
        """Follow the dates that changed; False where the rows of all dates are better read again."""
        changed = {date for date in before.contents.keys() | now.keys() if before.contents.get(date) != now.get(date)}
        if not changed:
            self._known = before
            return True
        if 2 * len(changed) > len(now):
            return False
        try:
            rows = self._rows if self._rows is not None else pl.read_parquet(self._path(before), glob=False)
        except (OSError, pl.exceptions.PolarsError):
            return False
        removed, added = self._difference(rows, changed, now)
        left = rows.join(removed, on=self._names, how="anti", nulls_equal=True) if removed.height else rows
        known = _Known(before.columns, now, (before.digest + _sum(added) - _sum(removed)) % 2**64)
        self._keep(known, pl.concat([left, added]) if added.height else left)
        return True

    def _difference(
        self, rows: pl.DataFrame, changed: set[str], now: Mapping[str, str]
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Those of the rows that some changed dates take away, and the rows that these bring.

        Only rows that began on such a date, and are not on it any more, are looked for on the other dates.
        """
        on_changed = pl.col(_DATE).is_in([dt.date.fromisoformat(date) for date in changed])
        here, began = self._first(changed & now.keys()), rows.filter(on_changed)
        touched = pl.concat([began, here]).select(self._names).unique()
        before = rows.join(touched, on=self._names, how="semi", nulls_equal=True)
        parts = [here, before.filter(~on_changed)]
        lost = began.join(here, on=[*self._names, _DATE], how="anti", nulls_equal=True)
        if lost.height:
            parts.append(self._first((date for date in now if date not in changed), among=lost))
        after = _first(pl.concat(parts).lazy(), self._names)
        whole = [*self._names, _DATE]
        removed = before.join(after, on=whole, how="anti", nulls_equal=True)
        return removed, after.join(before, on=whole, how="anti", nulls_equal=True)

    def _first(self, dates: Iterable[str], among: pl.DataFrame | None = None) -> pl.DataFrame:
        """The distinct rows of some dates (only those that are among others), each with its first date."""
        wanted = sorted(dates)
        units: dict[dt.date | None, Content] = {dt.date.fromisoformat(date): self._store.paths(date) for date in wanted}
        try:
            plan: pl.LazyFrame = nw.to_native(merging_engine(self._tables.settings).scan(self._table, units))
            plan = plan.select(*self._names, _DATE)
            if among is not None:
                plan = plan.join(among.lazy(), on=self._names, how="semi", nulls_equal=True)
            return _first(plan, self._names)
        except (OSError, pl.exceptions.PolarsError):
            if found := damaged_files(path for date in wanted for path in self._store.paths(date)):
                raise damaged(found[0]) from None
            raise

    def _keep(self, known: _Known, rows: pl.DataFrame) -> None:
        self._known, self._rows = known, rows
        if not self._tables.is_writer:
            return
        if not self._path(known).exists():
            self._cache.write(f"{self._folder}/{known.name}", rows, known.name)
        with atomic_write(self._cache.path(f"{self._folder}/{_STATE}")) as file:
            file.write(json.dumps(asdict(known)).encode())
        self._cache.keep_only(self._folder, [f"{self._folder}/{known.name}"])
        self._rows = None

    def _load(self) -> _Known | None:
        try:
            found: dict[str, Any] = json.loads(self._cache.path(f"{self._folder}/{_STATE}").read_text(encoding="utf-8"))
            return _Known(dict(found["columns"]), dict(found["contents"]), int(found["digest"]))
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def _path(self, known: _Known) -> Path:
        return self._cache.path(f"{self._folder}/{known.name}")


def _first(rows: pl.LazyFrame, names: Iterable[str]) -> pl.DataFrame:
    return rows.group_by(*names).agg(pl.col(_DATE).min()).collect(engine="streaming")


def _sum(rows: pl.DataFrame) -> int:
    """The sum of the hashes of distinct rows: so it can follow a row that comes or goes."""
    texts = polars_hash.concat_str(pl.all().cast(pl.String).fill_null(_NULL), separator=_APART)
    return int(rows.select(texts.nchash.xxhash64().sum()).item()) if rows.height else 0

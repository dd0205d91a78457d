"""The tables and the ledger of one dataset in one lake, as they are published."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping

import polars as pl

from event_assets.declaration import Dataset
from event_assets.settings import Settings
from event_assets.storage.count_cache import CountCache
from event_assets.storage.lake import Lake
from event_assets.storage.parquet import read_figures, read_parquet
from event_assets.storage.published_partitions import EMPTY_CONTENT, WHOLE, Entry
from event_assets.storage.table_store import TableStore
from event_assets.tables.catalog import tables
from event_assets.tables.partition_plots import Series
from event_assets.tables.table import Table

Unit = tuple[str, dt.date | None]
"""What is replaced at once: a date of a table, or a table that has none."""


def unit_of(date: dt.date | None) -> str:
    """The lake's name of a date, or of a table that has none."""
    return WHOLE if date is None else date.isoformat()


class DatasetTables:
    """Opening reads nothing; stores and ledger are read on first use."""

    def __init__(self, dataset: Dataset, settings: Settings) -> None:
        self.dataset, self.settings = dataset, settings
        self.lake = Lake(settings.lake, settings.cache)
        self.tables: dict[str, Table] = tables(dataset)
        self.stores: dict[str, TableStore] = {
            name: self.lake.store(
                dataset.name,
                name,
                table.arrow_schema,
                table.partitioned_by,
                internal=table.internal,
                measured=table.measured,
            )
            for name, table in self.tables.items()
        }
        self.ledger = self.lake.ledger(dataset.name)
        self.is_writer = False
        """Whether this process has the dataset's lease."""
        self._dates: dict[str, tuple[set[str], list[dt.date]]] = {}
        self._figures = CountCache(self.lake.state(dataset.name) / "history" / "figures.json")

    def entry(self, table: str, date: dt.date | None) -> Entry | None:
        return self.stores[table].entries().get(unit_of(date))

    def is_damaged(self, unit: Unit) -> bool:
        """Whether a published unit can't be read, since a file of it is missing or damaged."""
        entry = self.entry(*unit) if unit[0] in self.stores else None
        return entry is not None and bool(entry.damaged)

    def content(self, table: str, date: dt.date | None) -> str:
        """The digest of a partition's rows; a partition that was never materialized has none."""
        entry = self.entry(table, date)
        return entry.content if entry else EMPTY_CONTENT

    def rows(self, table: str, date: dt.date | None) -> int:
        entry = self.entry(table, date)
        return entry.rows if entry else 0

    def figures(self, table: str, date: dt.date | None) -> Mapping[str, int]:
        """What a partition's transform counted; empty where it was never materialized."""
        unit = unit_of(date)
        return self._figures.find(
            table, unit, self.entry(table, date), lambda: read_figures(self.stores[table].paths(unit)[0])
        )

    def reasons(self, table: str, date: dt.date | None) -> Mapping[str, int]:
        """The records of a partition of rejected or quarantined records, by reason."""
        unit = unit_of(date)
        return self._figures.find(
            f"reasons of {table}", unit, self.entry(table, date), lambda: self._reasons(table, unit)
        )

    def _reasons(self, table: str, unit: str) -> Mapping[str, int]:
        counts = pl.concat([read_parquet(path, ["reason"]) for path in self.stores[table].paths(unit)])
        return dict(counts.group_by("reason").len().sort("reason").iter_rows())

    def note_figures(self, table: str, date: dt.date | None, figures: Mapping[str, int], plot: Series) -> None:
        """Remember what is known of a unit that was just published: its figures, and the reasons of its records,
        which are what it plots."""
        entry = self.entry(table, date)
        assert entry is not None
        self._figures.note(table, unit_of(date), entry, figures)
        if self.tables[table].has_records:
            self._figures.note(f"reasons of {table}", unit_of(date), entry, {name: int(n) for name, n in plot})

    def dates(self, table: str) -> list[dt.date]:
        """The dates that a table by date has, in order."""
        units = self.stores[table].entries()
        known = self._dates.get(table)
        if known is None or known[0] != units.keys():
            known = self._dates[table] = set(units), sorted(map(dt.date.fromisoformat, units))
        return [*known[1]]

    def by_date(self, table: str) -> bool:
        return table in self.stores and self.stores[table].by_date

    def known_dates(self, names: Iterable[str] | None = None) -> list[dt.date]:
        """Every date on which any of the tables (all where none are named) has a partition."""
        wanted = self.tables if names is None else names
        found = {date for name in wanted if self.stores[name].by_date for date in self.dates(name)}
        return sorted(found)

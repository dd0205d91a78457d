"""Keeps the key history and the validity index of a dataset's inputs on disk, so that input digests are computed
without reading these inputs again.
"""

from __future__ import annotations

import datetime as dt
from functools import partial
from typing import TYPE_CHECKING

from event_assets.pipeline.published_tables import DatasetTables
from event_assets.pipeline.staleness.validity_index import ValidityIndex
from event_assets.pipeline.step import Input
from event_assets.storage.published_partitions import EMPTY_CONTENT

if TYPE_CHECKING:
    from event_assets.pipeline.staleness.first_dates import FirstDates
    from event_assets.pipeline.staleness.key_history import KeyHistory


class InputHistories:
    """The histories of a dataset's inputs, stored below its `_state`. All of it can be computed again."""

    def __init__(self, tables: DatasetTables) -> None:
        self._tables = tables
        self._folder = tables.lake.state(tables.dataset.name) / "history"
        self._keys: dict[str, KeyHistory] = {}
        self._validity: dict[str, ValidityIndex] = {}
        self._first_dates: dict[str, FirstDates] = {}

    def keys(self, source: Input) -> KeyHistory:
        """Which keys of an input by key occurred before, as its table is now."""
        from event_assets.pipeline.staleness.key_history import KeyHistory  # loads NumPy, which few datasets need

        store = self._tables.stores[source.table]
        if source.table not in self._keys:
            self._keys[source.table] = KeyHistory(self._folder / source.table, source.key or "", source.before)
        return self._keys[source.table].follow(
            store.state,
            lambda: {
                dt.date.fromisoformat(unit): (entry.content, partial(store.paths, unit))
                for unit, entry in store.entries().items()
                if entry.content != EMPTY_CONTENT
            },
            save=self._tables.is_writer,
        )

    def validity_digest(self, source: Input, date: dt.date) -> str:
        """The values of a table of users over time on a date, for the users who occur on that date."""
        assert source.users_of is not None
        if source.table not in self._validity:
            key = [name for name in self._tables.tables[source.table].key if name != "valid_from"]
            folder = self._folder / "validity" / source.table
            self._validity[source.table] = ValidityIndex(self._tables, source.table, folder, key, source.values)
        return self._validity[source.table].digest(date, source.users_of)

    def first_dates(self, source: Input) -> FirstDates:
        """The distinct rows of all dates of an input, each with its first date."""
        from event_assets.pipeline.staleness.first_dates import FirstDates  # loads Polars' hashes

        if source.table not in self._first_dates:
            self._first_dates[source.table] = FirstDates(self._tables, source.table)
        return self._first_dates[source.table]

    def save(self) -> None:
        """Keep what was found for the next process."""
        for validity in self._validity.values():
            validity.save()

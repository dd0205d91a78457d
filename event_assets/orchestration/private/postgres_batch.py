"""Stores a block of Dagster events in PostgreSQL in one transaction, as `event_log.py` does in SQLite. The stock
storage opens two or three connections for each event.

Its class is named by many deployments' own settings (Helm's chart writes them), so it is not replaced. For a block of
events an open batch takes the place of its `store_event`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dagster import EventLogEntry
from dagster._core.storage.event_log import SqlEventLogStorage
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable as Events

from event_assets.orchestration.private.bulk_rows import BULK, Numbered, event_rows, index_events


class PostgresBatch:
    """The events of a block: stored before anything else is, and at the block's end."""

    def __init__(self, storage: SqlEventLogStorage) -> None:
        self._storage, self._store_one = storage, storage.store_event
        self._waiting: list[EventLogEntry] = []
        self._stored: list[Numbered] = []

    def store_event(self, event: EventLogEntry) -> None:
        if event.dagster_event is not None and event.dagster_event_type in BULK:
            self._waiting.append(event)
        else:
            self.flush()
            self._store_one(event)

    def __iter__(self) -> Iterator[Numbered]:
        """The events of the block so far. Their ids are PostgreSQL's: an id that is reserved for longer would let
        who reads the log by ids miss what is committed after greater ones."""
        self.flush()
        return iter(self._stored)

    def flush(self) -> None:
        """Store what waits in one transaction."""
        entries, self._waiting = self._waiting, []
        if not entries:
            return
        rows = event_rows(self._storage, entries)
        insert = Events.insert().returning(Events.c.id, sort_by_parameter_order=True)
        storage: Any = self._storage
        with storage.index_transaction() as index:
            numbers = index.execute(insert, rows).scalars().all()
            stored = [Numbered(number, entry) for number, entry in zip(numbers, entries, strict=True)]
            index_events(self._storage, index, stored, rows)
        self._stored += stored


@contextmanager
def batch_of(storage: SqlEventLogStorage) -> Iterator[None]:
    """Let a PostgreSQL storage store the events of a block in bulk; within an open batch, as a part of it."""
    own = vars(storage)
    if "store_event" in own:
        yield
        return
    batch = PostgresBatch(storage)
    own["store_event"], own["reserved"] = batch.store_event, batch
    try:
        yield
        batch.flush()
    finally:
        del own["store_event"], own["reserved"]

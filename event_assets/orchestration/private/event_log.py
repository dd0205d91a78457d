"""Dagster's SQLite event log, made fit for thousands of partitions.

A run tells Dagster of every partition by itself. The stock storage opens a database again for each event, compiles
its statements again and waits for the disk several times over: some 70 ms an event. This one keeps its connections,
lets a batch of events share a transaction, and does not wait for the disk at a commit: in WAL mode a power failure can
then lose the last events, never the file, and the lake, which holds what was made, is not touched (docs/adr/0007).

`dagster.yaml` names it; with another storage (PostgreSQL) nothing of this is used.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from dagster._core.storage.event_log import SqliteEventLogStorage
from sqlalchemy import Connection, Engine, create_engine, event

_BUSY_SECONDS = 60


class EventLog(SqliteEventLogStorage):
    """The event log below a Dagster home."""

    def __init__(self, base_dir: str, inst_data: Any = None) -> None:
        self._engines: dict[str, Engine] = {}
        self._tables: set[str] = set()
        self._columns: set[str] = set()
        self._open: dict[str, Connection] = {}
        self._batch: ExitStack | None = None
        self._lock = threading.RLock()
        super().__init__(base_dir, inst_data)

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> EventLog:
        # The same files as those of the stock storage, so that either can read what the other wrote.
        return cls(str(Path(config_value["base_dir"]) / "history" / "runs"), inst_data)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Store the events of the block in one transaction a database, seen by others when it ends."""
        with self._lock, ExitStack() as batch:
            self._batch = batch
            try:
                yield
            finally:
                self._batch = None
                self._open.clear()

    def has_table(self, table_name: str) -> bool:
        # Asked for each event, by the stock storage with a new connection each time. What is there stays.
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def _has_asset_key_col_on_connection(self, conn: Connection, column_name: str) -> bool:
        # Asked for each event, too.
        if column_name not in self._columns and super()._has_asset_key_col_on_connection(conn, column_name):
            self._columns.add(column_name)
        return column_name in self._columns

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._lock:
            if shard in self._open:
                yield self._open[shard]
            elif self._batch is not None:
                self._open[shard] = self._batch.enter_context(self._begin(shard))
                yield self._open[shard]
            else:
                with self._begin(shard) as connection:
                    yield connection

    @contextmanager
    def _begin(self, shard: str) -> Iterator[Connection]:
        engine = self._engines.get(shard)
        if engine is None:
            engine = create_engine(self.conn_string_for_shard(shard), connect_args={"timeout": _BUSY_SECONDS})
            event.listen(engine, "connect", _do_not_wait)
            self._initdb(engine)
            self._engines[shard] = engine
        with engine.begin() as connection:
            yield connection

    def dispose(self) -> None:
        for engine in self._engines.values():
            engine.dispose()
        self._engines.clear()
        super().dispose()


def _do_not_wait(connection: sqlite3.Connection, _: object) -> None:
    connection.execute("PRAGMA synchronous=NORMAL")

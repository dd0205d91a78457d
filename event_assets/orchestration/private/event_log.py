"""Dagster's SQLite event log, fit for thousands of partitions.

A run reports every partition by itself. For each event the stock storage opens a database again, compiles its
statements again, serializes the event up to three times and waits for the disk: some 70 ms. This one keeps its
connections and does not wait for the disk at a commit: in WAL mode a power failure can then lose the last events, never
the file, and the lake, the source of truth of what was made, is not touched (docs/adr/0007).

Within `together` the events of assets and checks are stored in bulk: each gets its id at once, is serialized once, and
every table gets one statement for all of them. The rows are those that the stock storage writes.

`dagster.yaml` names it; PostgreSQL has a bulk of its own (`postgres_batch`).
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from dagster import AssetKey, DagsterEventType, EventLogEntry
from dagster._core.event_api import EventHandlerFn
from dagster._core.events import EVENT_TYPE_TO_PIPELINE_RUN_STATUS
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.event_log.schema import SqlEventLogStorageMetadata
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable as Events
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorageWatchdog
from sqlalchemy import Connection, Engine, create_engine, event, inspect
from sqlalchemy.exc import DatabaseError

from event_assets.orchestration.private.bulk_rows import BULK, Numbered, event_rows, index_events
from event_assets.orchestration.private.sqlite_storages import REVISION, create_tables

_BUSY_SECONDS = 60
_MADE: Final = DagsterEventType.ASSET_MATERIALIZATION


class EventLog(SqliteEventLogStorage):
    """The event log below a Dagster home."""

    def __init__(self, base_dir: str, inst_data: Any = None) -> None:
        self._engines: dict[str, Engine] = {}
        self._tables: set[str] = set()
        self._columns: set[str] = set()
        self._open: dict[str, Connection] = {}
        self._batch: ExitStack | None = None
        self._waiting: list[Numbered] = []
        self._next_id = 0
        self._last_made: dict[tuple[str, AssetKey | None], int] = {}
        self._lock = threading.RLock()
        super().__init__(base_dir, inst_data)

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> EventLog:
        # The same files as those of the stock storage, so that either can read what the other wrote.
        return cls(str(Path(config_value["base_dir"]) / "history" / "runs"), inst_data)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Store the events of the block in one transaction a database, seen by others when it ends."""
        with self._lock:
            if self._batch is not None:
                yield
                return
            with ExitStack() as batch:
                self._batch = batch
                try:
                    yield
                    self._store_waiting()
                finally:
                    self._batch = None
                    self._waiting = []
                    self._open.clear()

    @property
    def reserved(self) -> Sequence[Numbered]:
        """The events of the open batch that no table contains yet."""
        return self._waiting

    def store_event(self, event: EventLogEntry) -> None:
        with self._lock:
            kind = event.dagster_event_type if event.dagster_event else None
            if self._batch is not None and kind in BULK:
                self._waiting.append(Numbered(self._reserve(), self._at_its_own_time(event)))
            elif kind in BULK or kind in EVENT_TYPE_TO_PIPELINE_RUN_STATUS:
                super().store_event(event)  # what waits is stored before it
            else:  # as the stock storage, whose statement of its own for each event takes as long as all the rest
                with self._connect(event.run_id) as run:
                    run.execute(Events.insert(), self._event_to_row(event))

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        with self.together():
            super().store_event_batch(events)

    def _at_its_own_time(self, entry: EventLogEntry) -> EventLogEntry:
        """The entry; a materialization in another millisecond than the run's others of that asset. The UI shows one of
        those that have the same."""
        if entry.dagster_event_type is not _MADE:
            return entry
        made, at = (entry.run_id, entry.get_dagster_event().asset_key), int(entry.timestamp * 1000)
        earliest = self._last_made.get(made, 0) + 1
        self._last_made[made] = max(at, earliest)
        return entry if at >= earliest else entry._replace(timestamp=(earliest + 0.5) / 1000)

    def _reserve(self) -> int:
        """The next id of the index, which no other process can give away before the batch ends."""
        if not self._waiting:
            with self._connect(INDEX_SHARD_NAME) as index:
                if not _in_transaction(index):
                    index.exec_driver_sql("BEGIN IMMEDIATE")
                self._next_id = index.exec_driver_sql("SELECT coalesce(max(id), 0) + 1 FROM event_logs").scalar_one()
        number, self._next_id = self._next_id, self._next_id + 1
        return number

    def _store_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        rows = event_rows(self, [entry for _, entry in waiting])
        for run_id in dict.fromkeys(row["run_id"] for row in rows):
            with self._connect(run_id) as run:  # where events have the ids of that run's database
                run.execute(Events.insert(), [row for row in rows if row["run_id"] == run_id])
        for (number, _), row in zip(waiting, rows, strict=True):
            row["id"] = number
        with self._connect(INDEX_SHARD_NAME) as index:
            index.execute(Events.insert(), rows)
            index_events(self, index, waiting, rows)

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
            if self._waiting:
                self._store_waiting()  # who reads within a batch finds what came before
            if shard in self._open:
                yield self._open[shard]
            elif self._batch is not None:
                self._open[shard] = self._batch.enter_context(self._begin(shard))
                yield self._open[shard]
            else:
                with self._begin(shard) as connection:
                    yield connection

    def _initdb(self, engine: Engine, for_index_shard: bool = False) -> None:
        """As the stock storage does it, but for loading all migrations where the newest is known to be there: they
        take a fifth of a second at every start, and as long for every run's new database."""
        try:
            with engine.begin() as connection:
                tables = inspect(connection).get_table_names()
                if not tables and (
                    create_tables(connection, SqlEventLogStorageMetadata)
                    if for_index_shard
                    else self._create_like_index(connection)
                ):
                    return
                if "alembic_version" in tables and _is_newest(connection):
                    return
        except DatabaseError:
            pass  # another process is creating it: the stock storage waits for that
        super()._initdb(engine, for_index_shard)

    def _create_like_index(self, run: Connection) -> bool:
        """Create the tables of a new run's database, those of the index; False where these are of another revision."""
        with self._connect(INDEX_SHARD_NAME) as index:
            created = index.exec_driver_sql("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL").scalars().all()
            newest = _is_newest(index)
        if newest:
            for statement in ("PRAGMA journal_mode=WAL", *created):
                run.exec_driver_sql(statement)
            run.exec_driver_sql("INSERT INTO alembic_version (version_num) VALUES (?)", (REVISION,))
        return newest

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

    def watch(self, run_id: str, cursor: str | None, callback: EventHandlerFn) -> None:
        observer: Any = self._obs
        if observer is None:
            observer = self._obs = sqlite_event_log.Observer()  # type: ignore[assignment, attr-defined]
            observer.start()
        handler = _Watchdog(self, run_id, callback, cursor)
        self._watchers[run_id][callback] = handler, observer.schedule(handler, self._base_dir, recursive=True)

    def wipe(self) -> None:
        self._close()  # the files are deleted
        super().wipe()

    def dispose(self) -> None:
        self._close()
        super().dispose()

    def _close(self) -> None:
        for engine in self._engines.values():
            engine.dispose()
        self._engines.clear()


class _Watchdog(SqliteEventLogStorageWatchdog):
    """Looks for a run's new events whenever its database changes: while connections are kept open, events are in the
    file beside it."""

    @property
    def patterns(self) -> list[str]:
        return [self._log_path, f"{self._log_path}-wal"]

    def on_modified(self, event: object) -> None:
        self._process_log()


def _is_newest(connection: Connection) -> bool:
    return connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalars().all() == [REVISION]


def _in_transaction(connection: Connection) -> bool:
    driver: Any = connection.connection.dbapi_connection
    return bool(driver.in_transaction)


def _do_not_wait(connection: sqlite3.Connection, _: object) -> None:
    connection.execute("PRAGMA synchronous=NORMAL")

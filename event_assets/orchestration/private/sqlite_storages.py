"""Faster versions of Dagster's SQLite storages of runs and schedules: they load no migrations at the start and keep
their connections open.

The stock storages load all of Dagster's migrations at each start, to learn whether a database needs one, and open a
database again for each statement. `dagster.yaml` names these classes; either kind can read what the other wrote.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from dagster._core.storage.runs import SqliteRunStorage
from dagster._core.storage.runs.schema import RunStorageSqlMetadata
from dagster._core.storage.schedules import SqliteScheduleStorage
from dagster._core.storage.schedules.schema import ScheduleStorageSqlMetadata
from dagster._core.storage.sqlite import create_db_conn_string
from dagster._utils import mkdir_p
from sqlalchemy import Connection, Engine, MetaData, create_engine, inspect
from sqlalchemy.exc import DatabaseError

#: The newest revision of the tables that Dagster's migrations know.
REVISION: Final = "29b539ebc72a"
_BUSY_SECONDS = 60


def is_newest(database: Path) -> bool:
    """Whether a database has the tables of the newest revision."""
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
            return connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(REVISION,)]
    except sqlite3.Error:
        return False


def create_tables(connection: Connection, tables: MetaData) -> bool:
    """Create the tables of the newest revision in a database that has none, stamped as alembic does it; False where it
    has some."""
    connection.exec_driver_sql("PRAGMA journal_mode=WAL")
    connection.exec_driver_sql("BEGIN IMMEDIATE")  # another process may be creating them
    if inspect(connection).get_table_names():
        return False
    tables.create_all(connection, checkfirst=False)
    connection.exec_driver_sql(
        "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL,"
        " CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
    )
    connection.exec_driver_sql("INSERT INTO alembic_version (version_num) VALUES (?)", (REVISION,))
    return True


def _open(stock: Any, folder: Path, name: str, tables: MetaData, inst_data: Any) -> Any:
    """The storage over a database, which is created where there is none; another revision is left to Dagster."""
    mkdir_p(str(folder))
    new, url, database = False, create_db_conn_string(str(folder), name), folder.absolute() / f"{name}.db"
    if not database.exists():
        engine = create_engine(url, connect_args={"timeout": _BUSY_SECONDS})
        with suppress(DatabaseError), engine.begin() as connection:  # as for another revision: Dagster tries again
            new = create_tables(connection, tables)
        engine.dispose()
    if not is_newest(database):
        return stock.from_local(str(folder), inst_data)
    storage = stock(url, inst_data)
    if new:
        storage.migrate()
        storage.optimize()
    return storage


class RunStorage(SqliteRunStorage):
    """The runs below a Dagster home, over connections that are kept."""

    def __init__(self, conn_string: str, inst_data: Any = None) -> None:
        self._engine: Engine | None = None
        super().__init__(conn_string, inst_data)

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> Any:
        folder = Path(config_value["base_dir"]) / "history"  # as the stock storage
        return _open(cls, folder, "runs", RunStorageSqlMetadata, inst_data)

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        if self._engine is None:
            self._engine = create_engine(self._conn_string)
        with self._engine.begin() as connection:
            yield connection

    def dispose(self) -> None:
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None
        super().dispose()


class ScheduleStorage(SqliteScheduleStorage):
    """Schedules, sensors and their ticks below a Dagster home."""

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> Any:
        return _open(
            cls, Path(config_value["base_dir"]) / "schedules", "schedules", ScheduleStorageSqlMetadata, inst_data
        )

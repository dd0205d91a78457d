"""Dagster's SQLite storages of runs and schedules, without what their start and each of their calls costs.

The stock storages load all of Dagster's migrations at each start, to learn whether a database needs one, and open a
database again for each statement. `dagster.yaml` names these classes; either kind can read what the other wrote.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

from dagster._core.storage.runs import SqliteRunStorage
from dagster._core.storage.schedules import SqliteScheduleStorage
from dagster._core.storage.sqlite import create_db_conn_string
from sqlalchemy import Connection, Engine, create_engine

#: The newest revision of the tables that Dagster's migrations know.
REVISION: Final = "29b539ebc72a"


def is_newest(database: Path) -> bool:
    """Whether a database has the tables of the newest revision."""
    if not database.exists():
        return False
    try:
        with closing(sqlite3.connect(database)) as connection:
            return connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(REVISION,)]
    except sqlite3.Error:
        return False


class RunStorage(SqliteRunStorage):
    """The runs below a Dagster home, over connections that are kept."""

    def __init__(self, conn_string: str, inst_data: Any = None) -> None:
        self._engine: Engine | None = None
        super().__init__(conn_string, inst_data)

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> RunStorage:
        folder = Path(config_value["base_dir"]) / "history"  # as the stock storage
        if is_newest(folder / "runs.db"):
            return cls(create_db_conn_string(str(folder), "runs"), inst_data)
        return cls.from_local(str(folder), inst_data)

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
        folder = Path(config_value["base_dir"]) / "schedules"
        if is_newest(folder / "schedules.db"):
            return cls(create_db_conn_string(str(folder), "schedules"), inst_data)
        return cls.from_local(str(folder), inst_data)

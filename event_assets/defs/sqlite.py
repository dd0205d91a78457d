"""Dagster's SQLite event log, made fit for thousands of partitions.

A run tells Dagster of every partition by itself, and SQLite waits for the disk at each event: measured at
70 ms an event on a busy laptop disk, 21 ms as set here. In WAL mode `synchronous=NORMAL` can lose the last
events when the power fails, never the file; the lake is not touched by that, and the next tick heals.
"""

from __future__ import annotations

import sqlite3
from functools import cache
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine

_held: dict[str, sqlite3.Connection] = {}


@cache
def hurry_sqlite() -> None:
    """Let every SQLite connection that this process opens through SQLAlchemy commit without waiting."""
    event.listen(Engine, "connect", _hurry)


def _hurry(connection: Any, _: object) -> None:
    if not isinstance(connection, sqlite3.Connection):
        return
    connection.execute("PRAGMA synchronous=NORMAL")
    # Dagster opens a file anew for each event; one connection that stays keeps SQLite from folding the log back
    # into the file whenever the others close.
    path = connection.execute("PRAGMA database_list").fetchone()[2]
    if path and path not in _held:
        held = sqlite3.connect(path, check_same_thread=False)
        held.execute("SELECT count(*) FROM sqlite_master").fetchone()
        _held[path] = held

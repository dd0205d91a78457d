"""Replaces texts that name an erased user in all that Dagster stores: events, runs, ticks, captured logs.

No public way changes a stored event. Databases are looked through column by column, so that no table is missed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
from sqlalchemy import Connection, Engine, String, bindparam, create_engine, inspect, or_, select
from sqlalchemy import column as sql_column
from sqlalchemy import table as sql_table

from event_assets.orchestration.private.instance_without_compute_logs import storage_errors
from event_assets.orchestration.reporting import escaped

_SQLITE = b"SQLite format 3\0"
_BUSY_SECONDS = 60


def replace_texts(home: Path, texts: Mapping[str, str]) -> None:
    """Replace texts in all that Dagster stores for the instance of a home; does nothing where it has none."""
    if not texts or not (home / "dagster.yaml").exists():
        return
    forms = dict(form for old, new in texts.items() for form in _forms(old, new))
    with storage_errors(home), dg.DagsterInstance.from_config(str(home)) as instance:
        for path in _files(home, *_folders(instance)):
            if _is_sqlite(path):
                engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": _BUSY_SECONDS})
                _replace(engine, forms)
                engine.dispose()
            else:
                _replace_in_file(path, forms)
        for engine in _servers(instance):
            _replace(engine, forms)


def _files(*folders: Path) -> list[Path]:
    found = {path.resolve() for folder in folders for path in folder.rglob("*") if path.is_file()}
    return sorted(path for path in found if not path.name.endswith(("-wal", "-shm")))


def _folders(instance: dg.DagsterInstance) -> Iterator[Path]:
    """The folders outside the home in which the instance may store what runs print."""
    if base := getattr(instance.compute_log_manager, "_base_dir", None):
        yield Path(base)


def _servers(instance: dg.DagsterInstance) -> Iterator[Engine]:
    """The databases of an instance that are no files."""
    for storage in (instance.event_log_storage, instance.run_storage, instance.schedule_storage):
        engine = getattr(storage, "_engine", None)
        if isinstance(engine, Engine) and engine.dialect.name != "sqlite":
            yield engine


def _forms(old: str, new: str) -> Iterator[tuple[str, str]]:
    """A text as it is stored: by itself, within JSON, within a Markdown table within JSON."""
    for before, after in ((old, new), (escaped(old), escaped(new))):
        yield before, after
        for ascii_only in (True, False):
            yield tuple(json.dumps(text, ensure_ascii=ascii_only)[1:-1] for text in (before, after))  # type: ignore[misc]


def _replace(engine: Engine, forms: Mapping[str, str]) -> None:
    with engine.connect() as connection:
        sqlite = engine.dialect.name == "sqlite"
        if sqlite:
            connection.exec_driver_sql("PRAGMA secure_delete=ON")  # no old text stays in free pages
        names = [name for name in inspect(connection).get_table_names() if _replace_in_table(connection, name, forms)]
        connection.commit()
        if sqlite:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")  # nor in the log of changes
    if engine.dialect.name == "postgresql":
        _rewrite(engine, names)


def _rewrite(engine: Engine, names: Sequence[str]) -> None:
    """Write tables again without the rows' older versions, which PostgreSQL keeps in the tables' files."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for name in names:
            connection.exec_driver_sql(f"VACUUM (FULL) {connection.dialect.identifier_preparer.quote(name)}")


def _replace_in_table(connection: Connection, name: str, forms: Mapping[str, str]) -> bool:
    """Whether any text of the table was replaced."""
    found = inspect(connection)
    key = found.get_pk_constraint(name)["constrained_columns"]
    texts = [column["name"] for column in found.get_columns(name) if isinstance(column["type"], String)]
    if not key or not texts:
        return False
    replaced = False
    table = sql_table(name, *map(sql_column, dict.fromkeys([*key, *texts])))
    for text in (table.c[one] for one in texts):
        having = or_(*(text.contains(form, autoescape=True) for form in forms))
        rows = connection.execute(select(text, *(table.c[part] for part in key)).where(having)).all()
        changes: list[dict[str, Any]] = [
            {"new": _with(row[0], forms), **{f"key_{n}": part for n, part in enumerate(row[1:])}} for row in rows
        ]
        if changes:
            row_of = [table.c[part] == bindparam(f"key_{n}") for n, part in enumerate(key)]
            connection.execute(table.update().where(*row_of).values({text.name: bindparam("new")}), changes)
            replaced = True
    return replaced


def _replace_in_file(path: Path, forms: Mapping[str, str]) -> None:
    content = path.read_bytes()
    changed = content
    for old in sorted(forms, key=len, reverse=True):
        changed = changed.replace(old.encode(), forms[old].encode())
    if changed != content:
        path.write_bytes(changed)


def _with(text: str, forms: Mapping[str, str]) -> str:
    for old in sorted(forms, key=len, reverse=True):
        text = text.replace(old, forms[old])
    return text


def _is_sqlite(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_SQLITE)) == _SQLITE

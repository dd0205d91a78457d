"""The warehouse file: a DuckDB database of views, for the DuckDB shell and tools that draw charts.

It holds no rows, so a dataset's views are created again only if one changes: a new dataset, a changed declaration, a
table's first files. Readers that have the old file open keep it; no process waits.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import duckdb

from event_assets.declaration import Dataset
from event_assets.digest import digest
from event_assets.errors import LakeError
from event_assets.settings import Settings
from event_assets.storage.retry_missing_files import retry_missing_files
from event_assets.text.sql import identifier, literal
from event_assets.warehouse.table_log_sql import macros, without_files
from event_assets.warehouse.views import lasting_views

#: The oldest format of files that DuckDB writes, so that tools with an older DuckDB can open it.
_STORAGE_VERSION = "v1.0.0"
#: Stands for the functions that the views of all schemas call, and for the file's size and time; no dataset has these
#: names.
_EVERY, _FILE = "", "file "


def refresh(datasets: Mapping[str, Dataset], settings: Settings) -> bool:
    """Make the warehouse file have a view for every table of the datasets; returns whether it had to change.

    LakeError where it can't be written, where another program's file has that name, or where the lake is not a folder.
    """
    path, lake = settings.warehouse, settings.lake
    if not isinstance(lake, Path):  # its views would need the store's credentials, for as long as the file is kept
        raise LakeError(
            str(path),
            f"can't hold views over {lake}, an object store",
            "use event-assets query, which reads copies on this disk",
        )
    if path.stem in datasets:
        raise LakeError(
            str(path),
            f"has the name of the dataset {path.stem}, and DuckDB could not tell the two apart",
            "name another file by EVENT_ASSETS_WAREHOUSE",
        )
    from filelock import FileLock  # loads asyncio, which a query needn't wait for

    mark = path.with_name(f".{path.name}.views")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(f".{path.name}.lock")):  # else the slower of two would put back an older state
            schemas = {name: lasting_views(dataset, lake) for name, dataset in datasets.items()}
            made_of = {
                _EVERY: digest(version("duckdb"), list(macros())),  # DuckDB itself takes 50 ms to load
                **{name: digest(statements) for name, statements in schemas.items()},
            }
            if path.exists() and not mark.exists():
                raise LakeError(
                    str(path), "is a file that event_assets didn't make", "name another by EVENT_ASSETS_WAREHOUSE"
                )
            known = _made_of(mark) if path.exists() else {}
            as_written = known.pop(_FILE, None) == _file_state(path)
            if known and not as_written and _is_damaged(path):
                known = {}
            if known == made_of:
                if not as_written:
                    mark.write_text(_marked(made_of, path), encoding="utf-8")
                return False
            mark.write_text("", encoding="utf-8")
            if known.get(_EVERY) == made_of[_EVERY]:
                dropped = [name for name in known if name not in (_EVERY, *schemas)]
                changed = {name: statements for name, statements in schemas.items() if known.get(name) != made_of[name]}
                retry_missing_files(
                    lambda: _write({**{name: [] for name in dropped}, **changed}, path, path), lambda: None
                )
            else:
                retry_missing_files(lambda: _write(schemas, path), lambda: None)
            mark.write_text(_marked(made_of, path), encoding="utf-8")
    except OSError as error:
        raise LakeError(
            str(path), f"can't be written ({error})", "fix that and run again; no table is touched"
        ) from None
    return True


def _marked(made_of: Mapping[str, str], path: Path) -> str:
    return json.dumps({**made_of, _FILE: _file_state(path)})


def _file_state(path: Path) -> str:
    """What changes with the file; to open it takes 50 ms."""
    status = path.stat() if path.exists() else None
    return f"{status.st_size} {status.st_mtime_ns}" if status else ""


def _is_damaged(path: Path) -> bool:
    """Whether DuckDB can't read the file. One that another program has opened for writing isn't damaged."""
    with duckdb.connect() as connection:
        try:
            connection.execute(f"ATTACH {literal(str(path))} AS warehouse (READ_ONLY)")
        except duckdb.BinderException:  # this process has opened it
            return False
        except duckdb.Error as error:
            return "lock on file" not in str(error)
    return False


def _made_of(mark: Path) -> dict[str, str]:
    """Digests of what the file's views were made of, by schema; none where a writer was killed."""
    text = mark.read_text(encoding="utf-8")
    try:
        found = json.loads(text or "{}")
    except ValueError:  # of an earlier version
        return {}
    return found if isinstance(found, dict) else {}


def _write(schemas: Mapping[str, list[str]], path: Path, before: Path | None = None) -> None:
    """Replace the file by one with these schemas, and with the other schemas of the file `before`, if given."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    if before:
        shutil.copyfile(before, fresh)
    drops = [f"DROP SCHEMA IF EXISTS {identifier(name)} CASCADE" for name in schemas] if before else []
    views = (statement for schema in schemas.values() for statement in schema)
    statements = [*macros(), *without_files(), *drops, *views, *macros()]
    with duckdb.connect() as connection:
        try:
            connection.execute(f"ATTACH {literal(str(fresh))} AS warehouse (STORAGE_VERSION '{_STORAGE_VERSION}')")
            connection.execute("USE warehouse")
            connection.execute(";\n".join(["BEGIN", *statements, "COMMIT"]))  # each by itself would wait for the disk
            connection.execute("USE memory; DETACH warehouse")
        except duckdb.IOException as error:  # a partition was replaced while its view was made
            raise FileNotFoundError(str(error)) from None
        except duckdb.TransactionException as error:  # no space is left for its commit
            raise OSError(" ".join(str(error).split())) from None
    fresh.replace(path)

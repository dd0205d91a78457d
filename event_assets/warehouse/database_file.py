"""The warehouse file: a DuckDB database of views, for the DuckDB shell and tools that draw charts.

It holds no rows, so it is made again only where a view would be another: a new dataset, a changed declaration, a
table's first files. Readers have the old file open and go on with it; nobody waits for anybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import duckdb

from event_assets.declaration import Dataset
from event_assets.digest import digest
from event_assets.errors import LakeError
from event_assets.settings import Settings
from event_assets.storage.read_again import read_again
from event_assets.warehouse.views import lasting_views, literal

#: The oldest format of files that DuckDB writes, so that tools with an older DuckDB can open it.
_STORAGE_VERSION = "v1.0.0"


def refresh(datasets: Mapping[str, Dataset], settings: Settings) -> bool:
    """Let the warehouse file hold a view for every table of the datasets; whether it had to be made again.

    LakeError where it can't be written, where a file stands there that isn't ours, or where the lake is not a folder.
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
            statements = lasting_views(datasets, lake)
            made_of = digest(duckdb.__version__, statements)
            if path.exists() and not mark.exists():
                raise LakeError(
                    str(path), "is a file that event_assets didn't make", "name another by EVENT_ASSETS_WAREHOUSE"
                )
            if path.exists() and mark.read_text(encoding="utf-8") == made_of:
                return False
            mark.write_text("", encoding="utf-8")
            read_again(lambda: _write(statements, path), lambda: None)
            mark.write_text(made_of, encoding="utf-8")
    except OSError as error:
        raise LakeError(
            str(path), f"can't be written ({error})", "fix that and run again; no table is touched"
        ) from None
    return True


def _write(statements: list[str], path: Path) -> None:
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    with duckdb.connect() as connection:
        try:
            connection.execute(f"ATTACH {literal(str(fresh))} AS warehouse (STORAGE_VERSION '{_STORAGE_VERSION}')")
            connection.execute("USE warehouse")
            connection.execute(";\n".join(["BEGIN", *statements, "COMMIT"]))  # each by itself would wait for the disk
            connection.execute("USE memory; DETACH warehouse")
        except duckdb.IOException as error:  # a partition was replaced while its view was made
            raise FileNotFoundError(str(error)) from None
    fresh.replace(path)

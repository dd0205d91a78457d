"""Views `<dataset>.<table>` of all tables.

The views of one query read fixed lists of files. The views of the warehouse file read the table logs at each query.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from event_assets.declaration import Dataset
from event_assets.storage.lake import Lake
from event_assets.tables.catalog import tables
from event_assets.tables.column_types import sql_type
from event_assets.tables.landed_tables import LANDING_REJECTS
from event_assets.tables.table import Column, Table
from event_assets.text.sql import identifier, literal
from event_assets.warehouse.table_log_sql import live_rows

#: The view of all refused records: rejected by landing or quarantined by cleaning.
REJECTED = "rejected_records"
_REJECTED_TABLES = (LANDING_REJECTS, "quarantine")

#: Words of a query of the catalogue, the only place where comments show. A thousand comments take a third of a second.
_COMMENTS = re.compile(r"duckdb_(views|columns)|information_schema|comment", re.IGNORECASE)
#: Words of a query that may list the views, so that all must exist. Their creation takes half a second.
_CATALOGUE = re.compile(r"show|describe|summarize|duckdb_|information_schema|pragma|pg_|sqlite_|comment", re.IGNORECASE)


@dataclass(frozen=True)
class View:
    """A view over one or several tables; `columns` in order, the Hive column in front."""

    dataset: str
    name: str
    description: str
    columns: tuple[Column, ...]
    tables: tuple[Table, ...]

    @property
    def sql_name(self) -> str:
        return f"{identifier(self.dataset)}.{identifier(self.name)}"


def views(dataset: Dataset) -> Iterator[View]:
    """A view for each table of the dataset, upstream first, and `rejected_records`.

    In the latter event_date is null for records that landing rejected.
    """
    known = tables(dataset)
    for table in known.values():
        if table.internal:
            continue
        yield View(dataset.name, table.name, table.description, (*table.hive_columns, *table.columns), (table,))
    refused = tuple(known[name] for name in _REJECTED_TABLES)
    text = "Every refused record: those that can't be read or dated, and those that break the contract."
    quarantine = known["quarantine"]
    yield View(dataset.name, REJECTED, text, (*quarantine.hive_columns, *quarantine.columns), refused)


def create_views(
    connection: duckdb.DuckDBPyConnection, datasets: Mapping[str, Dataset], lake: Lake, sql: str, files: list[Path]
) -> None:
    """Create the views of the datasets that `sql` mentions (of all, with comments, where it queries the catalogue).

    The files that they read are added to `files`, also where one of them can't be read.

    A table that was never materialized gives a view without rows. Opening all tables' logs takes seconds, so only
    views that the query mentions by name are given their files; the others have their columns, and an
    error in place of rows.
    """
    words = set(re.findall(r"\w+", sql.lower()))
    statements = list[str]()
    described, listed = _COMMENTS.search(sql) is not None, _CATALOGUE.search(sql) is not None
    for name, dataset in datasets.items():
        if name not in words and not listed:
            continue
        statements.append(f"CREATE SCHEMA IF NOT EXISTS {identifier(name)}")
        for view in views(dataset):
            if {view.dataset, view.name} <= words:
                found = [(table, _files(lake, name, table)) for table in view.tables]
                files += [path for _, paths in found for path in paths]
                body = _united(view, (_listed_rows(table, paths) for table, paths in found))
            else:
                text = f"{name}.{view.name} is not read where the query doesn't write its name out"
                body = f"SELECT {_nulls(view)} WHERE error({literal(text)})"
            statements += [f"CREATE VIEW {view.sql_name} AS {body}", *(_comments(view) if described else ())]
    connection.execute(";\n".join(statements))


def lasting_views(dataset: Dataset, lake: Path) -> list[str]:
    """The statements that create a dataset's views for the warehouse file. The views read the table logs at each query.

    The view of a table without files has no rows and no comments: the comments of all declared datasets would take
    half of the file.
    """
    statements = [f"CREATE SCHEMA {identifier(dataset.name)}"]
    for view in views(dataset):
        scans = [_live_rows(table, lake / dataset.name / table.name) for table in view.tables]
        described = _comments(view) if any(scans) else ()
        statements += [f"CREATE VIEW {view.sql_name} AS {_united(view, scans)}", *described]
    return statements


def _live_rows(table: Table, folder: Path) -> str | None:
    hive = table.partitioned_by
    log, files = folder.glob("_delta_log/*.json"), folder.glob(f"{hive}=*/*.parquet" if hive else "*.parquet")
    return live_rows(folder, hive) if any(log) and any(files) else None


def paths_literal(paths: list[Path]) -> str:
    return "[" + ", ".join(literal(str(path)) for path in paths) + "]"


def _files(lake: Lake, dataset: str, table: Table) -> list[Path]:
    store = lake.store(dataset, table.name, None, table.partitioned_by)
    return [path for unit in sorted(store.entries()) for path in store.paths(unit)]


def _united(view: View, scans: Iterable[str | None]) -> str:
    """The SQL of a view's rows from the scans of its tables. The scan of a table without files is None.

    Each file is read by its own schema: after a change of declaration a table has old and new files, so a
    column may be missing in some of them, or have another type. The empty branch supplies missing columns.
    """
    empty = f"SELECT {_nulls(view)} WHERE false"
    casts = ", ".join(
        f"TRY_CAST({identifier(c.name)} AS {sql_type(c.type)}) AS {identifier(c.name)}" for c in view.columns
    )
    bodies = [f"SELECT {casts} FROM ({empty} UNION ALL BY NAME ({scan}))" for scan in scans if scan]
    return " UNION ALL BY NAME ".join(bodies) or empty


def _listed_rows(table: Table, files: list[Path]) -> str | None:
    if not files:
        return None
    types = ", ".join(f"{literal(column.name)}: {sql_type(column.type)}" for column in table.hive_columns)
    hive = f"true, hive_types = {{{types}}}" if types else "false"
    return f"SELECT * FROM read_parquet({paths_literal(files)}, union_by_name = true, hive_partitioning = {hive})"


def _nulls(view: View) -> str:
    return ", ".join(f"CAST(NULL AS {sql_type(c.type)}) AS {identifier(c.name)}" for c in view.columns)


def _comments(view: View) -> Iterator[str]:
    yield f"COMMENT ON VIEW {view.sql_name} IS {literal(view.description)}"
    for column in view.columns:
        yield f"COMMENT ON COLUMN {view.sql_name}.{identifier(column.name)} IS {literal(column.description)}"

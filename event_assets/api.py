"""What `import event_assets` offers to notebooks and scripts: the tables of a lake as frames.

Importing it loads no library of frames and no Dagster: each method loads what it needs.
"""

from __future__ import annotations

import datetime as dt
import difflib
from collections.abc import Iterable
from typing import TYPE_CHECKING, NoReturn

from event_assets.errors import QueryError
from event_assets.settings import Settings, load_settings

if TYPE_CHECKING:
    import polars as pl

    from event_assets.declaration import Dataset
    from event_assets.pipeline.reconcile import Reconciliation
    from event_assets.warehouse.lazy_table import LazyTable

__all__ = ["Lake", "open"]

Date = dt.date | str
#: Commands that have another name here.
_COMMANDS = {"query": "sql", "list": "datasets"}


class NoSuchAttributeError(QueryError, AttributeError):
    """A name that a lake doesn't have; also an AttributeError, as Python's own functions expect."""


def open(**settings: object) -> Lake:
    """The lake of this environment, as every command has it: environment variables over event_assets.toml.

    A keyword sets what the file calls by that name, before either: `open(lake="/data/lake", workers=2)`.
    DeclarationError where a setting can't be understood.
    """
    return Lake(load_settings(overrides={key: str(value) for key, value in settings.items()}))


class Lake:
    """The tables of all datasets. Made by `event_assets.open()`; nothing is read before a table is used."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def __repr__(self) -> str:
        return f"<event_assets lake {self.settings.lake}>"

    def datasets(self) -> dict[str, list[str]]:
        """Each dataset's name with the names of its tables, upstream first."""
        from event_assets.tables.catalog import tables

        return {
            name: [table.name for table in tables(dataset).values() if not table.internal]
            for name, dataset in self._declared().items()
        }

    def table(self, name: str, start: Date | None = None, end: Date | None = None) -> LazyTable:
        """The rows of `dataset.table` as a Polars LazyFrame, which also has `.arrow()` and `.duckdb()`.

        Rows come by date (`event_date` in front, `geo_region` for tables by region) and in the table's order; `start`
        and `end` are the first and the last date that count (YYYY-MM-DD). Each collect reads one version of the whole
        table, the newest, whatever is being written. QueryError where there is no such table.
        """
        from event_assets.storage.lake import Lake as Stored
        from event_assets.tables.catalog import tables
        from event_assets.warehouse.lazy_table import lazy_table

        dataset_name, _, table_name = name.partition(".")
        declared = self._declared()
        _check_name(dataset_name, declared, "dataset")
        _check_name(name, [f"{dataset_name}.{table}" for table in self.datasets()[dataset_name]], "table")
        table = tables(declared[dataset_name])[table_name]
        if (start or end) and table.partitioned_by != "event_date":
            raise QueryError(name, "is not partitioned by date", "leave out start and end")
        store = Stored(self.settings.lake, self.settings.cache).store(
            dataset_name, table_name, None, table.partitioned_by
        )
        return lazy_table(table, store, _date(start or dt.date.min, "start"), _date(end or dt.date.max, "end"))

    def sql(self, query: str) -> pl.DataFrame:
        """The rows of one SELECT of DuckDB's SQL over views such as `shop.sessions`, as `event-assets query` has them.

        QueryError where it isn't one SELECT or DuckDB refuses it.
        """
        from event_assets.warehouse.query import read_frame

        return read_frame(query, self._declared(), self.settings)

    def status(self, dataset: str | None = None) -> pl.DataFrame:
        """A row for each dataset: dataset, first_date, last_date, files, records, refused, refused_share (0 to 1),
        new_files (in the inbox, not landed), stale (partitions that the next run makes).

        With a dataset's name a row for each of its tables: table, partitions, rows, first_date, last_date, stale.
        """
        from dataclasses import asdict

        import polars as pl

        from event_assets.pipeline.status import status
        from event_assets.pipeline.workspace import Workspace

        declared = self._declared()
        if dataset is not None:
            _check_name(dataset, declared, "dataset")
            return pl.DataFrame(status(Workspace(declared[dataset], self.settings)).tables, infer_schema_length=None)
        found = [status(Workspace(one, self.settings)) for one in declared.values()]
        rows = [{**asdict(one), "refused_share": one.refused_share} for one in found]
        columns = ("dataset", "first_date", "last_date", "files", "records", "refused", "refused_share")
        return pl.DataFrame(rows, infer_schema_length=None).select(*columns, "new_files", "stale")

    def run(self, dataset: str, start: Date | None = None, end: Date | None = None) -> Reconciliation:
        """Land what is new in the dataset's inbox and compute every table that it touches (or, fresh or stale, the
        dates from `start` to `end`), as `event-assets run` does. Returns where each record is now.

        The run is one of Dagster's and shows in its UI. RunFailedError where it failed.
        """
        from event_assets.cli.dagster_runs import run_job
        from event_assets.pipeline.progress_listener import NullProgress
        from event_assets.pipeline.reconcile import reconcile
        from event_assets.pipeline.workspace import Workspace

        declared = self._declared()
        _check_name(dataset, declared, "dataset")
        given = start or end
        dates = (_date(start or given, "start"), _date(end or given, "end")) if given else None
        run_job(declared[dataset], self.settings, dates, NullProgress())
        workspace = Workspace(declared[dataset], self.settings)
        workspace.refresh()
        return reconcile(workspace)

    def __getattr__(self, name: str) -> NoReturn:
        known = [one for one in vars(Lake) if not one.startswith("_")]
        close = _COMMANDS.get(name) or next(iter(difflib.get_close_matches(name, known, n=1)), None)
        remedy = f"use lake.{close}" if close else f"there are {', '.join(sorted(known))}"
        raise NoSuchAttributeError(f"lake.{name}", "is not a method of a lake", remedy)

    def _declared(self) -> dict[str, Dataset]:
        from event_assets.tables.catalog import load_datasets

        return load_datasets(self.settings.datasets)


def _check_name(name: str, known: Iterable[str], kind: str) -> None:
    names = list(known)
    if name not in names:
        from event_assets.tables.facts_table import FACTS

        events = name.removesuffix(".events") + f".{FACTS}"
        close = [events] if events in names else difflib.get_close_matches(name, names, n=1)
        remedy = f"did you mean {close[0]}?" if close else f"there are {', '.join(names)}"
        raise QueryError(name, f"is not a {kind}", remedy)


def _date(value: Date | None, name: str) -> dt.date:
    if isinstance(value, dt.date):
        return value
    try:
        return dt.date.fromisoformat(str(value))
    except ValueError:
        raise QueryError(f"{name} {value!r}", "is not a valid date", "write it as 2025-01-31") from None

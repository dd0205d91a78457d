"""A cache of the page's query results for one dataset: a query runs again only once one of its tables has changed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import TypeVar

import polars as pl

from event_assets.dashboard.queries import Query, Question, Selection
from event_assets.declaration import Dataset
from event_assets.errors import EventAssetsError
from event_assets.pipeline.reconcile import Reconciliation, reconcile
from event_assets.pipeline.workspace import Workspace
from event_assets.settings import Settings
from event_assets.tables.landed_tables import LANDING_REJECTS, RAW_EVENTS
from event_assets.warehouse.query import read_frame
from event_assets.warehouse.views import REJECTED

T = TypeVar("T")
#: Rows of an answer; None where the dataset declares no table that could answer; or what kept it from being found.
Answer = pl.DataFrame | None | EventAssetsError

_AT_ONCE = 4
_REMEMBERED = 200


class NotMadeError(EventAssetsError):
    """A declared table that was not materialized yet; the remedy is the command that does it."""


def fetch(query: Query, dataset: Dataset, settings: Settings) -> pl.DataFrame:
    """The rows of one query, read now."""
    return read_frame(query.sql, {dataset.name: dataset}, settings, query.parameters)


class Answers:
    """The questions put to one dataset. Used by several threads at once; `refresh` first, once a page."""

    def __init__(self, dataset: Dataset, settings: Settings) -> None:
        self.dataset, self._settings = dataset, settings
        self.workspace = Workspace(dataset, settings)
        self._lock = Lock()
        self._remembered: dict[tuple[object, ...], object] = {}

    def refresh(self) -> None:
        """Read ledger and logs as they are now."""
        with self._lock:
            self.workspace.refresh()

    def dates(self) -> list[dt.date]:
        """The dates with raw events, in order."""
        return self.workspace.known_dates([RAW_EVENTS])

    def to(self, questions: Iterable[Question], at: Selection) -> dict[Question, Answer]:
        """The answer to each question; several queries run at a time."""

        def attempt(question: Question) -> Answer:
            query = question(at)
            try:
                return None if query is None else self.ask(query)
            except EventAssetsError as error:
                return error

        distinct = list(dict.fromkeys(questions))
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return dict(zip(distinct, pool.map(attempt, distinct), strict=True))

    def ask(self, query: Query) -> pl.DataFrame:
        """The rows of one query. NotMadeError where its table was never materialized."""
        tables = (LANDING_REJECTS, "quarantine") if query.table == REJECTED else (query.table,)
        if not any(self.workspace.stores[table].entries() for table in tables):
            name = self.dataset.name
            raise NotMadeError(f"{name}.{tables[-1]}", "has not been made yet", f"event-assets run {name}")

        return self._once((query,), tables, lambda: fetch(query, self.dataset, self._settings))

    def reconciliation(self) -> Reconciliation:
        """Where every record of the dataset is."""
        return self._once(("reconciliation",), tuple(self.workspace.stores), lambda: reconcile(self.workspace))

    def _once(self, key: tuple[object, ...], tables: tuple[str, ...], find: Callable[[], T]) -> T:
        """What was found before, as long as none of the tables has other files."""
        state = tuple(frozenset(self.workspace.stores[table].entries().items()) for table in tables)
        if (*key, state) not in self._remembered:
            found = find()
            with self._lock:
                while len(self._remembered) >= _REMEMBERED:
                    self._remembered.pop(next(iter(self._remembered)))
                self._remembered[*key, state] = found
            return found
        return self._remembered[*key, state]  # type: ignore[return-value]  # it is what `find` of this key gave

"""A dataset opened: its declaration, tables, stores, ledger and engine together."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property, partial
from typing import TYPE_CHECKING

import polars as pl

from event_assets.declaration import Dataset
from event_assets.engines.engine import Engine
from event_assets.engines.select_engine import merging_engine, open_engine, spilling_engine
from event_assets.locations import Place
from event_assets.pipeline.completeness import Arrival, held_dates
from event_assets.pipeline.steps import Input, Step, step_of, steps
from event_assets.pipeline.sync_raw_tables import sync_raw_tables
from event_assets.pipeline.upgrade import bring_over
from event_assets.settings import Settings
from event_assets.storage.file_figures import FileFigures
from event_assets.storage.lake import Lake, TableStore
from event_assets.storage.parquet import read_figures, read_parquet
from event_assets.storage.partitions import EMPTY_CONTENT, WHOLE, Entry
from event_assets.storage.validity_index import Unit as Held
from event_assets.storage.validity_index import Validity
from event_assets.tables.catalog import tables
from event_assets.tables.plots import Series
from event_assets.tables.table import Table
from event_assets.text.file_names import file_date
from event_assets.transforms.active_users import who

if TYPE_CHECKING:
    from event_assets.storage.key_history import KeyHistory

#: So much memory an engine that holds frames needs at its peak for each value that a unit reads (measured: 115 for
#: cleaning).
VALUE_BYTES = 135

Unit = tuple[str, dt.date | None]
"""What is replaced at once: a date of a table, or a table that has none."""


def unit_of(date: dt.date | None) -> str:
    """The lake's name of a date, or of a table that has none."""
    return WHOLE if date is None else date.isoformat()


class Workspace:
    """One dataset in one lake. Opening reads nothing; stores and ledger are read on first use."""

    def __init__(self, dataset: Dataset, settings: Settings) -> None:
        self.dataset, self.settings = dataset, settings
        self.lake = Lake(settings.lake, settings.cache)
        self.tables: dict[str, Table] = tables(dataset)
        self.steps: tuple[Step, ...] = steps(dataset)
        self.step_of = step_of(dataset)
        self.stores: dict[str, TableStore] = {
            name: self.lake.store(
                dataset.name,
                name,
                table.arrow_schema,
                table.partitioned_by,
                internal=table.internal,
                measured=table.measured,
            )
            for name, table in self.tables.items()
        }
        self.ledger = self.lake.ledger(dataset.name)
        self._histories: dict[str, KeyHistory] = {}
        self._held_dates: tuple[int, Mapping[dt.date, Arrival]] | None = None
        self._dates: dict[str, tuple[set[str], list[dt.date]]] = {}
        self._writes = False
        self.notices: list[str] = []
        """What `refresh` found wrong with the lake and a run repairs, one line each."""
        self.recovered = False
        """Whether `writing` had to repair what a killed writer began."""
        history = self.lake.state(dataset.name) / "history"
        self._figures = FileFigures(history / "figures.json")
        self._validity = {
            "profiles": Validity(history / "validity" / "profiles", ["user_id"]),
            "session_index": Validity(history / "validity" / "session_index", ["session_id"]),
            "identities": Validity(history / "validity" / "identities", ["column", "id"], says=["person_id"]),
            "first_seen": Validity(history / "validity" / "first_seen", [who(dataset)]),
        }

    @cached_property
    def engine(self) -> Engine:
        return open_engine(self.dataset, self.settings)

    @cached_property
    def _spilling_engine(self) -> Engine:
        return spilling_engine(self.settings)

    @cached_property
    def _merging_engine(self) -> Engine:
        return merging_engine(self.settings)

    def engine_for(self, step: Step, date: dt.date | None) -> Engine:
        """The dataset's engine; in place of one that holds frames one that spills for a unit too large for memory, and
        one that streams for a table without dates. No row depends on it."""
        if not self.engine.holds_frames:
            return self.engine
        units = (unit for unit in self.all_input_units(step, date) if unit[0] in self.tables)
        values = sum(self.rows(*unit) * len(self.tables[unit[0]].columns) for unit in units)
        if values * VALUE_BYTES > self.settings.memory_bytes:
            return self._spilling_engine
        return self._merging_engine if date is None else self.engine

    def batch_rows(self, step: Step) -> int:
        """How many rows of small dates a step computes as one frame."""
        most = self.engine.batch_rows
        if not self.engine.holds_frames:
            return most
        columns = sum(len(self.tables[source.table].columns) for source in step.inputs if source.table in self.tables)
        return min(most, self.settings.memory_bytes // (VALUE_BYTES * columns))

    @property
    def inbox(self) -> Place:
        return self.settings.inbox / self.dataset.name

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Be the dataset's one writer. Call `refresh` inside: others may have written before."""
        with self.lake.writing(self.dataset.name, self._recover):
            self._writes = True
            try:
                yield
                for store in self.stores.values():
                    store.finish()
            finally:
                self._writes = False
                for validity in self._validity.values():
                    validity.save()
                self._figures.save()

    def _recover(self) -> None:
        """Complete what a killed writer committed to the ledger, and delete the rest of what it wrote."""
        self.recovered = True
        self._writes = True  # this process has the lease already
        self.refresh()
        sync_raw_tables(self)
        self.ledger.sweep()
        for store in self.stores.values():
            store.sweep()

    def refresh(self) -> None:
        """Read the ledger and all tables' logs as they are now, and look for files that are missing or damaged.

        The dataset's writer begins a new log for each table whose log can't be read. LakeError where the ledger can't
        be read, or is missing although records were landed: nothing is changed then.
        """
        self.ledger.reload()
        if self._writes:
            bring_over(self)
        unreadable = {name: wrong for name, store in self.stores.items() if (wrong := store.refresh())}
        landed = (name for name, table in self.tables.items() if table.landed and table.has_records)
        if self.ledger.is_new and any(self.stores[name].entries() for name in landed):
            raise self.ledger.unreadable("it is missing although records were landed")
        self.notices = [f"{wrong}; the table is rebuilt with a new log" for wrong in unreadable.values()]
        if unreadable and self._writes:
            for name in unreadable:
                self.stores[name].rebuild()
            sync_raw_tables(self)

    def entry(self, table: str, date: dt.date | None) -> Entry | None:
        return self.stores[table].entries().get(unit_of(date))

    def is_damaged(self, unit: Unit) -> bool:
        """Whether a published unit can't be read, since a file of it is missing or damaged."""
        entry = self.entry(*unit) if unit[0] in self.stores else None
        return entry is not None and bool(entry.damaged)

    def content(self, table: str, date: dt.date | None) -> str:
        """The digest of what a unit holds; a unit that was never made holds nothing."""
        entry = self.entry(table, date)
        return entry.content if entry else EMPTY_CONTENT

    def rows(self, table: str, date: dt.date | None) -> int:
        entry = self.entry(table, date)
        return entry.rows if entry else 0

    def figures(self, table: str, date: dt.date | None) -> Mapping[str, int]:
        """What a unit's transform counted when it was made; empty where it never was."""
        unit = unit_of(date)
        return self._figures.find(
            table, unit, self.entry(table, date), lambda: read_figures(self.stores[table].paths(unit)[0])
        )

    def reasons(self, table: str, date: dt.date | None) -> Mapping[str, int]:
        """The records of a unit of refused records by reason."""
        unit = unit_of(date)
        return self._figures.find(
            f"reasons of {table}", unit, self.entry(table, date), lambda: self._reasons(table, unit)
        )

    def _reasons(self, table: str, unit: str) -> Mapping[str, int]:
        counts = pl.concat([read_parquet(path, ["reason"]) for path in self.stores[table].paths(unit)])
        return dict(counts.group_by("reason").len().sort("reason").iter_rows())

    def note_figures(self, table: str, date: dt.date | None, figures: Mapping[str, int], plot: Series) -> None:
        """Remember what is known of a unit that was just published: its figures, and the reasons of refused records,
        which are what it plots."""
        entry = self.entry(table, date)
        assert entry is not None
        self._figures.note(table, unit_of(date), entry, figures)
        if self.tables[table].has_records:
            self._figures.note(f"reasons of {table}", unit_of(date), entry, {name: int(n) for name, n in plot})

    def dates(self, table: str) -> list[dt.date]:
        """The dates that a table by date has, in order."""
        units = self.stores[table].entries()
        known = self._dates.get(table)
        if known is None or known[0] != units.keys():
            known = self._dates[table] = set(units), sorted(map(dt.date.fromisoformat, units))
        return [*known[1]]

    def by_date(self, table: str) -> bool:
        return table in self.stores and self.stores[table].by_date

    def input_units(self, step: Step, source: Input, date: dt.date | None) -> list[Unit]:
        """The units of an input that a step reads for a date, made or not."""
        if source.key and date is not None:
            return [(source.table, day) for day in self.key_history(source).holders(date)]
        return self._window_units(step, source, date)

    def all_input_units(self, step: Step, date: dt.date | None) -> Iterator[Unit]:
        """The units that a step would read for a date, whatever they came to hold."""
        for source in step.inputs:
            yield from self._window_units(step, source, date)

    def _window_units(self, step: Step, source: Input, date: dt.date | None) -> list[Unit]:
        if not self.by_date(source.table):
            return [(source.table, None)]
        known = self.dates(source.table) if date is None or source.before == "all" else []
        dates = known if date is None else step.window(source, date, known)
        return [(source.table, day) for day in dates]

    def is_closed(self, step: Step, date: dt.date | None) -> bool:
        """Whether retention dropped something that a unit holds or reads: it is then never recomputed."""
        dropped = self.ledger.expired_before
        if date is None or not dropped:
            return False
        if any(date < dropped[table] for table in step.tables if table in dropped):
            return True
        reads = ((s.table, s.before if isinstance(s.before, int) else 0) for s in step.inputs if s.table in dropped)
        return any(date - dt.timedelta(days=before) < dropped[table] for table, before in reads)

    def key_history(self, source: Input) -> KeyHistory:
        """Which keys of an input by key occurred before, as its table is now."""
        from event_assets.storage.key_history import KeyHistory  # loads NumPy, which few datasets need

        store = self.stores[source.table]
        if source.table not in self._histories:
            folder = self.lake.state(self.dataset.name) / "history" / source.table
            self._histories[source.table] = KeyHistory(folder, source.key or "", source.before)
        return self._histories[source.table].follow(
            store.state,
            lambda: {
                dt.date.fromisoformat(unit): (entry.content, partial(store.paths, unit))
                for unit, entry in store.entries().items()
                if entry.content != EMPTY_CONTENT
            },
            save=self._writes,
        )

    def validity_digest(self, source: Input, date: dt.date) -> str:
        """The values of a table of users over time on a date, for the users who occur on that date."""
        assert source.users_of is not None
        rows, holding = self._held(source.table, None), partial(self._held, source.users_of)
        dates = partial(self.dates, source.users_of)
        return self._validity[source.table].digest(date, rows, holding, dates, save=self._writes)

    def _held(self, table: str, date: dt.date | None) -> Held:
        paths = partial(self.stores[table].paths, unit_of(date))
        return Held(self.content(table, date), self.rows(table, date), paths)

    def known_dates(self, names: Iterable[str] | None = None) -> list[dt.date]:
        """Every date on which any of the tables (all where none are named) has a partition."""
        wanted = self.tables if names is None else names
        found = {date for name in wanted if self.stores[name].by_date for date in self.dates(name)}
        return sorted(found)

    def held_dates(self) -> Mapping[dt.date, Arrival]:
        """The dates whose gold tables stay empty, since files of them are missing (`expect.hold`)."""
        if self._held_dates is None or self._held_dates[0] != self.ledger.version:
            self._held_dates = self.ledger.version, held_dates(self.dataset, self.ledger)
        return self._held_dates[1]

    def profile_snapshots(self) -> pl.DataFrame:
        """Which profile file is a snapshot of when: file_id, name, snapshot_date (null: since ever), by name."""
        names = self.ledger.names()
        rows = [
            (file.file_id, name, file_date(name))
            for file in self.ledger.active("profiles")
            for name in names[file.kind, file.file_id]
        ]
        schema = {"file_id": pl.String, "name": pl.String, "snapshot_date": pl.Date}
        return pl.DataFrame(sorted(rows, key=lambda row: row[1]), schema=schema, orient="row")

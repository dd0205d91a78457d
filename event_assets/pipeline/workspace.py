"""A dataset opened: its tables and ledger, the steps and the engine together."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property

import polars as pl

from event_assets.declaration import Dataset
from event_assets.engines.engine import Engine
from event_assets.engines.select_engine import merging_engine, open_engine, spilling_engine
from event_assets.path_or_url import Place
from event_assets.pipeline.completeness import Arrival, held_dates
from event_assets.pipeline.published_tables import DatasetTables, Unit
from event_assets.pipeline.staleness.input_histories import InputHistories
from event_assets.pipeline.staleness.remembered_digests import RememberedDigests
from event_assets.pipeline.step import Input, Step
from event_assets.pipeline.steps import step_of, steps
from event_assets.pipeline.sync_raw_tables import sync_raw_tables
from event_assets.pipeline.upgrade_lake import bring_over
from event_assets.settings import Settings
from event_assets.text.dates_in_file_names import file_date

#: The bytes of memory that an engine of frames needs at its peak for each value that a partition reads (measured: 115
#: for cleaning).
VALUE_BYTES = 135


class Workspace(DatasetTables):
    """A dataset's tables with the steps that compute them and the engine, for reading or writing."""

    def __init__(self, dataset: Dataset, settings: Settings) -> None:
        super().__init__(dataset, settings)
        self.steps: tuple[Step, ...] = steps(dataset)
        self.step_of = step_of(dataset)
        self.histories = InputHistories(self)
        self.digests = RememberedDigests(self, lambda: self.engine.ports.version)
        self._held_dates: tuple[int, Mapping[dt.date, Arrival]] | None = None
        self.notices: list[str] = []
        """What `refresh` found wrong with the lake and a run repairs, one line each."""
        self.recovered = False
        """Whether `writing` had to repair what a killed writer began."""

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
        """The engine for a partition. If the dataset's engine holds frames, a partition too large for memory gets an
        engine that spills, and a table without dates one that streams. No row depends on the choice."""
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
            self.is_writer = True
            try:
                yield
                for store in self.stores.values():
                    store.finish()
                self.digests.save(self.steps)
            finally:
                self.is_writer = False
                self.histories.save()
                self._figures.save()

    def _recover(self) -> None:
        """Complete what a killed writer committed to the ledger, and delete its other files."""
        self.recovered = True
        self.is_writer = True  # this process has the lease already
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
        self.digests.compare_again()
        self.ledger.reload()
        if self.is_writer:
            bring_over(self)
        unreadable = {name: wrong for name, store in self.stores.items() if (wrong := store.refresh())}
        landed = (name for name, table in self.tables.items() if table.landed and table.has_records)
        if self.ledger.is_new and any(self.stores[name].entries() for name in landed):
            raise self.ledger.unreadable("it is missing although records were landed")
        self.notices = [f"{wrong}; the table is rebuilt with a new log" for wrong in unreadable.values()]
        if unreadable and self.is_writer:
            for name in unreadable:
                self.stores[name].rebuild()
            sync_raw_tables(self)

    def input_units(self, step: Step, source: Input, date: dt.date | None) -> list[Unit]:
        """The partitions of an input that a step reads for a date, materialized or not."""
        if source.key and date is not None:
            return [(source.table, day) for day in self.histories.keys(source).holders(date)]
        return self._window_units(step, source, date)

    def all_input_units(self, step: Step, date: dt.date | None) -> Iterator[Unit]:
        """The partitions that a step may read for a date, independent of their content."""
        for source in step.inputs:
            yield from self._window_units(step, source, date)

    def _window_units(self, step: Step, source: Input, date: dt.date | None) -> list[Unit]:
        if not self.by_date(source.table):
            return [(source.table, None)]
        known = self.dates(source.table) if date is None or source.before == "all" else []
        dates = known if date is None else step.window(source, date, known)
        return [(source.table, day) for day in dates]

    def held_dates(self) -> Mapping[dt.date, Arrival]:
        """The dates whose gold tables are empty because files of them are missing (`expect.hold`)."""
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

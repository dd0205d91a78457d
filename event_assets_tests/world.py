"""A small world for tests: a dataset, an inbox, a lake, and a clock that stands still."""

from __future__ import annotations

import dataclasses
import datetime as dt
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path

import narwhals as nw
import polars as pl
import yaml

from event_assets.declaration import Dataset, parse_dataset
from event_assets.pipeline.land_files import LandingSummary, land_new_files
from event_assets.pipeline.reconcile import Reconciliation, publish_reconciliation, reconcile
from event_assets.pipeline.retract import files_of_run, last_retracted, named_files, restore, retract
from event_assets.pipeline.run_results import Outcome
from event_assets.pipeline.run_steps import run
from event_assets.pipeline.staleness.schedule import Request, everything
from event_assets.pipeline.workspace import Workspace
from event_assets.settings import Settings
from event_assets.storage.ledger_entries import SourceFile
from event_assets.transforms.interface import Inputs, Outputs, Scope

Break = Callable[[nw.LazyFrame], nw.LazyFrame]

NOW = dt.datetime(2025, 6, 1, 12, tzinfo=dt.UTC)

CLICKS = """
name: clicks
description: Clicks of a small shop.
start_date: 2024-01-01
events:
  files: ["clicks_*.csv"]
  format: csv
  time: {source: at}
  columns:
    - {name: user_id, source: user, required: true, description: "Who clicked."}
    - {name: event_type, source: kind, required: true, case: lower, description: "What was done."}
    - {name: page, description: "Where."}
    - {name: price, type: "decimal(10,2)", min: 0, description: "For how much."}
sessions: {gap: 30m, column: page}
gold:
  daily_summary: {}
  top_users: {by: null, n: 3}
  events_by_minute: {}
  events_by_type: {}
  user_funnel: {steps: [view, buy], window: 1h}
"""

HEADER = "user,kind,at,page,price"


def clicks(**changes: object) -> Dataset:
    """The dataset `clicks`, with some of its keys changed."""
    return parse_dataset({**yaml.safe_load(CLICKS), **changes}, "clicks")


def lines(*records: str) -> str:
    """A file of clicks: the header and one record a line."""
    return "\n".join([HEADER, *records]) + "\n"


class World:
    """One dataset with its inbox and lake below a folder."""

    def __init__(self, folder: Path, dataset: Dataset | None = None, *, inbox: Path | None = None) -> None:
        self.folder = folder
        self.settings = Settings(
            inbox=inbox or folder / "inbox",
            lake=folder / "lake",
            warehouse=folder / "warehouse.duckdb",
            memory_bytes=10**9,
        )
        self.use(dataset or clicks())

    def use(self, dataset: Dataset) -> None:
        """Go on with another declaration on the same files and lake."""
        self.dataset = dataset
        self.workspace = Workspace(dataset, self.settings)

    def drop(self, name: str, content: str | bytes) -> Path:
        """Put a file into the inbox."""
        folder = self.settings.inbox / self.dataset.name
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def land(self, now: Callable[[], dt.datetime] = lambda: NOW, run: str | None = None) -> LandingSummary:
        with self.workspace.writing():
            self.workspace.refresh()
            summary = land_new_files(self.workspace, now=now, run=run)
        summary.raise_failures()
        return summary

    def retract(self, name: str = "", *, run: str = "", at: dt.datetime = NOW) -> None:
        """Take out a file, or what a run landed."""
        with self.workspace.writing():
            self.workspace.refresh()
            retract(self.workspace, self._files(name, run), at)

    def restore(self, name: str = "", *, run: str = "") -> None:
        """Bring back a file, what a run landed, or (with neither) what was retracted last."""
        with self.workspace.writing():
            self.workspace.refresh()
            restore(self.workspace, self._files(name, run) if name or run else last_retracted(self.workspace))

    def _files(self, name: str, run: str) -> list[SourceFile]:
        return files_of_run(self.workspace, run) if run else named_files(self.workspace, name)

    def make(self, dates: Iterable[str] | None = None, tables: Iterable[str] | None = None) -> list[Outcome]:
        """Make what is stale, or the given dates of the given tables (all tables where none are given)."""
        asked = None if dates is None else frozenset(dt.date.fromisoformat(date) for date in dates)
        wanted = everything(self.workspace) if tables is None else frozenset(tables)
        with self.workspace.writing():
            self.workspace.refresh()
            return [outcome for some in run(self.workspace, Request(wanted, asked)) for outcome in some]

    def refresh(self) -> list[Outcome]:
        """Land what is new and make what is stale, as `run` and the sensor do."""
        self.land()
        outcomes = self.make()
        self.publish_reconciliation()
        return outcomes

    def break_table(self, table: str, date: str, how: Break) -> None:
        """Let the step that makes a table make it wrong on one date, until the declaration is used again."""
        self.workspace.steps = tuple(
            dataclasses.replace(step, transform=wrong_on(date, table, step.transform, how))
            if table in step.tables
            else step
            for step in self.workspace.steps
        )

    def table(self, name: str) -> pl.DataFrame:
        """All rows of a published table in its row order, `event_date` in front where it has dates."""
        self.workspace.refresh()
        return self._rows(name)

    def _rows(self, name: str) -> pl.DataFrame:
        store = self.workspace.stores[name]
        frames = []
        for unit in sorted(store.entries()):
            for path in store.paths(unit):
                frame = pl.read_parquet(path, hive_partitioning=False)
                if store.partitioned_by:
                    hive = path.parent.name.split("=", 1)[1]
                    frame = frame.select(pl.lit(hive).alias(store.partitioned_by), pl.all())
                frames.append(frame)
        return pl.concat(frames) if frames else self.workspace.tables[name].polars_schema().to_frame()

    def tables(self) -> dict[str, pl.DataFrame]:
        """Every table that a transform makes, without the lineage columns that may differ with the cut of files."""
        lineage = ["file_id", "row_number"]
        found = {}
        self.workspace.refresh()
        for name in sorted(everything(self.workspace)):
            frame = self._rows(name)
            if name in ("quarantine", "profile_quarantine"):
                frame = frame.drop(lineage)
                frame = frame.sort(pl.all())
            elif "file_id" in frame.columns:
                frame = frame.drop(lineage)
            found[name] = frame.filter(pl.lit(True))
        return found

    def files_on_disk(self, name: str) -> set[Path]:
        return set(self.workspace.stores[name].folder.rglob("*.parquet")) - set(
            (self.workspace.stores[name].folder / "_delta_log").rglob("*")
        )

    def publish_reconciliation(self) -> pl.DataFrame:
        """End a run as Dagster does, and give the table `reconciliation`."""
        with self.workspace.writing():
            self.workspace.refresh()
            publish_reconciliation(self.workspace)
        return self.table("reconciliation")

    def reconciled(self) -> Reconciliation:
        self.workspace.refresh()
        return reconcile(self.workspace)


def places_of(folder: Path, text: str) -> list[str]:
    """The files below a folder that contain a text: in name, bytes, values of Parquet files, rows of databases."""

    def contents(path: Path) -> Iterator[str]:
        content = path.read_bytes()
        yield content.decode("latin-1")
        yield content.decode("utf-8", "replace")
        if content[:4] == b"PAR1":
            frame = pl.read_parquet(path, hive_partitioning=False, glob=False)
            yield "\n".join(frame.with_columns(pl.all().cast(pl.String, strict=False)).write_ndjson().splitlines())
        elif content[:6] == b"SQLite":
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
                yield "\n".join(database.iterdump())

    return sorted(
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if text in str(path.relative_to(folder)) or (path.is_file() and any(text in one for one in contents(path)))
    )


def made(outcomes: Iterable[Outcome], table: str | None = None) -> set[tuple[str, str]]:
    """The units that were made, as (table, date)."""
    return {(o.table, str(o.date or "")) for o in outcomes if o.state == "materialized" and table in (None, o.table)}


def days_made(outcomes: Iterable[Outcome]) -> dict[str, list[int]]:
    """By table the days of the month that were made; none for a table over all dates."""
    found: dict[str, list[int]] = {}
    for table, date in sorted(made(outcomes)):
        found.setdefault(table, []).extend([int(date[-2:])] if date else [])
    return found


def wrong_on(date: str, table: str, transform: Callable[[Inputs, Scope], Outputs], how: Break) -> Callable:
    """A transform that makes a table wrong on one date, however many it computes together."""

    def made(inputs: Inputs, scope: Scope) -> Outputs:
        outputs = transform(inputs, scope)
        if date not in map(str, scope.dates):
            return outputs
        frame = outputs.tables[table]
        is_date = nw.col("event_date") == nw.lit(dt.date.fromisoformat(date))
        wrong = nw.concat([frame.filter(~is_date), how(frame.filter(is_date))]) if scope.several else how(frame)
        return dataclasses.replace(outputs, tables={**outputs.tables, table: wrong})

    return made

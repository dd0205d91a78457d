"""A trial: sample files landed and cleaned by a declaration, in a temporary lake, to show what would become of them."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from event_assets.declaration import Dataset
from event_assets.draft.json_sample import object_texts
from event_assets.draft.sample import Found, plain_name
from event_assets.landing.plain_text import head_of
from event_assets.pipeline.land_files import land_new_files
from event_assets.pipeline.run_steps import run
from event_assets.pipeline.staleness.schedule import Request
from event_assets.pipeline.workspace import Workspace
from event_assets.settings import Settings
from event_assets.tables.landed_tables import LANDING_REJECTS, RAW_EVENTS

#: Of larger files the first records are tried.
MAX_BYTES = 16 * 1024 * 1024
_FIRST_ROWS = 5
#: Files that have a record a line, so that they can be cut.
_ENDINGS_OF_LINES = (".csv", ".tsv", ".txt", ".log", ".ndjson", ".jsonl")
#: What a person looks at first; the columns of the declaration follow.
_LEADING = ("event_time", "user_id", "event_type")
_INTERNAL = ("event_id", "file_id", "row_number", "extra", "time_assumed")


@dataclass(frozen=True)
class Refused:
    """The records that one rule rejects or quarantines."""

    reason: str
    records: int
    example: str
    """The text of the first of them."""


@dataclass(frozen=True)
class Trial:
    """What becomes of sample files."""

    records: int
    taken: int
    """Events that are kept."""
    duplicates: int
    excluded: int
    """Records that `where` leaves out."""
    refused: tuple[Refused, ...]
    """Most records first."""
    profiles: int
    """Records of profiles."""
    profiles_refused: tuple[Refused, ...]
    files_refused: tuple[tuple[str, str], ...]
    """Names of files that can't be read at all, and why."""
    rows: pl.DataFrame
    """The first events: event_time, user_id, event_type, then the declared columns."""
    first_date: dt.date | None
    shortened: tuple[str, ...]
    """Names of files whose first records alone were tried."""


def try_out(dataset: Dataset, files: Sequence[Found], now: dt.datetime) -> Trial:
    """Land and clean the files by the dataset, in a temporary folder; nothing else is touched.

    `now` is the moment of landing, from which on times are in the future.
    """
    with tempfile.TemporaryDirectory(prefix="event_assets-init-") as folder:
        settings = Settings(Path(folder, "inbox"), Path(folder, "lake"), Path(folder, "cache"), Path(folder, "views"))
        shortened = [file.place for file in files if _drop(file, Path(folder, "inbox", dataset.name))]
        workspace = Workspace(dataset, settings)
        with workspace.writing():
            workspace.refresh()
            summary = land_new_files(workspace, now=lambda: now)
            profiles = _up_to(workspace, "profiles") if dataset.profiles else frozenset()
            for _ in run(workspace, Request(_up_to(workspace, "cleaned_events") | profiles)):
                pass
        workspace.refresh()
        failures = [(error.culprit, error.state) for error in summary.failures]
        return _result(workspace, shortened, failures)


def _up_to(workspace: Workspace, table: str) -> frozenset[str]:
    """The tables of the step that makes a table and of all steps before it."""
    step = workspace.step_of[table]
    before = [_up_to(workspace, one.table) for one in step.inputs if one.table in workspace.step_of]
    return frozenset(step.tables).union(*before)


def _result(workspace: Workspace, shortened: list[str], failures: list[tuple[str, str]]) -> Trial:
    ledger = workspace.ledger
    names = ledger.names()
    files_refused = [(names[key][0], file.reason) for key, file in ledger.files.items() if file.reason]
    records = Counter[str]()
    for (kind, _), file in ledger.files.items():
        records[kind] += file.records
    cleaned, rejects = _rows(workspace, "cleaned_events"), _rows(workspace, LANDING_REJECTS)
    is_profile = pl.col("file_id").is_in([file_id for (kind, file_id) in ledger.files if kind == "profiles"])
    refused_profiles = _rows(workspace, "profile_quarantine") if workspace.dataset.profiles else rejects.clear()
    figures = [workspace.figures("cleaned_events", date) for date in workspace.dates("cleaned_events")]
    first = _rows(workspace, RAW_EVENTS)["event_time"].min()
    shown = [*_LEADING, *(name for name in cleaned.columns if name not in (*_LEADING, *_INTERNAL))]
    return Trial(
        records=records["events"],
        taken=cleaned.height,
        duplicates=sum(one.get("duplicates", 0) for one in figures),
        excluded=sum(one.get("excluded", 0) for one in figures),
        refused=_refused(rejects.filter(~is_profile), _rows(workspace, "quarantine")),
        profiles=records["profiles"],
        profiles_refused=_refused(rejects.filter(is_profile), refused_profiles),
        files_refused=(*files_refused, *failures),
        rows=cleaned.sort("event_time", maintain_order=True).head(_FIRST_ROWS).select(shown),
        first_date=first.date() if isinstance(first, dt.datetime) else None,
        shortened=tuple(shortened),
    )


def _rows(workspace: Workspace, table: str) -> pl.DataFrame:
    store = workspace.stores[table]
    paths = [path for unit in sorted(store.entries()) for path in store.paths(unit)]
    if not paths:
        return workspace.tables[table].polars_schema().to_frame()
    return pl.concat([pl.read_parquet(path, hive_partitioning=False, glob=False) for path in paths])


def _refused(*tables: pl.DataFrame) -> tuple[Refused, ...]:
    """The refused records of some tables by reason, most records first."""
    rows = pl.concat(table.select("reason", "raw", "file_id", "row_number") for table in tables)
    by_reason = rows.sort("file_id", "row_number").group_by("reason", maintain_order=True)
    found = [Refused(str(reason), some.height, str(some["raw"][0])) for (reason,), some in by_reason]
    return tuple(sorted(found, key=lambda one: (-one.records, one.reason)))


def _drop(file: Found, inbox: Path) -> bool:
    """Put a file into the inbox, as a link or a copy; of a large one its first records. Whether it was shortened."""
    target = inbox / file.place
    target.parent.mkdir(parents=True, exist_ok=True)
    head = _head(file.path) if file.path.stat().st_size > MAX_BYTES else None
    if head is not None:
        target.with_name(plain_name(file.path)).write_bytes(head)
        return True
    try:
        os.link(file.path.resolve(), target)
    except OSError:
        shutil.copyfile(file.path, target)
    return False


def _head(path: Path) -> bytes | None:
    """The first whole records of a file of lines or of a JSON array; None of others, which can't be cut."""
    found = head_of(path, MAX_BYTES)
    if plain_name(path).endswith(_ENDINGS_OF_LINES):
        return found[: found.rfind(b"\n") + 1 or len(found)]
    if found.lstrip().startswith(b"["):
        return b"[" + b",".join(object_texts(found, "json")) + b"]"
    return None

"""Make the raw tables match the ledger, the source of truth."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace

import polars as pl

from event_assets.pipeline.completeness import COMPLETENESS, completeness
from event_assets.pipeline.publish import publish_whole
from event_assets.pipeline.published_tables import DatasetTables
from event_assets.storage.delta_actions import LogFile
from event_assets.storage.ledger_entries import SourceFile
from event_assets.storage.parquet import read_parquet
from event_assets.storage.published_partitions import WHOLE
from event_assets.tables.landed_tables import LANDING_REJECTS, RAW_EVENTS, RAW_PROFILES, SOURCE_FILES

#: The parts of a source file that have no date.
ROWS, REJECTS = "rows", "rejects"


def sync_raw_tables(workspace: DatasetTables) -> None:
    """Publish in the raw tables exactly the active files' rows of dates that have not expired, and `source_files`.

    Does nothing where they do. Rows that are missing stay listed: see `files_missing_rows`.
    """
    ledger = workspace.ledger
    counting = _counting(workspace)
    for table, files in counting.items():
        workspace.stores[table].replace_files(files)
    for table, before in ledger.expired_before.items():
        if table in workspace.stores and table not in counting:
            workspace.stores[table].drop(date.isoformat() for date in workspace.dates(table) if date < before)
    publish_whole(workspace, SOURCE_FILES, source_files(workspace))
    if workspace.dataset.expect:
        publish_whole(workspace, COMPLETENESS, completeness(workspace))


def files_missing_rows(workspace: DatasetTables) -> list[SourceFile]:
    """Active source files whose landed rows are missing from the lake or damaged there."""
    ledger = workspace.ledger
    counting = (*ledger.active("events"), *ledger.active("profiles"))
    return [file for file in counting if not parts_are_there(workspace, file)]


def raw_tables_match_ledger(workspace: DatasetTables) -> bool:
    """Whether the raw tables match the ledger.

    They don't after a kill between the ledger's commit and theirs, nor where a lake was restored in parts.
    """
    if not workspace.ledger.files:
        return True
    for table, files in _counting(workspace).items():
        listed = workspace.stores[table].entries().values()
        if {path for entry in listed for path in entry.files} != {file.path for file in files}:
            return False
        if any(entry.damaged for entry in listed):
            return False
    if workspace.dataset.expect and not _is_published(workspace, COMPLETENESS, completeness(workspace)):
        return False
    return _is_published(workspace, SOURCE_FILES, source_files(workspace))


def _is_published(workspace: DatasetTables, table: str, rows: pl.DataFrame) -> bool:
    shown_entry = workspace.entry(table, None)
    if shown_entry is None or shown_entry.damaged:
        return False
    shown = [read_parquet(path) for path in workspace.stores[table].paths(WHOLE)]
    return bool(shown) and shown[0].equals(rows)


def _counting(workspace: DatasetTables) -> dict[str, list[LogFile]]:
    """The current files of each raw table, from the ledger."""
    counting: dict[str, list[LogFile]] = {
        table.name: [] for table in workspace.tables.values() if table.landed and table.has_records
    }
    for file in (*workspace.ledger.active("events"), *workspace.ledger.active("profiles")):
        for part in parts(workspace, file):
            counting[part.table].append(part.file)
    return counting


def source_files(workspace: DatasetTables) -> pl.DataFrame:
    """The rows of `source_files` from the ledger: one per content, ordered by landed_at and file_id."""
    ledger = workspace.ledger
    names = ledger.names_so_far()
    rows = []
    for key, state in ledger.states().items():
        file = ledger.files[key]
        if state != "active" and file.uncut:  # as it was landed, whether a user was erased before or after
            uncut = dict(file.uncut)
            rejected = uncut.pop(REJECTS)
            file = replace(file, landed=file.records - rejected, rejected=rejected, dates=uncut)
        dates = [dt.date.fromisoformat(date) for date in file.dates]
        rows.append(
            {
                "file_id": file.file_id,
                "names": json.dumps(names.get(key, []), ensure_ascii=False),
                "bytes": file.bytes,
                "records": file.records,
                "landed": file.landed,
                "rejected": file.rejected,
                "first_date": min(dates, default=None),
                "last_date": max(dates, default=None),
                "landed_at": file.landed_at,
                "state": state,
                "reason": ledger.reason(file),
            }
        )
    table = workspace.tables[SOURCE_FILES]
    return pl.DataFrame(rows, schema=table.polars_schema()).sort(table.row_order)


@dataclass(frozen=True)
class Part:
    """A file of a landed table that holds rows of one source file; `name` tells it from that file's other parts."""

    table: str
    name: str
    file: LogFile


def parts(workspace: DatasetTables, file: SourceFile) -> Iterator[Part]:
    """The parts with a source file's rows: one for each date that retention has not dropped, and its rejects."""
    before = workspace.ledger.expired_before.get(RAW_EVENTS)
    for date, rows in file.dates.items():
        if before is None or dt.date.fromisoformat(date) >= before:
            yield Part(RAW_EVENTS, date, LogFile(f"event_date={date}/{part_name(file, date)}", rows, date))
    if file.kind == "profiles" and file.landed:
        yield Part(RAW_PROFILES, ROWS, LogFile(part_name(file, ROWS), file.landed))
    if file.rejected:
        yield Part(LANDING_REJECTS, REJECTS, LogFile(part_name(file, REJECTS), file.rejected))


def parts_are_there(workspace: DatasetTables, file: SourceFile) -> bool:
    """Whether the rows of a file are still in the lake: the rows of a superseded file were deleted."""
    return all(workspace.stores[part.table].has(part.file) for part in parts(workspace, file))


def part_name(file: SourceFile, part: str) -> str:
    """The name of a file that holds rows of a source file: what was read, by which rules, what was taken out, and what
    is masked."""
    changes = [f"-{changed[part]}" for changed in (file.cuts, file.masks) if part in changed]
    return f"{file.file_id}-{file.rules}{''.join(changes)}.parquet"

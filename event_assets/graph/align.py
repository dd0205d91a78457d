"""Brings the landed tables in line with the ledger, which is what counts."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from event_assets.engines.parquet import write_parquet
from event_assets.errors import LakeError
from event_assets.lake import Staged
from event_assets.lake.ledger import SourceFile
from event_assets.lake.log import LogFile
from event_assets.lake.partitions import WHOLE, content_digest

if TYPE_CHECKING:
    from event_assets.graph.workspace import Workspace


def align(workspace: Workspace) -> None:
    """Make the landed tables show what the ledger says. Does nothing where they do."""
    ledger = workspace.ledger
    states = ledger.states()
    for file in (*ledger.active("events"), *ledger.active("profiles")):
        if not parts_are_there(workspace, file):
            name = ledger.names()[file.kind, file.file_id][0]
            raise LakeError(
                str(workspace.inbox / name), "its landed rows are gone from the lake", "touch the file and run again"
            )
    events = [file for file in ledger.active("events") if file.reason is None]
    workspace.stores["raw_events"].replace_files(
        LogFile(f"event_date={date}/{part_name(file)}", rows, date)
        for file in events
        for date, rows in file.dates.items()
    )
    if "raw_profiles" in workspace.stores:
        profiles = [file for file in ledger.active("profiles") if file.reason is None and file.landed]
        workspace.stores["raw_profiles"].replace_files(LogFile(part_name(file), file.landed) for file in profiles)
    rejecting = [ledger.files[key] for key, state in states.items() if state == "active" and ledger.files[key].rejected]
    workspace.stores["landing_rejects"].replace_files(LogFile(part_name(file), file.rejected) for file in rejecting)
    _publish_whole(workspace, "source_files", source_files(workspace))


def source_files(workspace: Workspace) -> pl.DataFrame:
    """The table `source_files` as the ledger has it: one row per content, by landed_at and file_id."""
    ledger = workspace.ledger
    names = ledger.names()
    rows = []
    for key, state in ledger.states().items():
        file = ledger.files[key]
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
                "reason": file.reason,
            }
        )
    table = workspace.tables["source_files"]
    return pl.DataFrame(rows, schema=table.polars_schema()).sort(table.row_order)


def parts_are_there(workspace: Workspace, file: SourceFile) -> bool:
    """Whether the rows of a file still lie in the lake: those of a superseded one were deleted."""
    return all(path.exists() for path in _parts(workspace, file))


def _parts(workspace: Workspace, file: SourceFile) -> Iterator[Path]:
    name = part_name(file)
    for date in file.dates:
        yield workspace.stores["raw_events"].folder / f"event_date={date}" / name
    if file.kind == "profiles" and file.landed:
        yield workspace.stores["raw_profiles"].folder / name
    if file.rejected:
        yield workspace.stores["landing_rejects"].folder / name


def part_name(file: SourceFile) -> str:
    """The name of each file that holds rows of a source file: what was read, and by which rules."""
    return f"{file.file_id}-{file.rules}.parquet"


def _publish_whole(workspace: Workspace, name: str, frame: pl.DataFrame) -> None:
    store = workspace.stores[name]
    with workspace.lake.staging(workspace.dataset.name) as staging:
        staged = [Staged(staging / f"{name}.parquet", frame.height)]
        write_parquet(frame, staged[0].path)
        content = content_digest(staged)
        before = store.entries().get(WHOLE)
        if before is None or before.content != content:
            store.publish(WHOLE, staged, content, content)
            store.flush()

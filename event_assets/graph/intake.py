"""Files of the inbox into the raw tables, through the ledger.

A file's rows are staged, moved to names that no log lists yet, and entered into the ledger; then the logs of
the raw tables are brought in line with the ledger. A kill before the ledger's commit leaves files that nobody
reads; one after it is made good by the next `align`.
"""

from __future__ import annotations

import datetime as dt
import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from event_assets.dataset import Dataset, Source, digest
from event_assets.graph.align import align, part_name, parts_are_there
from event_assets.graph.workspace import Workspace
from event_assets.lake import EMPTY_CONTENT, Staged
from event_assets.lake.ledger import Binding, Kind, SourceFile
from event_assets.lake.ledger import Entry as LedgerEntry
from event_assets.landing.file import Landed, land_file
from event_assets.landing.identity import NotReadyError, identify
from event_assets.landing.inbox import Dropped, look

#: Raised when landing reads the same bytes otherwise than before: every file is then read again.
LANDING_VERSION = 1
#: So many seconds of landed files enter the ledger in one commit.
COMMIT_SECONDS = 2.0

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Intake:
    """What a look at the inbox brought."""

    landed: tuple[SourceFile, ...] = ()
    known: int = 0
    """Files whose content had been landed before, under whatever name."""
    warnings: tuple[str, ...] = ()
    dates: frozenset[dt.date] = frozenset()
    """The dates whose raw rows changed."""
    seconds: float = 0.0
    figures: Mapping[str, int] = field(default_factory=dict)


def landing_rules(dataset: Dataset, kind: Kind) -> str:
    """The digest of those parts of the declaration by which a file of a kind is read."""
    source = _source(dataset, kind)
    columns = [(column.name, column.source, column.constant, column.required) for column in source.columns]
    reading = source.rules("format", "csv", "encoding", "lines", "max_record_bytes")
    time_source = dataset.events.time.source
    no_time = [column.null_values for column in dataset.columns if column.source == time_source]
    clock = [dataset.timezone, dataset.source_timezone, dataset.start_date, dataset.events.time.rules(), no_time]
    return digest(LANDING_VERSION, kind, columns, reading, clock if kind == "events" else [], length=8)


def pending(workspace: Workspace) -> tuple[list[Dropped], list[str]]:
    """The files of the inbox that are new, were touched or would be read otherwise now, and what to warn of."""
    inbox = look(workspace.inbox, workspace.dataset)
    return [dropped for dropped in inbox.files if not _settled_in_ledger(workspace, dropped)], list(inbox.warnings)


def take_in(workspace: Workspace, *, now: Callable[[], dt.datetime], progress: Progress = lambda *_: None) -> Intake:
    """Land what is new in the inbox, and bring the raw tables in line with the ledger.

    The caller holds `workspace.writing()` and has called `workspace.refresh()`. `now` tells a file's `landed_at`.
    A file that can't be opened is entered as rejected; the others go on.
    """
    began = time.perf_counter()
    before = _raw_contents(workspace)
    files, warnings = pending(workspace)
    landed: list[SourceFile] = []
    known = 0
    entries: list[LedgerEntry] = []
    staging = workspace.lake.staging(workspace.dataset.name)
    committed = time.monotonic()
    try:
        for done, dropped in enumerate(files):
            progress(f"landing {dropped.name}", done, len(files))
            try:
                file, binding = _take(workspace, dropped, staging, now, entries)
            except NotReadyError as error:  # taken at the next look; the others go on
                warnings.append(str(error))
                continue
            if file is None:
                known += 1
            else:
                landed.append(file)
                entries.append(file)
            entries.append(binding)
            if time.monotonic() - committed > COMMIT_SECONDS:
                workspace.ledger.append(entries)
                entries, committed = [], time.monotonic()
        progress("", len(files), len(files))
    finally:
        # What was landed before one file stopped the run is whole: it counts.
        workspace.ledger.append(entries)
        align(workspace)
        shutil.rmtree(staging, ignore_errors=True)
    after = _raw_contents(workspace)
    dates = {dt.date.fromisoformat(d) for d in before.keys() | after.keys() if before.get(d) != after.get(d)}
    return Intake(tuple(landed), known, tuple(warnings), frozenset(dates), time.perf_counter() - began)


def _take(
    workspace: Workspace,
    dropped: Dropped,
    staging: Path,
    now: Callable[[], dt.datetime],
    uncommitted: Iterable[LedgerEntry],
) -> tuple[SourceFile | None, Binding]:
    """The file as it was landed now (None where its content is known) and what its name stands for."""
    identity = identify(dropped.path)
    binding = Binding(dropped.name, dropped.kind, identity.file_id, dropped.signature)
    rules = landing_rules(workspace.dataset, dropped.kind)
    just_landed = {(f.kind, f.file_id): f for f in uncommitted if isinstance(f, SourceFile)}
    before = just_landed.get((dropped.kind, identity.file_id)) or workspace.ledger.files.get(
        (dropped.kind, identity.file_id)
    )
    if before is not None and before.rules == rules and parts_are_there(workspace, before):
        return None, binding
    landed_at = before.landed_at if before is not None else now()
    landed = land_file(
        workspace.dataset,
        dropped.kind,
        dropped.path,
        dropped.name,
        identity,
        staging,
        landed_at=landed_at,
        memory_bytes=workspace.settings.memory_bytes,
        workers=workspace.settings.workers,
    )
    file = _as_source_file(landed, rules, landed_at, identity.bytes)
    _place(workspace, landed, file)
    return file, binding


def _as_source_file(landed: Landed, rules: str, landed_at: dt.datetime, size: int) -> SourceFile:
    return SourceFile(
        file_id=landed.file_id,
        kind=landed.kind,
        rules=rules,
        landed_at=landed_at,
        bytes=size,
        records=landed.records,
        landed=landed.landed,
        rejected=landed.rejected,
        dates={date.isoformat(): rows for date, rows in sorted(landed.dates.items())},
        reasons=dict(sorted(landed.reasons.items())),
        new_fields=dict(sorted(landed.drift.new.items())),
        missing_columns=landed.drift.missing,
        repairs=landed.repairs,
        reason=landed.reason,
    )


def _place(workspace: Workspace, landed: Landed, file: SourceFile) -> None:
    """Move the staged parts to where the ledger's commit will make them count."""
    name = part_name(file)
    for date, path in landed.parts.items():
        if date is None:
            workspace.stores["raw_profiles"].place(Staged(path, landed.landed), name)
        else:
            workspace.stores["raw_events"].place(Staged(path, landed.dates[date], date.isoformat()), name)
    if landed.rejects is not None:
        workspace.stores["landing_rejects"].place(Staged(landed.rejects, landed.rejected), name)


def _settled_in_ledger(workspace: Workspace, dropped: Dropped) -> bool:
    binding = workspace.ledger.bindings.get((dropped.kind, dropped.name))
    if binding is None or binding.signature != dropped.signature:
        return False
    file = workspace.ledger.files.get((dropped.kind, binding.file_id))
    return file is not None and file.rules == landing_rules(workspace.dataset, dropped.kind)


def _raw_contents(workspace: Workspace) -> dict[str, str]:
    entries = workspace.stores["raw_events"].entries()
    return {unit: entry.content for unit, entry in entries.items() if entry.content != EMPTY_CONTENT}


def _source(dataset: Dataset, kind: Kind) -> Source:
    source = dataset.events if kind == "events" else dataset.profiles
    assert source is not None
    return source

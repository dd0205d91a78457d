"""Files of the inbox into the raw tables, through the ledger.

A file's rows are staged, moved to names that no log lists yet, and entered into the ledger; then the logs of
the raw tables are brought in line with the ledger. A kill before the ledger's commit leaves files that no log
lists; one after it is repaired by the next `sync_raw_tables`.
"""

from __future__ import annotations

import datetime as dt
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from event_assets.declaration import Dataset
from event_assets.declaration.events_and_profiles import AS_JSON
from event_assets.errors import LandingError
from event_assets.landing.inbox import InboxFile, NotReadyError, block_of
from event_assets.pipeline.completeness import warnings as completeness_warnings
from event_assets.pipeline.land_in_groups import in_groups, land_contents
from event_assets.pipeline.mask_names import Masking, masked_messages
from event_assets.pipeline.pending_files import pending, sort_out
from event_assets.pipeline.record_count_manifests import take_manifests
from event_assets.pipeline.retention import is_closed
from event_assets.pipeline.schema_drift import FieldNames, drift_of
from event_assets.pipeline.sync_raw_tables import files_missing_rows, sync_raw_tables
from event_assets.pipeline.workspace import Workspace
from event_assets.storage.ledger_entries import Entry, Kind, SourceFile
from event_assets.storage.published_partitions import EMPTY_CONTENT
from event_assets.tables.landed_tables import RAW_EVENTS

#: The files that were landed within this number of seconds enter the ledger in one commit.
COMMIT_SECONDS = 2.0

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class LandingSummary:
    """What a look at the inbox brought."""

    landed: tuple[SourceFile, ...] = ()
    known: int = 0
    """Files whose content was landed before, under any name."""
    warnings: tuple[str, ...] = ()
    dates: frozenset[dt.date] = frozenset()
    """The dates whose raw rows changed."""
    seconds: float = 0.0
    failures: tuple[LandingError, ...] = ()
    """Files that stopped their own landing. The others went on; the caller reports these at the end."""
    tables: frozenset[str] = frozenset()
    """The tables of files and records without dates that changed."""

    def raise_failures(self) -> None:
        """LandingError in the words of the first file that failed, where any did."""
        if self.failures:
            first, more = self.failures[0], len(self.failures) - 1
            raise LandingError(first.culprit, first.state + (f" (and {more} more)" if more else ""), first.remedy)


def land_new_files(
    workspace: Workspace,
    *,
    now: Callable[[], dt.datetime],
    run: str | None = None,
    progress: Progress = lambda *_: None,
) -> LandingSummary:
    """Land the new files of the inbox, and make the raw tables match the ledger.

    The caller holds `workspace.writing()` and has called `workspace.refresh()`. `now` gives a file's `landed_at`,
    `run` names the run, so that `retract --run` finds what it landed.
    A file that can't be opened is entered as rejected; one whose landing fails is listed in the summary's `failures`.
    The other files are landed.
    """
    began = time.perf_counter()
    before, undated = _raw_contents(workspace), _undated_contents(workspace)
    masking = Masking(workspace.dataset, workspace.ledger)
    unreadable = take_manifests(workspace)
    files, found = pending(workspace, files_missing_rows(workspace))
    warnings = [*workspace.notices, *unreadable, *map(masking.text, found)]
    failures: list[LandingError] = []
    with workspace.lake.staging(workspace.dataset.name) as staging:
        landed, known = _land_all(workspace, files, masking, staging, warnings, failures, now, run, progress)
    names = {file.name: masked for file in files if (masked := masking.name(file.name)) != file.name}
    if names:
        warnings = [*masked_messages(warnings, names)]
        failures = [LandingError(*masked_messages((e.culprit, e.state, e.remedy), names)) for e in failures]
    failures += _lost(workspace)
    warnings += completeness_warnings(workspace.dataset, workspace.ledger, now())
    after = _raw_contents(workspace)
    dates = {dt.date.fromisoformat(d) for d in before.keys() | after.keys() if before.get(d) != after.get(d)}
    tables = {table for table, content in _undated_contents(workspace).items() if content != undated[table]}
    seconds = time.perf_counter() - began
    return LandingSummary(
        tuple(landed), known, tuple(warnings), frozenset(dates), seconds, tuple(failures), frozenset(tables)
    )


def _lost(workspace: Workspace) -> Iterator[LandingError]:
    """The missing or damaged files of the lake that can't be recomputed: the source is missing, or has expired."""
    for file in files_missing_rows(workspace):
        name = workspace.ledger.names()[file.kind, file.file_id][0]
        remedy = f"put it back and run again, or event-assets retract {workspace.dataset.name} {name}"
        state = "its landed rows are missing from the lake; nothing of it was changed"
        yield LandingError(str(workspace.inbox / name), state, remedy)
    for step in workspace.steps:
        for table in step.tables if step.by_date else ():
            for date in workspace.dates(table):
                entry = workspace.entry(table, date)
                if entry and entry.damaged and is_closed(workspace, step, date):
                    path = str(workspace.stores[table].folder / entry.damaged[0])
                    state = "is missing or damaged, and what it was made from was dropped by retention"
                    yield LandingError(path, state, "restore it from a backup")


def _land_all(
    workspace: Workspace,
    files: list[InboxFile],
    masking: Masking,
    staging: Path,
    warnings: list[str],
    failures: list[LandingError],
    now: Callable[[], dt.datetime],
    run: str | None,
    progress: Progress,
) -> tuple[list[SourceFile], int]:
    """Land those files whose content is new; how many were known already.

    Adds to `warnings` what can't be read yet, to `failures` what stopped its own landing.
    """
    landed: list[SourceFile] = []
    named: list[tuple[str, SourceFile]] = []
    entries: list[Entry] = []
    committed = time.monotonic()
    pool = ThreadPoolExecutor(max_workers=workspace.settings.workers)
    try:
        works, bindings = sort_out(workspace, files, pool, warnings, failures)
        entries.extend(map(masking.entry, bindings))
        if works:
            workspace.ledger.draw_key()
        fields = FieldNames(workspace.ledger)
        groups = in_groups(workspace, works)
        at_once = max(1, min(workspace.settings.workers, len(groups)))
        futures = [pool.submit(land_contents, workspace, group, staging, now, at_once) for group in groups]
        results = {id(work): (f, at) for f, group in zip(futures, groups, strict=True) for at, work in enumerate(group)}
        for done, work in enumerate(works):
            progress(f"landing {work.dropped.name}", done, len(works))
            future, at = results[id(work)]
            result = future.result()[at]
            if isinstance(result, NotReadyError):  # taken at the next look; the others go on
                warnings.append(str(result))
                continue
            if isinstance(result, LandingError):
                failures.append(result)
                continue
            if isinstance(result, Exception):
                raise result
            file = masking.source(fields.kept(replace(result, run=work.first.run if work.first else run)))
            landed.append(file)
            named.append((work.dropped.name, file))
            entries.extend((file, *map(masking.entry, work.bindings)))
            if old := _dropped(workspace, file):
                warnings.append(f"{work.dropped.name}: {old}")
            if workspace.dataset.drift == "warn" and (differs := str(drift_of(file))):
                warnings.append(f"{work.dropped.name} differs from its declaration: {differs}")
            if time.monotonic() - committed > COMMIT_SECONDS:
                workspace.ledger.append(entries)
                entries, committed = [], time.monotonic()
        progress("", len(works), len(works))
        warnings.extend(_absent(workspace.dataset, named))
    finally:
        pool.shutdown(cancel_futures=True)
        # What was landed before something stopped the run is whole: it counts.
        workspace.ledger.append(entries)
        sync_raw_tables(workspace)
    return landed, len(bindings)


def _absent(dataset: Dataset, landed: Iterable[tuple[str, SourceFile]]) -> Iterator[str]:
    """The declared sources that no record of a file has: of all files (by name) that lack one, in one line.

    A record of JSON has the members that it needs: there only a source that no file of a block has is reported.
    """
    with_records = [(name, file) for name, file in landed if file.records]
    files: dict[tuple[Kind, str, int], list[str]] = {}
    in_block = Counter((file.kind, block_of(name, dataset, file.kind) or 0) for name, file in with_records)
    for name, file in with_records:
        for column in file.missing_columns:
            files.setdefault((file.kind, column, block_of(name, dataset, file.kind) or 0), []).append(name)
    for (kind, column, block), names in files.items():
        if dataset.blocks(kind)[block].format in AS_JSON and len(names) < in_block[kind, block]:
            continue
        sources = next(one for one in dataset.columns_of(kind) if one.name == column).sources
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        yield (
            f"column {column} is null: no record of {names[0]}{more} has {' or '.join(sources)}; "
            "correct source: if the files write it otherwise"
        )


def _dropped(workspace: Workspace, file: SourceFile) -> str:
    """What of a file retention drops at once, in words; empty where it is nothing."""
    before = workspace.ledger.expired_before.get(RAW_EVENTS)
    rows = sum(rows for date, rows in file.dates.items() if before and date < before.isoformat())
    return f"{rows} records of dates before {before}, which were dropped, are not kept" if rows else ""


def _undated_contents(workspace: Workspace) -> dict[str, str]:
    tables = [table.name for table in workspace.tables.values() if table.landed and not table.by_date]
    return {table: workspace.content(table, None) for table in tables}


def _raw_contents(workspace: Workspace) -> dict[str, str]:
    entries = workspace.stores[RAW_EVENTS].entries()
    return {unit: entry.content for unit, entry in entries.items() if entry.content != EMPTY_CONTENT}

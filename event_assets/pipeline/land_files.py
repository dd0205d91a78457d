"""Files of the inbox into the raw tables, through the ledger.

A file's rows are staged, moved to names that no log lists yet, and entered into the ledger; then the logs of
the raw tables are brought in line with the ledger. A kill before the ledger's commit leaves files that no log
lists; one after it is repaired by the next `sync_raw_tables`.
"""

from __future__ import annotations

import datetime as dt
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from event_assets.declaration import Dataset
from event_assets.declaration.events_and_profiles import AS_JSON
from event_assets.errors import LandingError
from event_assets.landing.inbox import (
    Identity,
    InboxFile,
    NotReadyError,
    block_of,
    file_id_as_read,
    identify,
    identify_object,
    look,
)
from event_assets.pipeline.completeness import warnings as completeness_warnings
from event_assets.pipeline.land_in_groups import Content, in_groups, land_contents
from event_assets.pipeline.landing_rules import Rules, is_known, rules_of_today
from event_assets.pipeline.mask_names import Masking, masked_messages
from event_assets.pipeline.record_count_manifests import take_manifests
from event_assets.pipeline.retention import is_closed
from event_assets.pipeline.schema_drift import FieldNames, drift_of
from event_assets.pipeline.sync_raw_tables import files_missing_rows, parts_are_there, sync_raw_tables
from event_assets.pipeline.workspace import Workspace
from event_assets.storage.ledger_entries import Binding, Kind, Retraction, SourceFile
from event_assets.storage.ledger_entries import Entry as LedgerEntry
from event_assets.storage.partitions import EMPTY_CONTENT
from event_assets.tables.landed_tables import RAW_EVENTS

#: The files that were landed within this number of seconds enter the ledger in one commit.
COMMIT_SECONDS = 2.0

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class LandingSummary:
    """What a look at the inbox brought."""

    landed: tuple[SourceFile, ...] = ()
    known: int = 0
    """Files whose content had been landed before, under whatever name."""
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


def pending(workspace: Workspace, lost: Iterable[SourceFile] = ()) -> tuple[list[InboxFile], list[str]]:
    """The files of the inbox that are new, were touched, would be read otherwise now or refer to a `lost` content,
    and what to warn of."""
    inbox, rules = look(workspace.inbox, workspace.dataset), rules_of_today(workspace)
    again = {(file.kind, file.file_id) for file in lost}
    files = [dropped for dropped in inbox.files if not _settled_in_ledger(workspace, dropped, rules, again)]
    return files, list(inbox.warnings)


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
    entries: list[LedgerEntry] = []
    committed = time.monotonic()
    pool = ThreadPoolExecutor(max_workers=workspace.settings.workers)
    try:
        works, bindings = _sort_out(workspace, files, pool, warnings, failures)
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


def _sort_out(
    workspace: Workspace,
    files: list[InboxFile],
    pool: ThreadPoolExecutor,
    warnings: list[str],
    failures: list[LandingError],
) -> tuple[list[Content], list[Binding]]:
    """Which contents have to be landed, and the contents that the names of known ones refer to."""
    works: dict[tuple[Kind, str], Content] = {}
    known: list[Binding] = []
    identified: list[tuple[InboxFile, Identity, Binding]] = []
    for dropped, found in zip(files, pool.map(_identified, files), strict=True):
        if isinstance(found, NotReadyError):
            warnings.append(str(found))
        elif isinstance(found, LandingError):
            failures.append(found)
        else:
            file_id = file_id_as_read(found.file_id, dropped.name, workspace.dataset, dropped.kind)
            read = replace(found, file_id=file_id)
            content = found.file_id if read.file_id != found.file_id else ""
            binding = Binding(dropped.name, dropped.kind, read.file_id, dropped.signature, content)
            identified.append((dropped, read, binding))
    workspace.ledger.append(_retracted_before(workspace, [binding for _, _, binding in identified]))
    rules = rules_of_today(workspace, [binding for _, _, binding in identified])
    for dropped, found, binding in identified:
        key = (dropped.kind, found.file_id)
        before = workspace.ledger.files.get(key)
        if found.file_id in workspace.ledger.retracted:
            warnings.append(_stays_retracted(workspace, dropped, found.file_id))
            known.append(binding)
        elif key in works:
            works[key].bindings.append(binding)
        elif before is not None and is_known(workspace, before, rules) and parts_are_there(workspace, before):
            known.append(binding)
        else:
            works[key] = Content(dropped, found, before or _known_before(workspace, binding), [binding], rules)
    return list(works.values()), known


def _known_before(workspace: Workspace, binding: Binding) -> SourceFile | None:
    """The same bytes under the same name, where they had another identity: a declaration has come to read the name, or
    the lake is of a version that identified files by their bytes alone."""
    before = workspace.ledger.binding(binding.kind, binding.name)
    if before is None or before.file_id == binding.file_id:
        return None
    same = (before.content or before.file_id) == (binding.content or binding.file_id)
    return workspace.ledger.files.get((binding.kind, before.file_id)) if same else None


def _retracted_before(workspace: Workspace, bindings: Iterable[Binding]) -> Iterator[LedgerEntry]:
    """Retractions of files that have another identity now: they stay retracted."""
    ledger = workspace.ledger
    for binding in bindings:
        file = _known_before(workspace, binding)
        if file is not None and file.file_id in ledger.retracted and binding.file_id not in ledger.retracted:
            yield replace(file, file_id=binding.file_id)
            yield Retraction(binding.file_id, ledger.retracted[file.file_id])


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


def _stays_retracted(workspace: Workspace, dropped: InboxFile, file_id: str) -> str:
    at = workspace.ledger.retracted[file_id]
    since = f"on {at[:10]}" if at else "before"
    command = f"event-assets retract {workspace.dataset.name} {dropped.name} --undo"
    return f"{dropped.name} was retracted {since} and stays retracted; {command} takes that back"


def _identified(dropped: InboxFile) -> Identity | LandingError:
    try:
        return identify(dropped.path) if isinstance(dropped.path, Path) else identify_object(dropped)
    except LandingError as error:
        return error


def _dropped(workspace: Workspace, file: SourceFile) -> str:
    """What of a file retention drops at once, in words; empty where it is nothing."""
    before = workspace.ledger.expired_before.get(RAW_EVENTS)
    rows = sum(rows for date, rows in file.dates.items() if before and date < before.isoformat())
    return f"{rows} records of dates before {before}, which were dropped, are not kept" if rows else ""


def _settled_in_ledger(
    workspace: Workspace, dropped: InboxFile, rules: Rules, lost: Collection[tuple[Kind, str]]
) -> bool:
    binding = workspace.ledger.binding(dropped.kind, dropped.name)
    if binding is None or binding.signature != dropped.signature or (dropped.kind, binding.file_id) in lost:
        return False
    if binding.file_id in workspace.ledger.retracted:
        return True
    content = binding.content or binding.file_id
    if file_id_as_read(content, dropped.name, workspace.dataset, dropped.kind) != binding.file_id:
        return False
    return is_known(workspace, workspace.ledger.files.get((dropped.kind, binding.file_id)), rules)


def _undated_contents(workspace: Workspace) -> dict[str, str]:
    tables = [table.name for table in workspace.tables.values() if table.landed and not table.by_date]
    return {table: workspace.content(table, None) for table in tables}


def _raw_contents(workspace: Workspace) -> dict[str, str]:
    entries = workspace.stores[RAW_EVENTS].entries()
    return {unit: entry.content for unit, entry in entries.items() if entry.content != EMPTY_CONTENT}

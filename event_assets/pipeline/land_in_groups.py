"""Lands the new files of the inbox, small ones in groups, and moves their staged rows into the lake."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from event_assets.errors import LandingError
from event_assets.landing.inbox import Identity, InboxFile, block_of, on_disk
from event_assets.pipeline.erase import place, without_erased
from event_assets.pipeline.erased_ids import Erasing
from event_assets.pipeline.landing_rules import Rules, limits
from event_assets.pipeline.mask_names import Masking
from event_assets.pipeline.sync_raw_tables import REJECTS, ROWS
from event_assets.pipeline.workspace import Workspace
from event_assets.storage.ledger_entries import Binding, Kind, SourceFile

if TYPE_CHECKING:
    from event_assets.landing.file_accounting import Landed

#: Files up to the first size are landed in groups of up to the second size.
_SMALL_BYTES = 1_000_000
_GROUP_BYTES = 8_000_000


@dataclass
class Content:
    """A content to be landed, and every name in the inbox that refers to it."""

    dropped: InboxFile
    identity: Identity
    first: SourceFile | None
    """The file as it was landed before: `landed_at` and `run` stay those of its first landing."""
    bindings: list[Binding]
    rules: Rules


def in_groups(workspace: Workspace, contents: Sequence[Content]) -> list[list[Content]]:
    """Small files of one block in groups, each other file alone."""
    dataset, groups = workspace.dataset, list[list[Content]]()
    blocks: dict[tuple[Kind, int], list[Content]] = {}
    for content in contents:
        name, kind = content.dropped.name, content.dropped.kind
        if content.identity.bytes > _SMALL_BYTES:
            groups.append([content])
        else:
            blocks.setdefault((kind, block_of(name, dataset, kind) or 0), []).append(content)
    for small in blocks.values():
        # At least one group per worker, so that all have work.
        limit = min(_GROUP_BYTES, sum(content.identity.bytes for content in small) // workspace.settings.workers + 1)
        size = limit
        for content in small:
            if size >= limit:
                groups.append([])
                size = 0
            groups[-1].append(content)
            size += content.identity.bytes
    return groups


def land_contents(
    workspace: Workspace, contents: Sequence[Content], staging: Path, now: Callable[[], dt.datetime], at_once: int
) -> list[SourceFile | Exception]:
    """Land contents of one block; returns for each the file or the error. `at_once` calls share memory and cores."""
    from event_assets.landing.land_file import InputFile, land_files  # with all readers: other commands need none

    results: dict[int, SourceFile | Exception] = {}
    landed_at = now()
    with ExitStack() as copies:
        files: dict[int, InputFile] = {}
        for number, content in enumerate(contents):
            try:
                path, identity = copies.enter_context(on_disk(content.dropped, content.identity, staging))
            except LandingError as error:
                results[number] = error
            else:
                first = content.first.landed_at if content.first else landed_at
                files[number] = InputFile(path, content.dropped.name, identity, first)
        landed = land_files(
            workspace.dataset,
            contents[0].dropped.kind,
            list(files.values()),
            staging,
            memory_bytes=workspace.settings.memory_bytes // at_once,
            workers=max(1, workspace.settings.workers // at_once),
            limits=limits(workspace),
        )
        for (number, file), result in zip(files.items(), landed, strict=True):
            if isinstance(result, Exception):
                results[number] = result
                continue
            try:
                results[number] = _placed(workspace, contents[number], result, file.landed_at, staging)
            except Exception as error:
                results[number] = error
    return [results[number] for number in range(len(contents))]


def _placed(
    workspace: Workspace, content: Content, landed: Landed, landed_at: dt.datetime, staging: Path
) -> SourceFile:
    """The landed file as the ledger keeps it, its staged parts moved to their places."""
    file = _as_source_file(landed, content, landed_at)
    staged = {date.isoformat() if date else ROWS: path for date, path in landed.parts.items()}
    staged |= {REJECTS: landed.rejects} if landed.rejects else {}
    if workspace.ledger.erased:
        erasings = Erasing.of(workspace.dataset, workspace.ledger)
        file, staged = without_erased(workspace, file, content.dropped.name, staged, staging, erasings, [])
    if not (workspace.ledger.manifests and _contradicted(workspace, file, content)):
        place(workspace, file, staged)
    return file


def _contradicted(workspace: Workspace, file: SourceFile, content: Content) -> bool:
    """Whether a manifest gives the file another number of records: its rows are then not placed."""
    masking, bound = Masking(workspace.dataset, workspace.ledger), workspace.ledger.current()
    named = [*bound.get((file.kind, file.file_id), ()), *(masking.binding(binding) for binding in content.bindings)]
    return workspace.ledger.contradicts(file, named)


def _as_source_file(landed: Landed, content: Content, landed_at: dt.datetime) -> SourceFile:
    return SourceFile(
        file_id=landed.file_id,
        kind=landed.kind,
        rules=content.rules.of(landed.kind, landed.file_id),
        landed_at=landed_at,
        bytes=content.identity.bytes,
        records=landed.records,
        landed=landed.landed,
        rejected=landed.rejected,
        dates={date.isoformat(): rows for date, rows in sorted(landed.dates.items())},
        reasons=dict(sorted(landed.reasons.items())),
        new_fields=dict(sorted(landed.drift.new.items())),
        missing_columns=landed.drift.missing,
        retyped=landed.drift.retyped,
        repairs=landed.repairs,
        reason=landed.reason,
        user_place=landed.user_place,
    )

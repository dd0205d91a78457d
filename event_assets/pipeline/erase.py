"""Removes a user's records from the landed tables, and from every file that is landed later (docs/adr/0012).

`user_records.py` decides which records are the user's. The tombstone is committed together with the files as they are
without the user, after everything else has been done; a rerun of an erasure that was interrupted before completes it.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from event_assets.errors import LandingError
from event_assets.landing.inbox import look
from event_assets.pipeline.cached_small_dates import date_block_cache
from event_assets.pipeline.erased_ids import Erasing, canonical, spread, tombstone_name
from event_assets.pipeline.mask_erased_ids_in_json import digest_of_masks, masks_of
from event_assets.pipeline.mask_names import Masking, parts_of_names
from event_assets.pipeline.published_tables import unit_of
from event_assets.pipeline.retention import is_closed
from event_assets.pipeline.run_steps import run
from event_assets.pipeline.schema_drift import FIELD_MESSAGES
from event_assets.pipeline.staleness.schedule import Request
from event_assets.pipeline.sync_raw_tables import REJECTS, ROWS, parts, sync_raw_tables
from event_assets.pipeline.user_records import Judge, judges_of, rows_of
from event_assets.pipeline.workspace import Workspace
from event_assets.storage.ledger_entries import SourceFile
from event_assets.storage.parquet import read_figures, read_parquet, write_parquet
from event_assets.storage.published_partitions import content_digest
from event_assets.storage.rewrite_landed_file import copy_without_rows, replacements
from event_assets.storage.written_file import WrittenFile
from event_assets.tables.landed_tables import LANDING_REJECTS, RAW_EVENTS, RAW_PROFILES


@dataclass(frozen=True)
class Erased:
    """What an erasure took out of the landed tables."""

    user: str
    """The tombstone's hash: what logs may say."""
    files: tuple[SourceFile, ...] = ()
    """The files that contained records of the user, as they are now."""
    rows: dict[str, int] = field(default_factory=dict)
    """Rows that were taken out, by landed table."""
    erasings: tuple[Erasing, ...] = ()
    """The ids of the user's person."""
    mentioned: tuple[tuple[str, int], ...] = ()
    """(file_id, row_number) of rejected or quarantined records of others that mention the user and are kept."""


def erase(
    workspace: Workspace,
    user_id: str,
    *,
    mentions: bool = False,
    forget: Callable[[Mapping[str, str]], None] = lambda _: None,
) -> Erased:
    """Remove a user's records from the landed tables permanently; tables that are computed from them are stale then.

    With `mentions` also the rejected and quarantined records of others that mention the user. Names of files and fields
    that contain the id are masked; `forget` receives them and their replacements, for storage of others (logs of runs),
    before the ledger loses them. The caller holds `workspace.writing()` and has called `workspace.refresh()`.
    LandingError where the text is not a user id of this dataset. A user without any record gets a tombstone as well:
    files may come later.
    """
    user = canonical(user_id, workspace.dataset.column("user_id"))
    if user is None:
        kind, name = workspace.dataset.column("user_id").type, workspace.dataset.name
        raise LandingError(
            f"--user-id {user_id!r}", f"is no {kind}, as user ids of {name} are", "give one as tables show it"
        )
    _materialize_identities(workspace)
    ids = linked_ids(workspace, user)
    workspace.ledger.draw_key()
    tombstones = [
        workspace.ledger.erasure(tombstone_name(column, found), spread=spread(found), mentions=mentions)
        for column, some in ids.items()
        for found in sorted(some)
    ]
    erasings = [Erasing.only(some, mentions=mentions, column=column) for column, some in ids.items()]
    changed: list[SourceFile] = []
    mentioned: list[tuple[str, int]] = []
    rows: Counter[str] = Counter()
    paths = _paths(workspace)
    with workspace.lake.staging(workspace.dataset.name) as staging:
        for file in workspace.ledger.active():
            there = {part.name: workspace.stores[part.table].file(part.file.path) for part in parts(workspace, file)}
            path = paths.get(file.file_id, "")
            left, written = without_erased(workspace, file, path, there, staging, erasings, mentioned)
            if left is not file:
                place(workspace, left, {name: path for name, path in written.items() if path != there[name]})
                changed.append(left)
                rows[LANDING_REJECTS] += file.rejected - left.rejected
                rows[RAW_EVENTS if file.kind == "events" else RAW_PROFILES] += file.landed - left.landed
        _cut_closed(workspace, staging, erasings)
        masking = Masking(workspace.dataset, workspace.ledger, erasings)
        forget(_texts_with_ids(workspace, masking))
        date_block_cache(workspace).delete()
        workspace.ledger.rewrite([*tombstones, *changed], masking.entry)
    sync_raw_tables(workspace)
    own = workspace.ledger.erasure(user)
    return Erased(own.user, tuple(changed), dict(+rows), tuple(erasings), tuple(sorted(mentioned)))


def _texts_with_ids(workspace: Workspace, masking: Masking) -> dict[str, str]:
    """Texts with an erased id that runs may have logged, each with its masked form."""
    ledger, inbox = workspace.ledger, look(workspace.inbox, workspace.dataset)
    names = {
        *(binding.name for binding in ledger.bindings.values()),
        *(name for manifest in ledger.manifests.values() for name in (manifest.name, *manifest.records)),
        *(dropped.name for dropped in (*inbox.files, *inbox.manifests)),
    }
    texts = {part: masked for name in names for part, masked in parts_of_names(name, masking.name(name))}
    messages = {*inbox.warnings, *(file.reason for file in ledger.files.values() if file.reason)}
    fields = {name for file in ledger.files.values() for name in file.new_fields}
    messages.update(message.format(name) for name in fields for message in FIELD_MESSAGES)
    texts.update((text, masking.text(text)) for text in messages)
    return {text: masked for text, masked in texts.items() if masked != text}


def rows_by_table(workspace: Workspace, user_id: str, *, mentions: bool = False) -> dict[str, int]:
    """A user's rows by table; tables whose rows belong to no single user (counts by minute) have none."""
    user = canonical(user_id, workspace.dataset.column("user_id"))
    found: dict[str, int] = {}
    if user is None:
        return found
    erasings = [Erasing.only(some, mentions=mentions, column=c) for c, some in linked_ids(workspace, user).items()]
    users, paths = {file.file_id: file.user_place for file in workspace.ledger.files.values()}, _paths(workspace)
    for name, store in workspace.stores.items():
        table = workspace.tables[name]
        judges = judges_of(workspace.dataset, table.kind, erasings)
        rows = 0
        for path in (store.file(path) for entry in store.entries().values() if entry.rows for path in entry.files):
            if name in (RAW_EVENTS, RAW_PROFILES):
                rows += len(_of_rows(path, judges, "", []))
            elif name == LANDING_REJECTS:
                rows += len(_of_rejects(path, judges, users, paths, []))
            else:
                rows += int(rows_of(table, path, judges, paths).sum())
        if rows:
            found[name] = rows
    return found


def linked_ids(workspace: Workspace, user: str) -> dict[str, set[str]]:
    """Column to the ids of the user's person in it: where `identity` is declared, all that are linked with the user."""
    found = {"user_id": {user}}
    if workspace.dataset.identity is None:
        return found
    paths = workspace.stores["identities"].paths(unit_of(None))
    for path in paths:
        rows = read_parquet(path, ["column", "id", "person_id"])
        person = rows.filter((rows["column"] == "user_id") & (rows["id"] == user))["person_id"]
        for column, id_ in rows.filter(rows["person_id"].is_in(person.to_list())).select("column", "id").iter_rows():
            found.setdefault(column, set()).add(id_)
    return found


def _materialize_identities(workspace: Workspace) -> None:
    """Files that were landed or retracted since the last run may have changed which ids are the user's."""
    if workspace.dataset.identity is None:
        return
    needed = {"identities"}
    for step in reversed(workspace.steps):
        if needed.intersection(step.tables):
            needed.update(source.table for source in step.inputs)
    for _ in run(workspace, Request(frozenset(needed))):
        pass


def _cut_closed(workspace: Workspace, staging: Path, erasings: Sequence[Erasing]) -> None:
    """Remove the rows from closed dates. They can't be recomputed: rows that they are computed from have expired."""
    paths = _paths(workspace)
    for step in workspace.steps:
        for name in step.tables:
            store, table = workspace.stores[name], workspace.tables[name]
            judges = judges_of(workspace.dataset, table.kind, erasings)
            for date in workspace.dates(name) if step.by_date else []:
                entry = store.entries()[date.isoformat()]
                if not entry.rows or not is_closed(workspace, step, date):
                    continue
                [path] = store.paths(date.isoformat())
                theirs, masks = rows_of(table, path, judges, paths), masks_of(path, judges)
                if theirs.any() or masks:
                    left = read_parquet(path).filter(~theirs).with_columns(replacements(masks))
                    piece = WrittenFile(staging / f"{name}-{date}.parquet", left.height, date.isoformat())
                    write_parquet(left, piece.path, read_figures(path))
                    store.publish(date.isoformat(), [piece], entry.made_from, content_digest([piece]))
            store.flush()


def _paths(workspace: Workspace) -> dict[str, str]:
    """A path below the inbox of each file by file_id: all of one content have the values that are read from paths."""
    return {file_id: names[0] for (_, file_id), names in workspace.ledger.names_so_far().items()}


def without_erased(
    workspace: Workspace,
    file: SourceFile,
    source: str,
    there: dict[str, Path],
    staging: Path,
    erasings: Sequence[Erasing],
    mentioned: list[tuple[str, int]],
) -> tuple[SourceFile, dict[str, Path]]:
    """A source file (`source` is its path) without the records of erased users: as the ledger shall know it, and the
    places of its parts.

    Parts are given and returned by name; one that contained such records, or has members named by erased users, is
    written again into `staging`, one that had nothing but such records is left out. The same file and the same parts
    come back where no record is about an erased user. Records that stay though they mention one are added to
    `mentioned`.
    """
    judges = judges_of(workspace.dataset, file.kind, erasings)
    left = dict(there)
    for name, path in there.items():
        found: dict[int, str | None]
        if name == REJECTS:
            found = _of_rejects(path, judges, {file.file_id: file.user_place}, {file.file_id: source}, mentioned)
        else:
            found = dict.fromkeys(_of_rows(path, judges, file.file_id, mentioned))
        masks = masks_of(path, judges)
        if not found and not masks:
            continue
        file, rows = _without(file, name, found) if found else (file, 1)
        del left[name]
        if rows:
            left[name] = staging / f"{file.kind}-{file.file_id}-{name}.cut.parquet"
            copy_without_rows(path, found.keys(), left[name], masks)
        if masks or name in file.masks:
            digest = digest_of_masks(left[name]) if rows else ""
            others = {part: known for part, known in file.masks.items() if part != name}
            file = replace(file, masks=others | ({name: digest} if digest else {}))
    return file, left


def _of_rows(path: Path, judges: Sequence[Judge], file_id: str, mentioned: list[tuple[str, int]]) -> list[int]:
    """The row numbers of a landed part of raw records that are taken out."""
    found = [(number, judge.takes(verdict)) for judge in judges for number, verdict in judge.rows(path)]
    taken = {number for number, takes in found if takes}
    mentioned += sorted({(file_id, number) for number, _ in found if number not in taken})
    return sorted(taken)


def _of_rejects(
    path: Path,
    judges: Sequence[Judge],
    user_places: Mapping[str, int | None],
    paths: Mapping[str, str],
    mentioned: list[tuple[str, int]],
) -> dict[int, str | None]:
    """The row numbers of rejects that are taken out, with their reasons."""
    taken: dict[int, str | None] = {}
    frame = read_parquet(path)
    for file_id, number, reason, raw in frame.select("file_id", "row_number", "reason", "raw").iter_rows():
        places = [user_places.get(file_id) if judge.column == "user_id" else None for judge in judges]
        verdicts = [judge.text(raw, place, paths.get(file_id)) for judge, place in zip(judges, places, strict=True)]
        if any(judge.takes(verdict) for judge, verdict in zip(judges, verdicts, strict=True)):
            taken[number] = reason
        elif any(verdicts):
            mentioned.append((file_id, number))
    return taken


def place(workspace: Workspace, file: SourceFile, staged: dict[str, Path]) -> None:
    """Move a source file's staged parts to their places in the raw tables; the ledger's commit makes them active."""
    for part in parts(workspace, file):
        if part.name in staged:
            store = workspace.stores[part.table]
            store.place(WrittenFile(staged[part.name], part.file.rows, part.file.hive), Path(part.file.path).name)


def _without(file: SourceFile, part: str, found: dict[int, str | None]) -> tuple[SourceFile, int]:
    """The file when the found records (row number to reason, where they are rejects) are out; rows left in the part."""
    erased = len(found)
    uncut = file.uncut or {**file.dates, REJECTS: file.rejected}
    file = replace(file, uncut=uncut)
    file = replace(file, erased=file.erased + erased, cuts={**file.cuts, part: _cut(file.cuts.get(part, "0"), found)})
    if part == REJECTS:
        reasons = Counter(file.reasons)
        reasons.subtract(reason for reason in found.values() if reason)
        return replace(file, rejected=file.rejected - erased, reasons=dict(+reasons)), file.rejected - erased
    file = replace(file, landed=file.landed - erased)
    if part == ROWS:
        return file, file.landed
    dates = {date: rows - erased if date == part else rows for date, rows in file.dates.items()}
    return replace(file, dates={date: rows for date, rows in dates.items() if rows}), dates[part]


def _cut(before: str, row_numbers: dict[int, Any]) -> str:
    """A digest of all records that were removed from a part. It doesn't depend on the order of erasures."""
    digest = int(before, 16)
    for number in row_numbers:
        digest ^= int.from_bytes(hashlib.blake2b(str(number).encode(), digest_size=8).digest())
    return f"{digest:016x}"

"""Takes a user's records out of the landed tables, and keeps them out of whatever is landed later (docs/adr/0012).

A record is the user's where its user column, normalised as cleaning does, is the user's id. A reject has no
columns: it is the user's where its text is a JSON object that says so, or else holds the id as a whole value.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl

from event_assets.declaration import Column, Source
from event_assets.errors import DeclarationError, LandingError
from event_assets.pipeline.sync_raw_tables import REJECTS, ROWS, parts, sync_raw_tables
from event_assets.pipeline.workspace import Workspace
from event_assets.storage.ledger import SourceFile
from event_assets.storage.parquet import read_figures, read_parquet, write_parquet
from event_assets.storage.partitions import content_digest
from event_assets.storage.remove_rows import write_without
from event_assets.storage.written_file import WrittenFile
from event_assets.tables.table import Table
from event_assets.transforms.casts import bound
from event_assets.transforms.normalize import normalised

IsErased = Callable[[str], bool]
"""Whether a user is meant, by the id as cleaning writes it."""


@dataclass(frozen=True)
class Erased:
    """What an erasure took out of the landed tables."""

    user: str
    """The tombstone's hash: what logs may say."""
    files: tuple[SourceFile, ...] = ()
    """The files that held records of the user, as they stand now."""
    rows: dict[str, int] = field(default_factory=dict)
    """Rows that were taken out, by landed table."""


def erase(workspace: Workspace, user_id: str) -> Erased:
    """Take a user's records out of the landed tables, for good; what is made from them is stale then.

    The caller holds `workspace.writing()` and has called `workspace.refresh()`. LandingError where the text is no
    id of a user of this dataset. A user of whom nothing is there gets a tombstone as well: files may come later.
    """
    user = canonical(user_id, workspace.dataset.column("user_id"))
    if user is None:
        kind, name = workspace.dataset.column("user_id").type, workspace.dataset.name
        raise LandingError(
            f"--user-id {user_id!r}", f"is no {kind}, as user ids of {name} are", "give one as tables show it"
        )
    tombstone = workspace.ledger.erasure(user)
    changed: list[SourceFile] = []
    rows: Counter[str] = Counter()
    with workspace.lake.staging(workspace.dataset.name) as staging:
        for file in (*workspace.ledger.active("events"), *workspace.ledger.active("profiles")):
            there = {part.name: workspace.stores[part.table].file(part.file.path) for part in parts(workspace, file)}
            left, written = without_erased(workspace, file, there, staging, lambda found: found == user)
            if left is not file:
                place(workspace, left, {name: path for name, path in written.items() if path != there[name]})
                changed.append(left)
                rows["landing_rejects"] += file.rejected - left.rejected
                rows["raw_events" if file.kind == "events" else "raw_profiles"] += file.landed - left.landed
        _cut_closed(workspace, staging, lambda found: found == user)
        workspace.ledger.append([tombstone, *changed])
    sync_raw_tables(workspace)
    return Erased(tombstone.user, tuple(changed), dict(+rows))


def rows_by_table(workspace: Workspace, user_id: str) -> dict[str, int]:
    """A user's rows by table; tables whose rows belong to no single user (counts by minute) have none."""
    user = canonical(user_id, workspace.dataset.column("user_id"))
    found: dict[str, int] = {}
    for name, store in workspace.stores.items():
        files = [path for entry in store.entries().values() if entry.rows for path in entry.files]
        blocks = workspace.dataset.blocks("profiles" if "profile" in name else "events")
        theirs = (
            _theirs(workspace.tables[name], store.file(path), blocks, lambda text: text == user) for path in files
        )
        rows = sum(int(mine.sum()) for mine in theirs)
        if rows:
            found[name] = rows
    return found


def _theirs(table: Table, path: Path, blocks: Sequence[Source], is_erased: IsErased) -> pl.Series:
    """For each row of a table's file, whether it is an erased user's."""
    column = "raw" if "raw" in table.names else "user_id" if "user_id" in table.names else table.names[0]
    texts = read_parquet(path, [column])[column].cast(pl.String)
    if column == "raw":
        return pl.Series([_is_theirs(raw, blocks, is_erased) for raw in texts], dtype=pl.Boolean)
    if column != "user_id":
        return pl.repeat(False, len(texts), eager=True)
    declared = _user_column(blocks) if table.name in ("raw_events", "raw_profiles") else None
    users = {text: canonical(text, declared) if declared else text for text in texts.unique()}
    return texts.is_in([text for text, user in users.items() if user is not None and is_erased(user)], nulls_equal=True)


def _cut_closed(workspace: Workspace, staging: Path, is_erased: IsErased) -> None:
    """Take the rows out of those dates that can't be made again, since retention dropped what they were made from."""
    blocks: Sequence[Source] = workspace.dataset.events
    for step in workspace.steps:
        for name in step.tables:
            store, table = workspace.stores[name], workspace.tables[name]
            for date in workspace.dates(name) if step.by_date else []:
                entry = store.entries()[date.isoformat()]
                if not entry.rows or not workspace.is_closed(step, date):
                    continue
                [path] = store.paths(date.isoformat())
                theirs = _theirs(table, path, blocks, is_erased)
                if theirs.any():
                    left = read_parquet(path).filter(~theirs)
                    piece = WrittenFile(staging / f"{name}-{date}.parquet", left.height, date.isoformat())
                    write_parquet(left, piece.path, read_figures(path))
                    store.publish(date.isoformat(), [piece], entry.made_from, content_digest([piece]))
            store.flush()


def without_erased(
    workspace: Workspace, file: SourceFile, there: dict[str, Path], staging: Path, is_erased: IsErased
) -> tuple[SourceFile, dict[str, Path]]:
    """A source file without the records of erased users: as the ledger shall know it, and where its parts lie.

    Parts are given and returned by name; one that held such records is written again into `staging`, one that held
    nothing else is left out. The same file and the same parts come back where no record is an erased user's.
    """
    blocks = workspace.dataset.blocks(file.kind)
    left = dict(there)
    for name, path in there.items():
        table = "landing_rejects" if name == REJECTS else "raw_profiles" if name == ROWS else "raw_events"
        found = _found(path, workspace.tables[table], blocks, is_erased)
        if not found:
            continue
        file, rows = _without(file, name, found)
        del left[name]
        if rows:
            left[name] = staging / f"{file.kind}-{file.file_id}-{name}.cut.parquet"
            write_without(path, found.keys(), left[name])
    return file, left


def place(workspace: Workspace, file: SourceFile, staged: dict[str, Path]) -> None:
    """Move a source file's staged parts to where the ledger's commit will make them count."""
    for part in parts(workspace, file):
        if part.name in staged:
            store = workspace.stores[part.table]
            store.place(WrittenFile(staged[part.name], part.file.rows, part.file.hive), Path(part.file.path).name)


def canonical(text: str | None, column: Column) -> str | None:
    """A user id as typed tables write it; None where the text is not an id of the column's type."""
    clean = normalised(column.constant if column.constant is not None else text or "", column)
    if clean is None or column.type == "string":
        return clean
    try:
        return str(bound(column, clean))
    except DeclarationError:
        return None


def _without(file: SourceFile, part: str, found: dict[int, str | None]) -> tuple[SourceFile, int]:
    """The file when the found records (row number to reason, where they are rejects) are out; rows left in the part."""
    gone = len(found)
    file = replace(file, erased=file.erased + gone, cuts={**file.cuts, part: _cut(file.cuts.get(part, "0"), found)})
    if part == REJECTS:
        reasons = Counter(file.reasons)
        reasons.subtract(reason for reason in found.values() if reason)
        return replace(file, rejected=file.rejected - gone, reasons=dict(+reasons)), file.rejected - gone
    file = replace(file, landed=file.landed - gone)
    if part == ROWS:
        return file, file.landed
    dates = {date: rows - gone if date == part else rows for date, rows in file.dates.items()}
    return replace(file, dates={date: rows for date, rows in dates.items() if rows}), dates[part]


def _cut(before: str, row_numbers: dict[int, Any]) -> str:
    """A digest of all records that are out of a part: the same whichever users were erased first."""
    digest = int(before, 16)
    for number in row_numbers:
        digest ^= int.from_bytes(hashlib.blake2b(str(number).encode(), digest_size=8).digest())
    return f"{digest:016x}"


def _found(part: Path, table: Table, blocks: Sequence[Source], is_erased: IsErased) -> dict[int, str | None]:
    """The row numbers of erased users' records in a landed part, with their reasons where they are rejects."""
    theirs = _theirs(table, part, blocks, is_erased)
    if not theirs.any():
        return {}
    columns = ["row_number", *(["reason"] if "reason" in table.names else [])]
    rows = read_parquet(part, columns).filter(theirs)
    reasons = rows["reason"] if "reason" in columns else [None] * rows.height
    return dict(zip(rows["row_number"], reasons, strict=True))


def _is_theirs(raw: str | None, blocks: Sequence[Source], is_erased: IsErased) -> bool:
    column = _user_column(blocks)
    return any(
        (user := canonical(text, column)) is not None and is_erased(user) for text in set(named_ids(raw, blocks))
    )


def _user_column(blocks: Sequence[Source]) -> Column:
    return next(column for block in blocks if (column := block.column("user_id")))


_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_BARE = re.compile(r"[^\s,;|:\"'{}\[\]()<>=]+")


def named_ids(raw: str | None, blocks: Sequence[Source]) -> Iterator[str]:
    """The texts of a reject that may be its user's id: that of its user field, where the text can be read as a JSON
    object; else every field, quoted text and word, since nobody knows which of them was meant."""
    columns = [column for block in blocks if (column := block.column("user_id"))]
    yield from (column.constant for column in columns if column.constant is not None)
    if not raw:
        return
    if raw.lstrip().startswith("{"):
        try:
            document = json.loads(raw, parse_int=str, parse_float=str)
        except (ValueError, RecursionError):
            pass
        else:
            found = [_at(document, source) for column in columns for source in column.sources]
            yield from (str(value) for value in found if value is not None)
            return
    for block in blocks:
        if block.format == "csv":
            yield from (field.strip("\"' \t\r\n") for field in raw.split(block.csv.delimiter))
            yield from _fields(raw, block)
    yield from (match[1] for match in _QUOTED.finditer(raw))
    yield from _BARE.findall(raw)


def _fields(raw: str, source: Source) -> Iterator[str]:
    dialect = source.csv
    if len(dialect.delimiter) == 1 and len(dialect.quote) == 1:
        lines = csv.reader(raw.splitlines(), delimiter=dialect.delimiter, quotechar=dialect.quote)
        try:
            for line in lines:
                yield from line
        except csv.Error:
            return


def _at(document: Any, path: str) -> Any:
    """The value at a key of a JSON object, or at a dotted path into it."""
    if isinstance(document, dict) and path in document:
        return document[path]
    for key in path.split("."):
        if not isinstance(document, dict):
            return None
        document = document.get(key)
    return document

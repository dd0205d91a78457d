"""What a table's log records of each unit (a date, or the whole table), which is replaced at once.

The digests of a unit are in the names of its files, `part-<version>-<made from>-<content>.parquet`, so
the log's list of files is the whole truth: nothing else has to be kept in step with it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import xxhash

from event_assets.storage.table_log import LogFile
from event_assets.storage.written_file import WrittenFile

#: The content of a unit without rows, published or not: an empty partition that appears changes nothing.
EMPTY_CONTENT = "0" * 16
WHOLE = ""
"""The one unit of a table that has no dates."""

_PART = re.compile(r"part-\d+-([0-9a-f]{16})-([0-9a-f]{16})(?:-(\d+))?\.parquet")


@dataclass(frozen=True)
class Entry:
    """One published unit: its files (paths below the table's folder), rows, and digests."""

    files: tuple[str, ...]
    rows: int
    made_from: str
    content: str
    damaged: tuple[str, ...] = ()
    """Those of the files that are missing or can't be read."""

    def without(self, files: Collection[str]) -> Entry:
        """The same where some files are damaged: made from nothing that is known, so it is stale."""
        damaged = tuple(path for path in self.files if path in files)
        return replace(self, made_from="", damaged=damaged) if damaged else self


def part_name(version: int, made_from: str, content: str, number: int) -> str:
    suffix = f"-{number}" if number else ""
    return f"part-{version:08d}-{made_from}-{content}{suffix}.parquet"


def entries(files: Iterable[LogFile], *, by_date: bool) -> dict[str, Entry]:
    """The units of a table: by date (`2020-01-31`), or the one WHOLE."""
    units: dict[str, list[LogFile]] = {}
    for file in files:
        units.setdefault((file.hive or "") if by_date else WHOLE, []).append(file)
    return {unit: _entry(found) for unit, found in units.items()}


def _entry(files: list[LogFile]) -> Entry:
    rows = sum(file.rows for file in files)
    paths = tuple(sorted((file.path for file in files), key=_place) if len(files) > 1 else (files[0].path,))
    match = _PART.fullmatch(paths[0].rsplit("/", 1)[-1])
    if match:
        return Entry(paths, rows, match[1], match[2])
    # Landed files are named by what they hold: their names together are what the unit was made from.
    names = "\n".join(sorted(path.rsplit("/", 1)[-1] for path in paths))
    named = hashlib.sha256(names.encode()).hexdigest()[:16]
    return Entry(paths, rows, named, named if rows else EMPTY_CONTENT)


def _place(path: str) -> tuple[str, int]:
    """A file's place in its unit, whose rows go on from file to file: by name, the first would come last."""
    folder, _, name = path.rpartition("/")
    match = _PART.fullmatch(name)
    return folder, int(match[3] or 0) if match else 0


def content_digest(staged: Sequence[WrittenFile]) -> str:
    """A digest of a unit's rows in their order, taken over the files' pages.

    The footer is left out: its figures may change while no row does. Another engine's pages may
    differ for the same rows; then what is downstream is made once more, and comes out the same.
    """
    if not any(piece.rows for piece in staged):
        return EMPTY_CONTENT
    found = xxhash.xxh3_64()
    for piece in staged:
        found.update(f"{piece.hive}/{piece.rows};".encode())
        _add_pages(found, piece.path)
    return found.hexdigest()


def _add_pages(found: xxhash.xxh3_64, path: Path) -> None:
    with path.open("rb") as file:
        file.seek(-8, 2)
        end = file.tell() - int.from_bytes(file.read(4), "little")  # "<length of footer> PAR1" ends the file
        file.seek(0)
        while end > 0 and (block := file.read(min(end, 1 << 20))):
            found.update(block)
            end -= len(block)

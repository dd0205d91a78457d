"""The published partitions of a table (a date each, or the whole table), as the table's log lists them.

The digests of a partition are in the names of its files, `part-<version>-<made from>-<content>.parquet`: `made from`
is the digest of its inputs and rules, `content` that of its rows. So the log's list of files is all that is stored.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import xxhash

from event_assets.storage.delta_actions import LogFile
from event_assets.storage.written_file import WrittenFile

#: The content of a partition without rows, published or not: publishing an empty partition changes nothing.
EMPTY_CONTENT = "0" * 16
WHOLE = ""
"""The one partition of a table without dates."""

_PART = re.compile(r"part-\d+-([0-9a-f]{16})-([0-9a-f]{16})(?:-(\d+))?\.parquet")


class Entry(NamedTuple):
    """One published partition: its files (paths below the table's folder), number of rows, and digests."""

    files: tuple[str, ...]
    rows: int
    made_from: str
    content: str
    damaged: tuple[str, ...] = ()
    """The files that are missing or can't be read."""

    def without(self, files: Collection[str]) -> Entry:
        """The entry if some files are damaged: its digest of inputs is empty, so it is stale."""
        damaged = tuple(path for path in self.files if path in files)
        return self._replace(made_from="", damaged=damaged) if damaged else self


def part_name(version: int, made_from: str, content: str, number: int) -> str:
    suffix = f"-{number}" if number else ""
    return f"part-{version:08d}-{made_from}-{content}{suffix}.parquet"


def entries(files: Iterable[LogFile], *, by_date: bool) -> dict[str, Entry]:
    """The partitions of a table by date (`2020-01-31`), or the one WHOLE."""
    units: dict[str, list[LogFile]] = {}
    for file in files:
        units.setdefault((file.hive or "") if by_date else WHOLE, []).append(file)
    return {unit: _entry(found) for unit, found in units.items()}


def _entry(files: list[LogFile]) -> Entry:
    paths = tuple(sorted((file.path for file in files), key=_place) if len(files) > 1 else (files[0].path,))
    rows = sum([file.rows for file in files])
    match = _PART.fullmatch(paths[0].rpartition("/")[2])
    if match:
        return Entry(paths, rows, match[1], match[2])
    # Landed files are named by their contents: the digest of their names is that of the inputs.
    names = "\n".join(sorted(path.rsplit("/", 1)[-1] for path in paths))
    named = hashlib.sha256(names.encode()).hexdigest()[:16]
    return Entry(paths, rows, named, named if rows else EMPTY_CONTENT)


def _place(path: str) -> tuple[str, int]:
    """The sort key of a file in its partition: by number, since by name the first file would come last."""
    folder, _, name = path.rpartition("/")
    match = _PART.fullmatch(name)
    return folder, int(match[3] or 0) if match else 0


def content_digest(staged: Sequence[WrittenFile]) -> str:
    """A digest of a partition's rows in their order, computed from the files' pages.

    The footer is left out: its figures may change while no row does. Another engine's pages may differ for the same
    rows; then downstream partitions are recomputed, with the same result.
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

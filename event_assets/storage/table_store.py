"""One table of the lake: its current files by partition, and how new ones take their place."""

from __future__ import annotations

import filecmp
import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from event_assets.errors import DamagedLogError
from event_assets.storage.damaged_files import marked_files, unmark
from event_assets.storage.delta_actions import LogFile
from event_assets.storage.delta_statistics import delta_statistics
from event_assets.storage.files import Files, files_of
from event_assets.storage.linked_copy import link_files
from event_assets.storage.published_partitions import Entry, entries, part_name
from event_assets.storage.table_log import TableLog
from event_assets.storage.written_file import WrittenFile

if TYPE_CHECKING:
    import pyarrow as pa


class TableStore:
    """One table: its files by unit, and how new ones take their place.

    Publishing queues; `flush` makes everything queued visible in one commit and then deletes what it replaced.
    """

    def __init__(
        self,
        files: Path | Files,
        schema: Callable[[], pa.Schema] | None,
        partitioned_by: str | None,
        state: Path | None = None,
        measured: Collection[str] = (),
    ) -> None:
        self._measured = measured
        self._state_folder = state
        self._files, self.partitioned_by = files_of(files), partitioned_by
        self.folder = self._files.folder
        self._log = TableLog(self._files, schema, partitioned_by)
        self._entries: dict[str, Entry] = {}
        self._add: list[LogFile] = []
        self._remove: list[str] = []
        self._opened = False
        self._listed: dict[str, LogFile] = {}
        self._placed: set[str] = set()
        self._damaged: set[str] = set()
        self._marked: set[str] = set()
        self._sweep_later = False

    @property
    def by_date(self) -> bool:
        return self.partitioned_by == "event_date"

    @property
    def state(self) -> tuple[int, int, int]:
        """Changes whenever the current files may have changed: the last commit seen, and what is queued."""
        return self._log.version, len(self._add), len(self._remove)

    def entries(self, *, again: bool = False) -> Mapping[str, Entry]:
        """Every unit with what was published of it, this writer's queue included."""
        if again or not self._opened:
            self._listed = {file.path: file for file in self._log.files()}
            self._take_entries()
            self._files.forget(self._listed.keys())
            self._opened = True
        return self._entries

    def made_from(self) -> Mapping[str, str]:
        """The digest of the inputs of each unit; empty of a damaged one."""
        return {unit: entry.made_from for unit, entry in self.entries().items()}

    def _take_entries(self) -> None:
        found = entries(self._listed.values(), by_date=self.by_date)
        damaged = self._damaged
        self._entries = {unit: entry.without(damaged) for unit, entry in found.items()} if damaged else found

    def refresh(self) -> str | None:
        """Read the log again, and look which of its files are missing, have another size or are marked as damaged.

        A log that is damaged, or missing though there are files, counts as empty. Then the state of the table is
        returned, in one line; the dataset's one writer calls `rebuild`. What a failed run queued is dropped: its files
        may have been deleted.
        """
        self._damaged, self._marked, self._placed = set(), set(), set()
        self._add, self._remove = [], []
        try:
            self.entries(again=True)
        except DamagedLogError as error:
            self._listed, self._entries, self._opened = {}, {}, True
            return f"{error.culprit}: {error.state}"
        if self._log.version < 0:
            return f"{self.folder}: its log is missing" if self._files.leftovers(()) else None
        self._look_for_damage()
        return None

    def _look_for_damage(self) -> None:
        marks = marked_files(self._state_folder) if self._state_folder else set()
        while True:
            sizes = self._files.sizes(self._listed.keys())
            self._damaged = {path for path, file in self._listed.items() if sizes.get(path) != file.bytes}
            self._marked = {path for path in self._listed if marks and self._files.here / path in marks}
            self._damaged |= self._marked
            if not self._damaged:
                return
            before = self._log.version
            self.entries(again=True)  # a writer may just have replaced what seems to be missing
            if self._log.version == before:
                self._sweep_later = True
                return

    def rebuild(self) -> None:
        """Begin a new log in place of one that can't be read; files that it will not list are deleted by `finish`."""
        self._log.discard()
        self._sweep_later = True

    def paths(self, unit: str) -> list[Path]:
        """The files of a unit, to be read on this machine; none where it was never published."""
        entry = self.entries().get(unit)
        return self._files.local(entry.files) if entry else []

    def file(self, path: str) -> Path:
        """Where a file of the table can be read on this machine; `path` is as the log has it."""
        return self._files.local([path])[0]

    def listed(self) -> list[LogFile]:
        """The files of the log, by path."""
        self.entries()
        return list(self._listed.values())

    def has(self, file: LogFile) -> bool:
        """Whether a file is in the table's folder with all its rows, listed or not."""
        if file.path in self._placed:
            return True
        self.entries()
        if file.path in self._listed and file.path not in self._damaged:
            return True
        if file.path in self._marked:
            return False
        from event_assets.storage.parquet import holds_rows

        return self._files.size(file.path) is not None and holds_rows(self.file(file.path), file.rows)

    def holds(self, unit: str, staged: Sequence[WrittenFile]) -> bool:
        """Whether the published files of a unit have exactly the bytes of some staged ones."""
        entry = self.entries().get(unit)
        if entry is None or entry.damaged or len(entry.files) != len(staged):
            return False
        with suppress(OSError):
            pairs = zip(self.paths(unit), staged, strict=True)
            return all(filecmp.cmp(path, piece.path, shallow=False) for path, piece in pairs)
        return False

    def publish(self, unit: str, staged: Sequence[WrittenFile], made_from: str, content: str) -> Entry:
        """Put a unit's staged files in place of those before, from the next flush on."""
        before = self.entries().get(unit)
        version = self._log.version + 1
        placed = [
            self.place(piece, part_name(version, made_from, content, number)) for number, piece in enumerate(staged)
        ]
        self._queue(placed, before.files if before else ())
        entry = Entry(tuple(file.path for file in placed), sum(file.rows for file in placed), made_from, content)
        self._entries[unit] = entry
        return entry

    def place(self, piece: WrittenFile, name: str) -> LogFile:
        """Move a staged file to its final name. No reader uses it before a log lists it."""
        path = f"{self.partitioned_by}={piece.hive}/{name}" if self.partitioned_by else name
        size = piece.path.stat().st_size
        bounds = delta_statistics(piece.path, self._measured) if self._measured else {}
        self._files.place(piece.path, path)
        self._placed.add(path)
        return LogFile(path, piece.rows, piece.hive, size, json.dumps(bounds) if bounds else "")

    def replace_files(self, files: Iterable[LogFile]) -> None:
        """Make exactly these files the table's files (they are in place already), in one commit.

        A file that was written again in another size is listed with its new size. One that is missing stays listed if
        it was, so that nothing forgets it.
        """
        wanted = {file.path: file for file in files}
        self.entries(again=True)
        current = self._listed.keys()
        repaired = {path for path in self._damaged & wanted.keys() if self.has(wanted[path])}
        new = [path for path in wanted.keys() - current if self._files.size(path) is not None]
        self._queue([wanted[path] for path in sorted({*new, *repaired})], sorted(current - wanted.keys()))
        self._damaged -= repaired
        self.flush()
        self.entries(again=True)

    def drop(self, units: Iterable[str]) -> None:
        """Take units out of the table permanently, in one commit."""
        removed = [self._entries.pop(unit) for unit in list(units) if unit in self.entries()]
        self._queue([], [path for entry in removed for path in entry.files])
        self.flush()

    def flush(self) -> None:
        """Commit what is queued; afterwards delete the files that it replaced."""
        if not (self._add or self._remove):
            return
        queued = {file.path for file in self._add}
        # A unit that was published twice since the last flush leaves a file that no log ever named.
        removed = [path for path in self._remove if path not in queued]
        unused = [path for path in self._remove if path in queued]
        self._log.commit([file for file in self._add if file.path not in set(unused)], removed)
        if self._state_folder and self._sweep_later:
            unmark(self._state_folder, [self._files.here / path for path in (*queued, *removed)])
        self._add, self._remove = [], []
        self._placed.difference_update(removed, unused)
        self._files.delete((*removed, *unused))

    def link_to(self, other: TableStore) -> None:
        """Make the current files of the same table of another lake current here as well, by links to them."""
        other.entries()
        there = [path for path in other._listed if path not in other._damaged]
        here = [self._files.here / path for path in there]
        link_files(zip(other._files.local(there), here, strict=True))
        if other._listed:  # a damaged file has no link, so it counts as missing here
            self._log.commit([*other._listed.values()], [])

    def finish(self) -> None:
        """Delete, at the end of a run that found damage, the files that the log doesn't list."""
        if self._sweep_later:
            self._log.finish()
            self.sweep()
            self._sweep_later = False

    def sweep(self) -> None:
        """Delete the files of a writer that died before its commit or before deleting what it replaced."""
        self._files.delete(self._files.leftovers({file.path for file in self._log.files()}))

    def _queue(self, add: Sequence[LogFile], remove: Iterable[str]) -> None:
        self._add.extend(add)
        added = {file.path for file in add}
        self._remove.extend(path for path in remove if path not in added)

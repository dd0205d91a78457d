"""The lake of one platform: its datasets' tables, opened for reading or for writing."""

from __future__ import annotations

import itertools
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from event_assets.locations import ObjectUrl, Place
from event_assets.settings import Settings
from event_assets.storage.aside import link_files
from event_assets.storage.declarations import Declarations
from event_assets.storage.files import Files, LocalFiles, ObjectFiles, files_of
from event_assets.storage.lease import WAIT_SECONDS, lease, unfinished_since
from event_assets.storage.object_lease import held, object_lease
from event_assets.storage.object_lease import unfinished_since as object_lease_unfinished_since
from event_assets.storage.object_store import Objects
from event_assets.storage.partitions import Entry, Staged, entries, part_name
from event_assets.storage.table_log import LogFile, TableLog

if TYPE_CHECKING:
    import pyarrow as pa

    from event_assets.storage.ledger import Ledger

T = TypeVar("T")

STATE = "_state"


class TableStore:
    """One table: its files by unit, and how new ones take their place.

    Publishing queues; `flush` makes everything queued visible in one commit and then deletes what it replaced.
    """

    def __init__(self, files: Path | Files, schema: Callable[[], pa.Schema] | None, partitioned_by: str | None) -> None:
        self._files, self.partitioned_by = files_of(files), partitioned_by
        self.folder = self._files.folder
        self._log = TableLog(self._files, schema, partitioned_by)
        self._entries: dict[str, Entry] = {}
        self._add: list[LogFile] = []
        self._remove: list[str] = []
        self._opened = False

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
            counting = self._log.files()
            self._entries = entries(counting, by_date=self.by_date)
            self._files.forget({file.path for file in counting})
            self._opened = True
        return self._entries

    def paths(self, unit: str) -> list[Path]:
        """The files of a unit, to be read on this machine; none where it was never published."""
        entry = self.entries().get(unit)
        return self._files.local(entry.files) if entry else []

    def file(self, path: str) -> Path:
        """Where a file of the table can be read on this machine; `path` is as the log has it."""
        return self._files.local([path])[0]

    def has(self, path: str) -> bool:
        """Whether a file lies in the table's folder, whether it counts or not."""
        return self._files.has(path)

    def publish(self, unit: str, staged: Sequence[Staged], made_from: str, content: str) -> Entry:
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

    def place(self, piece: Staged, name: str) -> LogFile:
        """Move a staged file to its final name, where nobody reads it before a log says so."""
        path = f"{self.partitioned_by}={piece.hive}/{name}" if self.partitioned_by else name
        self._files.place(piece.path, path)
        return LogFile(path, piece.rows, piece.hive)

    def replace_files(self, files: Iterable[LogFile]) -> None:
        """Make exactly these files count (they lie in place already), in one commit."""
        wanted = {file.path: file for file in files}
        current = {file.path for file in self._log.files()}
        self._queue([wanted[path] for path in sorted(wanted.keys() - current)], sorted(current - wanted.keys()))
        self.flush()
        self.entries(again=True)

    def drop(self, units: Iterable[str]) -> None:
        """Take units out of the table for good, in one commit."""
        gone = [self._entries.pop(unit) for unit in list(units) if unit in self.entries()]
        self._queue([], [path for entry in gone for path in entry.files])
        self.flush()

    def flush(self) -> None:
        """Commit what is queued; afterwards delete the files that it replaced."""
        if not (self._add or self._remove):
            return
        queued = {file.path for file in self._add}
        # A unit that was published twice since the last flush leaves a file that no log ever named.
        gone = [path for path in self._remove if path not in queued]
        unused = [path for path in self._remove if path in queued]
        self._log.commit([file for file in self._add if file.path not in set(unused)], gone)
        self._add, self._remove = [], []
        self._files.delete((*gone, *unused))

    def link_to(self, other: TableStore) -> None:
        """Make the current files of the same table of another lake current here as well, by links to them."""
        files = other._log.files()
        here = [Path(str(self.folder)) / file.path for file in files]
        link_files(zip(other._files.local([file.path for file in files]), here, strict=True))
        if files:
            self._log.commit(files, [])

    def sweep(self) -> None:
        """Delete the files of a writer that died before its commit or before deleting what it replaced."""
        self._files.delete(self._files.leftovers({file.path for file in self._log.files()}))

    def _queue(self, add: Sequence[LogFile], remove: Iterable[str]) -> None:
        self._add.extend(add)
        added = {file.path for file in add}
        self._remove.extend(path for path in remove if path not in added)


class Lake:
    """All tables below one root. Tables are named by dataset, table name, schema and Hive column.

    Of a root in an object store, copies and what is not yet published lie below `cache` on this machine's disk.
    """

    def __init__(self, root: Place, cache: Path = Settings.cache) -> None:
        self.root = root
        self._objects = Objects(root) if isinstance(root, ObjectUrl) else None
        self._here = root.below(cache) if isinstance(root, ObjectUrl) else root

    def store(
        self, dataset: str, table: str, schema: Callable[[], pa.Schema] | None, partitioned_by: str | None
    ) -> TableStore:
        """A table; who only reads it needs no schema."""
        return TableStore(self._files(dataset, table), schema, partitioned_by)

    def ledger(self, dataset: str) -> Ledger:
        """The dataset's ledger of source files."""
        from event_assets.storage.ledger import Ledger  # loads Polars, which reading a table's log needn't wait for

        return Ledger(self._files(dataset, f"{STATE}/ledger"), self.state(dataset))

    def declarations(self, dataset: str) -> Declarations:
        """The declarations by which the dataset's tables were made."""
        return Declarations(self._files(dataset, f"{STATE}/rules"))

    def state(self, dataset: str) -> Path:
        """The folder, on this machine, of the dataset's staging and of what can be made again."""
        return self._here / dataset / STATE

    def writing(
        self, dataset: str, recover: Callable[[], None] = lambda: None, wait_seconds: float = WAIT_SECONDS
    ) -> AbstractContextManager[None]:
        """Be the dataset's one writer. After a writer that was killed, `recover` runs first and staging is empty."""

        def empty_staging() -> None:
            shutil.rmtree(self.state(dataset) / "staging", ignore_errors=True)

        def clear() -> None:
            empty_staging()
            recover()

        if self._objects:
            return object_lease(self._objects.below(dataset), empty_staging, recover, wait_seconds)
        return lease(self.state(dataset), clear, wait_seconds)

    def unfinished_since(self, dataset: str) -> int | None:
        """When a writer began that died and that nobody cleared up after; None where there is none."""
        if self._objects:
            return object_lease_unfinished_since(self._objects.below(dataset))
        return unfinished_since(self.state(dataset))

    def _files(self, dataset: str, folder: str) -> Files:
        copies = self._here / dataset / folder
        if not self._objects:
            return LocalFiles(copies)
        objects = self._objects.below(dataset)
        return ObjectFiles(objects.below(folder), copies, lambda: held(objects))

    @contextmanager
    def staging(self, dataset: str) -> Iterator[Path]:
        """An empty folder for a writer's unpublished files, on the same disk as the tables; gone afterwards."""
        folder = _new_folder(self.state(dataset) / "staging")
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _new_folder(parent: Path) -> Path:
    for number in itertools.count():
        folder = parent / f"{number:04d}"
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            continue
    raise AssertionError("unreachable")


def read_figures(path: Path) -> dict[str, int]:
    """The figures that were written with a file."""
    import polars as pl

    from event_assets.storage.parquet import FIGURE

    metadata = pl.read_parquet_metadata(path)
    return {key.removeprefix(FIGURE): int(value) for key, value in metadata.items() if key.startswith(FIGURE)}


def read_again(read: Callable[[], T], refresh: Callable[[], object], attempts: int = 5) -> T:
    """Read files of a list that a writer may have replaced meanwhile: on a missing file take the new list."""
    for attempt in range(attempts):
        try:
            return read()
        except FileNotFoundError:
            if attempt == attempts - 1:
                raise
            time.sleep(0.05 * 2**attempt)
            refresh()
    raise AssertionError("unreachable")

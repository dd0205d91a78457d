"""The lake of one platform: its datasets' tables, opened for reading or for writing."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from event_assets.path_or_url import ObjectUrl, Place
from event_assets.settings import Settings
from event_assets.storage.damaged_files import STATE
from event_assets.storage.files import Files, LocalFiles, ObjectFiles
from event_assets.storage.lease import WAIT_SECONDS, lease, unfinished_since
from event_assets.storage.object_lease import current_lease, object_lease
from event_assets.storage.object_lease import unfinished_since as object_lease_unfinished_since
from event_assets.storage.object_store import Objects
from event_assets.storage.stored_declarations import Declarations
from event_assets.storage.table_store import TableStore

if TYPE_CHECKING:
    import pyarrow as pa

    from event_assets.storage.ledger import Ledger


#: Where the internal tables of a dataset are stored.
INTERNAL = f"{STATE}/tables"


class Lake:
    """All tables below one root. Tables are named by dataset, table name, schema and Hive column.

    If the root is in an object store, copies and unpublished files are kept below `cache` on this machine's disk.
    """

    def __init__(self, root: Place, cache: Path = Settings.cache) -> None:
        self.root = root
        self._objects = Objects(root) if isinstance(root, ObjectUrl) else None
        self._here = root.below(cache) if isinstance(root, ObjectUrl) else root

    def store(
        self,
        dataset: str,
        table: str,
        schema: Callable[[], pa.Schema] | None,
        partitioned_by: str | None,
        *,
        internal: bool = False,
        measured: Collection[str] = (),
    ) -> TableStore:
        """A table; readers need no schema. An internal table is stored below the dataset's `_state`. The log contains
        the bounds of the `measured` columns.
        """
        folder = f"{INTERNAL}/{table}" if internal else table
        return TableStore(self._files(dataset, folder), schema, partitioned_by, self.state(dataset), measured)

    def make_internal(self, dataset: str, table: str) -> bool:
        """Move a table of a lake of the version before below `_state`; False where there is none."""
        if self._objects:  # objects can't be renamed: the table is computed again
            old = self._objects.below(dataset).below(table)
            keys = [found.key for found in old.all()]
            old.delete(keys)
            return bool(keys)
        old_folder, new_folder = self._here / dataset / table, self._here / dataset / INTERNAL / table
        if not old_folder.is_dir():
            return False
        if new_folder.exists():
            shutil.rmtree(old_folder)
        else:
            new_folder.parent.mkdir(parents=True, exist_ok=True)
            old_folder.rename(new_folder)
        return True

    def has_table(self, dataset: str, table: str) -> bool:
        """Whether files of a table are stored beside the tables that users read."""
        if self._objects:
            return any(True for _ in self._objects.below(dataset).below(table).all())
        return (self._here / dataset / table).is_dir()

    def ledger(self, dataset: str) -> Ledger:
        """The dataset's ledger of source files."""
        from event_assets.storage.ledger import Ledger  # loads Polars, which reading a table's log needn't wait for

        return Ledger(self._files(dataset, f"{STATE}/ledger"), self.state(dataset))

    def declarations(self, dataset: str) -> Declarations:
        """The declarations by which the dataset's tables were computed."""
        return Declarations(self._files(dataset, f"{STATE}/rules"))

    def state(self, dataset: str) -> Path:
        """The folder, on this machine, of the dataset's staging and caches."""
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
        """When a writer began that died and left staged files; None where there is none."""
        if self._objects:
            return object_lease_unfinished_since(self._objects.below(dataset))
        return unfinished_since(self.state(dataset))

    def _files(self, dataset: str, folder: str) -> Files:
        copies = self._here / dataset / folder
        if not self._objects:
            return LocalFiles(copies)
        objects = self._objects.below(dataset)
        return ObjectFiles(objects.below(folder), copies, lambda: current_lease(objects))

    @contextmanager
    def staging(self, dataset: str) -> Iterator[Path]:
        """An empty folder for a writer's unpublished files, on the same disk as the tables; deleted afterwards."""
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

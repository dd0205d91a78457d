"""A table's transaction log (Delta Lake, through delta-rs): which Parquet files count, switched atomically."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast

from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.schema import Schema
from deltalake.transaction import AddAction, CommitProperties, RemoveAction, create_table_with_add_actions

from event_assets.errors import ConflictError, DamagedLogError, LakeError
from event_assets.storage.damaged_files import dataset_folder
from event_assets.storage.files import Files, files_of
from event_assets.storage.object_store import brief

if TYPE_CHECKING:
    import pyarrow as pa

#: A checkpoint at this interval of commits keeps opening a table fast; old log files are deleted after a day. Deletion
#: vectors and column mapping stay off, so that plain Parquet readers of the folders are right.
_CONFIGURATION = {
    "delta.checkpointInterval": "50",
    "delta.logRetentionDuration": "interval 1 days",
    "delta.enableDeletionVectors": "false",
}
#: A log of a later version of the format is not damaged.
_NEWER = re.compile(r"unsupported|not supported|(?:reader|writer) (?:version|feature)", re.IGNORECASE)
_BACKTRACE = re.compile(r" 0: (?:<|0x|\w+::)")
#: At most this number of characters of an error is shown, because it may quote the whole log.
_SHOWN = 200
#: Never on top of a commit that this writer has not seen.
_ONCE = CommitProperties(max_commit_retries=0)
#: At most this number of times a log is read again if it changes meanwhile.
_TRIES = 50


@dataclass(frozen=True)
class LogFile:
    """One file that counts: its path below the table's folder, its rows and its Hive value (None without)."""

    path: str
    rows: int
    hive: str | None = None
    bytes: int = 0
    """Its size, as the log has it."""
    statistics: Mapping[str, object] = field(default_factory=dict, compare=False)
    """`minValues`, `maxValues` and `nullCount` of its columns, as Delta Lake writes them, where there are any."""


class TableLog:
    """The log of one table folder. One object serves one writer, or one reading, which needs no schema.

    The schema is built at the first commit: what only reads loads no Arrow.
    """

    def __init__(self, files: Path | Files, schema: Callable[[], pa.Schema] | None, partitioned_by: str | None) -> None:
        self._files, self._schema, self._hive = files_of(files), schema, partitioned_by
        self.folder = self._files.folder
        self._options = dict(self._files.storage_options or {}) or None
        self._table: DeltaTable | None = None
        self._looked = False

    @property
    def version(self) -> int:
        """The number of the last commit that this object has seen; -1 before the first."""
        return -1 if self._table is None else self._table.version()

    def files(self) -> list[LogFile]:
        """The files that count now, by path. A table that was never written has none.

        Where a commit came meanwhile, the log is read again: delta-rs returns no files, and no error, when a writer
        deletes the version that it reads. LakeError where each try meets another commit.
        """
        for _ in range(_TRIES):
            table = self._refreshed()
            if table is None:
                return []
            actions = table.get_add_actions(flatten=True)
            versions = self._files.log_versions()
            if not versions or max(versions) == table.version():
                break
            self._table = None
        else:
            state = "its log changed each time that it was read"
            raise LakeError(str(self.folder), state, "repeat the command when no other run writes the table")
        names = actions.column_names
        hive = f"partition.{self._hive}" if self._hive else None
        values = actions.column(hive).to_pylist() if hive and hive in names else [None] * actions.num_rows
        columns = (actions.column(name).to_pylist() for name in ("path", "num_records", "size_bytes"))
        found = (
            LogFile(path, rows, None if value is None else str(value), size)
            for path, rows, size, value in zip(*columns, values, strict=True)
        )
        return sorted(found, key=lambda file: file.path)

    def commit(self, add: Sequence[LogFile], remove: Collection[str]) -> None:
        """Make files count and others not, in one atomic step; ConflictError where somebody else was faster.

        LeaseError where this writer may write no more. A commit whose reply was lost is found done.
        """
        self._files.check()
        if not self._looked:
            self._refreshed()
        new = self._table is None
        versions = self._files.log_versions()
        if versions and max(versions) > self.version:
            raise ConflictError(str(self.folder), "was written by another run meanwhile", "run again")
        try:
            self._commit(add, remove)
            if versions is not None and (new or remove):
                self._cut_down()
        except (DeltaError, OSError) as error:
            if self._is_done(add, remove):
                return
            if isinstance(error, CommitFailedError) or (new and self._table is not None):
                raise ConflictError(
                    str(self.folder), f"was written by another run meanwhile ({self._text_of(error)})", "run again"
                ) from None
            raise LakeError(
                str(self.folder), f"its log can't be written ({self._text_of(error)})", "fix the cause and run again"
            ) from None

    def _commit(self, add: Sequence[LogFile], remove: Collection[str]) -> None:
        actions: list[AddAction | RemoveAction] = [self._add_action(file) for file in add]
        assert self._schema is not None
        schema = Schema.from_arrow(self._schema())
        partition_by = [self._hive] if self._hive else None
        if self._table is None:
            create_table_with_add_actions(
                str(self.folder),
                schema=schema,
                add_actions=cast(list[AddAction], actions),
                mode="error",
                partition_by=partition_by or [],
                configuration=_CONFIGURATION,
                commit_properties=_ONCE,
                storage_options=self._options,
            )
            self._table = self._opened()
            return
        actions += [self._remove_action(path) for path in sorted(remove)]
        self._add_new_columns()
        self._table.create_write_transaction(
            actions, mode="append", schema=schema, partition_by=partition_by, commit_properties=_ONCE
        )
        self._table.update_incremental()

    def _cut_down(self) -> None:
        """Leave only versions in the log whose files exist: those of a version before a removal are deleted.

        A checkpoint has all current files, so that the commits before it are no longer needed.
        """
        assert self._table is not None
        self._table.create_checkpoint()
        versions = self._files.log_versions() or {}
        self._files.delete_log_files(
            name for version, names in versions.items() if version < self.version for name in names
        )

    def _is_done(self, add: Sequence[LogFile], remove: Collection[str]) -> bool:
        """Whether the log contains what a failed commit was to write: files' names are never used twice."""
        try:
            counting = {file.path for file in self.files()}
        except LakeError:
            return False
        return counting.issuperset(file.path for file in add) and counting.isdisjoint(remove)

    def _opened(self) -> DeltaTable:
        return DeltaTable(str(self.folder), storage_options=self._options)

    def _text_of(self, error: Exception) -> str:
        if not isinstance(self.folder, Path):
            return brief(error)
        text = " ".join(str(error).split())
        return _BACKTRACE.split(text)[0][:_SHOWN]

    def _refreshed(self) -> DeltaTable | None:
        """The log as it is now. One that changes while it is read is read again: a writer deletes commits that its
        checkpoint makes unneeded, which a reader may just have listed."""
        self._looked = True
        for left in reversed(range(_TRIES)):
            known, before = self._table, self._files.log_versions()
            try:
                if known is None:
                    self._table = self._opened()
                else:
                    known.update_incremental()
                return self._table
            except (DeltaError, OSError) as error:
                if isinstance(error, TableNotFoundError) and not before:
                    return None
                unchanged = known is None and self._files.log_versions() == before
                if unchanged or not left:
                    raise self._unreadable(error) from None
                self._table = None
        raise AssertionError

    def _unreadable(self, error: Exception) -> LakeError:
        """DamagedLogError where all files of the log can be opened, and delta-rs can't make sense of them."""
        why = self._text_of(error)
        if not _NEWER.search(why) and self._files.log_files():
            dataset = dataset_folder(self._files.here / "_delta_log")
            command = f"event-assets run {dataset.name}" if dataset else "the next run"
            return DamagedLogError(str(self.folder), f"its log is damaged ({why})", f"{command} rebuilds the table")
        return LakeError(str(self.folder), f"its log can't be read ({why})", "fix the cause and run again")

    def discard(self) -> None:
        """Delete the log, if there is one, so that the next commit begins a new one."""
        self._files.delete_log()
        self._table = None

    def _add_new_columns(self) -> None:
        """Add to the log the columns that a changed declaration brings.

        Columns that went or changed their type stay in the log's schema as they were: delta-rs can't say
        otherwise without dropping every file, and our readers go by each file's own schema anyway.
        """
        assert self._table is not None
        known = {field.name for field in self._table.schema().fields}
        assert self._schema is not None
        new = [field for field in Schema.from_arrow(self._schema()).fields if field.name not in known]
        if new:
            self._table.alter.add_columns(new, commit_properties=_ONCE)

    def _add_action(self, file: LogFile) -> AddAction:
        return AddAction(
            path=file.path,
            size=file.bytes or self._files.size(file.path) or 0,
            partition_values={self._hive: file.hive} if self._hive else {},
            modification_time=0,
            data_change=True,
            stats=json.dumps({"numRecords": file.rows, **file.statistics}),
        )

    def _remove_action(self, path: str) -> RemoveAction:
        return RemoveAction(path=path, data_change=True, deletion_timestamp=0)

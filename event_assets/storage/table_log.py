"""A table's transaction log (Delta Lake's format): which Parquet files count, switched atomically.

We read and write it ourselves. A table needs few of the format's features, and delta-rs takes 20 ms of CPU for what
takes 4 here: open a log, commit, write a checkpoint. Tests read our logs with delta-rs (`storage/test_delta`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from event_assets.errors import ConflictError, DamagedLogError, EventAssetsError, LakeError
from event_assets.storage import delta_actions
from event_assets.storage.damaged_files import dataset_folder
from event_assets.storage.delta_actions import Action, LogFile
from event_assets.storage.files import Files, files_of

if TYPE_CHECKING:
    import pyarrow as pa

_CHECKPOINT = ".checkpoint.parquet"
#: The state at the newest checkpoint once more, for our own readers, who then need no Parquet reader. Others ignore it.
_STATE = "_state"
#: At most this number of times a log is read again if it changes meanwhile.
_TRIES = 50
#: What a log's content that makes no sense raises.
_NONSENSE = (ValueError, KeyError, TypeError, AttributeError)


@dataclass
class _State:
    """What the log says as of a version."""

    version: int = -1
    protocol: Action = field(default_factory=dict)
    metadata: Action = field(default_factory=dict)
    files: dict[str, LogFile] = field(default_factory=dict)

    def follow(self, version: int, commit: bytes) -> None:
        """Apply the actions of the next commit."""
        actions = [json.loads(line) for line in commit.decode().splitlines()]
        if not actions:
            raise ValueError("a commit without actions")
        for kind, action in (item for one in actions for item in one.items()):
            match kind:
                case "add":
                    file = delta_actions.file_of(action)
                    self.files[file.path] = file
                case "remove":
                    self.files.pop(delta_actions.path_of(action), None)
                case "metaData":
                    self.metadata = action
                case "protocol":
                    self.protocol = action
        self.version = version


class _NoSenseError(Exception):
    """The log is damaged, or changed while it was read."""


class TableLog:
    """The log of one table folder. One object serves one writer, or one reading, which needs no schema.

    The schema is built at the first commit: what only reads loads no Arrow.
    """

    def __init__(self, files: Path | Files, schema: Callable[[], pa.Schema] | None, partitioned_by: str | None) -> None:
        self._files, self._schema, self._hive = files_of(files), schema, partitioned_by
        self.folder = self._files.folder
        self._state = _State()
        self._looked = False

    @property
    def version(self) -> int:
        """The number of the last commit that this object has seen; -1 before the first."""
        return self._state.version

    def files(self) -> list[LogFile]:
        """The files that count now, by path. A table that was never written has none."""
        self._refresh()
        return sorted(self._state.files.values())

    def commit(self, add: Sequence[LogFile], remove: Collection[str]) -> None:
        """Make files count and others not, in one atomic step; ConflictError where somebody else was faster.

        LeaseError where this writer may write no more. A commit whose reply was lost is found done.
        """
        self._files.check()
        if not self._looked:
            self._refresh()
        if self.version >= 0 and not delta_actions.may_write(self._state.protocol):
            raise self._newer("written")
        version = self.version + 1
        content = "\n".join(json.dumps(action, separators=(",", ":")) for action in self._actions(add, remove)).encode()
        try:
            # Never on top of a commit that this writer has not seen.
            free = max(map(_version, self._files.log_names()), default=-1) < version
            done = free and self._files.create_log(_commit_name(version), content)
        except OSError as error:
            state = f"its log can't be written ({error})"
            raise LakeError(str(self.folder), state, "fix the cause and run again") from None
        if not done:
            raise ConflictError(str(self.folder), "was written by another run meanwhile", "run again")
        self._state.follow(version, content)
        removed = version == 0 or bool(remove)
        if (removed and self._files.cuts_log) or (version + 1) % delta_actions.CHECKPOINT_INTERVAL == 0:
            self._shorten()

    def _actions(self, add: Sequence[LogFile], remove: Collection[str]) -> Iterator[Action]:
        assert self._schema is not None
        yield {"commitInfo": delta_actions.commit_info(self._hive)}
        if self.version < 0:
            yield from delta_actions.new_table(self._schema(), self._hive)
        else:
            yield from delta_actions.with_new_columns(self._state.protocol, self._state.metadata, self._schema())
        for file in add:
            size = file.bytes or self._files.size(file.path) or 0
            yield {"add": delta_actions.add(file._replace(bytes=size), self._hive)}
        yield from ({"remove": delta_actions.remove(path)} for path in sorted(remove))

    def _shorten(self) -> None:
        """Leave only versions in the log whose files exist: those of a version before a removal are deleted.

        A checkpoint has all current files, so that the commits before it are no longer needed. What can't be written
        now is written with the next commit: this one is done.
        """
        state = self._state
        files = sorted(state.files.values())
        content = delta_actions.checkpoint(state.protocol, state.metadata, files, self._hive)
        known = {"version": state.version, "protocol": state.protocol, "metaData": state.metadata, "files": files}
        last = {"version": state.version, "size": len(files) + 2, "numOfAddFiles": len(files)}
        try:
            self._files.write_log(_commit_name(state.version).removesuffix(".json") + _CHECKPOINT, content)
            self._files.write_log(_STATE, json.dumps(known).encode())
            self._files.write_log("_last_checkpoint", json.dumps(last).encode())
            self._files.cut_log(lambda name: -1 < _version(name) < state.version)
        except (OSError, EventAssetsError):
            pass

    def _refresh(self) -> None:
        """Read the log as it is now. One that changes while it is read is read again: a writer deletes commits that its
        checkpoint makes unneeded, which a reader may just have listed."""
        self._looked, before = True, None
        for _ in range(_TRIES):
            try:
                names = sorted(self._files.log_names())
                self._read(names)
            except (_NoSenseError, FileNotFoundError) as error:
                self._state = _State()
                if names == before:
                    raise self._damaged(error) from None
                before = names
            except OSError as error:
                state = f"its log can't be read ({error})"
                raise LakeError(str(self.folder), state, "fix the cause and run again") from None
            else:
                return
        state = "its log changed each time that it was read"
        raise LakeError(str(self.folder), state, "repeat the command when no other run writes the table")

    def _read(self, names: Sequence[str]) -> None:
        """Follow the commits since this object looked, or since the newest checkpoint."""
        commits = {_version(name) for name in names if name.endswith(".json")}
        newest = max((_version(name) for name in names if name.endswith(_CHECKPOINT)), default=-1)
        last = max(*commits, newest, -1)
        if self.version < newest or self.version > last:
            self._state = self._at_checkpoint(newest, names) if newest >= 0 else _State()
        for version in range(self.version + 1, last + 1):
            if version not in commits:
                raise _NoSenseError(f"version {version} is missing")
            content = self._files.read_log(_commit_name(version))
            try:
                self._state.follow(version, content)
            except _NONSENSE:
                raise _NoSenseError(f"version {version} can't be read") from None
        if last >= 0 and not (self._state.metadata and self._state.protocol):
            raise _NoSenseError("it doesn't describe the table")
        if last >= 0 and not delta_actions.may_read(self._state.protocol):
            raise self._newer("read")

    def _at_checkpoint(self, version: int, names: Sequence[str]) -> _State:
        try:
            known = json.loads(self._files.read_log(_STATE)) if _STATE in names else {}
            if known.get("version") == version:
                files = {file.path: file for file in map(LogFile._make, known["files"])}
                return _State(version, known["protocol"], known["metaData"], files)
        except (FileNotFoundError, *_NONSENSE):
            pass
        content = self._files.read_log(_commit_name(version).removesuffix(".json") + _CHECKPOINT)
        try:
            protocol, metadata, actions = delta_actions.read_checkpoint(content)
            return _State(version, protocol, metadata, {(f := delta_actions.file_of(a)).path: f for a in actions})
        except (OSError, *_NONSENSE):
            raise _NoSenseError(f"the checkpoint of version {version} can't be read") from None

    def _newer(self, done: str) -> LakeError:
        """A log of a later version of the format is not damaged."""
        state = f"its log can't be {done} (it needs a later version of Delta Lake's format: {self._state.protocol})"
        return LakeError(str(self.folder), state, "write the table with event_assets alone")

    def _damaged(self, why: Exception) -> LakeError:
        dataset = dataset_folder(self._files.here / "_delta_log")
        command = f"event-assets run {dataset.name}" if dataset else "the next run"
        return DamagedLogError(str(self.folder), f"its log is damaged ({why})", f"{command} rebuilds the table")

    def discard(self) -> None:
        """Delete the log, if there is one, so that the next commit begins a new one."""
        self._files.delete_log()
        self._state = _State()


def _commit_name(version: int) -> str:
    return f"{version:020d}.json"


def _version(name: str) -> int:
    """The version of a commit or checkpoint by its file's name; -1 of any other file."""
    number = name.partition(".")[0]
    return int(number) if number.isdecimal() else -1

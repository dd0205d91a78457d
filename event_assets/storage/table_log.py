"""Reads and writes a table's transaction log in Delta Lake's format: the list of its current Parquet files, which one
commit changes atomically.

We read and write it ourselves. A table needs few of the format's features, and delta-rs takes 20 ms of CPU for what
takes 4 here: open a log, commit, write a checkpoint. Tests read our logs with delta-rs (`storage/test_delta`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
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

_COMMIT, _CHECKPOINT, _LAST_CHECKPOINT = ".json", ".checkpoint.parquet", "_last_checkpoint"
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
        actions = [json.loads(line) for line in commit.decode().split("\n") if line.strip()]
        if not actions:
            raise ValueError("a commit without actions")
        for kind, action in (item for one in actions for item in one.items() if item[1] is not None):
            match kind:
                case "add":
                    file = delta_actions.file_of(action)
                    self.files[file.path] = file
                case "remove":
                    self.files.pop(delta_actions.path_of(action), None)
                case "metaData":
                    json.loads(action["schemaString"])
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
        self._looked = self._discarded = False

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
        if self._state.protocol and not delta_actions.may_write(self._state.protocol):
            raise self._newer("written")
        version, removes = self.version + 1, self._discarded or self.version < 0 or bool(remove)
        content = "\n".join(json.dumps(action, separators=(",", ":")) for action in self._actions(add, remove)).encode()
        try:
            # Never on top of a commit that this writer has not seen.
            done = self._newest() < version and self._files.create_log(_name(version, _COMMIT), content)
            overtaken = done and self._files.cuts_log and self._newest() > version
        except OSError as error:
            state = f"its log can't be written ({error})"
            raise LakeError(str(self.folder), state, "fix the cause and run again") from None
        if not done or (overtaken and not self._counts(add, remove)):
            raise ConflictError(str(self.folder), "was written by another run meanwhile", "run again")
        if overtaken:
            return
        self._state.follow(version, content)
        interval = (version + 1) % delta_actions.CHECKPOINT_INTERVAL == 0
        if self._discarded or interval or (removes and self._files.cuts_log):
            self._shorten()

    def _counts(self, add: Sequence[LogFile], remove: Collection[str]) -> bool:
        """Whether a commit that was overtaken at once counts. Where this writer was frozen before it, another one may
        have committed the same version and already deleted that commit. Files' names are never used twice."""
        self._state = _State()
        listed = {file.path for file in self.files()}
        return listed.issuperset(file.path for file in add) and listed.isdisjoint(remove)

    def _newest(self) -> int:
        names = self._files.log_names()
        return max(_versions(names, _COMMIT) | _versions(names, _CHECKPOINT), default=-1)

    def _actions(self, add: Sequence[LogFile], remove: Collection[str]) -> Iterator[Action]:
        assert self._schema is not None
        yield {"commitInfo": delta_actions.commit_info(self._hive)}
        if not self._state.metadata:
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
            self._files.write_log(_name(state.version, _CHECKPOINT), content)
            self._discarded = False
            self._files.write_log(_STATE, json.dumps(known).encode())
            self._files.write_log(_LAST_CHECKPOINT, json.dumps(last).encode())
            self._files.cut_log(lambda name: -1 < _version(name) < state.version)
        except (OSError, EventAssetsError):
            pass

    def _refresh(self) -> None:
        """Read the log as it is now. One that changes while it is read is read again: a writer deletes commits that its
        checkpoint makes unneeded, which a reader may just have listed."""
        before = None
        if self._discarded:
            return
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
                self._looked = True
                return
        state = "its log changed each time that it was read"
        raise LakeError(str(self.folder), state, "repeat the command when no other run writes the table")

    def _read(self, names: Sequence[str]) -> None:
        """Follow the commits since this object looked, or since the newest checkpoint."""
        commits, newest = _versions(names, _COMMIT), max(_versions(names, _CHECKPOINT), default=-1)
        last = max(*commits, newest, -1)
        if last < 0 and (_STATE in names or _LAST_CHECKPOINT in names):
            raise _NoSenseError("all its versions are missing")
        if self.version < newest or self.version > last:
            self._state = self._at_checkpoint(newest, names) if newest >= 0 else _State()
        try:
            for version in range(self.version + 1, last + 1):
                if version not in commits:
                    raise _NoSenseError(f"version {version} is missing")
                self._state.follow(version, self._files.read_log(_name(version, _COMMIT)))
            if last >= 0 and not (self._state.metadata and self._state.protocol):
                raise _NoSenseError("it doesn't describe the table")
            if last >= 0 and not delta_actions.may_read(self._state.protocol):
                raise self._newer("read")
        except NotImplementedError:
            raise self._newer("read") from None
        except _NONSENSE:
            raise _NoSenseError(f"version {min(self.version + 1, last)} can't be read") from None

    def _at_checkpoint(self, version: int, names: Sequence[str]) -> _State:
        try:
            known = json.loads(self._files.read_log(_STATE)) if _STATE in names else {}
            if known.get("version") == version:
                files = {file.path: file for file in map(LogFile._make, known["files"])}
                return _State(version, known["protocol"], known["metaData"], files)
        except (FileNotFoundError, *_NONSENSE):
            pass
        content = self._files.read_log(_name(version, _CHECKPOINT))
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
        """Let the next commit, and the checkpoint right after it, list all files: what was before no longer counts.

        Until then readers get the error that the log is damaged, and no empty table.
        """
        self._state, self._discarded = _State(self._newest()), True

    def finish(self) -> None:
        """Make sure that a log which was discarded can be read, also if no commit was needed."""
        if self._discarded:
            self.commit([], [])


def _name(version: int, kind: str) -> str:
    return f"{version:020d}{kind}"


def _version(name: str) -> int:
    """The version that a file of the log belongs to; -1 of one that belongs to none."""
    number = name.partition(".")[0]
    return int(number) if number.isdecimal() else -1


def _versions(names: Iterable[str], kind: str) -> set[int]:
    """The versions of which there is a commit, or a checkpoint."""
    return {version for name in names if name.endswith(kind) and name == _name(version := _version(name), kind)}

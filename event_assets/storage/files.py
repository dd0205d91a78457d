"""One interface to the files of a table's folder, on a disk or in an object store.

A published file never changes and no other file takes its name. So a copy on this machine's disk is always right, and
all readers of tables read paths.
"""

from __future__ import annotations

import datetime as dt
import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from event_assets.errors import LakeError
from event_assets.path_or_url import ObjectUrl
from event_assets.storage.atomic_write import atomic_create, atomic_write
from event_assets.storage.object_lease import Lease
from event_assets.storage.object_store import Objects

#: A local copy of a file that is not current any more is kept this long after its last use, for open readers.
GRACE_SECONDS = 600.0
_LOG = "_delta_log"
#: A writer that was frozen for longer than this may commit a version that exists already.
_KEPT_IN_LOG = dt.timedelta(days=1)
#: At most this number of files is downloaded from the object store at once.
_TOGETHER = 8


class LocalFiles:
    """The files below a folder of a disk, by their paths below it. The operating system's lock decides who writes them.

    `here` is the folder on this machine where they are read.
    """

    cuts_log = True
    """Whether commits that are no longer needed may be deleted at once: in an object store a commit is rejected only as
    long as that of the same version exists."""

    def __init__(self, folder: Path) -> None:
        self.folder = self.here = folder

    def place(self, staged: Path, path: str) -> None:
        """Move a staged file to its final place."""
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        staged.replace(target)

    def local(self, paths: Sequence[str]) -> list[Path]:
        """Where they can be read on this machine."""
        return [self.folder / path for path in paths]

    def size(self, path: str) -> int | None:
        """A file's bytes; None where there is no such file."""
        try:
            return os.stat(f"{self.folder}/{path}").st_size  # a Path for each of thousands of files costs more
        except (FileNotFoundError, NotADirectoryError):
            return None

    def sizes(self, paths: Collection[str]) -> dict[str, int]:
        """The bytes of the files that exist, by a new listing."""
        return {path: size for path in paths if (size := self.size(path)) is not None}

    def delete(self, paths: Iterable[str]) -> None:
        for path in paths:
            (self.folder / path).unlink(missing_ok=True)

    def leftovers(self, counting: Collection[str]) -> list[str]:
        """The Parquet files that a dead writer may have left: all except the log's files and the current files."""
        return [path for path in _parquet(self.folder) if path not in counting]

    def forget(self, counting: Collection[str]) -> None:
        """Forget what is known about files that are not current."""

    def log_names(self) -> list[str]:
        """The names of the files of the table's log."""
        try:
            return os.listdir(self.folder / _LOG)
        except FileNotFoundError:
            return []
        except NotADirectoryError:
            path = next(path for path in (self.folder / _LOG, self.folder, *self.folder.parents) if path.is_file())
            state = "is a file, but a folder of the lake must be there"
            raise LakeError(str(path), state, "delete or move the file; the next run recomputes the table") from None

    def read_log(self, name: str) -> bytes:
        """A file of the log. FileNotFoundError where there is none."""
        return (self.folder / _LOG / name).read_bytes()

    def create_log(self, name: str, content: bytes) -> bool:
        """Add a file to the log, whole; False where there is one of that name."""
        return atomic_create(self.folder / _LOG / name, content)

    def write_log(self, name: str, content: bytes) -> None:
        """Add a file to the log, or replace it, whole."""
        with atomic_write(self.folder / _LOG / name) as file:
            file.write(content)

    def cut_log(self, unneeded: Callable[[str], bool]) -> None:
        """Delete files of the log that are no longer needed, as soon as that is allowed."""
        for name in self.log_names():
            path = self.folder / _LOG / name
            if unneeded(name) or (name.endswith(".part") and _is_abandoned(path)):
                path.unlink(missing_ok=True)

    def check(self) -> None:
        """LeaseError where this writer may write no more."""


class ObjectFiles:
    """The same of an object store. What is read or written is kept below `copies` on this machine's disk."""

    cuts_log = False

    def __init__(self, objects: Objects, copies: Path, lease: Callable[[], Lease | None] = lambda: None) -> None:
        self._objects, self._lease = objects, lease
        self._log = objects.below(_LOG)
        self._sizes: dict[str, int] = {}
        self.here = copies

    @property
    def folder(self) -> ObjectUrl:
        return self._objects.url

    def place(self, staged: Path, path: str) -> None:
        size = staged.stat().st_size
        self._objects.upload(staged, path)
        copy = self.here / path
        copy.parent.mkdir(parents=True, exist_ok=True)
        staged.replace(copy)
        os.utime(copy)
        self._sizes[path] = size

    def local(self, paths: Sequence[str]) -> list[Path]:
        if len(paths) < 2:
            return [self._copy(path) for path in paths]
        with ThreadPoolExecutor(_TOGETHER) as pool:
            return list(pool.map(self._copy, paths))

    def size(self, path: str) -> int | None:
        if path not in self._sizes and (found := self._objects.look(path)) is not None:
            self._sizes[path] = found.bytes
        return self._sizes.get(path)

    def sizes(self, paths: Collection[str]) -> dict[str, int]:
        if not paths:
            return {}
        self._sizes = {found.key: found.bytes for found in self._objects.all()}
        return {path: self._sizes[path] for path in paths if path in self._sizes}

    def delete(self, paths: Iterable[str]) -> None:
        deleted = list(paths)
        self._objects.delete(deleted)
        for path in deleted:
            self._sizes.pop(path, None)
            (self.here / path).unlink(missing_ok=True)

    def leftovers(self, counting: Collection[str]) -> list[str]:
        """Younger files than this writer's lease are left out: they are its own, or of a writer that took the lease
        over."""
        lease = self._lease()
        return [
            found.key
            for found in self._objects.all()
            if _is_ours(found.key) and found.key not in counting and (lease is None or found.modified <= lease.taken_at)
        ]

    def forget(self, counting: Collection[str]) -> None:
        self._sizes = {}
        for path in _parquet(self.here):
            copy = self.here / path
            try:
                if path not in counting and time.time() - copy.stat().st_mtime > GRACE_SECONDS:
                    copy.unlink()
            except FileNotFoundError:  # another process cleans up as well
                continue

    def log_names(self) -> list[str]:
        return [found.key for found in self._log.all()]

    def read_log(self, name: str) -> bytes:
        found = self._log.read(name)
        if found is None:
            raise FileNotFoundError(name)
        return found[0]

    def create_log(self, name: str, content: bytes) -> bool:
        return self._log.create(name, content) is not None

    def write_log(self, name: str, content: bytes) -> None:
        self._log.upload(content, name)

    def cut_log(self, unneeded: Callable[[str], bool]) -> None:
        found = list(self._log.all())
        old = max(each.modified for each in found) - _KEPT_IN_LOG
        self._log.delete(each.key for each in found if unneeded(each.key) and each.modified < old)

    def check(self) -> None:
        if lease := self._lease():
            lease.check()

    def _copy(self, path: str) -> Path:
        copy = self.here / path
        try:
            os.utime(copy)
            if copy.stat().st_size == self._sizes.get(path, copy.stat().st_size):
                return copy
        except FileNotFoundError:
            pass
        self._objects.download(path, copy)
        return copy


Files = LocalFiles | ObjectFiles


def files_of(place: Path | Files) -> Files:
    return LocalFiles(place) if isinstance(place, Path) else place


def _is_abandoned(path: Path) -> bool:
    """Whether the writer of a half-written file died long ago."""
    return time.time() - path.stat().st_mtime > _KEPT_IN_LOG.total_seconds()


def _parquet(folder: Path) -> Iterator[str]:
    for pattern in ("*.parquet", "*/*.parquet"):
        for path in folder.glob(pattern):
            relative = path.relative_to(folder).as_posix()
            if _is_ours(relative):
                yield relative


def _is_ours(path: str) -> bool:
    return path.endswith(".parquet") and not path.startswith("_") and path.count("/") < 2

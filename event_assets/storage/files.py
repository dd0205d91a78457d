"""The files of one folder of the lake, on a disk or in an object store: the little that tables need of either.

A published file never changes and no other file takes its name. So a copy on this machine's disk is right for ever,
and whatever reads tables goes on reading paths.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

from event_assets.errors import LakeError
from event_assets.locations import ObjectUrl, Place
from event_assets.storage.object_lease import Lease
from event_assets.storage.object_store import Objects

#: A copy of a file that counts no more stays so long after its last use: somebody may be about to open it.
GRACE_SECONDS = 600.0
#: So many files come from the object store at once.
_TOGETHER = 8


class Files(Protocol):
    """The files below a folder, by their paths below it."""

    @property
    def folder(self) -> Place: ...

    @property
    def storage_options(self) -> Mapping[str, str] | None:
        """What delta-rs needs beside the folder."""

    def place(self, staged: Path, path: str) -> None:
        """Move a staged file to where it shall lie."""

    def local(self, paths: Sequence[str]) -> list[Path]:
        """Where they can be read on this machine."""

    def has(self, path: str) -> bool: ...

    def size(self, path: str) -> int: ...

    def delete(self, paths: Iterable[str]) -> None: ...

    def leftovers(self, counting: Collection[str]) -> list[str]:
        """The Parquet files that a dead writer may have left: all but the log's own and those that count."""

    def forget(self, counting: Collection[str]) -> None:
        """Bring what is known of the folder up to the files that count now."""

    def check(self) -> None:
        """LeaseError where this writer may write no more."""


class LocalFiles:
    """Files on a disk. Who may write them is for the operating system's lock to say."""

    storage_options = None

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def place(self, staged: Path, path: str) -> None:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        staged.replace(target)

    def local(self, paths: Sequence[str]) -> list[Path]:
        return [self.folder / path for path in paths]

    def has(self, path: str) -> bool:
        return (self.folder / path).exists()

    def size(self, path: str) -> int:
        return (self.folder / path).stat().st_size

    def delete(self, paths: Iterable[str]) -> None:
        for path in paths:
            (self.folder / path).unlink(missing_ok=True)

    def leftovers(self, counting: Collection[str]) -> list[str]:
        return [path for path in _parquet(self.folder) if path not in counting]

    def forget(self, counting: Collection[str]) -> None:
        pass

    def check(self) -> None:
        pass


class ObjectFiles:
    """Files in an object store. What is read or written is kept below `copies` on this machine's disk."""

    #: Of two writers of one version of a log, the store lets one through.
    storage_options: Mapping[str, str] | None = {"aws_conditional_put": "etag"}

    def __init__(self, objects: Objects, copies: Path, lease: Callable[[], Lease | None] = lambda: None) -> None:
        self._objects, self._copies, self._lease = objects, copies, lease
        self._sizes: dict[str, int] = {}
        self._all_known = False

    @property
    def folder(self) -> ObjectUrl:
        return self._objects.url

    def place(self, staged: Path, path: str) -> None:
        size = staged.stat().st_size
        self._objects.upload(staged, path)
        copy = self._copies / path
        copy.parent.mkdir(parents=True, exist_ok=True)
        staged.replace(copy)
        os.utime(copy)
        self._sizes[path] = size

    def local(self, paths: Sequence[str]) -> list[Path]:
        if len(paths) < 2:
            return [self._copy(path) for path in paths]
        with ThreadPoolExecutor(_TOGETHER) as pool:
            return list(pool.map(self._copy, paths))

    def has(self, path: str) -> bool:
        if path not in self._sizes and not self._all_known:  # one listing for all that are asked for
            self._sizes |= {found.key: found.bytes for found in self._objects.all()}
            self._all_known = True
        return path in self._sizes

    def size(self, path: str) -> int:
        if path not in self._sizes:
            found = self._objects.look(path)
            if found is None:
                raise LakeError(str(self.folder / path), "is not there", "run again")
            self._sizes[path] = found.bytes
        return self._sizes[path]

    def delete(self, paths: Iterable[str]) -> None:
        gone = list(paths)
        self._objects.delete(gone)
        for path in gone:
            self._sizes.pop(path, None)
            (self._copies / path).unlink(missing_ok=True)

    def leftovers(self, counting: Collection[str]) -> list[str]:
        """None that are younger than this writer's lease: those are its own, or of the one that took it over."""
        lease = self._lease()
        return [
            found.key
            for found in self._objects.all()
            if _is_ours(found.key) and found.key not in counting and (lease is None or found.modified <= lease.taken_at)
        ]

    def forget(self, counting: Collection[str]) -> None:
        self._sizes, self._all_known = {}, False
        for path in _parquet(self._copies):
            copy = self._copies / path
            try:
                if path not in counting and time.time() - copy.stat().st_mtime > GRACE_SECONDS:
                    copy.unlink()
            except FileNotFoundError:  # another process cleans up as well
                continue

    def check(self) -> None:
        if lease := self._lease():
            lease.check()

    def _copy(self, path: str) -> Path:
        copy = self._copies / path
        try:
            os.utime(copy)
        except FileNotFoundError:
            self._objects.download(path, copy)
        return copy


def files_of(place: Path | Files) -> Files:
    return LocalFiles(place) if isinstance(place, Path) else place


def _parquet(folder: Path) -> Iterator[str]:
    for pattern in ("*.parquet", "*/*.parquet"):
        for path in folder.glob(pattern):
            relative = path.relative_to(folder).as_posix()
            if _is_ours(relative):
                yield relative


def _is_ours(path: str) -> bool:
    return path.endswith(".parquet") and not path.startswith("_") and path.count("/") < 2

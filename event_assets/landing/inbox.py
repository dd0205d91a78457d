"""What lies in a dataset's inbox: which files are its own, and whether they have come to rest."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

from event_assets.declaration import Dataset
from event_assets.locations import ObjectUrl, Place
from event_assets.storage.object_store import Objects, ObjectStoreError

Kind = Literal["events", "profiles"]

#: What may follow a file's name when it is compressed.
COMPRESSED = (".gz", ".zst")
#: Names that programs give to files which they still write.
UNFINISHED = (".tmp", ".part", ".crdownload")


@dataclass(frozen=True)
class InboxFile:
    """A regular file in the inbox. An unchanged `signature` means that it need not be hashed again."""

    path: Place
    name: str
    """Its name; bytes in it that aren't UTF-8 are shown as \\xNN."""
    kind: Kind
    signature: str
    modified: float
    """Seconds since 1970, as the file system or the object store tells."""
    version: str = ""
    """Of an object: what tells it from others under its key, before and after it."""
    objects: Objects | None = field(default=None, repr=False, compare=False)
    """The store that it was listed by, by its name; None of a file on a disk."""


@dataclass(frozen=True)
class Inbox:
    """The files that can be landed, by name, and a warning for each entry that was left alone."""

    files: list[InboxFile] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def look(folder: Place, dataset: Dataset) -> Inbox:
    """The dataset's files that lie directly in the folder, or right below the URL (none where there is not a folder).

    Hidden and unfinished names are passed over in silence; whatever else can't be landed is named in a
    warning. A name that events and profiles both claim is an events file.
    """
    if isinstance(folder, ObjectUrl):
        return _look_at_objects(folder, dataset)
    inbox = Inbox()
    try:
        entries = sorted(os.listdir(os.fsencode(folder)))
    except FileNotFoundError:
        return inbox
    except OSError as error:
        inbox.warnings.append(f"{folder} can't be listed ({error.strerror}); nothing is landed from it")
        return inbox
    for entry in entries:
        # A name need not be UTF-8, and no table could hold such a one: it is known by what it looks like.
        name = entry.decode("utf-8", "backslashreplace")
        if _is_passed_over(name):
            continue
        found = _dropped(folder / os.fsdecode(entry), name, dataset)
        if isinstance(found, InboxFile):
            inbox.files.append(found)
        elif found:
            inbox.warnings.append(found)
    return inbox


def _look_at_objects(url: ObjectUrl, dataset: Dataset) -> Inbox:
    inbox, store = Inbox(), Objects(url)
    try:
        objects, folders = store.listing()
    except ObjectStoreError as error:
        inbox.warnings.append(f"{error}; nothing is landed from it")
        return inbox
    inbox.warnings.extend(f"{name} is a directory and is left alone" for name in folders if not _is_passed_over(name))
    for found in objects:
        name, kind = found.key, _kind(found.key, dataset)
        if _is_passed_over(name):
            continue
        if kind is None:
            inbox.warnings.append(f"{name} matches no file pattern of {dataset.name} and is left alone")
            continue
        modified = found.modified.timestamp()
        signature = f"{found.bytes}-{found.version}-{modified:.0f}"
        inbox.files.append(InboxFile(url / name, name, kind, signature, modified, found.version, store))
    return inbox


def _is_passed_over(name: str) -> bool:
    return name.startswith(".") or name.endswith(UNFINISHED)


def is_settled(dropped: InboxFile, now: float, quiet_seconds: float) -> bool:
    """Whether the file has been left alone for a while, so that its writer is likely done.

    A time in the future (a clock that is off) counts as settled: waiting for it could take for ever.
    """
    return not 0 <= now - dropped.modified < quiet_seconds


def signature(path: Path) -> str:
    """What `stat` tells of a file's state in a short text: size, times of change, inode."""
    state = path.stat()
    return f"{state.st_size}-{state.st_mtime_ns}-{state.st_ctime_ns}-{state.st_ino}"


def _dropped(path: Path, name: str, dataset: Dataset) -> InboxFile | str | None:
    """The file of that name, a warning, or None where it vanished meanwhile."""
    try:
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            if not path.exists():
                return f"{name} is a broken link and is left alone"
            if path.parent.resolve() not in path.resolve().parents:
                return f"{name} is a link that leads out of the inbox and is left alone"
            mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            return f"{name} is {_what(mode)} and is left alone"
        kind = _kind(name, dataset)
        if kind is None:
            return f"{name} matches no file pattern of {dataset.name} and is left alone"
        return InboxFile(path, name, kind, signature(path), path.stat().st_mtime)
    except FileNotFoundError:
        return None
    except OSError as error:
        return f"{name} can't be looked at ({error.strerror}) and is left alone"


def _kind(name: str, dataset: Dataset) -> Kind | None:
    if _matches(name, dataset.events.files):
        return "events"
    if dataset.profiles and _matches(name, dataset.profiles.files):
        return "profiles"
    return None


def _matches(name: str, patterns: Iterable[str]) -> bool:
    plain = next((name.removesuffix(end) for end in COMPRESSED if name.endswith(end)), name)
    return any(fnmatchcase(n, pattern) for pattern in patterns for n in (name, plain))


def _what(mode: int) -> str:
    kinds = (
        (stat.S_ISDIR, "a directory"),
        (stat.S_ISFIFO, "a FIFO"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISCHR, "a device"),
        (stat.S_ISBLK, "a device"),
    )
    return next((what for test, what in kinds if test(mode)), "no regular file")

"""The files of a dataset's inbox: which are its own, and which are no longer being written."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from event_assets.declaration import Dataset
from event_assets.declaration.dataset import Kind
from event_assets.locations import ObjectUrl, Place
from event_assets.storage.object_store import Objects, ObjectStoreError
from event_assets.text.file_patterns import matches

#: Names that programs give to files which they still write.
UNFINISHED = (".tmp", ".part", ".crdownload")


@dataclass(frozen=True)
class InboxFile:
    """A regular file in the inbox. An unchanged `signature` means that it need not be hashed again."""

    path: Place
    name: str
    """Its path below the inbox; bytes in it that aren't UTF-8 are shown as \\xNN."""
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
    manifests: list[InboxFile] = field(default_factory=list)
    """The files that say how many records others have (`expect.manifest`); they are not landed."""


def look(folder: Place, dataset: Dataset) -> Inbox:
    """The dataset's files in the folder or below the URL, by path (none where the folder is missing). Folders are
    looked into where a pattern of the dataset reaches into some.

    Hidden and unfinished names are passed over in silence; whatever else can't be landed is named in a
    warning. A name that events and profiles both claim is an events file.
    """
    if isinstance(folder, ObjectUrl):
        return _look_at_objects(folder, dataset)
    inbox = Inbox()
    _look_into(folder, "", dataset, inbox)
    inbox.files.sort(key=lambda file: file.name.encode())
    return _apart(inbox, dataset)


def _apart(inbox: Inbox, dataset: Dataset) -> Inbox:
    """Manifests apart from the files that are landed, whatever other pattern they match."""
    inbox.manifests.extend(file for file in inbox.files if _is_manifest(file.name, dataset))
    inbox.files[:] = [file for file in inbox.files if not _is_manifest(file.name, dataset)]
    return inbox


def _is_manifest(name: str, dataset: Dataset) -> bool:
    return bool(dataset.expect and dataset.expect.manifest and matches(name, dataset.expect.manifest))


def _look_into(folder: Path, below: str, dataset: Dataset, inbox: Inbox) -> None:
    """Add a folder's files, whose names begin with its path `below` the inbox."""
    try:
        entries = sorted(os.listdir(os.fsencode(folder)))
    except FileNotFoundError:
        return
    except OSError as error:
        inbox.warnings.append(f"{folder} can't be listed ({error.strerror}); nothing is landed from it")
        return
    for entry in entries:
        # A name need not be UTF-8, and no table could hold such a one: it is known by what it looks like.
        name = entry.decode("utf-8", "backslashreplace")
        if _is_passed_over(name):
            continue
        path = folder / os.fsdecode(entry)
        if _reaches_into_folders(dataset) and path.is_dir() and not path.is_symlink():
            _look_into(path, f"{below}{name}/", dataset, inbox)
            continue
        found = _dropped(path, below + name, dataset)
        if isinstance(found, InboxFile):
            inbox.files.append(found)
        elif found:
            inbox.warnings.append(found)


def _look_at_objects(url: ObjectUrl, dataset: Dataset) -> Inbox:
    inbox, store = Inbox(), Objects(url)
    folders: list[str] = []
    try:
        if _reaches_into_folders(dataset):
            objects = [found for found in store.all() if found.key and not found.key.endswith("/")]
        else:
            objects, folders = store.listing()
    except ObjectStoreError as error:
        inbox.warnings.append(f"{error}; nothing is landed from it")
        return inbox
    inbox.warnings.extend(f"{name} is a directory and is left alone" for name in folders if not _is_passed_over(name))
    for found in objects:
        name, kind = found.key, _kind(found.key, dataset)
        if any(map(_is_passed_over, name.split("/"))):
            continue
        if kind is None:
            inbox.warnings.append(f"{name} matches no file pattern of {dataset.name} and is left alone")
            continue
        modified = found.modified.timestamp()
        signature = f"{found.bytes}-{found.version}-{modified:.0f}"
        inbox.files.append(InboxFile(url / name, name, kind, signature, modified, found.version, store))
    return _apart(inbox, dataset)


def block_of(name: str, dataset: Dataset, kind: Kind) -> int | None:
    """Which block of a kind a file is read by: the first with a pattern that its path matches."""
    blocks = enumerate(dataset.blocks(kind))
    return next((number for number, block in blocks if any(matches(name, one) for one in block.files)), None)


def _reaches_into_folders(dataset: Dataset) -> bool:
    return any("/" in pattern for block in (*dataset.events, *dataset.profiles) for pattern in block.files)


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
            inbox = path.parents[name.count("/")].resolve()
            if inbox not in path.resolve().parents:
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
    if _is_manifest(name, dataset):
        return "events"
    kinds: tuple[Kind, ...] = ("events", "profiles")
    return next((kind for kind in kinds if block_of(name, dataset, kind) is not None), None)


def _what(mode: int) -> str:
    kinds = (
        (stat.S_ISDIR, "a directory"),
        (stat.S_ISFIFO, "a FIFO"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISCHR, "a device"),
        (stat.S_ISBLK, "a device"),
    )
    return next((what for test, what in kinds if test(mode)), "no regular file")

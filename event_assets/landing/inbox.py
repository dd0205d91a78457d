"""The files of a dataset's inbox: which files belong to it, whether their writers are done, and their `file_id`.

A file's identity is the SHA-256 of its bytes as they are, and of what its declaration reads from its name.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from event_assets.declaration import Column, Dataset, Events
from event_assets.declaration.dataset import Kind
from event_assets.errors import LandingError
from event_assets.path_or_url import ObjectUrl, Place
from event_assets.storage.object_store import GoneError, Objects, ObjectStoreError
from event_assets.text.dates_in_file_names import file_date
from event_assets.text.field_paths import FILE_PATH
from event_assets.text.file_patterns import matches

#: Endings that programs give to files which they still write.
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
    """Seconds since 1970, by the file system or the object store."""
    version: str = ""
    """Of an object: its version under its key."""
    objects: Objects | None = field(default=None, repr=False, compare=False)
    """The store that listed it; None of a file on a disk."""


@dataclass(frozen=True)
class Inbox:
    """The files that can be landed, by name, and a warning for each entry that can't."""

    files: list[InboxFile]
    warnings: list[str]
    manifests: list[InboxFile]
    """The manifests, which contain the numbers of records of other files (`expect.manifest`); they are not landed."""


def look(folder: Place, dataset: Dataset) -> Inbox:
    """The dataset's files in the folder or below the URL, by path (none where the folder is missing). Folders are
    listed where a pattern of the dataset has some.

    Hidden and unfinished names are skipped without a warning; all else that can't be landed is named in a warning. A
    name that matches patterns of events and of profiles is an events file.
    """
    found = [*(_objects(folder, dataset) if isinstance(folder, ObjectUrl) else _files(folder, "", dataset))]
    files = sorted((one for one in found if isinstance(one, InboxFile)), key=lambda file: file.name.encode())
    return Inbox(
        [file for file in files if not _is_manifest(file.name, dataset)],
        [one for one in found if isinstance(one, str)],
        [file for file in files if _is_manifest(file.name, dataset)],
    )


def _is_manifest(name: str, dataset: Dataset) -> bool:
    return bool(dataset.expect and dataset.expect.manifest and matches(name, dataset.expect.manifest))


def _files(folder: Path, below: str, dataset: Dataset) -> Iterator[InboxFile | str]:
    """A folder's files, whose names begin with its path `below` the inbox, and warnings."""
    try:
        entries = sorted(os.listdir(os.fsencode(folder)))
    except FileNotFoundError:
        return
    except OSError as error:
        yield f"{folder} can't be listed ({error.strerror}); nothing is landed from it"
        return
    for entry in entries:
        # A name need not be UTF-8, and no table can contain one that isn't: it is known by an escaped form.
        name = entry.decode("utf-8", "backslashreplace")
        path = folder / os.fsdecode(entry)
        if _is_skipped(name):
            continue
        if _reaches_into_folders(dataset) and path.is_dir() and not path.is_symlink():
            yield from _files(path, f"{below}{name}/", dataset)
            continue
        try:
            yield _entry(path, below + name, dataset)
        except FileNotFoundError:
            continue  # it vanished meanwhile
        except OSError as error:
            yield f"{below}{name} can't be looked at ({error.strerror}) and is left alone"


def _objects(url: ObjectUrl, dataset: Dataset) -> Iterator[InboxFile | str]:
    """The objects below a URL, and warnings."""
    store, folders = Objects(url), list[str]()
    try:
        if _reaches_into_folders(dataset):
            objects = [found for found in store.all() if found.key and not found.key.endswith("/")]
        else:
            objects, folders = store.listing()
    except ObjectStoreError as error:
        yield f"{error}; nothing is landed from it"
        return
    yield from (f"{name} is a directory and is left alone" for name in folders if not _is_skipped(name))
    for found in objects:
        name, kind = found.key, _kind(found.key, dataset)
        if any(map(_is_skipped, name.split("/"))):
            continue
        if kind is None:
            yield _unmatched(name, dataset)
            continue
        modified = found.modified.timestamp()
        signature = f"{found.bytes}-{found.version}-{modified:.0f}"
        yield InboxFile(url / name, name, kind, signature, modified, found.version, store)


def _unmatched(name: str, dataset: Dataset) -> str:
    return f"{name} matches no file pattern of {dataset.name} and is left alone"


def block_of(name: str, dataset: Dataset, kind: Kind) -> int | None:
    """Which block of a kind a file is read by: the first with a pattern that its path matches."""
    blocks = enumerate(dataset.blocks(kind))
    return next((number for number, block in blocks if any(matches(name, one) for one in block.files)), None)


def _reaches_into_folders(dataset: Dataset) -> bool:
    return any("/" in pattern for block in (*dataset.events, *dataset.profiles) for pattern in block.files)


def _is_skipped(name: str) -> bool:
    return name.startswith(".") or name.endswith(UNFINISHED)


def is_settled(file: InboxFile, now: float, quiet_seconds: float) -> bool:
    """Whether the file hasn't changed for a while, so that its writer is likely done.

    A time in the future (a wrong clock) is settled: waiting for it could take years.
    """
    return not 0 <= now - file.modified < quiet_seconds


def signature(path: Path) -> str:
    """A file's state in a short text: size, times of change, inode."""
    state = path.stat()
    return f"{state.st_size}-{state.st_mtime_ns}-{state.st_ctime_ns}-{state.st_ino}"


def _entry(path: Path, name: str, dataset: Dataset) -> InboxFile | str:
    """The file of that name, or a warning."""
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        if not path.exists():
            return f"{name} is a broken link and is left alone"
        inbox = path.parents[name.count("/")].resolve()
        if inbox not in path.resolve().parents:
            return f"{name} is a link that leads out of the inbox and is left alone"
        mode = path.stat().st_mode
    if not stat.S_ISREG(mode):
        return f"{name} is {_FILE_TYPES.get(stat.S_IFMT(mode), 'no regular file')} and is left alone"
    kind = _kind(name, dataset)
    if kind is None:
        return _unmatched(name, dataset)
    return InboxFile(path, name, kind, signature(path), path.stat().st_mtime)


def _kind(name: str, dataset: Dataset) -> Kind | None:
    if _is_manifest(name, dataset):
        return "events"
    kinds: tuple[Kind, ...] = ("events", "profiles")
    return next((kind for kind in kinds if block_of(name, dataset, kind) is not None), None)


_FILE_TYPES = {stat.S_IFDIR: "a directory", stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket"}
_FILE_TYPES |= dict.fromkeys((stat.S_IFCHR, stat.S_IFBLK), "a device")


# Identity


class NotReadyError(LandingError):
    """A file that can't be landed now, but perhaps by a later run; the other files can."""


@dataclass(frozen=True)
class Identity:
    """A file's identity. `signature` is its state while it was hashed: landing accepts no other."""

    file_id: str
    bytes: int
    signature: str


def identify(path: Path) -> Identity:
    """Hash a file in one pass.

    NotReadyError where it changes meanwhile (its writer isn't done), LandingError where it can't be read.
    """
    try:
        before = signature(path)
        with path.open("rb", buffering=0) as opened:
            digest, size = hashlib.file_digest(opened, "sha256"), opened.tell()
    except OSError as error:
        raise LandingError(path.name, f"can't be read ({error.strerror})", "fix its permissions or remove it") from None
    check_unchanged(path, before)
    return Identity(digest.hexdigest(), size, before)


def identify_object(file: InboxFile) -> Identity:
    """Hash an object of the inbox in one pass. Raises as `identify` does."""
    digest, size = hashlib.sha256(), 0
    for chunk in _chunks(file):
        digest.update(chunk)
        size += len(chunk)
    return Identity(digest.hexdigest(), size, file.signature)


@contextmanager
def on_disk(file: InboxFile, identity: Identity, into: Path) -> Iterator[tuple[Path, Identity]]:
    """A file of the inbox on this machine's disk: an object is copied below `into` for the time of the context.

    NotReadyError where the object was replaced since it was identified.
    """
    if isinstance(file.path, Path):
        yield file.path, identity
        return
    with tempfile.TemporaryDirectory(dir=into, prefix="source-") as folder:
        path = Path(folder) / "source"
        try:
            with path.open("wb") as copy:
                for chunk in _chunks(file):
                    copy.write(chunk)
        except OSError as error:
            raise LandingError(file.name, f"can't be copied ({error.strerror})", "make room and run again") from None
        yield path, replace(identity, signature=signature(path))


def _chunks(file: InboxFile) -> Iterator[bytes]:
    assert file.objects is not None
    try:
        yield from file.objects.chunks(file.name, file.version)
    except GoneError:
        raise NotReadyError(file.name, "was replaced or removed", "it is taken at the next look") from None
    except ObjectStoreError as error:
        raise LandingError(file.name, error.state, error.remedy) from None


def file_id_as_read(content: str, name: str, dataset: Dataset, kind: Kind) -> str:
    """The `file_id` of a content under a name: the content's SHA-256, unless the declaration reads parts of the path or
    the date in the name; then of that and these values, so that the same bytes with other values are another file."""
    block = dataset.blocks(kind)[block_of(name, dataset, kind) or 0]
    values = [path_value(column, name) for column in block.columns if column.source == FILE_PATH]
    if any(value is None for value in values) and name.endswith(".zip"):
        values.append(name)  # a member's path may contain what the zip's does not
    if isinstance(block, Events) and block.time.missing == "file_date":
        date = file_date(name)
        values.append(date.isoformat() if date else None)
    if not any(values):
        return content
    return hashlib.sha256(json.dumps([content, *values]).encode()).hexdigest()


def check_unchanged(path: Path, before: str) -> None:
    """NotReadyError where the file has changed."""
    try:
        unchanged = signature(path) == before
    except OSError:
        unchanged = False
    if not unchanged:
        raise NotReadyError(path.name, "is still being written", "it is taken at the next look")


def path_value(column: Column, path: str) -> str | None:
    """The value of a column with `source: file_path`: the first group of its pattern in the path, or the whole path."""
    if column.pattern is None:
        return path
    match = re.search(column.pattern, path)
    return match[1] if match else None

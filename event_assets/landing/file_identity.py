"""A source file's identity: the SHA-256 of its bytes as they are, and of what its declaration reads from its name."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from event_assets.declaration import Dataset, Events
from event_assets.declaration.dataset import Kind
from event_assets.errors import LandingError
from event_assets.landing.inbox import InboxFile, block_of, signature
from event_assets.landing.path_columns import path_values
from event_assets.storage.object_store import GoneError, ObjectStoreError
from event_assets.text.file_names import file_date

_CHUNK = 1 << 20


class NotReadyError(LandingError):
    """A file that can't be taken at this look; the others can, and so can it later."""


@dataclass(frozen=True)
class Identity:
    """Who a file is. `signature` is its state while it was hashed: landing refuses any other."""

    file_id: str
    bytes: int
    signature: str


def identify(path: Path) -> Identity:
    """Hash a file in one pass.

    NotReadyError where it changes meanwhile (its writer isn't done) or can't be read.
    """
    try:
        before = signature(path)
        digest, size = hashlib.sha256(), 0
        with path.open("rb", buffering=0) as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
                size += len(chunk)
    except OSError as error:
        raise LandingError(path.name, f"can't be read ({error.strerror})", "fix its permissions or remove it") from None
    check_unchanged(path, before)
    return Identity(digest.hexdigest(), size, before)


def identify_object(dropped: InboxFile) -> Identity:
    """Hash an object of the inbox in one pass. Raises as `identify` does."""
    digest, size = hashlib.sha256(), 0
    for chunk in _chunks(dropped):
        digest.update(chunk)
        size += len(chunk)
    return Identity(digest.hexdigest(), size, dropped.signature)


@contextmanager
def on_disk(dropped: InboxFile, identity: Identity, into: Path) -> Iterator[tuple[Path, Identity]]:
    """A file of the inbox as one on this machine's disk: an object is copied below `into`, until it was read.

    NotReadyError where the object was replaced since it was identified.
    """
    if isinstance(dropped.path, Path):
        yield dropped.path, identity
        return
    with tempfile.TemporaryDirectory(dir=into, prefix="source-") as folder:
        path = Path(folder) / "source"
        try:
            with path.open("wb") as file:
                for chunk in _chunks(dropped):
                    file.write(chunk)
        except OSError as error:
            raise LandingError(dropped.name, f"can't be copied ({error.strerror})", "make room and run again") from None
        yield path, replace(identity, signature=signature(path))


def _chunks(dropped: InboxFile) -> Iterator[bytes]:
    assert dropped.objects is not None
    try:
        yield from dropped.objects.chunks(dropped.name, dropped.version)
    except GoneError:
        raise NotReadyError(dropped.name, "was replaced or removed", "it is taken at the next look") from None
    except ObjectStoreError as error:
        raise LandingError(dropped.name, error.state, error.remedy) from None


def as_read(identity: Identity, name: str, dataset: Dataset, kind: Kind) -> Identity:
    """The identity of a file under a name, given that of its bytes."""
    return replace(identity, file_id=file_id_as_read(identity.file_id, name, dataset, kind))


def file_id_as_read(content: str, name: str, dataset: Dataset, kind: Kind) -> str:
    """The `file_id` of a content under a name: the content's SHA-256, unless the declaration reads parts of the path or
    the date in the name; then of that and these values, so that the same bytes with other values are another file."""
    block = dataset.blocks(kind)[block_of(name, dataset, kind) or 0]
    values = path_values(block, name)
    if any(value is None for value in values) and name.endswith(".zip"):
        values.append(name)  # a member's path may tell what the zip's does not
    if isinstance(block, Events) and block.time.missing == "file_date":
        date = file_date(name)
        values.append(date.isoformat() if date else None)
    if not any(values):
        return content
    return hashlib.sha256(json.dumps([content, *values]).encode()).hexdigest()


def check_unchanged(path: Path, before: str) -> None:
    """NotReadyError where the file isn't any more what it was."""
    try:
        unchanged = signature(path) == before
    except OSError:
        unchanged = False
    if not unchanged:
        raise NotReadyError(path.name, "is still being written", "it is taken at the next look")

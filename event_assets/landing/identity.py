"""A source file's identity: the SHA-256 of its bytes as they lie there."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from event_assets.errors import LandingError
from event_assets.landing.inbox import signature

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
        raise LandingError(
            path.name, f"can't be read ({error.strerror})", "mend its permissions or remove it"
        ) from None
    check_unchanged(path, before)
    return Identity(digest.hexdigest(), size, before)


def check_unchanged(path: Path, before: str) -> None:
    """NotReadyError where the file isn't any more what it was."""
    try:
        unchanged = signature(path) == before
    except OSError:
        unchanged = False
    if not unchanged:
        raise NotReadyError(path.name, "is still being written", "it is taken at the next look")

"""Writes a file under a hidden name in the same folder and renames it when it is complete, so that no reader sees a
part of it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from event_assets.errors import EventAssetsError


@contextmanager
def atomic_write(path: Path) -> Iterator[BinaryIO]:
    """A file to write, which gets its name only when it is complete.

    The hidden name ends in .part, so that no dataset's pattern matches it meanwhile.
    """
    hidden = _hidden(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with hidden.open("wb") as stream:
            yield stream
        os.replace(hidden, path)
    except OSError as error:
        raise EventAssetsError(
            str(path), f"can't be written ({error.strerror})", "free space or choose another folder"
        ) from None
    finally:
        with suppress(OSError):
            hidden.unlink()


def atomic_create(path: Path, content: bytes) -> bool:
    """Write a new file, which gets its name only when it is complete; False where there is one of that name."""
    hidden = _hidden(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        hidden.write_bytes(content)
        try:
            os.link(hidden, path)
        except FileExistsError:
            return False
        except OSError:  # a file system without links: there the dataset's lease alone keeps other writers out
            if path.exists():
                return False
            os.replace(hidden, path)
    finally:
        with suppress(OSError):
            hidden.unlink()
    return True


def _hidden(path: Path) -> Path:
    """A new name each time: of two processes that write one file, neither may write into what the other publishes."""
    return path.with_name(f".{path.name}.{os.urandom(4).hex()}.part")

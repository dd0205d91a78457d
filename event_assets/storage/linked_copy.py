"""A temporary lake over the same immutable files: links in a temporary folder, so nothing is copied or published."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A temporary folder, deleted afterwards."""
    with tempfile.TemporaryDirectory(prefix="event_assets_plan_", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def link_files(pairs: Iterable[tuple[Path, Path]]) -> None:
    """Make each (file, link). Published files never change, so either kind of link shows the same content for ever.

    FileNotFoundError where a writer deleted a file meanwhile.
    """
    folders: set[Path] = set()
    for file, link in pairs:
        if link.parent not in folders:
            link.parent.mkdir(parents=True, exist_ok=True)
            folders.add(link.parent)
        try:
            os.link(file, link)  # keeps the content, also when a writer deletes the file
        except FileNotFoundError:
            raise
        except OSError:  # another disk, or a file system without hard links
            link.symlink_to(file)


def link_tree(folder: Path, temporary: Path) -> None:
    """Link every file below a folder, where there is one."""
    files = [file for file in folder.rglob("*") if file.is_file()] if folder.is_dir() else []
    link_files((file, temporary / file.relative_to(folder)) for file in files)

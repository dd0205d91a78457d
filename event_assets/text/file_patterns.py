"""Patterns of paths: `*.csv`, `dt=*/part-?.json`, `**/*.ndjson.gz`."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

#: What may follow a file's name when it is compressed.
COMPRESSED = (".gz", ".zst", ".bz2", ".xz", ".zip")


def matches(path: str, pattern: str) -> bool:
    """Whether a path below the inbox (`/` between its parts) is of a pattern, as it is or without its compression.

    `*`, `?` and `[...]` stay within one part; a part `**` is any number of folders, none included.
    """
    parts = pattern.split("/")
    return any(_matches(name.split("/"), parts) for name in (path, without_compression(path)))


def without_compression(path: str) -> str:
    return next((path.removesuffix(end) for end in COMPRESSED if path.endswith(end)), path)


def _matches(path: Sequence[str], pattern: Sequence[str]) -> bool:
    if not pattern:
        return not path
    if pattern[0] == "**" and len(pattern) > 1:
        return any(_matches(path[skipped:], pattern[1:]) for skipped in range(len(path)))
    return bool(path) and fnmatchcase(path[0], pattern[0]) and _matches(path[1:], pattern[1:])

"""A cache of counts in published files, so that adding them up opens no file.

The counts of a partition are valid as long as its files are the same; names of files are never used twice.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from event_assets.storage.atomic_write import atomic_write
from event_assets.storage.published_partitions import Entry


class CountCache:
    """Counts by a name and a partition, kept in one file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, tuple[list[str], dict[str, int]]] | None = None
        self._changed = False

    def find(
        self, name: str, unit: str, entry: Entry | None, read: Callable[[], Mapping[str, int]]
    ) -> Mapping[str, int]:
        """The counts of a partition: remembered for its files, else read from them by `read`."""
        if entry is None:
            return {}
        known = self._read().get(f"{name} {unit}")
        if known is not None and known[0] == [*entry.files]:
            return known[1]
        return self.note(name, unit, entry, read())

    def note(self, name: str, unit: str, entry: Entry, figures: Mapping[str, int]) -> Mapping[str, int]:
        """Remember the figures of a unit's files."""
        self._read()[f"{name} {unit}"] = [*entry.files], dict(figures)
        self._changed = True
        return figures

    def save(self) -> None:
        """Keep what was found for the next process."""
        if self._changed:
            with atomic_write(self._path) as file:
                file.write(json.dumps(self._read(), sort_keys=True).encode())
            self._changed = False

    def _read(self) -> dict[str, tuple[list[str], dict[str, int]]]:
        if self._known is None:
            try:
                self._known = dict(json.loads(self._path.read_text(encoding="utf-8")))
            except (OSError, ValueError, TypeError):
                self._known = {}
        return self._known

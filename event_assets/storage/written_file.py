"""A Parquet file that was written and is not published yet: what engines, landing and erasure hand to the store."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class WrittenFile:
    """One file of a partition. `hive` is the value of the table's Hive column: a date, or a value of the rows."""

    path: Path
    rows: int
    hive: str | None = None

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)


def discard_folder(folder: Path) -> None:
    """Delete a folder of written files, if it exists."""
    shutil.rmtree(folder, ignore_errors=True)

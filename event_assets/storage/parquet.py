"""Staged Parquet files: what they are, and how a frame becomes one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from event_assets.errors import LakeError

#: Figures stand in a file's footer under this and their names.
FIGURE = "event_assets."
#: Under which Hive value a table without any rows stands.
NO_VALUE = "Unknown"


@dataclass(frozen=True)
class Piece:
    """One written file; `hive` is the value of the table's Hive column, where it has one that is not a date."""

    path: Path
    rows: int
    hive: str | None = None


def write_parquet(frame: pl.DataFrame, path: Path, figures: Mapping[str, int] | None = None) -> None:
    """Write a staged file out of memory; LakeError where it can't be written."""
    with naming_disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.write_parquet(path, compression="snappy", statistics=True, metadata=footer(figures or {}))


def by_hive(pieces: Iterable[Piece]) -> list[list[Piece]]:
    """The pieces of each Hive value, within which a key is unique."""
    values: dict[str | None, list[Piece]] = {}
    for piece in pieces:
        values.setdefault(piece.hive, []).append(piece)
    return list(values.values())


def footer(figures: Mapping[str, int]) -> dict[str, str]:
    """A file's metadata that tells its figures."""
    return {FIGURE + name: str(value) for name, value in figures.items()}


@contextmanager
def naming_disk_errors(path: Path) -> Iterator[None]:
    """LakeError where the file can't be written; what was written of it is gone then."""
    try:
        yield
    except OSError as error:
        path.unlink(missing_ok=True)
        raise LakeError(
            str(path), f"can't be written ({error})", "make room and run again; nothing was published"
        ) from None

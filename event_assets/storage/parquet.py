"""The Parquet files of the lake: how a frame becomes one, and how one is read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from event_assets.errors import LakeError
from event_assets.storage.damaged_files import damaged, damaged_files
from event_assets.storage.written_file import WrittenFile

#: Figures are in a file's footer under this and their names.
FIGURE = "event_assets."
_FILES_AT_ONCE = 50
#: The Hive value of a table without any rows.
NO_VALUE = "Unknown"


def read_parquet(path: Path, columns: Sequence[str] | None = None, *, rows: int | None = None) -> pl.DataFrame:
    """The rows (the first so many) of one file of the lake, in the file's own columns.

    DamagedFileError where it can't be read; the file is then marked, and the next run recomputes it.
    """
    try:
        return pl.read_parquet(
            path, columns=list(columns) if columns else None, n_rows=rows, hive_partitioning=False, glob=False
        )
    except (pl.exceptions.ComputeError, OSError):
        if damaged_files([path]):
            raise damaged(path) from None
        raise


def scan_parquet(*paths: Path, file_column: str | None = None) -> pl.LazyFrame:
    """The rows of files of the lake that have the same columns, with each row's file where `file_column` names it.

    A file that can't be read shows when it is computed.
    """
    return pl.scan_parquet(list(paths), hive_partitioning=False, glob=False, include_file_paths=file_column)


def write_parquet(frame: pl.DataFrame, path: Path, figures: Mapping[str, int] | None = None) -> None:
    """Write a staged file out of memory; LakeError where it can't be written."""
    write_parquets([(frame, path, figures or {})])


def write_parquets(files: Sequence[tuple[pl.DataFrame, Path, Mapping[str, int]]]) -> None:
    """Write staged files (rows, path, figures) of one folder out of memory; LakeError where one can't be written.

    A plan for many small files costs two thirds of what as many plans cost, and gives the same bytes.
    """
    for begin in range(0, len(files), _FILES_AT_ONCE):
        some = files[begin : begin + _FILES_AT_ONCE]
        with naming_disk_errors(*(path for _, path, _ in some)):
            folder = some[0][1].parent
            if not folder.is_dir():
                folder.mkdir(parents=True, exist_ok=True)
            if len(some) == 1:
                [(frame, path, figures)] = some
                frame.write_parquet(path, compression="snappy", statistics=True, metadata=footer(figures))
                return
            plans = [
                frame.lazy().sink_parquet(
                    path, compression="snappy", statistics=True, metadata=footer(figures), lazy=True
                )
                for frame, path, figures in some
            ]
            pl.collect_all(plans)


def by_hive(pieces: Iterable[WrittenFile]) -> list[list[WrittenFile]]:
    """The pieces of each Hive value, within which a key is unique."""
    values: dict[str | None, list[WrittenFile]] = {}
    for piece in pieces:
        values.setdefault(piece.hive, []).append(piece)
    return list(values.values())


def footer(figures: Mapping[str, int]) -> dict[str, str]:
    """A file's metadata with its figures."""
    return {FIGURE + name: str(value) for name, value in figures.items()}


def read_figures(path: Path) -> dict[str, int]:
    """The figures that were written with a file."""
    try:
        metadata = pl.read_parquet_metadata(path)
    except (pl.exceptions.ComputeError, OSError):
        if damaged_files([path]):
            raise damaged(path) from None
        raise
    return {key.removeprefix(FIGURE): int(value) for key, value in metadata.items() if key.startswith(FIGURE)}


def holds_rows(path: Path, rows: int) -> bool:
    """Whether a file can be opened and its footer counts so many rows."""
    try:
        return int(scan_parquet(path).select(pl.len()).collect().item()) == rows
    except (pl.exceptions.ComputeError, OSError):
        return False


@contextmanager
def naming_disk_errors(*paths: Path) -> Iterator[None]:
    """LakeError if the files can't be written; unfinished files are then deleted."""
    try:
        yield
    except (OSError, pl.exceptions.ComputeError) as error:
        for path in paths:
            path.unlink(missing_ok=True)
        # Of a disk that fills up while the footer is written, Polars reports "transport error".
        why = f"no space is left: {error}" if isinstance(error, pl.exceptions.ComputeError) else error
        raise LakeError(
            str(paths[0]), f"can't be written ({why})", "make room and run again; nothing was published"
        ) from None

"""Published files that are damaged: how they are recognised, and the marks that let the next run recompute them.

A listing finds files that are missing or have another size than in the log. A file of the right size that can't be read
is found by its first reader; the mark, an empty file in `_state/damaged` of the dataset, tells the next run.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, unquote

from event_assets.errors import DamagedFileError

STATE = "_state"
_FOLDER = "damaged"
#: Errors of the operating system that say nothing of a file's content.
_OTHER_CAUSES = (FileNotFoundError, PermissionError, IsADirectoryError, InterruptedError)


def is_readable(path: Path) -> bool:
    """Whether every row of a Parquet file can be read. Reads it all, in bounded memory.

    FileNotFoundError where it is missing; OSError where the machine is at fault (no permission, no free handle).
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with path.open("rb") as file:
        try:
            with pq.ParquetFile(file) as parquet:
                for batch in parquet.iter_batches():
                    batch.validate(full=True)  # other readers also check that texts are UTF-8
        except (pa.ArrowException, OSError, ValueError):
            return False
    return True


def damaged_files(paths: Iterable[Path]) -> list[Path]:
    """Those of some files that exist and can't be read; they are marked, so that the next run recomputes them."""
    found = []
    for path in dict.fromkeys(paths):
        with suppress(*_OTHER_CAUSES):
            if not is_readable(path):
                mark(path)
                found.append(path)
    return found


def damaged(path: Path) -> DamagedFileError:
    """The error that names a damaged file, and the command that recomputes it."""
    dataset = dataset_folder(path)
    command = f"event-assets run {dataset.name}" if dataset else "event-assets run"
    return DamagedFileError(str(path), "is damaged and can't be read", f"{command} recomputes it")


def mark(path: Path) -> None:
    """Let the next run know that a published file is damaged. Does nothing where the lake can't be written."""
    folder = dataset_folder(path)
    if folder is None or folder / STATE / "ledger" in path.parents:  # only a backup repairs the ledger
        return
    with suppress(OSError):
        marks = folder / STATE / _FOLDER
        marks.mkdir(exist_ok=True)
        (marks / quote(path.relative_to(folder).as_posix(), safe="")).touch()


def marked_files(state: Path) -> set[Path]:
    """The files that are marked as damaged, by the `_state` folder of their dataset."""
    try:
        names = [mark.name for mark in (state / _FOLDER).iterdir()]
    except FileNotFoundError:
        return set()
    return {state.parent / unquote(name) for name in names}


def unmark(state: Path, paths: Collection[Path]) -> None:
    """Remove the marks of files that were replaced."""
    for path in paths:
        (state / _FOLDER / quote(path.relative_to(state.parent).as_posix(), safe="")).unlink(missing_ok=True)


def dataset_folder(path: Path) -> Path | None:
    """The folder of the dataset of a table's file: it contains the `_state` folder."""
    outside = [folder for folder in path.parents if STATE not in folder.relative_to(folder.anchor).parts]
    return next((folder for folder in outside if (folder / STATE).is_dir()), None)

"""Kills its own process right before, or in the middle of, the n-th thing that it does to the disk."""

from __future__ import annotations

import functools
import io
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

from event_assets.pipeline import land_files, run_steps
from event_assets.storage import ledger
from event_assets.storage.table_log import TableLog

#: Where the steps are named that a run takes: one a line.
STEPS = "steps.txt"


def in_small_steps() -> None:
    """Let every finished unit and every landed file be committed by itself, and the ledger be folded soon."""
    run_steps.FLUSH_SECONDS = land_files.COMMIT_SECONDS = -1.0
    ledger._COMPACT_ABOVE = 3


def die_at(number: int | None, told: Path) -> None:
    """From now on name each step on the way to `told`; at the step of that number (from 0) die."""
    count = 0

    def stepping(name: str, halve: Callable[..., object] | None = None) -> None:
        nonlocal count
        with told.open("a") as file:
            file.write(f"{name}\n")
        if count == number:
            if halve is not None:
                halve()
            os.kill(os.getpid(), signal.SIGKILL)
        count += 1

    def wrap(owner: Any, method: str, tell: Callable[..., str], halve: Callable[..., object] | None = None) -> None:
        inner = getattr(owner, method)

        @functools.wraps(inner)
        def stepped(*arguments: Any, **options: Any) -> Any:
            if not any(isinstance(value, io.IOBase) for value in arguments):  # its file is placed by a later step
                stepping(tell(*arguments), functools.partial(halve, inner, *arguments, **options) if halve else None)
            return inner(*arguments, **options)

        setattr(owner, method, stepped)

    wrap(Path, "replace", lambda path, target: f"place {_short(target)}")
    wrap(Path, "unlink", lambda path, **_: f"delete {_short(path)}")
    wrap(Path, "write_text", lambda path, *_, **__: f"mark {_short(path)}")
    wrap(shutil, "rmtree", lambda path, *_, **__: f"clear {_short(path)}")
    wrap(TableLog, "commit", lambda log, add, remove: f"commit {log.folder.name} +{len(add)} -{len(remove)}")
    wrap(pl.DataFrame, "write_parquet", lambda frame, path, **_: f"write {_short(path)}", _half_written)


def _half_written(write: Callable[..., object], frame: pl.DataFrame, path: Path, **options: object) -> None:
    write(frame, path, **options)
    with Path(path).open("r+b") as file:
        file.truncate(Path(path).stat().st_size // 2)


def _short(path: Path) -> str:
    return "/".join(Path(path).parts[-3:])

"""Work on files one by one in a process of its own, so that a death or a hang is one file's, and counted."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

TIMEOUT_SECONDS = 10.0


def each(work: Callable[..., Any], jobs: Iterable[tuple[Path, Any]]) -> Iterator[tuple[Path, Any]]:
    """(path, what `work(path, argument)` returned), or the word `hang`, `death` or `crash: ...` in its place."""
    pool = _pool()
    try:
        for path, argument in jobs:
            future = pool.submit(work, path, argument)
            try:
                outcome = future.result(TIMEOUT_SECONDS)
            except TimeoutError:
                outcome = "hang"
                for process in list(pool._processes.values()):
                    process.kill()
                pool = _pool()
            except BrokenProcessPool:
                outcome, pool = "death", _pool()
            except Exception as error:
                outcome = f"crash: {error!r}"
            yield path, outcome
    finally:
        pool.shutdown()


def _pool() -> ProcessPoolExecutor:
    pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
    pool.submit(_warm).result()  # imports take their time, which is not a file's
    return pool


def _warm() -> None:
    import benchmarks.corpora.landed  # noqa: F401

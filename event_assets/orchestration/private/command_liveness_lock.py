"""A lock file for each run that a command started; by it, run monitoring knows whether the run's process still lives.

Run monitoring would fail such a run within seconds, since no server knows it. The command keeps a lock in Dagster's
folder, which the operating system releases with its process. No process id is compared: ids are used again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_FOLDER = "command_runs"


@contextmanager
def lock_of_run(home: str, run_id: str) -> Iterator[None]:
    """Keep the lock of a run in this process."""
    from filelock import FileLock

    path = _path(home, run_id)
    path.parent.mkdir(exist_ok=True)
    with FileLock(path):
        yield
    path.unlink(missing_ok=True)  # after a kill it stays, until monitoring finds it


def process_lives(home: str, run_id: str) -> bool | None:
    """Whether a command of this `DAGSTER_HOME` runs it; None if no command of this folder started it."""
    from filelock import FileLock, Timeout

    path = _path(home, run_id)
    if not path.exists():
        return None
    try:
        with FileLock(path).acquire(timeout=0):
            pass
    except Timeout:
        return True
    path.unlink(missing_ok=True)
    return False


def _path(home: str, run_id: str) -> Path:
    return Path(home) / _FOLDER / f"{run_id}.lock"

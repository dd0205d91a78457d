"""One writer a dataset: a lock in the lake, held from reading inputs to publishing.

The operating system frees it when its holder dies, so no clock decides who may write. A holder that died
leaves its mark behind: the next one clears away what was staged but never published.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from event_assets.errors import LeaseError

WAIT_SECONDS = 3600.0
_LOCK, _MARK = "lease.lock", "unfinished"


@contextmanager
def lease(state: Path, clear: Callable[[], None], wait_seconds: float = WAIT_SECONDS) -> Iterator[None]:
    """Hold the dataset whose state folder this is; `clear` runs first where the last holder did not finish.

    LeaseError where another run still holds it after the wait. Re-entrant within one process' thread.
    """
    from filelock import FileLock, Timeout  # loads asyncio, which readers needn't wait for

    state.mkdir(parents=True, exist_ok=True)
    lock = FileLock(state / _LOCK, is_singleton=True)
    mark = state / _MARK
    try:
        lock.acquire(timeout=wait_seconds)
    except Timeout:
        raise LeaseError(
            str(state.parent), f"another run has been writing it for {wait_seconds:.0f} s", "wait for it or stop it"
        ) from None
    try:
        if lock.lock_counter > 1:  # this thread already holds it
            yield
            return
        if mark.exists():
            clear()
        mark.touch()
        yield
        mark.unlink()
    finally:
        lock.release()


def unfinished_since(state: Path) -> int | None:
    """When a writer began that died (in nanoseconds, as the file system tells), until the next one has cleared up.

    None where the last writer came to its end, and while one is at work.
    """
    mark = state / _MARK
    if not mark.exists():
        return None
    from filelock import FileLock, Timeout

    try:
        with FileLock(state / _LOCK).acquire(timeout=0):
            return mark.stat().st_mtime_ns
    except (Timeout, FileNotFoundError):
        return None

"""One writer per dataset: a lock in the lake, kept from reading inputs to publishing.

The operating system frees it when its holder dies, so no clock decides who may write. A holder that died leaves its
mark: the next holder deletes what was staged and never published.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from event_assets.errors import LakeError, LeaseError

WAIT_SECONDS = 3600.0
#: A writer waits this number of seconds before it prints who writes: the other one may be about to end.
_PATIENCE = 0.5
_LOCK, _MARK = "lease.lock", "unfinished"


def holder() -> dict[str, str]:
    """Who holds a lease from now on, for the message to those that wait."""
    since = dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return {"process": str(os.getpid()), "host": socket.gethostname(), "since": since}


def say_who_holds(dataset: str, held_by: Mapping[str, str], wait_seconds: float) -> None:
    """Tell on the terminal, at once, whom a writer waits for."""
    who = f"process {held_by['process']} on {held_by['host']} since {held_by['since']}" if held_by else "another run"
    limit = f"waiting for up to {wait_seconds:.0f} s"
    print(f"{dataset} is being written by {who}; {limit}", file=sys.stderr, flush=True)


@contextmanager
def lease(state: Path, clear: Callable[[], None], wait_seconds: float = WAIT_SECONDS) -> Iterator[None]:
    """Hold the dataset whose state folder this is; `clear` runs first where the last holder did not finish.

    A writer that must wait reports at once for whom. LeaseError where another run still has it after the wait,
    LakeError where the folder can't be written. Re-entrant within one process' thread.
    """
    from filelock import FileLock, Timeout  # loads asyncio, which readers needn't wait for

    lock = FileLock(state / _LOCK, is_singleton=True)
    mark = state / _MARK
    try:
        state.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=min(wait_seconds, _PATIENCE))
        except Timeout:
            say_who_holds(state.parent.name, _holder_of(mark), wait_seconds)
            lock.acquire(timeout=wait_seconds)
    except Timeout:
        raise LeaseError(
            str(state.parent), f"another run has been writing it for {wait_seconds:.0f} s", "wait for it or stop it"
        ) from None
    except OSError as error:
        raise _unwritable(state, error) from None
    try:
        if lock.lock_counter > 1:  # this thread already holds it
            yield
            return
        if mark.exists():
            clear()
        try:
            mark.write_text(json.dumps(holder()), encoding="utf-8")
        except OSError as error:
            raise _unwritable(state, error) from None
        yield
        mark.unlink()
    finally:
        lock.release()


def _unwritable(state: Path, error: OSError) -> LakeError:
    why = f"can't be written ({error.strerror})"
    return LakeError(str(state.parent), why, "free space or change its permissions, or set EVENT_ASSETS_LAKE")


def _holder_of(mark: Path) -> dict[str, str]:
    """Who wrote the mark; empty where that can't be read, as when the writer just ends."""
    try:
        return {key: str(json.loads(mark.read_text(encoding="utf-8"))[key]) for key in ("process", "host", "since")}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def unfinished_since(state: Path) -> int | None:
    """When a writer that died began, in nanoseconds by the file system's clock, until the next writer has cleared up.
    None if the last writer finished, and while a writer is active.
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

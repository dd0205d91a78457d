"""Sets DuckDB's number of threads by the machine's limits, and explains its errors when memory, disk or open files
run out. This module imports no library of frames, so that queries start fast.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from event_assets.errors import LakeError

#: The files that one thread may have open at once, while it reads tables of many files for several parts of a query.
_FILES_OF_A_THREAD = 24
#: What the process has open beside these: its libraries, logs, databases and temporary files.
_OTHER_FILES = 50


def thread_settings(workers: int) -> dict[str, int]:
    """DuckDB's settings of threads: as many as workers, or as many as the limit of open files allows.

    Threads that only read ahead would open a dozen files for each of these; local files don't need them.
    """
    return {"threads": max(1, min(workers, _open_files() // _FILES_OF_A_THREAD)), "async_threads": 0}


def _open_files() -> int:
    """How many files DuckDB may have open."""
    if sys.platform == "win32":
        return 512 - _OTHER_FILES
    import resource

    soft: int = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return (2**16 if soft == resource.RLIM_INFINITY else soft) - _OTHER_FILES


def failed_access(text: str) -> tuple[str, str] | None:
    """State and remedy where the machine, not a file, is why DuckDB couldn't open it; none for other errors."""
    if "Too many open files" in text:
        return (
            f"can't go on ({text})",
            "raise the limit of open files (ulimit -n 1024), or use fewer EVENT_ASSETS_WORKERS",
        )
    if "Permission denied" in text:
        return f"can't be read ({text})", "let this user read that file; no table is damaged"
    return None


@contextmanager
def named_failures() -> Iterator[None]:
    """LakeError where DuckDB runs out of memory, disk or open files."""
    try:
        yield
    except (duckdb.OutOfMemoryException, duckdb.IOException) as error:
        text = str(error).splitlines()[0]
        state, remedy = failed_access(text) or (
            f"can't go on ({text})",
            "make room where temporary files go (TMPDIR) or set EVENT_ASSETS_MEMORY",
        )
        raise LakeError("DuckDB", state, f"{remedy}; nothing was published") from None

"""Reads files of a list again with a new list, where a writer replaced them meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def retry_missing_files(read: Callable[[], T], refresh: Callable[[], object], attempts: int = 5) -> T:
    """Read files of a list that a writer may have replaced meanwhile: on a missing file take the new list."""
    for attempt in range(attempts):
        try:
            return read()
        except FileNotFoundError:
            if attempt == attempts - 1:
                raise
            time.sleep(0.05 * 2**attempt)
            refresh()
    raise AssertionError("unreachable")

"""A failure of an op that the UI shows as one line, without the stack of Dagster's own calls below it.

Dagster takes the traceback of a failure first and its description second, and formats both after that. Reading the
description therefore cuts the traceback to its outermost frame.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from event_assets.errors import EventAssetsError


class OneLineFailure(dg.Failure):
    """A failure that a user can cause or cure: no retry policy repeats it."""

    def __init__(self, line: str) -> None:
        super().__init__(line, allow_retries=False)

    @property
    def description(self) -> str | None:
        if self.__traceback__ is not None:
            self.__traceback__.tb_next = None
        return self._line

    @description.setter
    def description(self, line: str | None) -> None:
        self._line = line


# What the UI shows before the line.
OneLineFailure.__module__, OneLineFailure.__qualname__ = "event_assets", "Failure"


@contextmanager
def in_one_line() -> Iterator[None]:
    """Let an error that a user can cause or cure end its op in one line, without a traceback."""
    try:
        yield
    except EventAssetsError as error:
        raise OneLineFailure(str(error)) from None

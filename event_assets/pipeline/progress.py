"""Who watches a run from inside the process: the command line's bars, or nobody."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from event_assets.pipeline.land_files import LandingSummary
from event_assets.pipeline.reconcile import Reconciliation
from event_assets.pipeline.results import Outcome
from event_assets.pipeline.workspace import Workspace


class Reporter:
    """Is told what a run does, as it does it. This one is nobody: it does nothing."""

    def progress(self, what: str, done: int, total: int) -> None: ...

    def landed(self, workspace: Workspace, intake: LandingSummary) -> None: ...

    def made(self, outcome: Outcome) -> None: ...

    def finished(self, reconciliation: Reconciliation) -> None: ...


_watching: list[Reporter] = []


def reporter() -> Reporter:
    """Who watches runs of this process."""
    return _watching[-1] if _watching else Reporter()


@contextmanager
def watched_by(watcher: Reporter) -> Iterator[None]:
    """Let somebody watch the runs inside the block."""
    _watching.append(watcher)
    try:
        yield
    finally:
        _watching.pop()

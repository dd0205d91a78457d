"""The progress events of a run. `cli/run_progress.py` shows them."""

from __future__ import annotations

from event_assets.pipeline.land_files import LandingSummary
from event_assets.pipeline.reconcile import Reconciliation
from event_assets.pipeline.run_results import Outcome
from event_assets.pipeline.workspace import Workspace


class NullProgress:
    """Receives progress events; ignores them."""

    def progress(self, what: str, done: int, total: int) -> None: ...

    def landed(self, workspace: Workspace, summary: LandingSummary) -> None: ...

    def made(self, outcome: Outcome) -> None: ...

    def finished(self, workspace: Workspace, reconciliation: Reconciliation) -> None: ...

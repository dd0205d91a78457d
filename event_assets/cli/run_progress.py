"""Shows the progress of a run as a bar, and at its end how long its phases took."""

from __future__ import annotations

import dataclasses
import datetime as dt
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext

from event_assets.declaration import Dataset
from event_assets.pipeline.land_files import LandingSummary
from event_assets.pipeline.progress_listener import NullProgress
from event_assets.pipeline.reconcile import Reconciliation
from event_assets.pipeline.run_results import Outcome
from event_assets.pipeline.workspace import Workspace
from event_assets.settings import Settings
from event_assets.wording import counted


class RunProgress(NullProgress):
    """Shows a run's progress on standard error where that is a terminal, and keeps its results."""

    run_id: str
    workspace: Workspace
    reconciliation: Reconciliation

    def __init__(self, title: str) -> None:
        self.bar: AbstractContextManager[object] = nullcontext()
        if sys.stderr.isatty():
            from event_assets.cli.progress_bar import RunBar  # loads rich, which a run without a terminal needn't

            self.bar = bar = RunBar(title)
            self.progress = bar.show  # type: ignore[method-assign]
        self.summary: LandingSummary | None = None
        self.outcomes: list[Outcome] = []

    @property
    def changed(self) -> int:
        """The number of partitions whose content the run changed."""
        return sum(outcome.changed for outcome in self.outcomes)

    def landed(self, workspace: Workspace, summary: LandingSummary) -> None:
        self.summary = summary

    def made(self, outcome: Outcome) -> None:
        # A run may have ten thousand outcomes, so their rows are not kept: Dagster shows them.
        self.outcomes.append(dataclasses.replace(outcome, sample=None, plot=[]))

    def finished(self, workspace: Workspace, reconciliation: Reconciliation) -> None:
        self.workspace, self.reconciliation = workspace, reconciliation


def run_with_progress(
    dataset: Dataset,
    settings: Settings,
    dates: tuple[dt.date, dt.date] | None = None,
    why: str | None = None,
    *,
    log: bool = False,
) -> RunProgress:
    """Run the dataset's job, as `run_job` does, behind a bar; what the run did."""
    from event_assets.cli.dagster_runs import run_job  # takes a second to load, which a dry run needn't wait for

    progress = RunProgress(dataset.name)
    with progress.bar:
        progress.run_id = run_job(dataset, settings, dates, progress, why, log=log)
    return progress


def performance(summary: LandingSummary | None, outcomes: list[Outcome]) -> Iterator[str]:
    """What each phase of a run took: files, bytes, rows, seconds and rates."""
    files = summary.landed if summary else ()
    if summary and files:
        megabytes = sum(file.bytes for file in files) / 1e6
        records = sum(file.records for file in files)
        rate = f"{megabytes / max(summary.seconds, 1e-9):,.1f} MB/s"
        took = f"{counted(records, 'record')} in {summary.seconds:.1f} s ({rate})"
        yield f"landing: {counted(len(files), 'file')}, {megabytes:,.1f} MB, {took}"
    made = [outcome for outcome in outcomes if outcome.state == "materialized"]
    seconds, rows = sum(outcome.seconds for outcome in made), sum(outcome.rows for outcome in made)
    rate = f" ({rows / seconds:,.0f} rows/s)" if seconds else ""
    yield f"tables: {counted(len(made), 'partition')}, {counted(rows, 'row')} in {seconds:.1f} s{rate}"

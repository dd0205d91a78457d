"""How commands show what they do and what came of it: bars, tables, or JSON."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator
from types import TracebackType
from typing import Any

from rich import box
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from event_assets.cli.progress_bar import Rate
from event_assets.cli.text_table import terminal_width
from event_assets.pipeline.land_files import LandingSummary
from event_assets.pipeline.progress import NullProgress
from event_assets.pipeline.reconcile import Reconciliation
from event_assets.pipeline.run_results import Outcome
from event_assets.pipeline.workspace import Workspace
from event_assets.wording import counted

console = Console(highlight=False)


class Watcher(NullProgress):
    """Shows a run's progress on standard error where that is a terminal, and keeps what it came to."""

    def __init__(self, title: str) -> None:
        self._bar = Progress(
            TextColumn("[bold]{task.fields[title]}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            Rate(),
            TimeRemainingColumn(),
            TextColumn("{task.description}"),
            console=Console(stderr=True),
            transient=True,
            disable=not sys.stderr.isatty(),
        )
        self._task: TaskID = self._bar.add_task("", title=title, total=None)
        self.workspace: Workspace | None = None
        self.reconciliation: Reconciliation | None = None
        self.intake: LandingSummary | None = None
        self.made_units: list[Outcome] = []

    def __enter__(self) -> Watcher:
        self._bar.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._bar.stop()

    def progress(self, what: str, done: int, total: int) -> None:
        self._bar.update(self._task, description=what, completed=done, total=total)

    def landed(self, workspace: Workspace, intake: LandingSummary) -> None:
        self.intake = intake

    def made(self, outcome: Outcome) -> None:
        # Ten thousand of them may come: rows to look at are Dagster's to show.
        self.made_units.append(dataclasses.replace(outcome, sample=None, plot=[]))

    def finished(self, workspace: Workspace, reconciliation: Reconciliation) -> None:
        self.workspace, self.reconciliation = workspace, reconciliation


#: What a dataset takes beside its name, and the names of the lines, in the tables of the reconciliation.
_LABELS, _FIGURES = 28, 12


def reconciliation_tables(found: list[Reconciliation]) -> Iterator[Table]:
    """One column a dataset, one line a place where records are; as many tables as the terminal's width needs."""
    some, left = list[Reconciliation](), terminal_width() - _LABELS
    for one in found:
        width = max(len(one.dataset), _FIGURES) + 2
        if some and width > left:
            yield _reconciliation_table(some)
            some, left = [], terminal_width() - _LABELS
        some.append(one)
        left -= width
    if some:
        yield _reconciliation_table(some)


def _reconciliation_table(found: list[Reconciliation]) -> Table:
    table = Table(title="Every record accounted for", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("", no_wrap=True)
    for one in found:
        table.add_column(one.dataset, justify="right", no_wrap=True)

    def line(name: str, *values: Any, style: str | None = None) -> None:
        table.add_row(name, *(f"{value:,}" if isinstance(value, int) else str(value) for value in values), style=style)

    line("files", *(one.files for one in found))
    line("records in them", *(one.records for one in found), style="bold")
    line("  landed", *(one.landed for one in found))
    line("  rejected", *(one.rejected for one in found))
    for reason in sorted({reason for one in found for reason in one.rejected_by_reason}):
        line(f"    {reason}", *(one.rejected_by_reason.get(reason, "") for one in found), style="dim")
    if any(one.erased for one in found):
        line("  erased", *(one.erased for one in found))
    if any(one.dropped for one in found):
        line("  landed, but dropped since", *(one.dropped for one in found))
    line("raw events", *(one.raw for one in found), style="bold")
    line("  cleaned", *(one.cleaned for one in found))
    line("  duplicates", *(one.duplicates for one in found))
    line("  quarantined", *(one.quarantined for one in found))
    for reason in sorted({reason for one in found for reason in one.quarantined_by_reason}):
        line(f"    {reason}", *(one.quarantined_by_reason.get(reason, "") for one in found), style="dim")
    if any(one.excluded for one in found):
        line("  excluded", *(one.excluded for one in found))
    line("facts", *(one.facts for one in found), style="bold")
    line("  filtered out", *(one.filtered for one in found))
    line("  without profile", *(one.orphans for one in found), style="dim")
    if any(one.without_user for one in found):
        line("  without user", *(one.without_user for one in found), style="dim")
    line("sessions", *(one.rows["sessions"] for one in found))
    line("first date", *(one.first_date or "" for one in found))
    line("last date", *(one.last_date or "" for one in found))
    line(
        "all equations hold",
        *("yes" if one.holds else "NO" for one in found),
        style="green" if all(o.holds for o in found) else "red",
    )
    if any(one.stale for one in found):
        line("stale partitions", *(one.stale for one in found), style="red")
    return table


def performance(intake: LandingSummary | None, outcomes: list[Outcome]) -> Iterator[str]:
    """What each phase of a run took: files, bytes, rows, seconds and rates."""
    files = intake.landed if intake else ()
    if intake and files:
        megabytes = sum(file.bytes for file in files) / 1e6
        records = sum(file.records for file in files)
        rate = f"{megabytes / max(intake.seconds, 1e-9):,.1f} MB/s"
        took = f"{counted(records, 'record')} in {intake.seconds:.1f} s ({rate})"
        yield f"landing: {counted(len(files), 'file')}, {megabytes:,.1f} MB, {took}"
    made = [outcome for outcome in outcomes if outcome.state == "materialized"]
    seconds, rows = sum(outcome.seconds for outcome in made), sum(outcome.rows for outcome in made)
    rate = f" ({rows / seconds:,.0f} rows/s)" if seconds else ""
    yield f"tables: {counted(len(made), 'partition')}, {counted(rows, 'row')} in {seconds:.1f} s{rate}"

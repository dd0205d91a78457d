"""The quality checks that a run leaves failed, each in one line with the reason seen most and what to do."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from event_assets.pipeline.check_results import file_results, quality_results
from event_assets.pipeline.checks import checks
from event_assets.pipeline.reconcile import Reconciliation
from event_assets.pipeline.run_results import CheckResult, Outcome
from event_assets.pipeline.workspace import Workspace
from event_assets.wording import counted, most_frequent


@dataclass(frozen=True)
class FailedCheck:
    """A check that failed, on one partition or several."""

    table: str
    check: str
    partitions: int
    message: str
    """The first finding, and for refused records the most frequent reason."""
    remedy: str

    def __str__(self) -> str:
        more = f" (and on {counted(self.partitions - 1, 'other partition')})" if self.partitions > 1 else ""
        return f"check {self.table}.{self.check} failed: {self.message}{more}. What to do: {self.remedy}"


def failed_checks(
    workspace: Workspace, outcomes: Iterable[Outcome], found: Reconciliation, *, landed: bool
) -> Iterator[FailedCheck]:
    """The quality checks that failed on partitions of a run, and those that fail on the source files now.

    Drift is reported only by a run that `landed` files: it lasts as long as the files are active.
    """
    known = checks(workspace.dataset)
    failed: dict[tuple[str, str], list[str]] = {}
    results: list[tuple[dt.date | None, CheckResult]] = [(None, result) for result in file_results(workspace, None)]
    results += [
        (o.date, result)
        for o in outcomes
        if o.state == "materialized"
        for result in quality_results(workspace, o.table, o.date, o.rows, o.figures)
    ]
    for date, result in results:
        if not result.passed and (landed or result.name != "drift"):
            where = f"{date}: " if date else ""
            failed.setdefault((result.table, result.name), []).append(where + result.message)
    for key, messages in failed.items():
        check = known.get(key)
        if check is not None and not check.blocking:
            reasons = found.quarantined_by_reason if key == ("quarantine", "rejects") else {}
            most = most_frequent(reasons)
            seen = f", most of all for {most} ({reasons[most]:,} in all)" if most else ""
            yield FailedCheck(*key, len(messages), messages[0] + seen, check.remedy)

"""Reads from a run's events what failed in its other processes: the landing, and partitions that were not published.

The multiprocess executor, which is Dagster's default, runs each op in a process that knows nothing of the others. The
same is true of a run that is retried. Failed checks are in the run's events; which partitions wait follows from the
lake.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator

import dagster as dg

from event_assets.errors import EventAssetsError
from event_assets.pipeline.published_tables import Unit
from event_assets.pipeline.run_results import CheckResult, Outcome
from event_assets.pipeline.run_steps import Run
from event_assets.pipeline.workspace import Workspace


class FailedLandingError(EventAssetsError):
    """Files that failed in the process of the landing, in the words of that."""

    def __init__(self, line: str) -> None:
        Exception.__init__(self, line)


def landing_failure(context: dg.OpExecutionContext, workspace: Workspace, run_id: str) -> FailedLandingError | None:
    """Why the landing of a run failed, if it did."""
    for evaluation in _failed_evaluations(context, workspace, run_id):
        if evaluation.check_name == "landing":
            return FailedLandingError(_message(evaluation))
    return None


def unpublished(context: dg.OpExecutionContext, workspace: Workspace, run: Run) -> list[Outcome]:
    """The partitions that were not published by the run's events, and those of its request that still wait."""
    workspace.refresh()
    broken: dict[Unit, list[CheckResult]] = defaultdict(list)
    for evaluation in _failed_evaluations(context, workspace, context.run.run_id):
        table, date = evaluation.asset_key.path[-1], evaluation.partition
        if evaluation.blocking and table in workspace.step_of:
            result = CheckResult(table, evaluation.check_name, False, _message(evaluation))
            broken[table, dt.date.fromisoformat(date) if date else None].append(result)
    refused = [Outcome(*unit, "not_published", checks=tuple(results)) for unit, results in broken.items()]
    return refused + [one for one in run.restarted().waiting() if (one.table, one.date) not in broken]


def _failed_evaluations(
    context: dg.OpExecutionContext, workspace: Workspace, run_id: str
) -> Iterator[dg.AssetCheckEvaluation]:
    found = context.instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    for entry in found:
        evaluation = entry.get_dagster_event().asset_check_evaluation_data
        if not evaluation.passed and evaluation.asset_key.path[0] == workspace.dataset.name:
            yield evaluation


def _message(evaluation: dg.AssetCheckEvaluation) -> str:
    return str(evaluation.description).partition(". What to do: ")[0]

"""The Dagster resource that opens a dataset once for a run; the run's ops share it.

Each op takes its own part of the run from it. The op that runs last raises what failed: one that raised
earlier would keep everything downstream of it from running.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack

import dagster as dg

from event_assets.declaration import Dataset
from event_assets.orchestration.asset_keys import DATES_TAG, ONLY_STALE_TAG
from event_assets.orchestration.failures_of_other_ops import landing_failure, unpublished
from event_assets.orchestration.private.steps_of_this_process import steps_here
from event_assets.pipeline.land_files import LandingSummary
from event_assets.pipeline.outcome_messages import partition_error
from event_assets.pipeline.progress_listener import NullProgress
from event_assets.pipeline.run_results import Outcome
from event_assets.pipeline.run_steps import Run
from event_assets.pipeline.staleness.schedule import Request, between
from event_assets.pipeline.step import Step
from event_assets.pipeline.workspace import Workspace
from event_assets.settings import Settings, load_settings

LANDING = "landing"


class DatasetRun:
    """The run-scoped resource. Opened by the first op that runs, so that an error shows as that op's."""

    def __init__(
        self,
        dataset: Dataset,
        settings: Settings,
        progress: NullProgress,
        after: Mapping[str, Collection[str]],
        calendar: dg.PartitionsDefinition,
    ) -> None:
        self.workspace, self.progress, self.calendar = Workspace(dataset, settings), progress, calendar
        self.summary = LandingSummary()
        self.failed: list[Outcome] = []
        """The partitions of the requested tables that were not published, or wait."""
        self.published: Counter[str] = Counter()
        """Rows that this run published, by table."""
        self._open = ExitStack()
        self._run: Run | None = None
        self._after = after
        """The ops that each op of the graph reads from."""
        self._planned: set[str] = set()
        self._to_do: set[str] = set()
        self._alone = True
        """Whether this process executes all ops of the run."""

    def open(self, context: dg.OpExecutionContext) -> Run:
        """The run over the dataset; opens it where no op of this process has."""
        if self._run is None:
            workspace, request = self.workspace, self._requested(context)
            if request.tables or (LANDING in planned_ops(context) and selected_tables(context)):
                self._open.enter_context(workspace.writing())
            staging = self._open.enter_context(workspace.lake.staging(workspace.dataset.name))
            workspace.refresh()
            if LANDING not in planned_ops(context):  # else they are among the landing's warnings
                for notice in workspace.notices:
                    context.log.warning(notice)
            self._run = Run(workspace, request, staging, self.progress.progress)
            self._planned = planned_ops(context)
            self._to_do = set(self._planned)
            self._alone = self._planned <= {key.rsplit(".", 1)[-1] for key in steps_here(context)}
        return self._run

    def landed(self, summary: LandingSummary) -> None:
        """Remember the result of the landing; the run continues with the dates that exist now."""
        assert self._run is not None
        self.summary, self._run = summary, self._run.restarted()

    def close(self) -> None:
        self._open.close()

    def steps_of(self, context: dg.OpExecutionContext, step: Step) -> list[tuple[Step, bool]]:
        """The step that an op computes, if requested, and whether only its stale partitions."""
        return [(one, _is_retry(context)) for one in self.open(context).steps if one.name == step.name]

    def left_over(self, context: dg.OpExecutionContext) -> list[tuple[Step, bool]]:
        """The steps that the op of a retry computes beside its own: those whose partitions waited in the run before.

        A retry repeats only the ops that failed, but the ops of the tables that waited succeeded. Which partitions wait
        follows from the lake: the first op computes the stale ones of ops that aren't part of the run, the last op all.
        """
        if not _is_retry(context):
            return []
        run, op = self.open(context), context.op.name
        if self.is_last(op):
            return [(step, True) for step in run.steps]
        return [(step, True) for step in run.steps if self._is_first(op) and step.name not in self._planned]

    def repeats_landing(self, context: dg.OpExecutionContext) -> bool:
        """Whether the op of a retry lands first: the landing of the run before failed, and its op is not repeated."""
        parent = context.run.parent_run_id
        if parent is None or not _is_retry(context) or LANDING in self._planned or not self._is_first(context.op.name):
            return False
        return landing_failure(context, self.workspace, parent) is not None

    def _is_first(self, op: str) -> bool:
        return self._to_do == self._planned if self._alone else not self._planned.intersection(self._after[op])

    def note_made(self, outcomes: list[Outcome]) -> None:
        """Report outcomes except those that wait: a later op may materialize these partitions."""
        self.note([outcome for outcome in outcomes if outcome.state != "waiting"])

    def note(self, outcomes: list[Outcome]) -> None:
        """Report outcomes as progress, and remember those that failed."""
        assert self._run is not None
        request, tables = self._run.request, self.workspace.tables
        for outcome in outcomes:
            if outcome.state == "materialized":
                self.published[outcome.table] += outcome.rows
            if not tables[outcome.table].internal:
                self.progress.made(outcome)
            # A table over all dates may be missing after a run for some of them: the run of the last date makes it.
            waits = outcome.state == "waiting" and outcome.table in request.tables
            if outcome.state == "not_published" or (waits and (outcome.date is not None or not request.dates)):
                self.failed.append(outcome)

    def is_last(self, op: str) -> bool:
        """Whether no other op of the run is still to come, or, with a process for each op, none that reads from it."""
        if self._alone:
            return self._to_do == {op}
        return not any(op in self._after[other] for other in self._planned)

    def finish(self, op: str) -> None:
        """Note that an op is done."""
        self._to_do.discard(op)

    def raise_failures(self, context: dg.OpExecutionContext) -> None:
        """LandingError or ContractError in the words of what failed first: a file, else a partition."""
        self.summary.raise_failures()
        if not self._alone:
            if failure := landing_failure(context, self.workspace, context.run.run_id):
                raise failure
            self.failed.clear()  # those of this op are in the events, too
            self.note(unpublished(context, self.workspace, self.open(context)))
        if self.failed:
            broken = [o for o in self.failed if any(not check.passed for check in o.checks)] or self.failed
            damaged = broken[0].waits_for is not None and self.workspace.is_damaged(broken[0].waits_for)
            name, others = self.workspace.dataset.name, len(broken) - 1
            raise partition_error(name, broken[0], others=others, input_is_damaged=damaged)

    def _requested(self, context: dg.OpExecutionContext) -> Request:
        workspace_steps = self.workspace.step_of
        wanted = {name for name in selected_tables(context) if name in workspace_steps}
        return Request(frozenset(wanted), requested_dates(context, self.workspace))


def dataset_run(
    dataset: Dataset,
    settings: Callable[[], Settings],
    progress: NullProgress,
    after: Mapping[str, Collection[str]],
    calendar: dg.PartitionsDefinition,
) -> dg.ResourceDefinition:
    """The resource that holds a dataset's run; its writer's lease ends with the run."""

    @dg.resource(description=f"The run over {dataset.name}: its lease, what is requested, what became of it.")
    def opened(_: dg.InitResourceContext) -> Iterator[DatasetRun]:
        run = DatasetRun(dataset, settings(), progress, after, calendar)
        try:
            yield run
        finally:
            run.close()

    return opened


def settings_of(given: Settings | None) -> Callable[[], Settings]:
    """The settings that definitions were given; else those of the environment, at the time of a run or a tick."""
    return load_settings if given is None else lambda: given


def selected_tables(context: dg.OpExecutionContext) -> set[str]:
    """The tables that the run materializes."""
    return {key.path[-1] for key in context.selected_asset_keys}


def requested_dates(context: dg.OpExecutionContext, workspace: Workspace) -> frozenset[dt.date] | None:
    """The dates that the run names; None where it makes what is stale, whatever its dates.

    A run that names no dates for tables that have some makes what is stale of them; of tables without dates alone it
    makes those that it names, fresh or stale.
    """
    if context.run.tags.get(ONLY_STALE_TAG):
        return None
    if text := context.run.tags.get(DATES_TAG):
        first, last = map(dt.date.fromisoformat, text.split("/"))
        return between(first, last)
    if context.has_partition_key or context.has_partition_key_range:
        # Not `partition_keys`: an earlier run of the same backfill may have changed the calendar.
        requested = context.partition_key_range
        return between(dt.date.fromisoformat(requested.start), dt.date.fromisoformat(requested.end))
    by_date = any(workspace.by_date(table) for table in selected_tables(context))
    return None if by_date else frozenset()


def _is_retry(context: dg.OpExecutionContext) -> bool:
    return context.run.parent_run_id is not None and bool(context.run.step_keys_to_execute)


def planned_ops(context: dg.OpExecutionContext) -> set[str]:
    """The ops of the dataset's graph that the run executes."""
    graph = context.op_handle.path[0]
    keys = context.run.step_keys_to_execute
    if keys:
        return {key.rsplit(".", 1)[-1] for key in keys if key.startswith(f"{graph}.")}
    definition = context.job_def.graph.node_named(graph).definition
    assert isinstance(definition, dg.GraphDefinition)
    return {node.name for node in definition.nodes}

"""The assets of a dataset: one graph, in which each step is an op (docs/adr/0005).

A run of any selection of them, for no date, one or a range, goes through the steps in order. Each op hands its
partitions to the IO manager, which publishes and records one after another. So what is recorded is what was made: a
date that breaks its contract blocks what is downstream of it and nothing else.
"""

# No postponed annotations here: Dagster looks at the type of `context` itself.
import datetime as dt
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import dagster as dg

from event_assets.declaration import Dataset
from event_assets.errors import EventAssetsError
from event_assets.orchestration.asset_keys import asset_key
from event_assets.orchestration.asset_specs import asset_specs, check_specs
from event_assets.orchestration.conclude_run import conclude_run
from event_assets.orchestration.dataset_run_resource import (
    LANDING,
    DatasetRun,
    dataset_run,
    requested_dates,
    selected_tables,
    settings_of,
)
from event_assets.orchestration.io_manager import LakeIOManager, StepOutput
from event_assets.orchestration.partition_dates import partitions
from event_assets.orchestration.private.check_only_runs import GraphAssets
from event_assets.orchestration.private.log_events import last_evaluation, log_events
from event_assets.orchestration.private.one_line_failure import in_one_line
from event_assets.orchestration.private.outputs_without_materialization import RECORDED, feeds_other_assets
from event_assets.orchestration.reporting import (
    empty_events,
    evaluation,
    landing_events,
)
from event_assets.orchestration.run_log import log_landing
from event_assets.orchestration.send_openlineage import send_lineage
from event_assets.pipeline.check_results import published_results, summary
from event_assets.pipeline.land_files import land_new_files
from event_assets.pipeline.progress_listener import NullProgress
from event_assets.pipeline.staleness.schedule import empty_dates
from event_assets.pipeline.step import Step
from event_assets.pipeline.steps import LATENESS, RECONCILIATION, steps, unread
from event_assets.settings import Settings
from event_assets.tables.catalog import tables
from event_assets.tables.landed_tables import RAW_EVENTS, SOURCE_FILES

#: The output of an op on which its partitions travel. No asset is mapped to it: it keeps the order of the ops.
_FRAMES = "frames"


def dataset_assets(
    dataset: Dataset, settings: Settings | None = None, progress: NullProgress | None = None
) -> dg.AssetsDefinition:
    """All assets of a dataset, with their checks; `progress` receives what its runs do in this process."""
    run_key, door = f"{dataset.name}_run", f"{dataset.name}_io_manager"
    landed = [table.name for table in tables(dataset).values() if table.landed]
    used = settings_of(settings)
    dates = partitions(dataset, used())
    specs = {spec.key.path[-1]: spec for spec in asset_specs(dataset, dates)}
    checks = {(spec.asset_key.path[-1], spec.name): spec for spec in check_specs(dataset, dates)}

    def out(names: Sequence[str]) -> dict[str, dg.Out]:
        outputs = [name for name in names if name in specs]
        outputs += [_check_output(table, check) for table, check in checks if table in names]
        asset_outs = {name: dg.Out(dg.Nothing, is_required=False, io_manager_key=door) for name in outputs}
        frames = (
            dg.Out(is_required=False, io_manager_key=door) if names != landed else dg.Out(dg.Nothing, is_required=False)
        )
        return asset_outs | {_FRAMES: frames}

    def op(
        name: str, made: Sequence[str], after: Sequence[str], compute: Callable[..., Iterator[Any]], **more: Any
    ) -> dg.OpDefinition:
        return dg.OpDefinition(
            compute_fn=_of(run_key, compute),
            name=f"{dataset.name}_{name}",  # unique in a code location; in the graph the op goes by its short name
            ins={f"after_{other}": dg.In(dg.Nothing) for other in after},
            outs=out(made),
            required_resource_keys={run_key},
            pool=dataset.name,  # one writer at a time: the next run waits in the queue, not in a slot that others use
            **more,
        )

    maker = {name: step.name for step in steps(dataset) for name in step.tables}
    ops = {LANDING: op(LANDING, landed, (), _landing(landed), description="Lands the new files of the inbox.")}
    after: dict[str, list[str]] = {LANDING: []}
    for step in steps(dataset):
        after[step.name] = sorted({maker.get(source.table, LANDING) for source in step.inputs})
        made = f"Makes {' and '.join(step.tables)}."
        ops[step.name] = op(
            step.name, step.tables, after[step.name], _step(step), code_version=step.rules, description=made
        )
    after[RECONCILIATION] = unread(dataset)
    last = "Counts every record, from what is published."
    at_last = [name for name in (LATENESS, RECONCILIATION) if name in tables(dataset)]
    ops[RECONCILIATION] = op(RECONCILIATION, at_last, after[RECONCILIATION], _concluding(at_last), description=last)
    place = dict.fromkeys(landed, LANDING) | maker | dict.fromkeys(at_last, RECONCILIATION)
    outputs = {name: place[name] for name in specs} | {_check_output(*key): place[key[0]] for key in checks}
    graph = dg.GraphDefinition(
        name=f"{dataset.name}_tables",
        description=f"Lands and makes the tables of {dataset.name}: {dataset.description}",
        node_defs=list(ops.values()),
        dependencies={
            dg.NodeInvocation(f"{dataset.name}_{name}", alias=name): {
                f"after_{other}": dg.DependencyDefinition(other, _FRAMES) for other in others
            }
            for name, others in after.items()
        },
        output_mappings=[
            dg.OutputMapping(graph_output_name=name, mapped_node_name=node, mapped_node_output_name=name)
            for name, node in outputs.items()
        ],
    )
    lake = {} if settings is None else {"lake": str(settings.lake), "cache": str(settings.cache)}
    return GraphAssets(
        node_def=graph,
        keys_by_output_name={name: spec.key for name, spec in specs.items()},
        specs=list(specs.values()),
        check_specs_by_output_name={_check_output(*key): spec for key, spec in checks.items()},
        can_subset=True,
        backfill_policy=dg.BackfillPolicy.single_run(),
        resource_defs={
            run_key: dataset_run(dataset, used, progress or NullProgress(), after, dates),
            door: LakeIOManager(**lake),
        },
    )


def _of(run_key: str, compute: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
    """An op's body: what it computes with the dataset's run, errors in one line, failures at the end of the run."""

    def body(context: dg.OpExecutionContext, _: Any) -> Iterator[Any]:
        current: DatasetRun = getattr(context.resources, run_key)
        with in_one_line():
            run, last = current.open(context), current.is_last(context.op.name)
            if current.repeats_landing(context):
                _land(context, current)
                run = current.open(context)
            StepOutput(context, run, current.left_over(context), current.note if last else current.note_made).store()
            yield from compute(context, current)
            current.finish(context.op.name)
            if last:
                if context.op.name != RECONCILIATION:
                    conclude_run(context, current)
                _end(context, current)

    return body


def _end(context: dg.OpExecutionContext, current: DatasetRun) -> None:
    failed: str | None = None
    try:
        current.raise_failures(context)
    except EventAssetsError as error:
        failed = str(error)
        raise
    finally:
        send_lineage(context, current.workspace, current.published, failed)


def _landing(landed: Sequence[str]) -> Callable[..., Iterator[Any]]:
    def compute(context: dg.OpExecutionContext, current: DatasetRun) -> Iterator[Any]:
        if selected_tables(context).intersection(landed):
            _land(context, current)
        if _FRAMES in context.selected_output_names:
            yield dg.Output(None, _FRAMES)
        yield from _outputs(context, current, landed, waiting={SOURCE_FILES} if current.summary.failures else set())

    return compute


def _land(context: dg.OpExecutionContext, current: DatasetRun) -> None:
    """Land the new files; the run goes on with what there is then."""
    workspace, selected = current.workspace, selected_tables(context)
    summary = land_new_files(
        workspace,
        now=lambda: dt.datetime.now(dt.UTC),
        run=context.run.run_id,
        progress=current.progress.progress,
    )
    current.landed(summary)
    current.progress.landed(workspace, summary)
    log_landing(context, workspace, summary)
    requested = requested_dates(context, workspace)
    within = set(workspace.dates(RAW_EVENTS)).intersection(requested or ())
    dates = within if RAW_EVENTS in selected else ()
    log_events(context, landing_events(workspace, summary, selected, dates))
    if RAW_EVENTS in selected:
        _report_empty(context, current, [RAW_EVENTS], empty_dates(workspace, requested))


def _step(step: Step) -> Callable[..., Iterator[Any]]:
    def compute(context: dg.OpExecutionContext, current: DatasetRun) -> Iterator[Any]:
        output = StepOutput(context, current.open(context), current.steps_of(context, step), current.note)
        if _FRAMES in context.selected_output_names:
            yield dg.Output(output, _FRAMES)
        else:  # no other op reads it
            output.store()
        dates = current.open(context).empty_dates(step)
        _report_empty(context, current, [table for table in step.tables if table in selected_tables(context)], dates)
        yield from _outputs(context, current, step.tables, output.waiting)

    return compute


def _report_empty(
    context: dg.OpExecutionContext, current: DatasetRun, made: Sequence[str], dates: Collection[dt.date]
) -> None:
    """Record the dates without raw records, all together: those that the run names, or that no run has recorded."""
    requested = requested_dates(context, current.workspace)
    for table in made if dates else ():
        known: set[str] = set()
        if requested is None:
            known = context.instance.get_materialized_partitions(asset_key(current.workspace.dataset.name, table))
        new = [date for date in dates if date.isoformat() not in known]
        log_events(context, empty_events(current.workspace, table, new))


def _concluding(made: Sequence[str]) -> Callable[..., Iterator[Any]]:
    def compute(context: dg.OpExecutionContext, current: DatasetRun) -> Iterator[Any]:
        if selected_tables(context).intersection(made):
            conclude_run(context, current)
        yield from _outputs(context, current, made, set())

    return compute


def _outputs(
    context: dg.OpExecutionContext, current: DatasetRun, made: Sequence[str], waiting: set[str]
) -> Iterator[dg.Output[Any]]:
    """The outputs of the tables that an op materialized, and of its checks.

    Assets of users run after what they read, unless a partition of it was not published or waits. Checks that run
    without their tables judge what is published.
    """
    selected = selected_tables(context)
    for table in made:
        if table in context.selected_output_names and table not in waiting and feeds_other_assets(context, table):
            yield dg.Output(None, table, metadata=RECORDED)
    judged = {key.asset_key.path[-1] for key in context.selected_asset_check_keys}.difference(selected)
    for table in (table for table in made if table in judged):
        _judge(context, current, table)
    for output in context.selected_output_names:
        if output not in (_FRAMES, *made):
            yield dg.Output(None, output)


def _judge(context: dg.OpExecutionContext, current: DatasetRun, table: str) -> None:
    workspace = current.workspace
    names = {key.name for key in context.selected_asset_check_keys if key.asset_key.path[-1] == table}
    units: list[dt.date | None] = [None]
    requested = requested_dates(context, workspace)
    if workspace.by_date(table):
        units = [date for date in workspace.dates(table) if not requested or date in requested]
    results = [
        (result, date) for date in units for result in published_results(workspace, table, date) if result.name in names
    ]
    log_events(context, (evaluation(workspace.dataset, *found) for found in results))
    if not workspace.by_date(table):  # what only a landing or a computation can evaluate keeps its last result
        others = names.difference(result.name for result, _ in results)
        keys = [dg.AssetCheckKey(asset_key(workspace.dataset.name, table), name) for name in sorted(others)]
        log_events(context, (last for key in keys if (last := last_evaluation(context.instance, key))))
    if workspace.by_date(table) and not requested:  # Dagster waits for a result without a date, too
        log_events(
            context, (evaluation(workspace.dataset, summary(table, name, results), None) for name in sorted(names))
        )


def _check_output(table: str, check: str) -> str:
    return f"{table}__{check}"

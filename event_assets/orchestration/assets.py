"""The one op of a dataset, whose outputs are all its assets.

A run of any selection of them, for no date, one or a range, is handed to `graph` as a whole, and each unit that
was really made is reported by itself. So a date whose contract is broken holds up what lies downstream of it and
nothing else, a fresh partition is not reported as made again, and what a range shares is read once (docs/adr/0005).
"""

# No postponed annotations here: Dagster looks at the type of `context` itself.
import datetime as dt
from collections.abc import Iterable, Iterator

import dagster as dg

from event_assets.declaration import Dataset
from event_assets.errors import EventAssetsError
from event_assets.orchestration.asset_specs import asset_specs, check_specs
from event_assets.orchestration.keys import ONLY_STALE_TAG, REPORT_TAG
from event_assets.orchestration.late_reports import late_report_events, unreported
from event_assets.orchestration.private.log_events import log_events
from event_assets.orchestration.reporting import landing_events, outcome_events, reconciliation_events
from event_assets.orchestration.warehouse_asset import keep_current
from event_assets.pipeline.land_files import LandingSummary, land_new_files
from event_assets.pipeline.progress import reporter
from event_assets.pipeline.reconcile import publish_reconciliation
from event_assets.pipeline.results import Outcome
from event_assets.pipeline.run import run
from event_assets.pipeline.schedule import Request
from event_assets.pipeline.steps import RECONCILIATION
from event_assets.pipeline.workspace import Workspace
from event_assets.settings import Settings, load_settings


def dataset_assets(dataset: Dataset, settings: Settings | None = None) -> dg.AssetsDefinition:
    """All assets of a dataset, with their checks."""

    @dg.multi_asset(
        name=f"{dataset.name}_tables",
        specs=asset_specs(dataset),
        check_specs=check_specs(dataset),
        can_subset=True,
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool=dataset.name,  # one writer at a time: the next run waits in the queue, not in a slot that others could use
        description=f"Lands and makes the tables of {dataset.name}: {dataset.description}",
    )
    def made(context: dg.AssetExecutionContext) -> Iterator[dg.Output[None]]:
        try:
            workspace = Workspace(dataset, settings or load_settings())
            refused = _execute(context, workspace)
            keep_current(context, workspace)
        except EventAssetsError as error:
            raise dg.Failure(str(error), allow_retries=False) from None
        if refused:
            raise dg.Failure(_blame(dataset, refused), metadata={"refused": len(refused)}, allow_retries=False)
        yield from ()

    return made


def _execute(context: dg.AssetExecutionContext, workspace: Workspace) -> list[Outcome]:
    """Do what the run was asked for; returns what was refused."""
    selected = {key.path[-1] for key in context.selected_asset_keys}
    landed = {table.name for table in workspace.tables.values() if table.landed}
    asked = _dates(context)
    report = reporter()
    refused: list[Outcome] = []
    intake = LandingSummary()
    with workspace.writing():
        workspace.refresh()
        if selected.intersection(landed):
            intake = land_new_files(
                workspace, now=lambda: dt.datetime.now(dt.UTC), run=context.run.run_id, progress=report.progress
            )
            report.landed(workspace, intake)
            _log_intake(context, intake)
            log_events(context, landing_events(workspace, intake, asked or () if "raw_events" in selected else ()))
        wanted = frozenset(selected.intersection(workspace.tables).difference({*landed, RECONCILIATION}))
        if wanted:
            for outcomes in run(workspace, Request(wanted, asked), report.progress):
                log_events(context, (event for outcome in outcomes for event in outcome_events(workspace, outcome)))
                _log_outcomes(context, outcomes)
                for outcome in outcomes:
                    report.made(outcome)
                    if outcome.state == "refused":
                        refused.append(outcome)
        if workspace.recovered or REPORT_TAG in context.run.tags:
            _report_lost_units(context, workspace)
        reconciled, changed = publish_reconciliation(workspace)
        if changed or RECONCILIATION in selected:
            log_events(context, reconciliation_events(workspace, reconciled))
        report.finished(reconciled)
    intake.raise_failures()
    return refused


def _report_lost_units(context: dg.AssetExecutionContext, workspace: Workspace) -> None:
    units = list(unreported(context.instance, workspace))
    log_events(context, (event for unit in units for event in late_report_events(workspace, unit)))
    if units:
        context.log.info(f"reported {len(units)} partitions that the lake has and that no run had reported")


def _dates(context: dg.AssetExecutionContext) -> frozenset[dt.date] | None:
    """The dates that somebody asked for; None where the run shall make what is stale, whatever its dates."""
    if context.run.tags.get(ONLY_STALE_TAG):
        return None
    keys = context.partition_keys if context.has_partition_key or context.has_partition_key_range else []
    return frozenset(dt.date.fromisoformat(key) for key in keys)


def _log_intake(context: dg.AssetExecutionContext, intake: LandingSummary) -> None:
    for warning in intake.warnings:
        context.log.warning(warning)
    for failure in intake.failures:
        context.log.error(str(failure))
    for file in intake.landed:
        reasons = ", ".join(f"{reason} {count}" for reason, count in file.reasons.items()) or "no rejects"
        state = (
            f"rejected as a whole: {file.reason}"
            if file.reason
            else f"{file.landed} landed, {file.rejected} rejected ({reasons})"
        )
        context.log.info(f"landed {file.file_id[:12]}: {file.records} records, {state}")


def _log_outcomes(context: dg.AssetExecutionContext, outcomes: Iterable[Outcome]) -> None:
    """One line a date, not one a table: a year of a dataset is thousands of tables' dates."""
    by_date: dict[dt.date | None, list[Outcome]] = {}
    for outcome in outcomes:
        by_date.setdefault(outcome.date, []).append(outcome)
    for date, units in by_date.items():
        unit = date or "all dates"
        made = [outcome for outcome in units if outcome.state == "made"]
        if made:
            rows = ", ".join(f"{o.table} {o.rows}{'' if o.changed else ' (unchanged)'}" for o in made)
            figures = {name: count for outcome in made for name, count in outcome.figures.items()}
            counts = "; ".join([f"rows: {rows}", *(f"{name} {count}" for name, count in figures.items())])
            context.log.info(f"{unit}: {counts}")
        waiting = [outcome.table for outcome in units if outcome.state == "waiting"]
        if waiting:
            context.log.warning(f"{unit}: {', '.join(waiting)} wait for what they read, which was refused")
        for outcome in units:
            if outcome.state == "refused":
                broken = "; ".join(check.says for check in outcome.checks if not check.passed)
                why = broken or "made together with a refused table"
                context.log.error(f"{outcome.table} {unit}: not published, the previous version is kept: {why}")


def _blame(dataset: Dataset, refused: list[Outcome]) -> str:
    guilty = [outcome for outcome in refused if any(not check.passed for check in outcome.checks)]
    first = guilty[0]
    broken = "; ".join(check.says for check in first.checks if not check.passed)
    more = f" and {len(guilty) - 1} more" if len(guilty) > 1 else ""
    return (
        f"{dataset.name}/{first.table} {first.date or ''}{more}: {broken}; not published (the previous version is "
        "kept); fix the rule or the source and materialize it again"
    )

"""`event-assets run`: lands new files and materializes what they affect, or a range of dates; prints the run's end."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from typing import TYPE_CHECKING, Annotated

import typer

from event_assets.cli.arguments import DatasetName, known_dates, named_dataset, parse_date
from event_assets.settings import load_settings

if TYPE_CHECKING:
    from event_assets.pipeline.workspace import Workspace


def run(
    dataset: DatasetName,
    first: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="DATE", help="First date to compute, fresh or stale.", autocompletion=known_dates
        ),
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", metavar="DATE", help="Last date to compute.", autocompletion=known_dates)
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print what would be computed, and why.")] = False,
    log: Annotated[bool, typer.Option("--log", help="Print the run's log, with times, on standard error.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Lands the new files in the dataset's inbox and updates every table that they affect.

    \b
    event-assets run shop
    event-assets run shop --from 2020-09-24 --to 2020-09-30
    event-assets run shop --dry-run
    event-assets run shop --log 2> run.log
    """
    declared = named_dataset(dataset)
    dates = _dates(first, last, declared.start_date)
    if dry_run:
        _preview(dataset, as_json)
        return

    from event_assets.cli.dagster_runs import run_job
    from event_assets.cli.failed_checks import failed_checks
    from event_assets.cli.run_progress import RunProgress, performance

    with RunProgress(dataset) as progress:
        run_id = run_job(declared, load_settings(), dates, progress, log=log)
    assert progress.workspace is not None
    assert progress.reconciliation is not None
    landed = bool(progress.summary and progress.summary.landed)
    failed = list(failed_checks(progress.workspace, progress.outcomes, progress.reconciliation, landed=landed))
    if as_json:
        made = [
            {"table": o.table, "date": str(o.date or ""), "rows": o.rows, "changed": o.changed}
            for o in progress.outcomes
        ]
        reconciled = progress.reconciliation.as_json()
        checks = [dataclasses.asdict(one) for one in failed]
        print(json.dumps({"run_id": run_id, "made": made, "failed_checks": checks, **reconciled}, default=str))
        return

    from event_assets.cli.console import console
    from event_assets.cli.reconciliation_tables import reconciliation_tables

    summary = progress.summary
    if summary:
        for warning in summary.warnings:
            console.print(f"warning: {warning}", markup=False, soft_wrap=True)
    if summary and not progress.reconciliation.files and (hint := _empty_inbox(progress.workspace)):
        console.print(hint, markup=False, soft_wrap=True)
    for shown in reconciliation_tables([progress.reconciliation]):
        console.print(shown)
    for name, reason in progress.reconciliation.files_rejected.items():
        console.print(f"rejected file {name}: {reason}", markup=False)
    for one in failed:
        console.print(str(one), markup=False, soft_wrap=True, style="yellow")
    for line in performance(summary, progress.outcomes):
        console.print(line, markup=False, soft_wrap=True)
    if summary and summary.landed:
        console.print(
            f"run {run_id[:8]} (event-assets retract {dataset} --run {run_id[:8]} takes its files out again)",
            soft_wrap=True,
        )
    console.print(f"in {load_settings().lake / dataset}", markup=False, soft_wrap=True)


def _empty_inbox(workspace: Workspace) -> str | None:
    """What to do where the inbox has no file of a dataset that has none yet."""
    from event_assets.landing.inbox import look
    from event_assets.wording import first_of

    dataset = workspace.dataset
    if look(workspace.inbox, dataset).files:
        return None
    patterns = [pattern for block in (*dataset.events, *dataset.profiles) for pattern in block.files]
    return f"no file in {workspace.inbox} matches {first_of(patterns, between=', ')}; put files there and run again"


def _dates(first: str | None, last: str | None, earliest: dt.date) -> tuple[dt.date, dt.date] | None:
    if first is None and last is None:
        return None
    start, end = parse_date(first or last or "", "--from"), parse_date(last or first or "", "--to")
    if start > end:
        raise typer.BadParameter(f"--from {start} is after --to {end}")
    if start < earliest:
        raise typer.BadParameter(f"--from {start} is before the dataset's start_date {earliest}")
    return start, end


def _preview(dataset: str, as_json: bool) -> None:
    from event_assets.cli.console import console
    from event_assets.pipeline.plan import preview
    from event_assets.pipeline.workspace import Workspace

    workspace = Workspace(named_dataset(dataset), load_settings())
    workspace.refresh()
    found = preview(workspace)
    if as_json:
        files = [{"name": name, "why": why} for name, why in found.files]
        units = [{"table": u.step.name, "date": str(u.date or ""), "why": u.why} for u in found.stale]
        reach = {table: sorted(str(date or "") for date in dates) for table, dates in sorted(found.at_most.items())}
        print(json.dumps({"files": files, "warnings": found.warnings, "stale": units, "at_most": reach}))
        return
    for warning in found.warnings:
        console.print(f"warning: {warning}", markup=False)
    for line in found.lines():
        console.print(line, markup=False)

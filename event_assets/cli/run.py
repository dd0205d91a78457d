"""`event-assets run`: lands new files and materializes what they affect, or a range of dates; prints the run's end."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from typing import TYPE_CHECKING, Annotated

import typer

from event_assets.cli.arguments import DatasetName, FirstDate, JsonOption, LastDate, date_range, named_dataset
from event_assets.cli.console import say
from event_assets.settings import load_settings

if TYPE_CHECKING:
    from event_assets.declaration import Dataset
    from event_assets.pipeline.workspace import Workspace


def run(
    dataset: DatasetName,
    first: FirstDate = None,
    last: LastDate = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print what would be computed, and why.")] = False,
    log: Annotated[bool, typer.Option("--log", help="Print the run's log, with times, on standard error.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Lands the new files in the dataset's inbox and updates every table that they affect.

    With --from or --to it recomputes these dates, fresh or stale.

    \b
    event-assets run shop
    event-assets run shop --from 2020-09-24 --to 2020-09-30
    event-assets run shop --dry-run
    event-assets run shop --log 2> run.log
    """
    declared = named_dataset(dataset)
    dates = _dates(first, last, declared.start_date)
    if dry_run:
        _preview(declared, as_json)
        return

    from event_assets.cli.failed_checks import failed_checks
    from event_assets.cli.run_progress import performance, run_with_progress

    settings = load_settings()
    done = run_with_progress(declared, settings, dates, log=log)
    summary, reconciled, run_id = done.summary, done.reconciliation, done.run_id
    landed = bool(summary and summary.landed)
    failed = list(failed_checks(done.workspace, done.outcomes, reconciled, landed=landed))
    if as_json:
        made = [
            {"table": o.table, "date": str(o.date or ""), "rows": o.rows, "changed": o.changed} for o in done.outcomes
        ]
        checks = [dataclasses.asdict(one) for one in failed]
        found = {"run_id": run_id, "made": made, "failed_checks": checks, **reconciled.as_json()}
        print(json.dumps(found, default=str))
        return

    from event_assets.cli.reconciliation_tables import print_reconciliation

    for warning in summary.warnings if summary else ():
        say(f"warning: {warning}")
    if summary and not reconciled.files and (hint := _empty_inbox(done.workspace)):
        say(hint)
    print_reconciliation([reconciled])
    for name, reason in reconciled.files_rejected.items():
        say(f"rejected file {name}: {reason}")
    for one in failed:
        say(str(one), style="yellow")
    for line in performance(summary, done.outcomes):
        say(line)
    if landed:
        say(f"run {run_id[:8]} (event-assets retract {dataset} --run {run_id[:8]} takes its files out again)")
    say(f"in {settings.lake / dataset}")


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
    start, end = date_range(first or last, last or first)
    if start < earliest:
        raise typer.BadParameter(f"--from {start} is before the dataset's start_date {earliest}")
    return start, end


def _preview(dataset: Dataset, as_json: bool) -> None:
    from event_assets.pipeline.plan import preview
    from event_assets.pipeline.workspace import Workspace

    workspace = Workspace(dataset, load_settings())
    workspace.refresh()
    found = preview(workspace)
    if as_json:
        files = [{"name": name, "why": why} for name, why in found.files]
        units = [{"table": u.step.name, "date": str(u.date or ""), "why": u.why} for u in found.stale]
        reach = {table: sorted(str(date or "") for date in dates) for table, dates in sorted(found.at_most.items())}
        print(json.dumps({"files": files, "warnings": found.warnings, "stale": units, "at_most": reach}))
        return
    for line in (*(f"warning: {warning}" for warning in found.warnings), *found.lines()):
        say(line)

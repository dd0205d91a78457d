"""`event-assets retention`: expire the dates that are older than a dataset's retention limits."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from event_assets.cli.arguments import DatasetName, JsonOption, named_dataset
from event_assets.cli.console import say
from event_assets.settings import load_settings
from event_assets.wording import counted


def retention(
    dataset: DatasetName,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list the dates that would be deleted.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Permanently deletes the dates that are older than the declaration's `retention` allows.

    \b
    event-assets retention shop --dry-run
    event-assets retention shop
    """
    declared, settings = named_dataset(dataset), load_settings()

    from event_assets.cli.progress_bar import working
    from event_assets.cli.run_progress import run_with_progress
    from event_assets.pipeline.retention import due, expire
    from event_assets.pipeline.workspace import Workspace

    workspace = Workspace(declared, settings)
    if dry_run:
        workspace.refresh()
        found = due(workspace)
    else:
        with working(f"expiring dates of {dataset}"), workspace.writing():
            workspace.refresh()
            found = expire(workspace)
        if found:
            why = f"retention: {sum(len(one.dates) for one in found)} partitions expired"
            run_with_progress(declared, settings, why=why)
    if as_json:
        tables = {one.table: {"before": str(one.before), "dates": len(one.dates), "rows": one.rows} for one in found}
        print(json.dumps({"dry_run": dry_run, "dropped": tables}))
        return
    did = "would expire" if dry_run else "expired"
    for one in found:
        dates = f"{one.dates[0]} to {one.dates[-1]}"
        say(f"{one.table}: {did} {counted(len(one.dates), 'date')} ({dates}), {counted(one.rows, 'row')}")
    if not found:
        say(f"{dataset} has no date that is older than its retention limits")

"""`event-assets retract`: take a file's rows out of every table."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from event_assets.cli.arguments import DatasetName, named_dataset
from event_assets.settings import load_settings
from event_assets.wording import counted


def retract(
    dataset: DatasetName,
    file: Annotated[str, typer.Argument(help="The file's name in the inbox, or its file_id.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print what was taken out as JSON.")] = False,
) -> None:
    """Takes a source file's rows out of every table, raw ones included; no backfill brings them back.

    \b
    event-assets retract shop events_20200924.csv
    """
    declared, settings = named_dataset(dataset), load_settings()

    from event_assets.cli.dagster_runs import run_job
    from event_assets.cli.output import working
    from event_assets.cli.run_report import Watcher, console
    from event_assets.pipeline.land_files import retract as take_out
    from event_assets.pipeline.workspace import Workspace

    workspace = Workspace(declared, settings)
    with working(f"taking {file} out of {dataset}"), workspace.writing():
        workspace.refresh()
        gone = take_out(workspace, file)
    with Watcher(dataset) as watcher:
        run_job(declared, settings, None, watcher)
    changed = sum(outcome.changed for outcome in watcher.made_units)
    if as_json:
        print(json.dumps({"file_id": gone.file_id, "rows": gone.landed, "rejects": gone.rejected, "changed": changed}))
        return
    console.print(
        f"{file}: {counted(gone.landed, 'row')} and {counted(gone.rejected, 'reject')} taken out, "
        f"{counted(changed, 'partition')} changed",
        markup=False,
    )

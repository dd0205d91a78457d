"""`event-assets retract`: remove the rows of a file or a run from all tables, or restore them."""

from __future__ import annotations

import datetime as dt
import json
from typing import Annotated

import typer

from event_assets.cli.arguments import DatasetName, JsonOption, named_dataset
from event_assets.cli.console import say
from event_assets.settings import load_settings
from event_assets.wording import counted


def retract(
    dataset: DatasetName,
    file: Annotated[str | None, typer.Argument(help="The file's name in the inbox, or its file_id.")] = None,
    run: Annotated[
        str | None, typer.Option("--run", metavar="RUN", help="All files that this run landed: its id in the UI.")
    ] = None,
    undo: Annotated[
        bool, typer.Option("--undo", help="Restore retracted files; by default those of the last retraction.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Removes the rows of a source file, or of all files that a run landed, from every table, also from raw tables.

    No backfill and no copy of the file restores them; `--undo` does, if the file is still in the inbox.

    \b
    event-assets retract shop events_20200924.csv
    event-assets retract shop --run 1f0c8b5a
    event-assets retract shop events_20200924.csv --undo
    event-assets retract shop --undo
    """
    if file and run:
        raise typer.BadParameter("name a file or a run, not both")
    if not (file or run or undo):
        raise typer.BadParameter("name a file, or a run with --run")
    declared, settings = named_dataset(dataset), load_settings()

    from event_assets.cli.progress_bar import working
    from event_assets.cli.run_progress import run_with_progress
    from event_assets.pipeline import retract as retraction
    from event_assets.pipeline.workspace import Workspace

    workspace = Workspace(declared, settings)
    what = file or (f"what run {run} landed" if run else "the last retraction")
    with working(f"{'restoring' if undo else 'removing'} {what}"), workspace.writing():
        workspace.refresh()
        if run:
            files = retraction.files_of_run(workspace, run, retracted=undo)
        elif file:
            files = retraction.named_files(workspace, file)
            what = retraction.shown_name(workspace, files[0])  # as typed, it may contain an erased user's id
        else:
            files = retraction.last_retracted(workspace)
        before = workspace.ledger.states()
        if undo:
            retraction.restore(workspace, files)
        else:
            retraction.retract(workspace, files, dt.datetime.now(dt.UTC))
    why = f"{'undo of a retraction' if undo else 'retraction'}: {what}"
    changed = run_with_progress(declared, settings, why=why).changed
    workspace.refresh()
    after, names = workspace.ledger.states(), workspace.ledger.names()
    keys = [(f.kind, f.file_id) for f in files]
    moved = [workspace.ledger.files[key] for key in keys if (before[key] == "active") != (after[key] == "active")]
    rows, rejects = sum(f.landed for f in moved), sum(f.rejected for f in moved)
    shown = [(names.get(key) or [key[1]])[0] for key in keys]
    if as_json:
        found = {"files": shown, "file_id": files[0].file_id if len(files) == 1 else None, "rows": rows}
        print(json.dumps({**found, "rejects": rejects, "changed": changed, "undo": undo}))
        return
    done = "restored" if undo else "removed"
    of = shown[0] if len(shown) == 1 else counted(len(shown), "file")
    what = f"{counted(rows, 'row')} and {counted(rejects, 'reject')} {done}"
    why = "" if moved else f"; it is {after[keys[0]]}" if undo else f"; it was {before[keys[0]]} before"
    say(f"{of}: {what}, {counted(changed, 'partition')} changed{why}")

"""`event-assets erase`: take a user's rows out of every table."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from event_assets.cli.arguments import DatasetName, JsonOption, named_dataset
from event_assets.cli.console import say
from event_assets.settings import load_settings
from event_assets.wording import counted

#: At most this number of records that mention a user is named.
_NAMED = 20


def erase(
    dataset: DatasetName,
    user_id: Annotated[str, typer.Option("--user-id", help="The user, by the id as tables show it.")],
    mentions: Annotated[
        bool,
        typer.Option(
            "--mentions",
            help="Also delete rejected records of others that mention the user, and mask values of undeclared fields.",
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Permanently deletes a user's rows from every table, also from raw tables and rejects.

    No backfill restores them, and later landings skip the user's records in every file. Source files in the inbox are
    not changed. A rejected record belongs to the user if its user field contains the id as a whole token, in any
    spelling (7731.0 for 7731). Rejected records of others that mention the id are counted and named; --mentions deletes
    them too and masks the id in values of undeclared fields. Names of fields that contain it are masked in all rows.

    \b
    event-assets erase shop --user-id 541312140
    event-assets erase app_events --user-id user_17 --json
    """
    declared, settings = named_dataset(dataset), load_settings()

    from event_assets.cli.progress_bar import working
    from event_assets.cli.run_progress import run_with_progress
    from event_assets.errors import LakeError
    from event_assets.landing.inbox import look
    from event_assets.orchestration.private.replace_stored_texts import replace_texts
    from event_assets.pipeline.erase import erase as take_out
    from event_assets.pipeline.erase import rows_by_table
    from event_assets.pipeline.mask_names import Masking
    from event_assets.pipeline.workspace import Workspace

    workspace = Workspace(declared, settings)
    with working(f"taking the user out of {dataset}"), workspace.writing():
        workspace.refresh()
        known = set(workspace.ledger.erased)
        taken = take_out(
            workspace, user_id, mentions=mentions, forget=lambda texts: replace_texts(settings.dagster_home, texts)
        )
        rows = {**taken.rows, **rows_by_table(workspace, user_id, mentions=mentions)}
    why = f"erasure {taken.user[:12]}: {sum(rows.values())} rows taken out"
    changed = run_with_progress(declared, settings, why=why).changed
    with working(f"looking for the user in {dataset}"):
        workspace.refresh()
        left = rows_by_table(workspace, user_id, mentions=mentions)
    if left:
        state = f"rows of the user are left in {', '.join(left)}, which can't be made"
        raise LakeError(dataset, state, f"fix the cause and run event-assets run {dataset}; the erasure is complete")
    files = {file.file_id for file in taken.files}
    inbox = look(workspace.inbox, declared)
    names = Masking(declared, workspace.ledger, taken.erasings)
    bound = [(one.name, workspace.ledger.binding(one.kind, one.name)) for one in inbox.files]
    holding = {name for name, binding in bound if binding and binding.file_id in files}
    dropped = [one.name for one in (*inbox.files, *inbox.manifests)]
    kept = [name for name in dropped if name in holding or names.name(name) != name]
    if not rows and not taken.mentioned and taken.user not in known:
        raise LakeError(
            f"--user-id {user_id}",
            f"no record of {dataset} is this user's; the id is barred from later files all the same, "
            "and that can't be undone",
            f"compare the spelling with SELECT DISTINCT user_id FROM {dataset}.raw_events",
        )
    names_of = {file_id: found[0] for (_, file_id), found in workspace.ledger.names().items() if found}
    mentioned = [f"{names_of.get(file_id, file_id)} record {number}" for file_id, number in taken.mentioned]
    if as_json:
        answer = {"tombstone": taken.user, "rows": rows, "changed": changed, "in_inbox": kept, "mentioned": mentioned}
        print(json.dumps(answer))
        return
    for table in [table for table in workspace.tables if table in rows]:
        say(f"{table}: {counted(rows[table], 'row')} taken out")
    say(f"{counted(sum(rows.values()), 'row')} taken out, {counted(changed, 'partition')} changed")
    if kept:
        say(f"left alone in {workspace.inbox}, though they hold the user: {', '.join(kept)}")
    if mentioned:
        more = f" and {len(mentioned) - _NAMED:,} more" if len(mentioned) > _NAMED else ""
        some = f"{len(mentioned):,} refused records of others mention the user: {', '.join(mentioned[:_NAMED])}{more}"
        say(f"{some}; --mentions takes them out, too")

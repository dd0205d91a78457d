"""Takes source files out of the landed tables, by name or by the run that landed them, and brings them back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from event_assets.errors import LandingError
from event_assets.landing.inbox import look
from event_assets.pipeline.sync_raw_tables import parts_are_there, sync_raw_tables
from event_assets.pipeline.workspace import Workspace
from event_assets.storage.ledger import Restoration, Retraction, SourceFile

#: An id of a run may be cut off after so many characters, as the UI shows it.
_SHORTEST_RUN = 8


def named_files(workspace: Workspace, name: str) -> list[SourceFile]:
    """The file of a name that it has or had in the inbox, or of a file_id. LandingError where the ledger has none."""
    ledger = workspace.ledger
    named = {binding.file_id for binding in ledger.bindings.values() if binding.name == name}
    found = [file for (_, file_id), file in sorted(ledger.files.items()) if file_id in named or file_id == name]
    if not found:
        known = ", ".join(sorted({binding.name for binding in ledger.bindings.values()})[:5]) or "none"
        raise LandingError(name, f"is no landed file of {workspace.dataset.name}", f"name one of {known}")
    return found[:1]


def files_of_run(workspace: Workspace, run: str) -> list[SourceFile]:
    """The files that a run landed first; `run` is its id, or at least the first 8 characters of it.

    LandingError where no run of that id landed a file, or several did.
    """
    files = [file for _, file in sorted(workspace.ledger.files.items()) if file.run]
    found = [f for f in files if f.run == run or (len(run) >= _SHORTEST_RUN and str(f.run).startswith(run))]
    if len({file.run for file in found}) == 1:
        return found
    last = dict.fromkeys(str(f.run) for f in sorted(files, key=lambda file: file.landed_at, reverse=True))
    state = (
        "is the beginning of several runs' ids"
        if found
        else f"is no run that landed a file of {workspace.dataset.name}"
    )
    raise LandingError(f"--run {run}", state, f"name one of {', '.join([*last][:3]) or 'none'}")


def last_retracted(workspace: Workspace) -> list[SourceFile]:
    """The files that the last retraction took out. LandingError where nothing is retracted."""
    retracted = workspace.ledger.retracted
    last = max((at or "" for at in retracted.values()), default=None)
    if last is None:
        raise LandingError(workspace.dataset.name, "has no retracted file", "there is nothing to bring back")
    return [f for (_, key), f in sorted(workspace.ledger.files.items()) if (retracted.get(key, "no") or "") == last]


def retract(workspace: Workspace, files: Sequence[SourceFile], at: dt.datetime) -> None:
    """Take files' rows out of the landed tables; what is made from them is stale then.

    They stay out, under whatever name their content is dropped again, until `restore`. The caller holds
    `workspace.writing()` and has called `workspace.refresh()`.
    """
    workspace.ledger.append(Retraction(file.file_id, at.isoformat()) for file in files)
    sync_raw_tables(workspace)


def restore(workspace: Workspace, files: Sequence[SourceFile]) -> None:
    """End the retraction of files. Their rows were deleted: the next landing reads them again from the inbox.

    The caller holds `workspace.writing()` and has called `workspace.refresh()`. LandingError, and nothing is changed,
    where a file is not retracted, or a name refers to it that is not in the inbox any more.
    """
    ledger, dataset = workspace.ledger, workspace.dataset.name
    there = {(dropped.kind, dropped.name) for dropped in look(workspace.inbox, workspace.dataset).files}
    names = ledger.names()
    for file in files:
        bound = names.get((file.kind, file.file_id), [])
        shown = bound[0] if bound else file.file_id[:12]
        if file.file_id not in ledger.retracted:
            raise LandingError(shown, f"is not retracted in {dataset}", "there is nothing to bring back")
        gone = bound and not any((file.kind, name) in there for name in bound)
        if gone and file.reason is None and not parts_are_there(workspace, file):
            state = "its rows were deleted and its source is not in the inbox; nothing was changed"
            raise LandingError(str(workspace.inbox / shown), state, "put the file back and undo the retraction again")
    ledger.append(Restoration(file.file_id) for file in files)

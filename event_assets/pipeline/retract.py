"""Takes source files out of the landed tables, by name or by the run that landed them, and brings them back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from event_assets.errors import LandingError
from event_assets.landing.inbox import look
from event_assets.pipeline.sync_raw_tables import parts_are_there, sync_raw_tables
from event_assets.pipeline.workspace import Workspace
from event_assets.storage.ledger_entries import KINDS, Restoration, Retraction, SourceFile

#: The first characters of a run's id are enough, as the UI shows it: at least this number.
_SHORTEST_RUN = 8
#: At most this number of file_ids is listed.
_SHOWN = 10


def named_files(workspace: Workspace, name: str) -> list[SourceFile]:
    """The file of a name that it has or had in the inbox, or of a file_id.

    LandingError where the ledger has none, or several: masked names of erased users' files may be alike.
    """
    ledger = workspace.ledger
    exact = [binding for kind in KINDS if (binding := ledger.binding(kind, name))]
    shown = [binding for binding in ledger.bindings.values() if binding.name == name]
    named = {binding.file_id for binding in exact or shown}
    found = [file for (_, file_id), file in sorted(ledger.files.items()) if file_id in named or file_id == name]
    if not found:
        known = ", ".join(sorted({binding.name for binding in ledger.bindings.values()})[:5]) or "none"
        raise LandingError(name, f"is no landed file of {workspace.dataset.name}", f"name one of {known}")
    ids = sorted({file.file_id for file in found})
    if len(ids) > 1:
        more = f" and {len(ids) - _SHOWN:,} more, as source_files lists them" if len(ids) > _SHOWN else ""
        state = f"is the name of {len(ids):,} files of {workspace.dataset.name}"
        raise LandingError(name, state, f"name one by its file_id: {', '.join(ids[:_SHOWN])}{more}")
    return found[:1]


def shown_name(workspace: Workspace, file: SourceFile) -> str:
    """What logs may call a file: its name without ids of erased users, or the start of its file_id."""
    names = workspace.ledger.names_so_far().get((file.kind, file.file_id))
    return names[0] if names else file.file_id[:12]


def files_of_run(workspace: Workspace, run: str, *, retracted: bool = False) -> list[SourceFile]:
    """The files that a run landed first, or those of them that are `retracted`; `run` is its id, or at least the first
    8 characters of it.

    LandingError where no run of that id landed a file, several did, or none of the files is retracted.
    """
    files = [file for _, file in sorted(workspace.ledger.files.items()) if file.run]
    found = [f for f in files if f.run == run or (len(run) >= _SHORTEST_RUN and str(f.run).startswith(run))]
    if len({file.run for file in found}) == 1:
        found = [file for file in found if not retracted or file.file_id in workspace.ledger.retracted]
        if not found:
            raise LandingError(f"--run {run}", "landed no file that is retracted", "there is nothing to bring back")
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
    """Remove files' rows from the landed tables; the tables that are computed from them are stale then.

    They stay out, under whatever name their content is dropped again, until `restore`. One that is retracted already
    keeps the date of that. The caller holds `workspace.writing()` and has called `workspace.refresh()`.
    """
    new = [file.file_id for file in files if file.file_id not in workspace.ledger.retracted]
    workspace.ledger.append(Retraction(file_id, at.isoformat()) for file_id in new)
    sync_raw_tables(workspace)


def restore(workspace: Workspace, files: Sequence[SourceFile]) -> None:
    """End the retraction of files. Their rows were deleted: the next landing reads them again from the inbox.

    The caller holds `workspace.writing()` and has called `workspace.refresh()`. LandingError, and nothing is changed,
    where a file is not retracted, or a name refers to it that is not in the inbox any more.
    """
    ledger, dataset = workspace.ledger, workspace.dataset.name
    dropped = look(workspace.inbox, workspace.dataset).files
    there = [binding for one in dropped if (binding := ledger.binding(one.kind, one.name))]
    current = ledger.current()
    for file in files:
        bound = current.get((file.kind, file.file_id), [])
        shown = bound[0].name if bound else file.file_id[:12]
        if file.file_id not in ledger.retracted:
            raise LandingError(shown, f"is not retracted in {dataset}", "there is nothing to bring back")
        missing = bound and not any(binding in there for binding in bound)
        if missing and file.reason is None and not parts_are_there(workspace, file):
            state = "its rows were deleted and its source is not in the inbox; nothing was changed"
            raise LandingError(str(workspace.inbox / shown), state, "put the file back and undo the retraction again")
    ledger.append(Restoration(file.file_id) for file in files)

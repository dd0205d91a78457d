"""Lists the files of the inbox that have to be landed: new files, modified files, and files that the current rules
would read differently.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from event_assets.errors import LandingError
from event_assets.landing.inbox import (
    Identity,
    InboxFile,
    NotReadyError,
    file_id_as_read,
    identify,
    identify_object,
    look,
)
from event_assets.pipeline.land_in_groups import Content
from event_assets.pipeline.landing_rules import Rules, is_known, rules_of_today
from event_assets.pipeline.sync_raw_tables import parts_are_there
from event_assets.pipeline.workspace import Workspace
from event_assets.storage.ledger_entries import Binding, Entry, Kind, Retraction, SourceFile


def pending(workspace: Workspace, lost: Iterable[SourceFile] = ()) -> tuple[list[InboxFile], list[str]]:
    """The files of the inbox that are new, were touched, would be read otherwise now or refer to a `lost` content,
    and what to warn of."""
    inbox, rules = look(workspace.inbox, workspace.dataset), rules_of_today(workspace)
    again = {(file.kind, file.file_id) for file in lost}
    files = [dropped for dropped in inbox.files if not _settled_in_ledger(workspace, dropped, rules, again)]
    return files, list(inbox.warnings)


def sort_out(
    workspace: Workspace,
    files: list[InboxFile],
    pool: ThreadPoolExecutor,
    warnings: list[str],
    failures: list[LandingError],
) -> tuple[list[Content], list[Binding]]:
    """Which contents have to be landed, and the contents that the names of known ones refer to."""
    works: dict[tuple[Kind, str], Content] = {}
    known: list[Binding] = []
    identified: list[tuple[InboxFile, Identity, Binding]] = []
    for dropped, found in zip(files, pool.map(_identified, files), strict=True):
        if isinstance(found, NotReadyError):
            warnings.append(str(found))
        elif isinstance(found, LandingError):
            failures.append(found)
        else:
            file_id = file_id_as_read(found.file_id, dropped.name, workspace.dataset, dropped.kind)
            read = replace(found, file_id=file_id)
            content = found.file_id if read.file_id != found.file_id else ""
            binding = Binding(dropped.name, dropped.kind, read.file_id, dropped.signature, content)
            identified.append((dropped, read, binding))
    workspace.ledger.append(_retracted_before(workspace, [binding for _, _, binding in identified]))
    rules = rules_of_today(workspace, [binding for _, _, binding in identified])
    for dropped, found, binding in identified:
        key = (dropped.kind, found.file_id)
        before = workspace.ledger.files.get(key)
        if found.file_id in workspace.ledger.retracted:
            warnings.append(_stays_retracted(workspace, dropped, found.file_id))
            known.append(binding)
        elif key in works:
            works[key].bindings.append(binding)
        elif before is not None and is_known(workspace, before, rules) and parts_are_there(workspace, before):
            known.append(binding)
        else:
            works[key] = Content(dropped, found, before or _known_before(workspace, binding), [binding], rules)
    return list(works.values()), known


def _known_before(workspace: Workspace, binding: Binding) -> SourceFile | None:
    """The same bytes under the same name, where they had another identity: a declaration has come to read the name, or
    the lake is of a version that identified files by their bytes alone."""
    before = workspace.ledger.binding(binding.kind, binding.name)
    if before is None or before.file_id == binding.file_id:
        return None
    same = (before.content or before.file_id) == (binding.content or binding.file_id)
    return workspace.ledger.files.get((binding.kind, before.file_id)) if same else None


def _retracted_before(workspace: Workspace, bindings: Iterable[Binding]) -> Iterator[Entry]:
    """Retractions of files that have another identity now: they stay retracted."""
    ledger = workspace.ledger
    for binding in bindings:
        file = _known_before(workspace, binding)
        if file is not None and file.file_id in ledger.retracted and binding.file_id not in ledger.retracted:
            yield replace(file, file_id=binding.file_id)
            yield Retraction(binding.file_id, ledger.retracted[file.file_id])


def _stays_retracted(workspace: Workspace, dropped: InboxFile, file_id: str) -> str:
    at = workspace.ledger.retracted[file_id]
    since = f"on {at[:10]}" if at else "before"
    command = f"event-assets retract {workspace.dataset.name} {dropped.name} --undo"
    return f"{dropped.name} was retracted {since} and stays retracted; {command} takes that back"


def _identified(dropped: InboxFile) -> Identity | LandingError:
    try:
        return identify(dropped.path) if isinstance(dropped.path, Path) else identify_object(dropped)
    except LandingError as error:
        return error


def _settled_in_ledger(
    workspace: Workspace, dropped: InboxFile, rules: Rules, lost: Collection[tuple[Kind, str]]
) -> bool:
    binding = workspace.ledger.binding(dropped.kind, dropped.name)
    if binding is None or binding.signature != dropped.signature or (dropped.kind, binding.file_id) in lost:
        return False
    if binding.file_id in workspace.ledger.retracted:
        return True
    content = binding.content or binding.file_id
    if file_id_as_read(content, dropped.name, workspace.dataset, dropped.kind) != binding.file_id:
        return False
    return is_known(workspace, workspace.ledger.files.get((dropped.kind, binding.file_id)), rules)

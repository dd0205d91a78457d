"""Manifests of the inbox: how many records each file has by the source (SPEC §10, Completeness)."""

from __future__ import annotations

import csv
from pathlib import Path

from event_assets.landing.inbox import InboxFile, look
from event_assets.pipeline.workspace import Workspace
from event_assets.storage.ledger import Manifest

_COLUMNS = ("file", "records")


def take_manifests(workspace: Workspace) -> list[str]:
    """Enter new and changed manifests into the ledger; a warning for each that can't be read, which changes nothing.

    A file whose records differ from a manifest is rejected from then on, until either of them changes.
    """
    known, warnings, taken = workspace.ledger.manifests, list[str](), list[Manifest]()
    if not (workspace.dataset.expect and workspace.dataset.expect.manifest):
        return []
    for dropped in look(workspace.inbox, workspace.dataset).manifests:
        before = known.get(dropped.name)
        if before is not None and before.signature == dropped.signature:
            continue
        try:
            taken.append(Manifest(dropped.name, dropped.signature, _read(dropped)))
        except (OSError, ValueError, csv.Error) as error:
            warnings.append(f"{dropped.name} can't be read as a manifest ({' '.join(str(error).split())})")
    workspace.ledger.append(taken)
    return warnings


def _read(dropped: InboxFile) -> dict[str, int]:
    """File name to its records."""
    if isinstance(dropped.path, Path):
        content = dropped.path.read_bytes()
    else:
        found = dropped.objects.read(dropped.name) if dropped.objects else None
        if found is None:
            raise ValueError("it is not there any more")
        content = found[0]
    rows = csv.DictReader(content.decode("utf-8-sig").splitlines())
    if not set(_COLUMNS) <= set(rows.fieldnames or ()):
        raise ValueError("it is a CSV file with the columns file and records")
    return {row["file"].strip(): int(row["records"]) for row in rows if row["file"]}

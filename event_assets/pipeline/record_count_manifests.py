"""Reads manifests, files in the inbox that list how many records each source file has; a source file with another
number is rejected (docs/how-to/completeness.md).
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from event_assets.landing.inbox import InboxFile, look
from event_assets.pipeline.mask_names import Masking
from event_assets.pipeline.workspace import Workspace
from event_assets.storage.ledger import Ledger
from event_assets.storage.ledger_entries import Binding, Kind, Manifest, SourceFile
from event_assets.wording import counted

_COLUMNS = ("file", "records")


def take_manifests(workspace: Workspace) -> list[str]:
    """Enter new and changed manifests into the ledger; a warning for each that can't be read, which changes nothing.

    A file whose records differ from a manifest is rejected from then on, until either of them changes.
    """
    masking = Masking(workspace.dataset, workspace.ledger)
    taken, warnings = read_manifests(pending_manifests(workspace))
    workspace.ledger.append(map(masking.entry, taken))
    return [*map(masking.text, warnings)]


def contradiction(
    ledger: Ledger, file: SourceFile, current: Mapping[tuple[Kind, str], Sequence[Binding]]
) -> str | None:
    """Why a file is rejected for what a manifest lists, with both numbers and what to do; None where it is not."""
    if file.reason is not None or (reason := ledger.reason(file, current)) is None:
        return None
    known = {name for binding in current.get((file.kind, file.file_id), ()) for name in binding.known_as}
    listed = [
        f"{records:,} in {manifest.name}"
        for manifest in ledger.manifests.values()
        for records in {manifest.records[name] for name in known & manifest.records.keys()} - {file.records}
    ]
    return (
        f"{reason}: {counted(file.records, 'record')}, {', '.join(sorted(listed))}; get the file and the manifest again"
    )


def pending_manifests(workspace: Workspace) -> list[InboxFile]:
    """The manifests of the inbox that are new or were touched."""
    if not (workspace.dataset.expect and workspace.dataset.expect.manifest):
        return []
    found = [
        (file, workspace.ledger.manifest(file.name)) for file in look(workspace.inbox, workspace.dataset).manifests
    ]
    return [file for file, known in found if known is None or known.signature != file.signature]


def read_manifests(files: Iterable[InboxFile]) -> tuple[list[Manifest], list[str]]:
    """What manifests say, and a warning for each that can't be read."""
    taken, warnings = list[Manifest](), list[str]()
    for dropped in files:
        try:
            taken.append(Manifest(dropped.name, dropped.signature, _read(dropped)))
        except (OSError, ValueError, csv.Error) as error:
            warnings.append(f"{dropped.name} can't be read as a manifest ({' '.join(str(error).split())})")
    return taken, warnings


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

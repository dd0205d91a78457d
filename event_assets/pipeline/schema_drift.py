"""Schema drift of a dataset: what its files have beyond the declaration, lack or write otherwise, and since when."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from event_assets.landing.schema_drift import Drift
from event_assets.pipeline.workspace import Workspace
from event_assets.storage.ledger import Kind, SourceFile


@dataclass(frozen=True)
class FieldDrift:
    """One field of a kind of file that differs from the declaration."""

    kind: Kind
    change: str
    """`new` (kept in `extra`), `missing` (null) or `retyped` (most of a file's values are not of its type)."""
    field: str
    records: int
    """Records that hold a new field; values of another type; of a missing column the records without it."""
    files: int
    first_seen: dt.datetime
    """When the first of these files was landed, and what that one is called (its file_id where no name is left)."""
    first_file: str


def drift_of(file: SourceFile) -> Drift:
    """How one landed file differs from its declaration."""
    return Drift(dict(file.new_fields), file.missing_columns, dict(file.retyped))


def drifts(workspace: Workspace) -> list[FieldDrift]:
    """What differs in the active files, by kind, change and field."""
    names = workspace.ledger.names()
    found: dict[tuple[Kind, str, str], list[tuple[SourceFile, int]]] = {}
    for kind in ("events", "profiles"):
        for file in workspace.ledger.active(kind):
            for change, counts in (
                ("new", file.new_fields),
                ("missing", dict.fromkeys(file.missing_columns, file.records)),
                ("retyped", file.retyped),
            ):
                for field, count in counts.items():
                    found.setdefault((kind, change, field), []).append((file, count))
    drifted = []
    for (kind, change, field), files in sorted(found.items()):
        first = min((file for file, _ in files), key=lambda file: (file.landed_at, file.file_id))
        name = (names.get((kind, first.file_id)) or [first.file_id])[0]
        records = sum(count for _, count in files)
        drifted.append(FieldDrift(kind, change, field, records, len(files), first.landed_at, name))
    return drifted

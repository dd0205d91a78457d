"""Lists the schema drift of a dataset: fields that are new, missing or of another type than declared, since when."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace

from event_assets.landing.schema_drift import ONE_FILE, Drift
from event_assets.pipeline.published_tables import DatasetTables
from event_assets.storage.ledger import Ledger
from event_assets.storage.ledger_entries import Kind, SourceFile

#: At most this number of new fields of a file is kept by name.
MAX_NAMES = 20
#: In place of the names that are not kept: their number.
_MORE = "more:"
#: Before the hash of a name.
_HIDDEN = "hidden:"
#: How messages name an undeclared field: with words around it, since a field may be called like any word.
FIELD_MESSAGES = ("new field {} in ", "new {} (")


@dataclass(frozen=True)
class FieldDrift:
    """One field of a kind of file that differs from the declaration."""

    kind: Kind
    change: str
    """`new` (kept in `extra`), `missing` (null) or `retyped` (most of a file's values are not of its type)."""
    field: str
    records: int
    """The number of records with a new field, of values of another type, or of records without a missing column."""
    files: int
    first_seen: dt.datetime
    """When the first of these files was landed, and its name (its file_id if it has no name any more)."""
    first_file: str


class FieldNames:
    """Decides which names of new fields the ledger keeps: names that at least two files have; of other names a keyed
    hash.

    A name that occurs in one file only may be a value, such as the id of a user by whom a map is keyed. Of a file with
    many new fields a few are kept, and the number of the others. Names with an erased user's id are not kept at all
    (mask_names.py).
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._files: dict[str, set[str]] = {}
        self._known: dict[str, str] = {}
        for file in ledger.files.values():
            for name in file.new_fields.keys() - {_MORE}:
                self._files.setdefault(hidden_name(self._ledger, name), set()).add(file.file_id)
                if not name.startswith(_HIDDEN):
                    self._known[hidden_name(self._ledger, name)] = name

    def kept(self, file: SourceFile) -> SourceFile:
        """A file that was just landed as the ledger may keep it."""
        counts: dict[str, int] = {}
        # The same fields are chosen in every file, so that files can be compared.
        chosen = sorted(file.new_fields, key=lambda name: hidden_name(self._ledger, name))[:MAX_NAMES]
        if more := len(file.new_fields) - len(chosen):
            counts[_MORE] = more
        for name in sorted(chosen):
            count, secret = file.new_fields[name], hidden_name(self._ledger, name)
            files = self._files.setdefault(secret, set())
            counts[name if files - {file.file_id} else secret] = count
            files.add(file.file_id)
        return replace(file, new_fields=counts)

    def shown(self, name: str) -> str:
        """The name to show: if it is hidden, the name from another file with the same field, if there is one."""
        return self._known.get(name, ONE_FILE) if name.startswith(_HIDDEN) else name


def hidden_name(ledger: Ledger, name: str) -> str:
    """The keyed hash that replaces a field's name. In a ledger without a key (of an older version) it is the name
    itself: `Ledger.draw_key` is called before files are landed."""
    is_kept = name == _MORE or name.startswith(_HIDDEN) or ledger.salt is None
    return name if is_kept else _HIDDEN + ledger.field_hash(name)


def drift_of(file: SourceFile) -> Drift:
    """How one landed file differs from its declaration."""
    new = {name: count for name, count in _names(file).items() if not name.startswith(_HIDDEN)}
    hidden = [count for name, count in file.new_fields.items() if name.startswith(_HIDDEN)]
    return Drift({**new, **({ONE_FILE: max(hidden)} if hidden else {})}, file.missing_columns, dict(file.retyped))


def drifts(workspace: DatasetTables) -> list[FieldDrift]:
    """What differs in the active files, by kind, change and field."""
    names, fields = workspace.ledger.names(), FieldNames(workspace.ledger)
    found: dict[tuple[Kind, str, str], list[tuple[SourceFile, int]]] = {}
    for file in workspace.ledger.active():
        for change, counts in (
            ("new", _by_shown_name(_names(file), fields)),
            ("missing", dict.fromkeys(file.missing_columns, file.records)),
            ("retyped", file.retyped),
        ):
            for field, count in counts.items():
                found.setdefault((file.kind, change, field), []).append((file, count))
    drifted = []
    for (kind, change, field), files in sorted(found.items()):
        first = min((file for file, _ in files), key=lambda file: (file.landed_at, file.file_id))
        name = (names.get((kind, first.file_id)) or [first.file_id])[0]
        records = sum(count for _, count in files)
        drifted.append(FieldDrift(kind, change, field, records, len(files), first.landed_at, name))
    return drifted


def _names(file: SourceFile) -> dict[str, int]:
    """The new fields of a file with their numbers of records. One entry counts the fields whose names are not kept."""
    kept = {name: count for name, count in file.new_fields.items() if name != _MORE}
    more = file.new_fields.get(_MORE, 0)
    return {**kept, f"({more:,} more fields)": max(kept.values())} if more else kept


def _by_shown_name(counts: Mapping[str, int], fields: FieldNames) -> dict[str, int]:
    found: dict[str, int] = {}
    for name, count in counts.items():
        found[fields.shown(name)] = max(count, found.get(fields.shown(name), 0))
    return found

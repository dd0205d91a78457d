"""The state that the entries of a ledger give: the source files, their names and states, retractions and erasures."""

from __future__ import annotations

import datetime as dt
import hmac
import secrets
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from event_assets.storage.ledger_entries import (
    KINDS,
    Binding,
    Entry,
    Erasure,
    Expiry,
    Key,
    Kind,
    Manifest,
    Restoration,
    Retraction,
    SourceFile,
    State,
)


class LedgerState:
    """The state after the entries so far. A later entry about the same thing takes the place of an earlier one."""

    def _clear(self) -> None:
        self.files: dict[tuple[Kind, str], SourceFile] = {}
        self.bindings: dict[tuple[Kind, str], Binding] = {}
        """The bindings by kind and key; `binding` finds the binding of a name."""
        self._bound: defaultdict[tuple[Kind, str], dict[str, None]] = defaultdict(dict)
        """The keys of each content's names so far."""
        self.manifests: dict[str, Manifest] = {}
        """The manifests by name."""
        self.retracted: dict[str, str | None] = {}
        """Retracted content to the time of its retraction (None in a ledger of an older version)."""
        self.erased: dict[str, Erasure] = {}
        """Erased users by their hash."""
        self.salt: str | None = None
        self.expired_before: dict[str, dt.date] = {}
        """Table to the date before which retention dropped its dates."""

    def _apply(self, entry: Entry) -> None:
        match entry:
            case SourceFile():
                self.files[entry.kind, entry.file_id] = entry
            case Binding():
                self.bindings[entry.kind, entry.key] = entry
                self._bound[entry.kind, entry.file_id][entry.key] = None
            case Manifest():
                self.manifests[entry.name] = entry
            case Retraction():
                self.retracted[entry.file_id] = entry.at
            case Restoration():
                self.retracted.pop(entry.file_id, None)
            case Erasure():
                known = self.erased.get(entry.user)
                self.erased[entry.user] = replace(entry, mentions=True) if known and known.mentions else entry
                self.salt = entry.salt
            case Key():
                self.salt = entry.salt
            case Expiry():
                before = dt.date.fromisoformat(entry.before)
                self.expired_before[entry.table] = max(before, self.expired_before.get(entry.table, before))

    def _entries(self) -> Iterator[Entry]:
        """The fewest entries that add up to this state."""
        yield from self.files.values()
        for (kind, file_id), keys in self._bound.items():  # before those that are current, which replace them
            former = (binding for key in keys if (binding := self.bindings[kind, key]).file_id != file_id)
            yield from (Binding(one.name, kind, file_id, "", hidden=one.hidden) for one in former)
        yield from self.bindings.values()
        yield from self.manifests.values()
        yield from (Retraction(file_id, at) for file_id, at in sorted(self.retracted.items()))
        yield from [Key(self.salt)] if self.salt else []
        yield from (self.erased[user] for user in sorted(self.erased))
        yield from (Expiry(table, before.isoformat()) for table, before in sorted(self.expired_before.items()))

    def binding(self, kind: Kind, name: str) -> Binding | None:
        """The binding of a name in the inbox, if it has one."""
        found = self.bindings.get((kind, name))
        return found if found is not None or self.salt is None else self.bindings.get((kind, self.name_hash(name)))

    def manifest(self, name: str) -> Manifest | None:
        """The manifest of a name in the inbox, if it was read."""
        found = self.manifests.get(name)
        return found if found is not None or self.salt is None else self.manifests.get(self.name_hash(name))

    def current(self) -> dict[tuple[Kind, str], list[Binding]]:
        """The bindings of each file's content by (kind, file_id), in order of their names."""
        found: dict[tuple[Kind, str], list[Binding]] = {}
        for binding in sorted(self.bindings.values(), key=lambda b: (b.name, b.file_id)):
            found.setdefault((binding.kind, binding.file_id), []).append(binding)
        return found

    def names(self) -> dict[tuple[Kind, str], list[str]]:
        """The names that refer to each file's content now, by (kind, file_id)."""
        return {key: [binding.name for binding in some] for key, some in self.current().items()}

    def name(self, file_id: str) -> str | None:
        """The first of the names that refer to a content now."""
        bound = (self.bindings[kind, key] for kind in KINDS for key in self._bound.get((kind, file_id), ()))
        return min((binding.name for binding in bound if binding.file_id == file_id), default=None)

    def names_so_far(self) -> dict[tuple[Kind, str], list[str]]:
        """The names that refer to each file's content, or that last did where no name does now."""
        former = {
            (kind, file_id): sorted(self.bindings[kind, key].name for key in keys)
            for (kind, file_id), keys in self._bound.items()
        }
        return former | self.names()

    def states(self) -> dict[tuple[Kind, str], State]:
        """What became of each file, by (kind, file_id)."""
        bound = self.current()

        def state(file: SourceFile) -> State:
            if self.reason(file, bound) is not None:
                return "rejected"
            if file.file_id in self.retracted:
                return "retracted"
            return "active" if (file.kind, file.file_id) in bound else "superseded"

        return {key: state(file) for key, file in sorted(self.files.items())}

    def reason(
        self, file: SourceFile, current: Mapping[tuple[Kind, str], Sequence[Binding]] | None = None
    ) -> str | None:
        """Why a whole file is rejected; `current` is `current()`, where the caller has it."""
        if file.reason is not None or not self.manifests:
            return file.reason
        bound = (self.current() if current is None else current).get((file.kind, file.file_id), ())
        return "manifest_mismatch" if self.contradicts(file, bound) else None

    def contradicts(self, file: SourceFile, bindings: Iterable[Binding]) -> bool:
        """Whether a manifest gives one of a file's names (with or without its folder) another number of records."""
        known = {name for binding in bindings for name in binding.known_as}
        numbers = (
            manifest.records[name] for manifest in self.manifests.values() for name in known & manifest.records.keys()
        )
        return any(records != file.records for records in numbers)

    def active(self, *kinds: Kind) -> list[SourceFile]:
        """The files of some kinds (of all where none are named) whose records count, by kind and file_id."""
        wanted = kinds or KINDS
        return [self.files[key] for key, state in self.states().items() if state == "active" and key[0] in wanted]

    def erasure(self, user_id: str, *, spread: int = 0, mentions: bool = False) -> Erasure:
        """The tombstone of a user. The first one of a ledger draws the key, on which nothing else depends."""
        salt = self.salt or secrets.token_hex(16)
        return Erasure(_keyed_hash(salt, user_id), salt, spread, mentions)

    def field_hash(self, name: str) -> str:
        """A field's name as a keyed hash (`draw_key` was called before)."""
        assert self.salt is not None
        return _keyed_hash(self.salt, f"field {name}")

    def name_hash(self, name: str) -> str:
        """A file's name as a keyed hash (`draw_key` was called before)."""
        assert self.salt is not None
        return _keyed_hash(self.salt, f"file {name}")

    def is_erased(self, user_id: str) -> bool:
        """Whether a user (by the id as cleaning writes it) was erased."""
        return self.salt is not None and _keyed_hash(self.salt, user_id) in self.erased

    def takes_mentions(self, user_id: str) -> bool:
        """Whether rejected and quarantined records of others that mention an erased user are left out as well."""
        erasure = self.erased.get(_keyed_hash(self.salt, user_id)) if self.salt is not None else None
        return erasure is not None and erasure.mentions


def _keyed_hash(salt: str, text: str) -> str:
    return hmac.digest(salt.encode(), text.encode(), "sha256").hex()[:32]

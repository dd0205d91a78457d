"""The entries of a dataset's ledger, and the JSON text of each.

They contain names, counts and digests, never a value of a record: an erased user is in them as a keyed hash of the id
(docs/adr/0012).
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

Kind = Literal["events", "profiles"]
KINDS: tuple[Kind, ...] = get_args(Kind)
State = Literal["active", "superseded", "retracted", "rejected"]


@dataclass(frozen=True)
class SourceFile:
    """A file as it was landed under certain landing rules. Times are UTC, `dates` counts rows by event_date.

    records = landed + rejected + erased. Counts include dates that retention has dropped.
    """

    file_id: str
    kind: Kind
    rules: str
    landed_at: dt.datetime
    bytes: int
    records: int
    landed: int
    rejected: int
    dates: Mapping[str, int] = field(default_factory=dict)
    reasons: Mapping[str, int] = field(default_factory=dict)
    new_fields: Mapping[str, int] = field(default_factory=dict)
    missing_columns: tuple[str, ...] = ()
    retyped: Mapping[str, int] = field(default_factory=dict)
    """Column to the number of its values that aren't of its type, where most aren't."""
    repairs: tuple[str, ...] = ()
    reason: str | None = None
    """Why the whole file was rejected, where it was."""
    erased: int = 0
    """Records that are not landed, or no longer, since their user was erased."""
    uncut: Mapping[str, int] = field(default_factory=dict)
    """Rejected records, and rows by date, before records of erased users were taken out; empty where none were. What
    `source_files` shows of a file that is no longer active, so that it doesn't matter which came first."""
    user_place: int | None = None
    """The place of the user's field among a CSV file's fields, from 0."""
    cuts: Mapping[str, str] = field(default_factory=dict)
    """Which of the file's parts lack erased records: the part to a digest of their row numbers."""
    masks: Mapping[str, str] = field(default_factory=dict)
    """In which of the file's parts names of members are masked: the part to a digest of the rows with masks."""
    run: str | None = None
    """The run that landed it first, as with `landed_at`; None where no run of Dagster's did."""


@dataclass(frozen=True)
class Binding:
    """Which content a name refers to; the signature shows whether the file was touched since."""

    name: str
    kind: Kind
    file_id: str
    signature: str
    content: str = ""
    """The SHA-256 of the bytes, where `file_id` is of more than these."""
    hidden: tuple[str, ...] = ()
    """Where `name` lacks an erased user's id: the keyed hashes of the path as it is, and of its last part."""

    @property
    def key(self) -> str:
        """What identifies the name."""
        return self.hidden[0] if self.hidden else self.name

    @property
    def known_as(self) -> set[str]:
        """What a manifest may call the file: its path or the last part of it, or the hash of either."""
        return {self.name, self.name.rsplit("/", 1)[-1], *self.hidden}


@dataclass(frozen=True)
class Retraction:
    """A content that is not active, under whatever name it is stored or dropped again, until it is restored."""

    file_id: str
    at: str | None = None
    """When, in ISO 8601; one command retracts all its files at one time."""


@dataclass(frozen=True)
class Restoration:
    """The end of a content's retraction."""

    file_id: str


@dataclass(frozen=True)
class Erasure:
    """A user whose records are removed from all present and future files, by a keyed hash of the user's id."""

    user: str
    salt: str
    """The key of the hash, one for the whole ledger."""
    spread: int = 0
    """How many characters that end tokens are within the id: what the id can be found by (erased_ids.py)."""
    mentions: bool = False
    """Whether rejected and quarantined records of others that mention the user are left out as well."""


@dataclass(frozen=True)
class Key:
    """The key of the ledger's hashes, drawn once: nothing else depends on it."""

    salt: str


@dataclass(frozen=True)
class Expiry:
    """A table's dates before one were dropped permanently; a later one of the same table takes its place."""

    table: str
    before: str


@dataclass(frozen=True)
class Manifest:
    """A manifest of the inbox: the number of records of each file. A later one of the same name takes its place.

    Names with an erased user's id are keyed hashes.
    """

    name: str
    signature: str
    records: Mapping[str, int]


Entry = SourceFile | Binding | Manifest | Retraction | Restoration | Erasure | Key | Expiry

_KINDS: dict[str, Callable[..., Entry]] = {
    "landed": SourceFile,
    "bound": Binding,
    "manifest": Manifest,
    "retracted": Retraction,
    "restored": Restoration,
    "erased": Erasure,
    "keyed": Key,
    "expired": Expiry,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}


def entry_text(entry: Entry) -> str:
    """The entry as the ledger stores it."""
    document = asdict(entry)
    if isinstance(entry, SourceFile):
        document["landed_at"] = entry.landed_at.isoformat()
    return json.dumps({"what": _NAMES[type(entry)], **document}, sort_keys=True)


def read_entry(text: str) -> Entry:
    """The entry of a stored text."""
    document: dict[str, Any] = json.loads(text)
    kind = _KINDS[document.pop("what")]
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in document.items()
    }
    if kind is SourceFile:
        values["landed_at"] = dt.datetime.fromisoformat(values["landed_at"])
    return kind(**values)

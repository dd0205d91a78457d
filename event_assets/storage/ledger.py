"""The ledger of a dataset's source files: what was landed, under which names, what was taken back.

It only grows: each step is one entry, several entries are one atomic commit, and the state is what they
add up to. Entries hold names, counts and digests, never a value of a record: an erased user is in it as
a keyed hash of the id (docs/adr/0012).
"""

from __future__ import annotations

import datetime as dt
import hmac
import json
import secrets
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import polars as pl

from event_assets.digest import digest
from event_assets.errors import DamagedFileError, DamagedLogError, LakeError
from event_assets.storage.aside import link_files
from event_assets.storage.files import Files, files_of
from event_assets.storage.parquet import read_parquet, write_parquet
from event_assets.storage.read_again import read_again
from event_assets.storage.table_log import LogFile, TableLog

if TYPE_CHECKING:
    import pyarrow as pa

Kind = Literal["events", "profiles"]
State = Literal["active", "superseded", "retracted", "rejected"]

#: So many files of entries are rewritten as one.
_COMPACT_ABOVE = 32


@dataclass(frozen=True)
class SourceFile:
    """A file as it was landed under certain landing rules. Times are UTC, `dates` counts rows by event_date.

    records = landed + rejected + erased. Counts are of what is in the lake, or was there until retention
    dropped its date.
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
        """What tells the name from others."""
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
    """A user whose records are removed, in whatever file they are or come again: a keyed hash of the user's id."""

    user: str
    salt: str
    """The key of the hash, one for the whole ledger."""
    spread: int = 0
    """How many characters that end tokens are within the id: what the id can be found by (erased_ids.py)."""
    mentions: bool = False
    """Whether refused records of others that mention the user are left out as well."""


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


class Ledger:
    """The ledger at a folder. Read with `reload`, written by the dataset's one writer with `append`.

    `staging` is a folder on this machine, for a ledger that is stored elsewhere.
    """

    def __init__(self, folder: Path | Files, staging: Path | None = None) -> None:
        self._files = files_of(folder)
        self._staging = folder if isinstance(folder, Path) else staging
        self._log = TableLog(self._files, _schema, None)
        self._forget()

    def _forget(self) -> None:
        self.files: dict[tuple[Kind, str], SourceFile] = {}
        self.bindings: dict[tuple[Kind, str], Binding] = {}
        """The bindings by kind and key; `binding` finds that of a name."""
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
        self._read: list[str] = []
        self._entries = 0

    def reload(self) -> Ledger:
        """Bring the state up to what was committed by now. LakeError where it can't be read: nothing may change."""
        try:
            return read_again(self._reload, lambda: None)
        except (DamagedLogError, DamagedFileError, FileNotFoundError) as error:
            raise self.unreadable(" ".join(str(error).split())) from None

    def unreadable(self, why: str) -> LakeError:
        remedy = "restore it from a backup; nothing was changed"
        return LakeError(str(self._files.folder), f"the ledger of source files can't be read ({why})", remedy)

    @property
    def is_new(self) -> bool:
        """Whether nothing was ever committed to it."""
        return self._log.version < 0

    def _reload(self) -> Ledger:
        paths = [file.path for file in self._log.files()]
        if self._read and set(self._read) - set(paths):  # compacted meanwhile
            self._forget()
        new = [path for path in paths if path not in self._read]
        if new:
            frame = pl.concat([read_parquet(path) for path in self._files.local(new)]).sort("sequence")
            for text in frame["entry"]:
                self._apply(json.loads(text))
            self._entries += frame.height
            self._read = paths
        return self

    def append(self, entries: Iterable[Entry]) -> None:
        """Commit entries, all or none."""
        texts = [_text(entry) for entry in entries]
        if not texts:
            return
        for text in texts:
            self._apply(json.loads(text))
        if len(self._read) >= _COMPACT_ABOVE:
            self.rewrite()
        else:
            self._write(texts, remove=[])

    def rewrite(self, entries: Iterable[Entry] = (), change: Callable[[Entry], Entry] = lambda entry: entry) -> None:
        """Commit entries together with all others as `change` gives them, and delete every older text of them."""
        for entry in entries:
            self._apply(json.loads(_text(entry)))
        texts = [_text(change(entry)) for entry in self._state()]
        older = self._read
        self._forget()
        for text in texts:
            self._apply(json.loads(text))
        self._read = older
        self._write(texts, remove=older)

    def link_to(self, other: Ledger) -> None:
        """Begin with what the ledger of another lake has, by links to its files."""
        files = other._log.files()
        here = [self._files.here / file.path for file in files]
        link_files(zip(other._files.local([file.path for file in files]), here, strict=True))
        if files:
            self._log.commit(files, [])

    def sweep(self) -> None:
        """Delete the files of a writer that died before its commit or before deleting what it replaced."""
        self._files.delete(self._files.leftovers({file.path for file in self._log.files()}))

    def binding(self, kind: Kind, name: str) -> Binding | None:
        """What a name of the inbox stands for, if anything."""
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
        kinds: tuple[Kind, ...] = get_args(Kind)
        bound = (self.bindings[kind, key] for kind in kinds for key in self._bound.get((kind, file_id), ()))
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

    @property
    def version(self) -> int:
        """Changes with every commit."""
        return self._log.version

    def active(self, kind: Kind) -> list[SourceFile]:
        """The files of a kind whose records count, by file_id."""
        return [self.files[key] for key, state in self.states().items() if state == "active" and key[0] == kind]

    def erasure(self, user_id: str, *, spread: int = 0, mentions: bool = False) -> Erasure:
        """The tombstone of a user. The first one of a ledger draws the key, on which nothing else depends."""
        salt = self.salt or secrets.token_hex(16)
        return Erasure(_keyed_hash(salt, user_id), salt, spread, mentions)

    def draw_key(self) -> None:
        """Let the ledger have a key for its hashes."""
        if self.salt is None:
            self.append([Key(secrets.token_hex(16))])

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
        """Whether an erased user's mentions in refused records of others are left out as well."""
        erasure = self.erased.get(_keyed_hash(self.salt, user_id)) if self.salt is not None else None
        return erasure is not None and erasure.mentions

    def _state(self) -> Iterator[Entry]:
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

    def _write(self, texts: list[str], remove: list[str]) -> None:
        first = self._entries
        # Two writers that don't know of each other never write one file.
        path = f"entries-{self._log.version + 1:08d}-{digest(texts)}.parquet"
        frame = pl.DataFrame(
            {
                "sequence": range(first, first + len(texts)),
                "entry": texts,
            },
            schema={"sequence": pl.Int64, "entry": pl.String},
        )
        assert self._staging is not None
        write_parquet(frame, self._staging / path)
        self._files.place(self._staging / path, path)
        self._log.commit([LogFile(path, frame.height)], remove)
        self._entries = first + frame.height
        self._read = [kept for kept in self._read if kept not in remove] + [path]
        self._files.delete(remove)

    def _apply(self, document: dict[str, Any]) -> None:
        match document.pop("what"):
            case "landed":
                document["landed_at"] = dt.datetime.fromisoformat(document["landed_at"])
                document["missing_columns"] = tuple(document["missing_columns"])
                document["repairs"] = tuple(document["repairs"])
                file = SourceFile(**document)
                self.files[file.kind, file.file_id] = file
            case "bound":
                document["hidden"] = tuple(document.get("hidden", ()))
                binding = Binding(**document)
                self.bindings[binding.kind, binding.key] = binding
                self._bound[binding.kind, binding.file_id][binding.key] = None
            case "manifest":
                self.manifests[document["name"]] = Manifest(**document)
            case "retracted":
                self.retracted[document["file_id"]] = document.get("at")
            case "restored":
                self.retracted.pop(document["file_id"], None)
            case "erased":
                erasure = Erasure(**document)
                known = self.erased.get(erasure.user)
                self.erased[erasure.user] = replace(erasure, mentions=True) if known and known.mentions else erasure
                self.salt = erasure.salt
            case "keyed":
                self.salt = document["salt"]
            case "expired":
                table, before = document["table"], dt.date.fromisoformat(document["before"])
                self.expired_before[table] = max(before, self.expired_before.get(table, before))


_WHAT = {
    SourceFile: "landed",
    Binding: "bound",
    Manifest: "manifest",
    Retraction: "retracted",
    Restoration: "restored",
    Erasure: "erased",
    Key: "keyed",
    Expiry: "expired",
}


def _schema() -> pa.Schema:
    import pyarrow as pa

    return pa.schema([("sequence", pa.int64()), ("entry", pa.string())])


def _keyed_hash(salt: str, user_id: str) -> str:
    return hmac.digest(salt.encode(), user_id.encode(), "sha256").hex()[:32]


def _text(entry: Entry) -> str:
    document = asdict(entry)
    if isinstance(entry, SourceFile):
        document["landed_at"] = entry.landed_at.isoformat()
    return json.dumps({"what": _WHAT[type(entry)], **document}, sort_keys=True)

"""The ledger of a dataset's source files: what was landed, under which names, and what was retracted.

It only grows: each change is one entry, several entries are one atomic commit, and all entries together give the state.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from event_assets.digest import digest
from event_assets.errors import DamagedFileError, DamagedLogError, LakeError
from event_assets.storage.delta_actions import LogFile
from event_assets.storage.files import Files, files_of
from event_assets.storage.ledger_entries import Entry, Key, entry_text, read_entry
from event_assets.storage.ledger_state import LedgerState
from event_assets.storage.linked_copy import link_files
from event_assets.storage.parquet import read_parquet, write_parquet
from event_assets.storage.retry_missing_files import retry_missing_files
from event_assets.storage.table_log import TableLog

if TYPE_CHECKING:
    import pyarrow as pa

#: With more files of entries than this, they are rewritten as one.
_COMPACT_ABOVE = 32


class Ledger(LedgerState):
    """The ledger at a folder. Read with `reload`, written by the dataset's one writer with `append`.

    `staging` is a folder on this machine, for a ledger that is stored elsewhere.
    """

    def __init__(self, folder: Path | Files, staging: Path | None = None) -> None:
        self._files = files_of(folder)
        self._staging = folder if isinstance(folder, Path) else staging
        self._log = TableLog(self._files, _schema, None)
        self._forget()

    def _forget(self) -> None:
        self._clear()
        self._read: list[str] = []
        self._count = 0

    def reload(self) -> Ledger:
        """Read what was committed since the last call. LakeError if the ledger can't be read: then nothing may
        change."""
        try:
            return retry_missing_files(self._reload, lambda: None)
        except (DamagedLogError, DamagedFileError) as error:  # their remedy, another run, is for tables
            raise self.unreadable(f"{error.culprit}: {error.state}") from None
        except FileNotFoundError as error:
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
                self._apply(read_entry(text))
            self._count += frame.height
            self._read = paths
        return self

    def append(self, entries: Iterable[Entry]) -> None:
        """Commit entries, all or none."""
        texts = [entry_text(entry) for entry in entries]
        if texts and len(self._read) >= _COMPACT_ABOVE:
            self.rewrite(map(read_entry, texts))
        elif texts:
            self._write(texts, remove=[])

    def draw_key(self) -> None:
        """Let the ledger have a key for its hashes."""
        if self.salt is None:
            self.append([Key(secrets.token_hex(16))])

    def rewrite(self, entries: Iterable[Entry] = (), change: Callable[[Entry], Entry] = lambda entry: entry) -> None:
        """Commit entries together with all other entries, changed by `change`, and delete every older text of them."""
        state = LedgerState()
        state._clear()
        for entry in (*self._entries(), *entries):
            state._apply(read_entry(entry_text(entry)))
        self._write([entry_text(change(entry)) for entry in state._entries()], remove=self._read)

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

    @property
    def version(self) -> int:
        """Changes with every commit."""
        return self._log.version

    def _write(self, texts: list[str], remove: list[str]) -> None:
        first = 0 if remove else self._count
        # The digest keeps two writers that don't know of each other from writing the same file.
        path = f"entries-{self._log.version + 1:08d}-{digest(texts)}.parquet"
        frame = pl.DataFrame(
            {"sequence": range(first, first + len(texts)), "entry": texts},
            schema={"sequence": pl.Int64, "entry": pl.String},
        )
        assert self._staging is not None
        write_parquet(frame, self._staging / path)
        self._files.place(self._staging / path, path)
        self._log.commit([LogFile(path, frame.height)], remove)
        if remove:
            self._clear()
        for text in texts:  # only now: a commit that fails changes nothing here either
            self._apply(read_entry(text))
        self._count = first + frame.height
        self._read = [kept for kept in self._read if kept not in remove] + [path]
        self._files.delete(remove)


def _schema() -> pa.Schema:
    import pyarrow as pa

    return pa.schema([("sequence", pa.int64()), ("entry", pa.string())])

"""The digest of the declaration's rules by which source files are read; a file that was landed by other rules is
landed again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from event_assets.declaration import Dataset, Events
from event_assets.digest import digest
from event_assets.landing.inbox import block_of
from event_assets.landing.unpack import TOO_LARGE, Limits
from event_assets.pipeline.workspace import Workspace
from event_assets.storage.ledger_entries import KINDS, Binding, Kind, SourceFile

#: Raised when landing reads the same bytes otherwise than before: every file is then read again.
LANDING_VERSION = 3


def landing_rules(dataset: Dataset, kind: Kind, number: int) -> str:
    """The digest of those parts of the declaration by which files of a block are read."""
    block = dataset.blocks(kind)[number]
    columns = [
        (c.name, c.sources, c.pattern, c.constant, c.required, c.in_every_file, c.type == "json") for c in block.columns
    ]
    # Null values tell which of several fields holds a value, and which times are missing.
    nulls = [c.null_values for c in block.columns if len(c.sources) > 1]
    numbers = [(c.numbers.rules(), "as they came") for c in block.columns if c.numbers is not None]
    reading = block.rules(
        "format", "csv", "log", "excel", "encoding", "lines", "records", "explode", "max_record_bytes"
    )
    # Only the strict policy refuses what the others land, and only for it a column's type matters here.
    strict = [(column.type, column.null_values) for column in block.columns] if dataset.drift == "fail" else []
    raw = [(c.name, c.constant) for c in dataset.columns_of(kind)], number if dataset.is_mixed(kind) else None
    clock: list[Any] = []
    if isinstance(block, Events):
        times = block.time.sources
        no_time = [column.null_values for column in block.columns if column.source in times]
        clock = [dataset.timezone, dataset.source_timezone, dataset.start_date, block.time.rules(), no_time]
        clock += [dataset.end_date] if dataset.end_date else []
    return digest(LANDING_VERSION, kind, columns, nulls, numbers, reading, strict, raw, clock, length=8)


@dataclass(frozen=True)
class Rules:
    """The current rules: a digest of much of the declaration, computed once for ten thousand files."""

    by_block: Mapping[tuple[Kind, int], str]
    blocks: Mapping[tuple[Kind, str], int]
    """The block by which a content is read, where there are several: of all names that refer to it the first block, so
    that it doesn't matter which name came first."""

    def of(self, kind: Kind, file_id: str) -> str:
        return self.by_block.get((kind, self.blocks.get((kind, file_id), 0)), "")


def rules_of_today(workspace: Workspace, bindings: Iterable[Binding] = ()) -> Rules:
    """The rules by which files are to be read, once these names are bound besides those in the ledger."""
    dataset = workspace.dataset
    by_block = {
        (kind, number): landing_rules(dataset, kind, number)
        for kind in KINDS
        for number in range(len(dataset.blocks(kind)))
    }
    bound = {(b.kind, b.key): (b.name, b.file_id) for b in (*workspace.ledger.bindings.values(), *bindings)}
    blocks: dict[tuple[Kind, str], int] = {}
    for (kind, _), (name, file_id) in bound.items():
        if len(dataset.blocks(kind)) > 1:
            number = block_of(name, dataset, kind) or 0
            blocks[kind, file_id] = min(number, blocks.get((kind, file_id), number))
    return Rules(by_block, blocks)


def is_known(workspace: Workspace, file: SourceFile | None, rules: Rules) -> bool:
    """Whether a content was landed by the rules of today; one that was too large, under the limits of today."""
    if file is None or file.rules != rules.of(file.kind, file.file_id):
        return False
    return file.reason is None or not file.reason.startswith(TOO_LARGE) or file.reason in limits(workspace).reasons


def limits(workspace: Workspace) -> Limits:
    """How far a file may unpack, as the settings say."""
    settings = workspace.settings
    return Limits(settings.max_unpacked_bytes, settings.max_ratio, settings.memory_bytes)

"""The rules by which source files are read today: a file that was landed by others is landed again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from event_assets.declaration import Dataset, Source
from event_assets.digest import digest
from event_assets.landing.unpack_limits import TOO_LARGE, Limits
from event_assets.pipeline.workspace import Workspace
from event_assets.storage.ledger import Binding, Kind, SourceFile
from event_assets.text.file_names import file_date

#: Raised when landing reads the same bytes otherwise than before: every file is then read again.
LANDING_VERSION = 1


def landing_rules(dataset: Dataset, kind: Kind) -> str:
    """The digest of those parts of the declaration by which a file of a kind is read."""
    source = _source(dataset, kind)
    columns = [
        (column.name, column.source, column.constant, column.required, column.in_every_file)
        for column in source.columns
    ]
    reading = source.rules("format", "csv", "encoding", "lines", "max_record_bytes")
    json = [column.name for column in source.columns if column.type == "json"]
    # Only the strict policy refuses what the others land, and only for it a column's type matters here.
    strict = [(column.type, column.null_values) for column in source.columns] if dataset.drift == "fail" else []
    time_source = dataset.events.time.source
    no_time = [column.null_values for column in dataset.columns if column.source == time_source]
    clock = [dataset.timezone, dataset.source_timezone, dataset.start_date, dataset.events.time.rules(), no_time]
    clock += [dataset.end_date] if dataset.end_date else []
    return digest(LANDING_VERSION, kind, columns, json, reading, strict, clock if kind == "events" else [], length=8)


@dataclass(frozen=True)
class Rules:
    """The rules of today: a digest of much of the declaration, which ten thousand files shall not each ask for."""

    by_kind: Mapping[Kind, str]
    dated_by: Mapping[tuple[Kind, str], str]
    """With `missing_time: file_date`, the name that dates a content: of all that stand for it the one with the earliest
    date (of these the first), so that it doesn't matter which came first."""

    def of(self, kind: Kind, file_id: str) -> str:
        name, rules = self.dated_by.get((kind, file_id)), self.by_kind.get(kind, "")
        return digest(rules, str(file_date(name)), length=8) if name else rules


def rules_of_today(workspace: Workspace, bindings: Iterable[Binding] = ()) -> Rules:
    """The rules by which files are to be read, once these names are bound besides those in the ledger."""
    dataset = workspace.dataset
    kinds: tuple[Kind, ...] = ("events", "profiles") if dataset.profiles else ("events",)
    dated_by: dict[tuple[Kind, str], str] = {}
    if dataset.events.time.missing == "file_date":
        bound = {b.name: b.file_id for b in (*workspace.ledger.bindings.values(), *bindings) if b.kind == "events"}
        dated = [(date, name) for name in bound if (date := file_date(name))]
        for _, name in sorted(dated, reverse=True):
            dated_by["events", bound[name]] = name
    return Rules({kind: landing_rules(dataset, kind) for kind in kinds}, dated_by)


def is_known(workspace: Workspace, file: SourceFile | None, rules: Rules) -> bool:
    """Whether a content was landed by the rules of today; one that was too large, under the limits of today."""
    if file is None or file.rules != rules.of(file.kind, file.file_id):
        return False
    return file.reason is None or not file.reason.startswith(TOO_LARGE) or file.reason in limits(workspace).reasons


def limits(workspace: Workspace) -> Limits:
    """How far a file may unpack, as the settings say."""
    return Limits(workspace.settings.max_unpacked_bytes, workspace.settings.max_ratio)


def _source(dataset: Dataset, kind: Kind) -> Source:
    source = dataset.events if kind == "events" else dataset.profiles
    assert source is not None
    return source

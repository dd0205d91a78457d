"""What a run would do now, and why; only the ledger, the logs and the inbox's listing are read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from event_assets.declaration import parse_dataset
from event_assets.declaration.changes import Change, changes, normalised
from event_assets.errors import DeclarationError
from event_assets.landing.inbox import InboxFile
from event_assets.pipeline.land_files import pending
from event_assets.pipeline.manifests import pending_manifests, read_manifests
from event_assets.pipeline.staleness.made_from import made_from
from event_assets.pipeline.staleness.stale_partitions import CHANGED, Stale, stale_units
from event_assets.pipeline.staleness.touched_partitions import touched_partitions
from event_assets.pipeline.steps import RECONCILIATION, Step, steps
from event_assets.pipeline.workspace import Workspace
from event_assets.tables.custom_table_functions import custom_tables
from event_assets.wording import counted

_TOUCHED = "changed or touched since it was landed"


@dataclass(frozen=True)
class Plan:
    """Files that would be landed and partitions that would be made."""

    changes: tuple[Change, ...]
    """The keys of the declaration that changed since all tables were last up to date."""
    files: tuple[tuple[str, str], ...]
    """Name and why, by name."""
    warnings: tuple[str, ...]
    stale: tuple[Stale, ...]
    """What is known to be stale, upstream first."""
    at_most: dict[str, set[dt.date | None]]
    """By table, what could be touched with all that is downstream: an unchanged result ends the chain. Without what the
    files touch, whose dates are known once they are landed."""
    internal: frozenset[str] = frozenset()
    """The internal tables, which JSON leaves out."""

    @property
    def is_empty(self) -> bool:
        return not self.files and not self.stale

    def units(self) -> dict[str, list[str]]:
        """Table to the dates that are known to be made; a table without dates has the date `""`."""
        found: dict[str, list[str]] = {}
        for unit in self.stale:
            for table in unit.step.tables:
                if table not in self.internal:
                    found.setdefault(table, []).append(str(unit.date or ""))
        return found

    def as_json(self) -> dict[str, Any]:
        at_most = {table: dates for table, dates in self.at_most.items() if table not in self.internal}
        return {
            "changes": [{"key": change.key, "old": change.old, "new": change.new} for change in self.changes],
            "files": [{"name": name, "why": why} for name, why in self.files],
            "warnings": list(self.warnings),
            "units": self.units(),
            "at_most": {table: sorted(str(d or "") for d in dates) for table, dates in sorted(at_most.items())},
            "tables": {},
        }

    def lines(self) -> Iterator[str]:
        """One line a changed key, a file, and a step with a range of dates; and a sum."""
        yield from map(str, self.changes)
        yield from (f"would land {name}: {why}" for name, why in self.files)
        for (step, why), units in groupby(self.stale, key=lambda unit: (unit.step.name, unit.why)):
            yield f"would make {step} {date_range([unit.date for unit in units])}".rstrip() + f": {why}"
        total = sum(len(dates) for dates in self.at_most.values())
        if self.is_empty:
            yield "Nothing to do: no file is new and no partition is stale."
            return
        files = f"{counted(len(self.files), 'file')}, whose dates are known once landed; " if self.files else ""
        stale = counted(len(self.stale), "stale partition")
        yield f"{files}{stale}, at most {total} touched with what is downstream"


def date_range(dates: Sequence[dt.date | None]) -> str:
    """Dates in order as one range with their number; empty where the table has none."""
    known = [date for date in dates if date]
    if len(known) < 2:
        return str(known[0]) if known else ""
    return f"{known[0]} to {known[-1]} ({len(known)} dates)"


def preview(workspace: Workspace) -> Plan:
    """What `run` would do now. The caller has called `workspace.refresh()`; nothing is written."""
    files, warnings = pending(workspace)
    changed, before = changed_keys(workspace)
    stale = [Stale(unit.step, unit.date, _cause(workspace, unit, changed, before)) for unit in stale_units(workspace)]
    manifests, unreadable = read_manifests(pending_manifests(workspace))
    known = workspace.ledger.manifests
    named = (
        *((file.name, _why(workspace, file)) for file in files),
        *((one.name, _TOUCHED if one.name in known else "a new manifest") for one in manifests),
    )
    internal = frozenset(name for name, table in workspace.tables.items() if table.internal)
    at_most = touched_partitions(workspace, stale)
    return Plan(tuple(changed), named, (*warnings, *unreadable), tuple(stale), at_most, internal)


def changed_keys(workspace: Workspace) -> tuple[list[Change], dict[str, Step]]:
    """The keys that changed since all tables were last up to date, and the steps of the declaration of that time.

    Both are empty where there was no such time, or its declaration can't be read.
    """
    entry = workspace.entry(RECONCILIATION, None)
    old = workspace.lake.declarations(workspace.dataset.name).find(entry.made_from) if entry else None
    if old is None:
        return [], {}
    try:
        before = {step.name: step for step in steps(parse_dataset(old, "the declaration of before"))}
    except DeclarationError:  # of another version of the platform
        before = {}
    return changes(old, normalised(workspace.dataset)), before


def _cause(workspace: Workspace, unit: Stale, changed: Sequence[Change], before: dict[str, Step]) -> str:
    """Why a unit is stale, in detail where the rules of the previous version are known."""
    entry, old = workspace.entry(unit.step.name, unit.date), before.get(unit.step.name)
    known = {*workspace.tables, "profile_snapshots"}
    if entry is None or old is None or unit.why != CHANGED or not {source.table for source in old.inputs} <= known:
        return unit.why
    if old.rules == unit.step.rules:  # of its function's code and of the geo database only today's version is known
        other = [*(["function"] if unit.step.name in _custom(workspace) else []), *(["geo database"] * old.uses_geo)]
        return f"its {' or '.join(['inputs', *other])} changed"
    keys = ", ".join(change.key for change in changed[:3]) + (", ..." if len(changed) > 3 else "")
    rules = f"its rules changed ({keys})" if keys else "its rules changed"
    if made_from(workspace, old, unit.date) == entry.made_from:
        return rules
    return f"{rules} and its inputs"


def _custom(workspace: Workspace) -> set[str]:
    return {own.table.name for own in custom_tables(workspace.dataset)}


def _why(workspace: Workspace, dropped: InboxFile) -> str:
    binding = workspace.ledger.binding(dropped.kind, dropped.name)
    if binding is None:
        return "new"
    if binding.signature != dropped.signature:
        return _TOUCHED
    return "landed by other rules than today's"

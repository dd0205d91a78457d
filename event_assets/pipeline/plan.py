"""What a run would do now, and why; only the ledger, the logs and the inbox's listing are read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from event_assets.declaration.changes import Change
from event_assets.landing.inbox import InboxFile
from event_assets.pipeline.pending_files import pending
from event_assets.pipeline.record_count_manifests import pending_manifests, read_manifests
from event_assets.pipeline.staleness.possibly_stale import possibly_stale
from event_assets.pipeline.staleness.recorded_rules import recorded_rules
from event_assets.pipeline.staleness.stale_partitions import Stale, stale_units
from event_assets.pipeline.workspace import Workspace
from event_assets.wording import counted

_TOUCHED = "changed or touched since it was landed"


@dataclass(frozen=True)
class Plan:
    """Files that would be landed and partitions that would be materialized."""

    changes: tuple[Change, ...]
    """The keys of the declaration that changed since all tables were last fresh."""
    files: tuple[tuple[str, str], ...]
    """Name and why, by name."""
    warnings: tuple[str, ...]
    stale: tuple[Stale, ...]
    """What is known to be stale, upstream first."""
    at_most: dict[str, set[dt.date | None]]
    """By table, the partitions that may become stale, at most: an unchanged result makes nothing stale. Without the
    dates of new files, which are known once they are landed."""
    internal: frozenset[str] = frozenset()
    """The internal tables, which JSON leaves out."""

    @property
    def is_empty(self) -> bool:
        return not self.files and not self.stale

    def units(self) -> dict[str, list[str]]:
        """Table to the dates that are known to be stale; a table without dates has the date `""`."""
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
        """One line per changed key, per file, and per step with a range of dates; and a summary."""
        yield from map(str, self.changes)
        yield from (f"would land {name}: {why}" for name, why in self.files)
        for (step, why), units in groupby(self.stale, key=lambda unit: (unit.step.name, unit.why)):
            yield f"would materialize {step} {date_range([unit.date for unit in units])}".rstrip() + f": {why}"
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
    recorded = recorded_rules(workspace)
    stale = [Stale(unit.step, unit.date, recorded.cause(workspace, unit)) for unit in stale_units(workspace)]
    manifests, unreadable = read_manifests(pending_manifests(workspace))
    known = workspace.ledger.manifests
    named = (
        *((file.name, _why(workspace, file)) for file in files),
        *((one.name, _TOUCHED if one.name in known else "a new manifest") for one in manifests),
    )
    internal = frozenset(name for name, table in workspace.tables.items() if table.internal)
    at_most = possibly_stale(workspace, stale)
    return Plan(recorded.changes, named, (*warnings, *unreadable), tuple(stale), at_most, internal)


def _why(workspace: Workspace, dropped: InboxFile) -> str:
    binding = workspace.ledger.binding(dropped.kind, dropped.name)
    if binding is None:
        return "new"
    if binding.signature != dropped.signature:
        return _TOUCHED
    return "landed by other rules than today's"

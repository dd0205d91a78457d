"""What a unit would be made from now; a unit is stale if that differs from what it was made from.

`steps.py` declares what each step reads, and so what a late file touches; `reachable` follows it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from event_assets.digest import digest
from event_assets.pipeline.steps import Input, Step
from event_assets.pipeline.workspace import Workspace, unit_of
from event_assets.storage.partitions import EMPTY_CONTENT
from event_assets.tables.landed_tables import RAW_EVENTS

#: Why a unit is stale, where only its digest shows it; `plan` distinguishes inputs from rules.
CHANGED = "its inputs or rules changed"


@dataclass(frozen=True)
class Stale:
    """A unit that is not what its inputs say, and why."""

    step: Step
    date: dt.date | None
    why: str


def made_from(workspace: Workspace, step: Step, date: dt.date | None) -> str:
    """The digest of all that a unit's content depends on (SPEC §6): inputs, rules, geo database, version."""
    parts: list[object] = [step.rules]
    if step.uses_geo:
        parts.append(workspace.engine.ports.version)
    parts.extend([source.table, *_contents(workspace, step, source, date)] for source in step.inputs)
    return digest(parts)


def is_fresh(workspace: Workspace, step: Step, date: dt.date | None) -> bool:
    """Whether a step's partition is there, whole, and made from what it would be made from now."""
    return reason(workspace, step, date) is None


def stale_units(workspace: Workspace) -> Iterator[Stale]:
    """The units that are stale now, upstream first.

    What is downstream of a stale unit is only known to be stale once that unit was materialized again: its content
    may come out the same. `reachable` gives what could be touched at most.
    """
    for step in workspace.steps:
        dates: list[dt.date | None] = list(candidate_dates(workspace, step)) if step.by_date else [None]
        for date in dates:
            why = reason(workspace, step, date)
            if why:
                yield Stale(step, date, why)


def reason(workspace: Workspace, step: Step, date: dt.date | None) -> str | None:
    """Why a unit is stale; None where it is fresh."""
    entries = [workspace.entry(table, date) for table in step.tables]
    if not all(entries):
        return "never made"
    if any(entry and entry.damaged for entry in entries):
        return "its file is missing or damaged"
    expected = made_from(workspace, step, date)
    return None if all(entry and entry.made_from == expected for entry in entries) else CHANGED


def candidate_dates(workspace: Workspace, step: Step) -> list[dt.date]:
    """The dates on which a step by date can have rows or has a partition, but for those that retention closed."""
    dates = workspace.known_dates([RAW_EVENTS, *step.tables])
    return [date for date in dates if not workspace.is_closed(step, date)]


def reachable(workspace: Workspace, stale: list[Stale]) -> dict[str, set[dt.date | None]]:
    """By table: the stale units and all units whose content they can change, at most."""
    touched: dict[str, set[dt.date | None]] = {}
    for unit in stale:
        for table in unit.step.tables:
            touched.setdefault(table, set()).add(unit.date)
    for step in workspace.steps:
        dates: list[dt.date | None] = list(candidate_dates(workspace, step)) if step.by_date else [None]
        for date in dates:
            if any(_reads(workspace, step, source, date, touched.get(source.table, set())) for source in step.inputs):
                for table in step.tables:
                    touched.setdefault(table, set()).add(date)
    return touched


def _reads(workspace: Workspace, step: Step, source: Input, date: dt.date | None, units: set[dt.date | None]) -> bool:
    if not units:
        return False
    if date is None or None in units:
        return True
    return not units.isdisjoint(step.window(source, date, sorted(d for d in units if d)))


def _contents(workspace: Workspace, step: Step, source: Input, date: dt.date | None) -> list[object]:
    if source.table == "profile_snapshots":
        return [[str(value) for value in row] for row in workspace.profile_snapshots().rows()]
    if source.holds:
        return [date in workspace.held_dates()]
    if source.key and date is not None:
        return [workspace.key_history(source).digest(date)]
    if source.users_of and date is not None:
        return [workspace.validity_digest(source, date)]
    if not workspace.by_date(source.table):
        return [workspace.content(source.table, None)]
    contents = (
        (unit_of(day), workspace.content(source.table, day)) for _, day in workspace.input_units(step, source, date)
    )
    return [pair for pair in contents if pair[1] != EMPTY_CONTENT]

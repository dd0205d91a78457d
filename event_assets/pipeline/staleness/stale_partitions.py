"""Which partitions are stale: never materialized, damaged, or computed from other inputs or rules than now."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from event_assets.pipeline.published_tables import unit_of
from event_assets.pipeline.retention import is_closed
from event_assets.pipeline.staleness.input_digest import input_digest
from event_assets.pipeline.step import Step
from event_assets.pipeline.workspace import Workspace
from event_assets.tables.landed_tables import RAW_EVENTS

#: Why a unit is stale, where only its digest shows it; `plan` distinguishes inputs from rules.
CHANGED = "its inputs or rules changed"


@dataclass(frozen=True)
class Stale:
    """A stale partition, and why it is stale."""

    step: Step
    date: dt.date | None
    why: str


def is_fresh(workspace: Workspace, step: Step, date: dt.date | None) -> bool:
    """Whether a step's partition exists, isn't damaged, and was computed from its current inputs and rules."""
    return reason(workspace, step, date) is None


def stale_units(workspace: Workspace) -> Iterator[Stale]:
    """The partitions that are stale now, upstream first.

    Partitions downstream of a stale one are known to be stale only when that was materialized: its content may not
    change. `possibly_stale` gives an upper bound.
    """
    for step in workspace.steps:
        yield from stale_dates(workspace, step, candidate_dates(workspace, step))


def stale_dates(workspace: Workspace, step: Step, dates: Collection[dt.date | None]) -> Iterator[Stale]:
    """Those of a step's dates that are stale, in their order."""
    if step.by_date:  # all dates whose digest is remembered are compared at once
        fresh = set(workspace.digests.of(step).items())
        for table in step.tables:
            fresh &= workspace.stores[table].made_from().items()
        units = {unit for unit, _ in fresh}
        dates = [date for date in dates if unit_of(date) not in units]
    for date in dates:
        if why := reason(workspace, step, date):
            yield Stale(step, date, why)


def reason(workspace: Workspace, step: Step, date: dt.date | None) -> str | None:
    """Why a unit is stale; None where it is fresh."""
    entries = [workspace.entry(table, date) for table in step.tables]
    if not all(entries):
        return "never materialized"
    if any(entry and entry.damaged for entry in entries):
        return "its file is missing or damaged"
    expected = input_digest(workspace, step, date)
    return None if all(entry and entry.made_from == expected for entry in entries) else CHANGED


def candidate_dates(workspace: Workspace, step: Step) -> list[dt.date | None]:
    """The dates on which a step can have rows or has a partition, but for those that retention closed, in order.

    None alone for a step without dates.
    """
    if not step.by_date:
        return [None]
    dates = workspace.known_dates([RAW_EVENTS, *step.tables])
    return [date for date in dates if not is_closed(workspace, step, date)]

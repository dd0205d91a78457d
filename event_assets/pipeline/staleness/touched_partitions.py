"""What a late file touches: the partitions whose content can change with that of stale ones.

How far it reaches is declared by the inputs of each step (`pipeline/steps.py`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from event_assets.pipeline.staleness.stale_partitions import Stale, candidate_dates
from event_assets.pipeline.step import Input, Step
from event_assets.pipeline.workspace import Workspace


def touched_partitions(workspace: Workspace, stale: Iterable[Stale]) -> dict[str, set[dt.date | None]]:
    """By table: the stale units and all units whose content they can change, at most."""
    touched: dict[str, set[dt.date | None]] = {}
    for unit in stale:
        for table in unit.step.tables:
            touched.setdefault(table, set()).add(unit.date)
    for step in workspace.steps:
        for date in candidate_dates(workspace, step):
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

"""An upper bound of the partitions that may become stale: the stale ones and all that read them, directly or not.

`plan` shows it (`at_most`). A run computes fewer: a partition whose new content is the same as before makes nothing
stale. Which partitions read a date is declared by the inputs of each step (`pipeline/steps.py`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from event_assets.pipeline.staleness.stale_partitions import Stale, candidate_dates
from event_assets.pipeline.step import Input, Step
from event_assets.pipeline.workspace import Workspace


def possibly_stale(workspace: Workspace, stale: Iterable[Stale]) -> dict[str, set[dt.date | None]]:
    """By table: the stale partitions and all partitions that can change with them (date None: the whole table)."""
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

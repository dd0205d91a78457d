"""What a run is asked for, and in which order units can be made."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from event_assets.pipeline.staleness import candidate_dates
from event_assets.pipeline.steps import Step
from event_assets.pipeline.workspace import Workspace


@dataclass(frozen=True)
class Request:
    """What a run is asked for.

    Without dates it makes what is stale, and nothing that is fresh. With dates it makes those dates of the
    named tables, fresh or stale, and of the same tables what that changes on the dates around.
    """

    tables: frozenset[str]
    dates: frozenset[dt.date] | None = None


def everything(workspace: Workspace) -> frozenset[str]:
    """All tables that a transform makes."""
    return frozenset(name for step in workspace.steps for name in step.tables)


def between(first: dt.date, last: dt.date) -> frozenset[dt.date]:
    """The dates from first to last, both included."""
    return frozenset(first + dt.timedelta(days=n) for n in range((last - first).days + 1))


def schedule(workspace: Workspace, request: Request) -> list[tuple[Step, dt.date | None]]:
    """Every unit that could have to be made, each after all that it reads.

    Dates go one by one through all tables, a table trailing by its `lag`, so that a range holds few dates at once.
    Before that, keys that are looked up over many dates are made for all of them, so that their history is told once.
    """
    steps = [step for step in workspace.steps if request.tables.intersection(step.tables)]
    looked_up = {source.table for step in workspace.steps for source in step.inputs if source.key}
    dated: list[tuple[bool, dt.date, int, Step, dt.date]] = []
    for place, step in enumerate(steps):
        if step.by_date:
            asked = (date for date in request.dates or () if not workspace.is_closed(step, date))
            dates = {*candidate_dates(workspace, step), *asked}
            later = looked_up.isdisjoint(step.tables)
            dated.extend((later, date + dt.timedelta(days=step.lag), place, step, date) for date in dates)
    dated.sort(key=lambda unit: (unit[0], unit[2], unit[4]))
    whole = [step for step in steps if not step.by_date]
    merging = [step for step in whole if any(workspace.by_date(source.table) for source in step.inputs)]
    return [
        *((step, None) for step in whole if step not in merging),
        *((step, date) for _, _, _, step, date in dated),
        *((step, None) for step in merging),
    ]

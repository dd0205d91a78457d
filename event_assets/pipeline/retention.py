"""Which dates of tables expire, their deletion, and which partitions are closed by it.

The ledger remembers what has expired: such dates neither come back nor are stale. The limit of each layer is the
`retention:` of a declaration; `Table.retained_by` gives the layer of a table.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from event_assets.pipeline.step import Step
from event_assets.pipeline.sync_raw_tables import sync_raw_tables
from event_assets.pipeline.workspace import Workspace
from event_assets.storage.ledger_entries import Expiry


@dataclass(frozen=True)
class Expired:
    """The dates of a table that expire, or have expired."""

    table: str
    before: dt.date
    """The first date that is kept."""
    dates: tuple[dt.date, ...]
    rows: int


def due(workspace: Workspace) -> list[Expired]:
    """What retention drops now: one entry for each table with dates that are too old.

    Days are counted back from the newest date of a landed event, not from today: so it depends on the files alone,
    and a dataset that gets no new files loses nothing.
    """
    found = []
    for table, before in _limits(workspace):
        if dates := tuple(date for date in workspace.dates(table) if date < before):
            found.append(Expired(table, before, dates, sum(workspace.rows(table, date) for date in dates)))
    return found


def expire(workspace: Workspace) -> list[Expired]:
    """Delete the expired dates and record them in the ledger. Tables over all dates that read them become stale.

    The caller holds `workspace.writing()` and has called `workspace.refresh()`.
    """
    expired_tables = due(workspace)
    workspace.ledger.append([Expiry(expired.table, expired.before.isoformat()) for expired in expired_tables])
    sync_raw_tables(workspace)
    return expired_tables


def is_closed(workspace: Workspace, step: Step, date: dt.date | None) -> bool:
    """Whether a partition is closed: rows of it, or of the dates that it is computed from, have expired.

    A closed partition is never recomputed.
    """
    expired = workspace.ledger.expired_before
    if date is None or not expired:
        return False
    if any(date < expired[table] for table in step.tables if table in expired):
        return True
    reads = ((s.table, s.before if isinstance(s.before, int) else 0) for s in step.inputs if s.table in expired)
    return any(date - dt.timedelta(days=before) < expired[table] for table, before in reads)


def _limits(workspace: Workspace) -> Iterator[tuple[str, dt.date]]:
    """Table and first date to be kept."""
    retention = workspace.dataset.retention
    newest = max((date for file in workspace.ledger.active("events") for date in file.dates), default=None)
    if newest is None:
        return
    for table, store in workspace.stores.items():
        days = getattr(retention, workspace.tables[table].retained_by)
        reach = _reach(workspace, table)
        if store.by_date and days is not None and reach is not None:
            yield table, dt.date.fromisoformat(newest) - dt.timedelta(days=days + reach)


def _reach(workspace: Workspace, table: str) -> int | None:
    """The number of dates before its own that a date reads of a table, which must be kept as well; None: all dates."""
    reaches = [source.before for step in workspace.steps for source in step.inputs if source.table == table]
    return None if "all" in reaches else max((reach for reach in reaches if isinstance(reach, int)), default=0)

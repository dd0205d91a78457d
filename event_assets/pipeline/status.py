"""The status of a dataset: its tables with their dates and rows, rejected records and stale partitions."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import dataclass

from event_assets.pipeline.plan import preview
from event_assets.pipeline.workspace import Workspace
from event_assets.tables.landed_tables import RAW_EVENTS


@dataclass(frozen=True)
class TableStatus:
    """A table as it is published."""

    table: str
    partitions: int
    rows: int
    first_date: dt.date | None
    """None where the table has no dates, or no partition yet."""
    last_date: dt.date | None
    stale: int
    """Partitions (a table without dates is one) that the next run computes, without partitions downstream of them."""


@dataclass(frozen=True)
class DatasetStatus:
    """A dataset as it is published."""

    dataset: str
    first_date: dt.date | None
    """The first date with raw events."""
    last_date: dt.date | None
    files: int
    """Active source files."""
    records: int
    """Records in them."""
    refused: int
    """Records that landing rejected or cleaning quarantined."""
    new_files: int
    """Files of the inbox that the next run lands."""
    stale: int
    """Partitions that the next run computes, with those of internal tables, without partitions downstream of them."""
    warnings: tuple[str, ...]
    tables: tuple[TableStatus, ...]

    @property
    def refused_share(self) -> float:
        """Refused records over all records, 0 to 1."""
        return self.refused / self.records if self.records else 0.0


def status(workspace: Workspace) -> DatasetStatus:
    """The dataset as it is now: reads the ledger, the tables' logs and the inbox's listing, and writes nothing."""
    workspace.refresh()
    found = preview(workspace)
    stale = Counter(table for unit in found.stale for table in unit.step.tables)
    active = workspace.ledger.active()
    tables = tuple(
        _table(workspace, name, stale[name]) for name, table in workspace.tables.items() if not table.internal
    )
    raw = workspace.dates(RAW_EVENTS)
    quarantined = sum(table.rows for table in tables if table.table in ("quarantine", "profile_quarantine"))
    return DatasetStatus(
        dataset=workspace.dataset.name,
        first_date=raw[0] if raw else None,
        last_date=raw[-1] if raw else None,
        files=len(active),
        records=sum(file.records for file in active),
        refused=sum(file.rejected for file in active) + quarantined,
        new_files=len(found.files),
        stale=len(found.stale),
        warnings=found.warnings,
        tables=tables,
    )


def _table(workspace: Workspace, name: str, stale: int) -> TableStatus:
    entries = workspace.stores[name].entries()
    dates = workspace.dates(name) if workspace.by_date(name) else []
    rows = sum(entry.rows for entry in entries.values())
    return TableStatus(name, len(entries), rows, dates[0] if dates else None, dates[-1] if dates else None, stale)

"""Where every record of a dataset is: the equations of SPEC §5 over all dates, from what is published."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

import polars as pl

from event_assets.pipeline.workspace import Workspace
from event_assets.storage.parquet import read_parquet
from event_assets.storage.read_again import read_again

#: The tables whose rows the equations compare, date by date.
_COMPARED = ("raw_events", "cleaned_events", "quarantine", "joined_facts")


@dataclass(frozen=True)
class Reconciliation:
    """A dataset's records from files to facts. All figures are counts of records or rows."""

    dataset: str
    files: int
    files_rejected: dict[str, str]
    """Names of files that can't be read, and why."""
    records: int
    landed: int
    rejected: int
    rejected_by_reason: dict[str, int]
    erased: int
    """Records of users who were erased."""
    dropped: int
    """Landed events of dates that retention dropped from a layer: no figure after this one counts them."""
    raw: int
    cleaned: int
    duplicates: int
    quarantined: int
    quarantined_by_reason: dict[str, int]
    facts: int
    filtered: int
    orphans: int
    first_date: dt.date | None
    last_date: dt.date | None
    rows: dict[str, int] = field(default_factory=dict)
    """Rows of every table."""

    @property
    def equations(self) -> list[tuple[str, bool]]:
        """Each equation in figures, and whether it holds."""
        landed_events = self.landed - self.rows.get("raw_profiles", 0)
        erased = f" + erased {self.erased}" if self.erased else ""
        dropped = f" + dropped {self.dropped}" if self.dropped else ""
        return [
            (
                f"records {self.records} = landed {self.landed} + rejected {self.rejected}{erased}",
                self.records == self.landed + self.rejected + self.erased,
            ),
            (f"landed events {landed_events} = raw {self.raw}{dropped}", landed_events == self.raw + self.dropped),
            (
                f"raw {self.raw} = cleaned {self.cleaned} + duplicates {self.duplicates}"
                f" + quarantined {self.quarantined}",
                self.raw == self.cleaned + self.duplicates + self.quarantined,
            ),
            (
                f"cleaned {self.cleaned} = facts {self.facts} + filtered {self.filtered}",
                self.cleaned == self.facts + self.filtered,
            ),
        ]

    @property
    def holds(self) -> bool:
        return all(passed for _, passed in self.equations)

    def as_json(self) -> dict[str, Any]:
        equations = [{"equation": text, "holds": passed} for text, passed in self.equations]
        dates = {"first_date": str(self.first_date or ""), "last_date": str(self.last_date or "")}
        return {**asdict(self), **dates, "equations": equations}


def reconcile(workspace: Workspace) -> Reconciliation:
    """Count every record of the dataset where it is now."""
    ledger = workspace.ledger
    files = [*ledger.active("events"), *ledger.active("profiles")]
    names = ledger.names()
    rejected_files = {
        name: ledger.files[key].reason or ""
        for key, state in ledger.states().items()
        if state == "rejected"
        for name in names.get(key, [])
    }
    reasons: Counter[str] = Counter()
    for file in files:
        reasons.update(file.reasons)
    rows = {name: sum(entry.rows for entry in store.entries().values()) for name, store in workspace.stores.items()}
    since = max(
        (ledger.expired_before[table] for table in _COMPARED if table in ledger.expired_before), default=dt.date.min
    )
    counts = {table: _rows(workspace, table, since) for table in _COMPARED}
    dates = workspace.known_dates(["raw_events"])
    return Reconciliation(
        dataset=workspace.dataset.name,
        files=len(files),
        files_rejected=rejected_files,
        records=sum(file.records for file in files),
        landed=sum(file.landed for file in files),
        rejected=sum(file.rejected for file in files),
        rejected_by_reason=dict(sorted(reasons.items())),
        erased=sum(file.erased for file in files),
        dropped=_landed_before(workspace, since),
        raw=counts["raw_events"],
        cleaned=counts["cleaned_events"],
        duplicates=_total(workspace, "cleaned_events", "duplicates", since),
        quarantined=counts["quarantine"],
        quarantined_by_reason=quarantined_by_reason(workspace),
        facts=counts["joined_facts"],
        filtered=_total(workspace, "joined_facts", "filtered", since),
        orphans=_total(workspace, "joined_facts", "orphans", since),
        first_date=dates[0] if dates else None,
        last_date=dates[-1] if dates else None,
        rows=rows,
    )


def quarantined_by_reason(workspace: Workspace) -> dict[str, int]:
    """Quarantined records of all dates, by reason."""
    store = workspace.stores["quarantine"]

    def read() -> dict[str, int]:
        units = [unit for unit, entry in store.entries().items() if entry.rows]
        paths = [path for unit in units for path in store.paths(unit)]
        if not paths:
            return {}
        counts = pl.concat([read_parquet(path, ["reason"]) for path in paths])
        return dict(counts.group_by("reason").len().sort("reason").iter_rows())

    return read_again(read, lambda: store.entries(again=True))


def _landed_before(workspace: Workspace, since: dt.date) -> int:
    files = workspace.ledger.active("events")
    return sum(rows for file in files for date, rows in file.dates.items() if dt.date.fromisoformat(date) < since)


def _rows(workspace: Workspace, table: str, since: dt.date) -> int:
    return sum(workspace.rows(table, date) for date in workspace.dates(table) if date >= since)


def _total(workspace: Workspace, table: str, figure: str, since: dt.date) -> int:
    dates = workspace.dates(table)
    return sum(workspace.figures(table, date).get(figure, 0) for date in dates if date >= since)

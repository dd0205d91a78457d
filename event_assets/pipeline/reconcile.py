"""Reconciliation: where every record of a dataset is, by date and over all dates (docs/explanation/accounting.md)."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import polars as pl

from event_assets.pipeline.publish import publish_whole
from event_assets.pipeline.record_count_manifests import contradiction
from event_assets.pipeline.staleness.recorded_rules import record_rules
from event_assets.pipeline.staleness.stale_partitions import stale_units
from event_assets.pipeline.steps import RECONCILIATION
from event_assets.pipeline.workspace import Workspace
from event_assets.storage.retry_missing_files import retry_missing_files
from event_assets.tables.landed_tables import RAW_EVENTS, RAW_PROFILES
from event_assets.tables.table import Table

#: The tables whose rows the equations compare, date by date, and the figure that each gives.
_ROWS = {RAW_EVENTS: "raw", "cleaned_events": "cleaned", "quarantine": "quarantined", "joined_facts": "facts"}
#: What their transforms counted on the way.
_FIGURES = {"cleaned_events": ("duplicates", "excluded"), "joined_facts": ("filtered", "without_user", "orphans")}


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
    excluded: int
    """Events that the declaration's `where` leaves out."""
    facts: int
    filtered: int
    without_user: int
    orphans: int
    stale: int
    """The stale partitions: those that were not published, that wait, or that are not computed yet."""
    first_date: dt.date | None
    last_date: dt.date | None
    by_date: dict[dt.date, dict[str, int]]
    """The figures of each date on which anything is counted, from `raw` to `orphans`."""
    stale_dates: frozenset[dt.date]
    """The dates of which a table is stale."""
    rows: dict[str, int] = field(default_factory=dict)
    """Rows of every table."""

    @property
    def equations(self) -> list[tuple[str, bool]]:
        """Each equation in figures, and whether it holds."""
        landed_events = self.landed - self.rows.get(RAW_PROFILES, 0)
        return [
            _sum(self.records, "records", {"landed": self.landed, "rejected": self.rejected}, erased=self.erased),
            _sum(landed_events, "landed events", {"raw": self.raw}, dropped=self.dropped),
            *_sums_by_date({name: getattr(self, name) for name in _NAMES}),
        ]

    @property
    def holds(self) -> bool:
        return all(passed for _, passed in self.equations)

    def as_json(self) -> dict[str, Any]:
        plain = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("by_date", "stale_dates")}
        equations = [{"equation": text, "holds": passed} for text, passed in self.equations]
        dates = {"first_date": str(self.first_date or ""), "last_date": str(self.last_date or "")}
        return {**plain, **dates, "equations": equations}


def publish_reconciliation(workspace: Workspace) -> tuple[Reconciliation, bool]:
    """Count every record and publish the table `reconciliation`; what was found, and whether any row changed.

    The last thing that a run does. The caller holds `workspace.writing()`.
    """
    found, before = reconcile(workspace), workspace.entry(RECONCILIATION, None)
    rows = reconciliation(found, workspace.tables[RECONCILIATION])
    # The digest of the rules by which all tables were last fresh, which `plan` compares with today's.
    rules = before.made_from if found.stale and before is not None else record_rules(workspace)
    return found, publish_whole(workspace, RECONCILIATION, rows, made_from=rules)


def reconcile(workspace: Workspace) -> Reconciliation:
    """Count every record of the dataset where it is now."""
    ledger = workspace.ledger
    files = ledger.active()
    current = ledger.current()
    rejected_files = {
        binding.name: contradiction(ledger, ledger.files[key], current) or ledger.files[key].reason or ""
        for key, state in ledger.states().items()
        if state == "rejected"
        for binding in current.get(key, [])
    }
    reasons: Counter[str] = Counter()
    for file in files:
        reasons.update(file.reasons)
    since = max(
        (ledger.expired_before[table] for table in _ROWS if table in ledger.expired_before), default=dt.date.min
    )
    counted = {date: _counted(workspace, date) for date in workspace.known_dates(_ROWS) if date >= since}
    by_date = {date: counts for date, counts in counted.items() if any(counts.values())}
    stale = [(unit.date, table) for unit in stale_units(workspace) for table in unit.step.tables]
    dates = workspace.known_dates([RAW_EVENTS])
    return Reconciliation(
        dataset=workspace.dataset.name,
        files=len(files),
        files_rejected=rejected_files,
        records=sum(file.records for file in files),
        landed=sum(file.landed for file in files),
        rejected=sum(file.rejected for file in files),
        rejected_by_reason=dict(sorted(reasons.items())),
        erased=sum(file.erased for file in files),
        dropped=sum(
            rows for file in ledger.active("events") for date, rows in file.dates.items() if date < since.isoformat()
        ),
        quarantined_by_reason=quarantined_by_reason(workspace),
        stale=len(stale),
        first_date=dates[0] if dates else None,
        last_date=dates[-1] if dates else None,
        by_date=by_date,
        stale_dates=frozenset(date for date, _ in stale if date),
        rows={
            name: sum(entry.rows for entry in store.entries().values())
            for name, store in workspace.stores.items()
            if name != RECONCILIATION
        },
        **{name: sum(counts[name] for counts in by_date.values()) for name in _NAMES},
    )


_NAMES = (*_ROWS.values(), *(name for names in _FIGURES.values() for name in names))


def _sums_by_date(counts: Mapping[str, int]) -> list[tuple[str, bool]]:
    """The equations of each date, from its figures."""
    of_raw, of_cleaned = ("cleaned", "duplicates", "quarantined"), ("facts", "filtered")
    return [
        _sum(counts["raw"], "raw", {name: counts[name] for name in of_raw}, excluded=counts["excluded"]),
        _sum(counts["cleaned"], "cleaned", {name: counts[name] for name in of_cleaned}),
    ]


def _sum(whole: int, name: str, parts: Mapping[str, int], **others: int) -> tuple[str, bool]:
    """The equation of a figure and its parts as a text, and whether it holds; `others` are named if they aren't 0."""
    known = {**parts, **{other: number for other, number in others.items() if number}}
    return f"{name} {whole} = {' + '.join(f'{part} {n}' for part, n in known.items())}", whole == sum(known.values())


def _counted(workspace: Workspace, date: dt.date) -> dict[str, int]:
    """The figures of one date."""
    counts = {name: workspace.rows(table, date) for table, name in _ROWS.items()}
    for table, names in _FIGURES.items():
        figures = workspace.figures(table, date)
        counts |= {name: figures.get(name, 0) for name in names}
    return counts


def reconciliation(found: Reconciliation, table: Table) -> pl.DataFrame:
    """The table `reconciliation`: the whole (event_date null), then a row for each date with any count."""
    schema = table.polars_schema()
    whole = {name: getattr(found, name, None) for name in schema}
    rows: list[dict[str, Any]] = [{**whole, "holds": found.holds and not found.stale}]
    for date, counts in sorted(found.by_date.items()):
        holds = all(passed for _, passed in _sums_by_date(counts)) and date not in found.stale_dates
        rows.append({"event_date": date, **counts, "holds": holds})
    return pl.DataFrame([{name: row.get(name) for name in schema} for row in rows], schema=schema)


def quarantined_by_reason(workspace: Workspace) -> dict[str, int]:
    """Quarantined records of all dates, by reason."""

    def read() -> dict[str, int]:
        counts: Counter[str] = Counter()
        for date in workspace.dates("quarantine"):
            if workspace.rows("quarantine", date):
                counts.update(workspace.reasons("quarantine", date))
        return dict(sorted(counts.items()))

    return retry_missing_files(read, lambda: workspace.stores["quarantine"].entries(again=True))

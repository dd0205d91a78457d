"""The frames of the panels of data quality, from the ledger and the tables' logs: no event is read."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict

import polars as pl

from event_assets.pipeline.reconcile import Reconciliation
from event_assets.pipeline.schema_drift import drifts
from event_assets.pipeline.workspace import Workspace

#: At most this number of fields is listed.
MAX_FIELDS = 20
#: A record is late if its date is before the latest date of the files that were landed this long before its own file.
SETTLED = dt.timedelta(hours=1)
_LATE = (("on time", 0), ("1 day", 1), ("2-7 days", 7), ("8-30 days", 30), ("> 30 days", None))


def accounted(found: Reconciliation) -> pl.DataFrame:
    """stage, records, part_of, share: where every record of all dates is. Stages that are `part_of` one add up to it;
    `share` is of the records in files."""
    stages = [
        ("in files", found.records, None),
        ("landed", found.landed, "in files"),
        ("rejected at landing", found.rejected, "in files"),
        ("raw events", found.raw, None),
        ("cleaned", found.cleaned, "raw events"),
        ("duplicates", found.duplicates, "raw events"),
        ("quarantined", found.quarantined, "raw events"),
        ("facts", found.facts, "cleaned"),
        ("filtered out", found.filtered, "cleaned"),
    ]
    return pl.DataFrame(
        stages, schema={"stage": pl.String, "records": pl.Int64, "part_of": pl.String}, orient="row"
    ).with_columns(share=pl.col("records") / max(found.records, 1))


def drift(workspace: Workspace) -> pl.DataFrame:
    """field, kind, found, records, files: what active files have beyond the declaration, and what they lack.

    `found` is `undeclared` (kept in `extra`; `records` is the number of records with it), `absent` (an optional column
    that files lack) or `of another type` (`records` is the number of values). By field.
    """
    found = {"new": "undeclared", "missing": "absent", "retyped": "of another type"}
    rows: list[tuple[str, str, str, int | None, int | None]] = [
        (d.field, d.kind, found[d.change], None if d.change == "missing" else d.records, d.files)
        for d in drifts(workspace)
    ]
    schema = {"field": pl.String, "kind": pl.String, "found": pl.String, "records": pl.Int64, "files": pl.Int64}
    rows.sort(key=lambda row: row[:3])
    if len(rows) > MAX_FIELDS:
        rows[MAX_FIELDS:] = [(f"({len(rows) - MAX_FIELDS:,} more)", "", "", None, None)]
    return pl.DataFrame(rows, schema=schema, orient="row")


def late(workspace: Workspace) -> pl.DataFrame:
    """behind, records, share: a row for each class of days that records are before the watermark at their landing.

    The watermark is the latest date in files that were landed at least an hour earlier, so that files that arrive
    together don't make each other late. No rows where nothing is landed.
    """
    files = sorted(workspace.ledger.active("events"), key=lambda file: (file.landed_at, file.file_id))
    counts: defaultdict[str, int] = defaultdict(int)
    settled, watermark = 0, dt.date.min
    for file in files:
        while files[settled].landed_at <= file.landed_at - SETTLED:
            watermark = max([watermark, *map(dt.date.fromisoformat, files[settled].dates)])
            settled += 1
        for date, records in file.dates.items():
            counts[_behind((watermark - dt.date.fromisoformat(date)).days)] += records
    total = sum(counts.values())
    rows = [(name, counts[name], counts[name] / total) for name, _ in _LATE] if total else []
    return pl.DataFrame(rows, schema={"behind": pl.String, "records": pl.Int64, "share": pl.Float64}, orient="row")


def latest_landing(workspace: Workspace) -> dt.datetime | None:
    """When the newest active file was landed."""
    return max((file.landed_at for file in workspace.ledger.active("events")), default=None)


def _behind(days: int) -> str:
    return next(name for name, bound in _LATE if bound is None or days <= bound)

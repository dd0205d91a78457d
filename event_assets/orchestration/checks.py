"""The checks of a dataset: what each asks, what it found, and what to do about it.

Some hold the line (contract, accounting): what breaks them is not published. `graph` finds those where it makes a unit;
here they get their words. The others watch quality, and hold nothing up.
"""

from __future__ import annotations

import datetime as dt
import statistics
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache

import polars as pl

from event_assets.declaration import Dataset
from event_assets.pipeline.reconcile import Reconciliation, reconciliation
from event_assets.pipeline.results import Outcome
from event_assets.pipeline.schema_drift import drifts
from event_assets.pipeline.steps import RECONCILIATION, steps
from event_assets.pipeline.workspace import Workspace
from event_assets.storage.ledger import Kind, SourceFile
from event_assets.tables.catalog import tables
from event_assets.tables.contract import violations


@dataclass(frozen=True)
class Question:
    """A check: the table that it is about, what must be so, and what to do where it isn't."""

    table: str
    name: str
    says: str
    remedy: str
    blocking: bool = False


@dataclass(frozen=True)
class Finding:
    """What a check found, in a sentence, with the figures that the UI plots over time."""

    question: Question
    passed: bool
    says: str
    figures: Mapping[str, float] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """What it found and, where that is not as it should be, what to do."""
        return self.says if self.passed else f"{self.says}. What to do: {self.question.remedy}"


@cache
def questions(dataset: Dataset) -> dict[tuple[str, str], Question]:
    """The checks of a dataset by table and name."""
    asked = [*_holding(dataset), *_watching(dataset)]
    return {(question.table, question.name): question for question in asked}


def _holding(dataset: Dataset) -> Iterator[Question]:
    remedy = "it is not published and the previous version is kept; fix the rule or the source and materialize it again"
    for table in tables(dataset).values():
        if not table.landed:
            says = f"Every row keeps the contract: columns, types, nulls, bounds, unique key ({', '.join(table.key)})."
            yield Question(table.name, "contract", says, remedy, blocking=True)
    for step in steps(dataset):
        if step.equation:
            yield Question(step.name, "accounting", f"No record is lost: {step.equation}.", remedy, blocking=True)
    says = "No record is lost: for every file, records = landed + rejected + erased."
    remedy = "keep the file and the run's log and report them, since the platform is at fault and not the file"
    yield Question("source_files", "accounting", says, remedy, blocking=True)
    says = "No record is lost over all dates, and no table is stale or was refused."
    yield Question(
        RECONCILIATION, "accounting", says, "run again; see the failed checks of the tables of the dates named here"
    )


def _watching(dataset: Dataset) -> Iterator[Question]:
    name, quality = dataset.name, dataset.quality
    share = f"{quality.max_rejected_share:.0%}"
    yield Question(
        "source_files",
        "rejects",
        f"At most {share} of the records of each file are rejected.",
        f"look at landing_rejects (event-assets quarantine {name}), then fix the export or the declaration",
    )
    yield Question(
        "source_files",
        "drift",
        "Files have the declared columns, of the declared kinds, and no others.",
        "declare a new field that matters (it is kept in extra till then), ask the source for one that is missing",
    )
    yield Question(
        "quarantine",
        "rejects",
        f"At most {share} of a date's records are quarantined.",
        f"see the reasons in the materialization, fix the rule, then event-assets quarantine {name} --replay",
    )
    yield Question(
        "cleaned_events",
        "volume",
        f"At most {quality.volume_factor:g} times more or fewer events than the median of the 7 dates before.",
        "see in source_files whether a file of the date is missing, is cut off or came twice",
    )
    if dataset.profiles:
        yield Question(
            "joined_facts",
            "orphans",
            f"At most {quality.max_orphan_share:.0%} of a date's facts are of users without a profile.",
            "drop a newer file of profiles, and what it changes is made again",
        )


def file_findings(workspace: Workspace) -> Iterator[Finding]:
    """What the checks of `source_files` find in the ledger."""
    asked = questions(workspace.dataset)
    files = [file for kind in ("events", "profiles") for file in workspace.ledger.active(kind)]
    names = workspace.ledger.names()
    lost = [f for f in files if f.records != f.landed + f.rejected + f.erased]
    total, rejected = sum(f.records for f in files), sum(f.rejected for f in files)
    says = f"{total} records = {sum(f.landed for f in files)} landed + {rejected} rejected"
    says += f" + {erased} erased" if (erased := sum(f.erased for f in files)) else ""
    says += f": {_named(lost, names)} lost records" if lost else ""
    yield Finding(asked["source_files", "accounting"], not lost, says, {"records": total, "rejected": rejected})

    share = workspace.dataset.quality.max_rejected_share
    bad = [f for f in files if f.rejected > share * f.records]
    says = f"{len(files)} files, each with at most {share:.0%} rejects"
    says = f"{_named(bad, names)}: more than {share:.0%} rejected" if bad else says
    worst = max((f.rejected / f.records for f in files if f.records), default=0.0)
    figures = {"files over the limit": len(bad), "highest rejected share": round(worst, 6)}
    yield Finding(asked["source_files", "rejects"], not bad, says, figures)

    drifted = [
        f"{d.change} {d.field} ({d.kind}): {d.records} records of {d.files} files, first in {d.first_file} at"
        f" {d.first_seen:%Y-%m-%d %H:%M} UTC"
        for d in drifts(workspace)
    ]
    says = "; ".join(drifted) or "all files have the declared columns and no others"
    yield Finding(asked["source_files", "drift"], not drifted, says, {"fields that drifted": len(drifted)})


def reconciliation_findings(workspace: Workspace, found: Reconciliation) -> Iterator[Finding]:
    """What the checks of `reconciliation` find in what was published."""
    asked, table = questions(workspace.dataset), workspace.tables[RECONCILIATION]
    frame = reconciliation(found, table)
    broken = "; ".join(map(str, violations(table, frame)))
    says = broken or f"all {frame.height} rows keep the contract of {table.name}"
    yield Finding(asked[RECONCILIATION, "contract"], not broken, says)
    lost = [text for text, passed in found.equations if not passed]
    dates = frame.filter(~pl.col("holds"))["event_date"].drop_nulls().to_list()
    says = "; ".join(text for text, _ in found.equations)
    if lost or dates or found.stale:
        wrong = [f"{', '.join(lost)}: not equal"] if lost else []
        wrong += [f"{found.stale} partitions are stale"] if found.stale else []
        wrong += [f"{len(dates)} dates don't hold, first {dates[0]}"] if dates else []
        says = "; ".join(wrong)
    holds = bool(frame["holds"][0])
    yield Finding(asked[RECONCILIATION, "accounting"], holds, says, {"dates that don't hold": len(dates)})


def unit_findings(workspace: Workspace, outcome: Outcome) -> Iterator[Finding]:
    """What the checks of one table's unit find; those that watch quality only where it was made."""
    asked, quality = questions(workspace.dataset), workspace.dataset.quality
    for check in outcome.checks:
        if question := asked.get((outcome.table, check.name)):  # a step's equation belongs to its first table alone
            yield Finding(question, check.passed, check.says)
    if outcome.state != "made":
        return
    if outcome.table == "quarantine" and outcome.date is not None:
        raw = workspace.rows("raw_events", outcome.date)
        passed = outcome.rows <= quality.max_rejected_share * raw
        says = f"{outcome.rows} of {raw} records are quarantined"
        figures = {"quarantined share": round(outcome.rows / max(raw, 1), 6)}
        yield Finding(asked["quarantine", "rejects"], passed, says, figures)
    if outcome.table == "joined_facts" and workspace.dataset.profiles:
        orphans = outcome.figures.get("orphans", 0)
        passed = orphans <= quality.max_orphan_share * max(outcome.rows, 1)
        says = f"{orphans} of {outcome.rows} facts have no profile"
        figures = {"share without profile": round(orphans / max(outcome.rows, 1), 6)}
        yield Finding(asked["joined_facts", "orphans"], passed, says, figures)
    if outcome.table == "cleaned_events" and outcome.date is not None:
        before = [workspace.rows("cleaned_events", outcome.date - dt.timedelta(days=n)) for n in range(1, 8)]
        usual = statistics.median([rows for rows in before if rows] or [outcome.rows])
        passed = usual / quality.volume_factor <= outcome.rows <= usual * quality.volume_factor
        says = f"{outcome.rows} events, {usual:g} on the median of the 7 dates before"
        yield Finding(asked["cleaned_events", "volume"], passed, says, {"events": outcome.rows, "usual": usual})


def _named(files: list[SourceFile], names: Mapping[tuple[Kind, str], list[str]]) -> str:
    """The first few files by name (by content where no name is left)."""
    found = [(names.get((file.kind, file.file_id)) or [file.file_id[:12]])[0] for file in files]
    return ", ".join(found[:3]) + (f" and {len(found) - 3} more" if len(found) > 3 else "")

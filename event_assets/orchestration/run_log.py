"""What a run writes into its log, for people: what was loaded, what became of it step by step, and the totals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import dagster as dg

from event_assets.pipeline.land_files import LandingSummary
from event_assets.pipeline.outcome_messages import not_published, waiting
from event_assets.pipeline.reconcile import Reconciliation
from event_assets.pipeline.run_results import Outcome
from event_assets.pipeline.workspace import Workspace
from event_assets.wording import counted

#: At most this number of dates of a table is named in a line.
_NAMED = 5


def log_landing(context: dg.OpExecutionContext, workspace: Workspace, summary: LandingSummary) -> None:
    """One line per file, and the warnings."""
    for warning in summary.warnings:
        context.log.warning(warning)
    for failure in summary.failures:
        context.log.error(str(failure))
    names = workspace.ledger.names()
    for file in summary.landed:
        name = next(iter(names.get((file.kind, file.file_id), [])), file.file_id[:12])
        if file.reason:
            context.log.warning(f"Rejected file {name}: {file.reason}")
            continue
        rejected = f" (rejected {file.rejected:,}: {_by_reason(file.reasons)})" if file.rejected else ""
        loaded = counted(file.landed, file.kind[:-1])
        context.log.info(f"Loaded {loaded} of {counted(file.records, 'record')} from {name}{rejected}")


def log_outcomes(context: dg.OpExecutionContext, workspace: Workspace, outcomes: Sequence[Outcome]) -> None:
    """One line per table, not per date: a year would be thousands. One more for each date that was not published."""
    for table in dict.fromkeys(outcome.table for outcome in outcomes):
        units = [outcome for outcome in outcomes if outcome.table == table]
        made = [outcome for outcome in units if outcome.state == "materialized"]
        if made:
            context.log.info(_made(workspace, table, made))
        for outcome in units:
            if outcome.state == "not_published":
                context.log.error(f"{table} {outcome.date or '(all dates)'} {not_published(outcome)}")
        stuck = [outcome for outcome in units if outcome.state == "waiting"]
        if stuck and stuck[0].waits_for:
            source, date = stuck[0].waits_for
            reason = f"{source} {date or ''}".strip()
            context.log.warning(f"{table} {_dates(stuck)}: {waiting(reason)}")


def log_totals(context: dg.OpExecutionContext, found: Reconciliation) -> None:
    """Where the dataset's records are at the end, and every reason for which one is in no table of facts."""
    context.log.info(
        f"Totals of {found.dataset}: {counted(found.records, 'record')} of {counted(found.files, 'file')},"
        f" {found.raw:,} raw events, {found.cleaned:,} cleaned, {counted(found.facts, 'fact')},"
        f" {counted(found.rows.get('sessions', 0), 'session')}"
    )
    dropped = Counter(found.rejected_by_reason)
    dropped.update(found.quarantined_by_reason)
    counts = {"duplicates": found.duplicates, "excluded": found.excluded, "filtered out": found.filtered}
    dropped.update({name: count for name, count in {**counts, "erased": found.erased}.items() if count})
    context.log.info(f"Dropped by reason: {_by_reason(dropped) or 'none'}")


def _made(workspace: Workspace, table: str, made: Sequence[Outcome]) -> str:
    """What became of a step's records, or how many rows a table got."""
    rows, unchanged = sum(outcome.rows for outcome in made), sum(not outcome.changed for outcome in made)
    figures: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for outcome in made:
        figures.update(outcome.figures)
        if workspace.tables[table].has_records:
            reasons.update({reason: int(count) for reason, count in outcome.plot})
    step = workspace.step_of[table]
    what = f"{table} {_dates(made)}: "
    if step.equation and table in step.equation.parts:
        whole = sum(workspace.rows(step.equation.whole, outcome.date) for outcome in made)
        what += f"{whole:,} {step.equation.whole} -> {rows:,}"
        what += f" (dropped {whole - rows:,}: {_dropped(workspace, table, made, figures)})" if whole > rows else ""
    else:
        what += counted(rows, "row")
        figures.update(reasons)
        what += f" ({_by_reason(figures)})" if +figures else ""
    return what + (f", {counted(unchanged, 'partition')} unchanged" if unchanged else "")


def _dropped(workspace: Workspace, table: str, made: Sequence[Outcome], figures: Mapping[str, int]) -> str:
    """The parts of a step's equation beside its first table."""
    equation = workspace.step_of[table].equation
    assert equation is not None
    parts: dict[str, int] = {}
    for part in equation.parts:
        if part.startswith("#"):
            parts[part[1:]] = figures.get(part[1:], 0)
        elif part != table:
            parts[part] = sum(workspace.rows(part, outcome.date) for outcome in made)
    return _by_reason(parts)


def _by_reason(counts: Mapping[str, int]) -> str:
    """`missing_user_id 57, duplicates 50`: the most first."""
    found = sorted(((-count, name) for name, count in counts.items() if count))
    return ", ".join(f"{name} {-count:,}" for count, name in found)


def _dates(outcomes: Sequence[Outcome]) -> str:
    dates = [str(outcome.date) for outcome in outcomes if outcome.date]
    if len(dates) > _NAMED:
        return f"{dates[0]} to {dates[-1]} ({len(dates)} dates)"
    return ", ".join(dates) or "(all dates)"

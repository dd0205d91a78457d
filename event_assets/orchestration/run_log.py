"""What a run writes into its log, for people: what was landed, and what became of each step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import dagster as dg

from event_assets.pipeline.land_files import LandingSummary
from event_assets.pipeline.results import Outcome
from event_assets.pipeline.workspace import Workspace

#: So many dates of a table are named in a line.
_NAMED = 5


def log_landing(context: dg.OpExecutionContext, intake: LandingSummary) -> None:
    """One line a file, and what to be warned of."""
    for warning in intake.warnings:
        context.log.warning(warning)
    for failure in intake.failures:
        context.log.error(str(failure))
    for file in intake.landed:
        reasons = ", ".join(f"{reason} {count}" for reason, count in file.reasons.items()) or "no rejects"
        state = (
            f"rejected as a whole: {file.reason}"
            if file.reason
            else f"{file.landed} landed, {file.rejected} rejected ({reasons})"
        )
        context.log.info(f"landed {file.file_id[:12]}: {file.records} records, {state}")


def log_outcomes(context: dg.OpExecutionContext, workspace: Workspace, outcomes: Sequence[Outcome]) -> None:
    """One line a table, whatever its dates: a year is thousands of them. One more for each that was refused."""
    for table in dict.fromkeys(outcome.table for outcome in outcomes):
        units = [outcome for outcome in outcomes if outcome.table == table]
        made = [outcome for outcome in units if outcome.state == "made"]
        if made:
            unchanged = sum(not outcome.changed for outcome in made)
            figures: Counter[str] = Counter()
            for outcome in made:
                figures.update(outcome.figures)
            reasons: Counter[str] = Counter()
            if workspace.tables[table].has_records:
                for outcome in made:
                    reasons.update({reason: int(count) for reason, count in outcome.plot})
            counts = ", ".join(f"{name} {count}" for name, count in (*figures.items(), *sorted(reasons.items())))
            line = f"{table} {_dates(made)}: {sum(outcome.rows for outcome in made)} rows"
            line += f" ({unchanged} partitions unchanged)" if unchanged else ""
            context.log.info(f"{line}; {counts}" if counts else line)
        for outcome in units:
            if outcome.state == "refused":
                broken = "; ".join(check.message for check in outcome.checks if not check.passed)
                why = broken or "it is made together with a table that broke a check"
                what = f"{table} {outcome.date or ''}".strip()
                context.log.error(f"{what} was not published (the previous version is kept): {why}")
        waiting = [outcome for outcome in units if outcome.state == "waiting"]
        if waiting and waiting[0].waits_for:
            source, date = waiting[0].waits_for
            reason = f"{source} {date or ''}".strip()
            context.log.warning(f"{table} {_dates(waiting)}: waits for {reason}, whose published version is stale")


def _dates(outcomes: Sequence[Outcome]) -> str:
    dates = [str(outcome.date) for outcome in outcomes if outcome.date]
    if len(dates) > _NAMED:
        return f"{dates[0]} to {dates[-1]} ({len(dates)} dates)"
    return ", ".join(dates) or "(all dates)"

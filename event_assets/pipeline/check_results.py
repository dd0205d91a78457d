"""What the checks of a dataset's tables find: on a partition before and after it is published, and on files."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import polars as pl

from event_assets.errors import EventAssetsError
from event_assets.landing.schema_drift import ONE_FILE
from event_assets.pipeline.completeness import COMPLETENESS, arrivals, due_at, shortages
from event_assets.pipeline.funnel_check import FUNNEL_SUMMARY, funnel_results
from event_assets.pipeline.published_tables import unit_of
from event_assets.pipeline.reconcile import Reconciliation, reconcile, reconciliation
from event_assets.pipeline.run_results import CheckResult
from event_assets.pipeline.schema_drift import FieldDrift, drifts
from event_assets.pipeline.step import Step
from event_assets.pipeline.steps import RECONCILIATION
from event_assets.pipeline.volume_check import REACH_DAYS, judge_volume
from event_assets.pipeline.workspace import Workspace
from event_assets.storage.damaged_files import damaged_files
from event_assets.storage.ledger_entries import Kind, SourceFile
from event_assets.storage.parquet import read_parquet
from event_assets.storage.retry_missing_files import retry_missing_files
from event_assets.tables.contract import Violation, merged, repeated_keys_of_files, violations, violations_of_file
from event_assets.tables.landed_tables import RAW_EVENTS, SOURCE_FILES
from event_assets.tables.table import Table
from event_assets.wording import counted, first_of, most_frequent

#: At most this number of dates is named in a message.
_SHOWN = 5


def contract_result(table: Table, rows: int, broken: Sequence[Violation]) -> CheckResult:
    """What the contract found on a partition."""
    message = "; ".join(map(str, broken)) if broken else f"all {rows} rows keep the contract of {table.name}"
    figures = {"rows": rows, "broken rules": len(broken), "broken rows": sum(v.rows for v in broken)}
    return CheckResult(table.name, "contract", not broken, message, figures)


def accounting_result(
    workspace: Workspace,
    step: Step,
    date: dt.date | None,
    figures: Mapping[str, int],
    rows: Callable[[str], int],
    paths: Callable[[str], Iterable[Path]],
) -> CheckResult:
    """Whether a step's equation holds on a partition, by its figures and the rows and files of its tables.

    There are no rows to be accounted for on a date whose gold tables are on hold.
    """
    assert step.equation is not None

    def amount(part: str) -> int:
        table, _, column = part.partition(".")
        if part.startswith("#"):
            return figures.get(part[1:], 0)
        if column:
            return sum(int(read_parquet(path, [column])[column].sum()) for path in paths(table))
        return rows(table)

    is_held = any(source.holds for source in step.inputs) and date in workspace.held_dates()
    amounts = {step.equation.whole: 0 if is_held else workspace.rows(step.equation.whole, date)}
    sentences, unaccounted = [], 0
    for whole, parts in step.equation.sums.items():
        amounts |= {part: amount(part) for part in parts}
        missing = amounts[whole] - sum(amounts[part] for part in parts)
        unaccounted += abs(missing)
        sentence = f"{whole} {amounts[whole]} = " + " + ".join(f"{part.lstrip('#')} {amounts[part]}" for part in parts)
        sentences.append(sentence + (f" leaves {missing} unaccounted" if missing else ""))
    counts = {part.lstrip("#"): number for part, number in amounts.items()} | {"unaccounted": unaccounted}
    return CheckResult(step.name, "accounting", not unaccounted, ", ".join(sentences), counts)


def file_results(workspace: Workspace, failures: Sequence[EventAssetsError] | None = ()) -> Iterator[CheckResult]:
    """The checks of `source_files` by the ledger; `failures` stopped files (None: nothing was to be landed)."""
    files = workspace.ledger.active()
    names = workspace.ledger.names()
    if failures is not None:
        message = "; ".join(map(str, failures)) or "every new file was landed"
        yield CheckResult(SOURCE_FILES, "landing", not failures, message, {"files that failed": len(failures)})

    lost = [f for f in files if f.records != f.landed + f.rejected + f.erased]
    counts = {name: sum(getattr(f, name) for f in files) for name in ("records", "landed", "rejected", "erased")}
    message = f"{counts['records']} records = {counts['landed']} landed + {counts['rejected']} rejected"
    message += f" + {counts['erased']} erased" if counts["erased"] else ""
    message += f": {_named(lost, names)} lost records" if lost else ""
    yield CheckResult(SOURCE_FILES, "accounting", not lost, message, counts)

    share = workspace.dataset.quality.max_rejected_share
    bad = [f for f in files if f.rejected > share * f.records]
    message = f"{counted(len(files), 'file')}, each with at most {share:.0%} rejects"
    message = f"{_named(bad, names)}: more than {share:.0%} rejected{_most_seen(bad)}" if bad else message
    worst = max((f.rejected / f.records for f in files if f.records), default=0.0)
    figures = {"files over the limit": len(bad), "highest rejected share": round(worst, 6)}
    yield CheckResult(SOURCE_FILES, "rejects", not bad, message, figures)

    drifted = [_drifted(d, len(workspace.ledger.active(d.kind))) for d in drifts(workspace)]
    message = first_of(drifted) or "all files have the declared columns and no others"
    yield CheckResult(SOURCE_FILES, "drift", not drifted, message, {"fields that drifted": len(drifted)})


def _drifted(found: FieldDrift, files: int) -> str:
    """The message about a field that drifted; its kind has this number of files."""
    first = f"first in {found.first_file} at {found.first_seen:%Y-%m-%d %H:%M} UTC"
    if found.field == ONE_FILE and files == 1:
        seen = f"{counted(found.records, 'record')} of 1 file so far"
        names = "a name is shown once two files have it; the column extra of raw_events has it already"
        return f"new fields ({found.kind}): {seen}, {first} ({names})"
    seen = f"{counted(found.records, 'record')} of {counted(found.files, 'file')}"
    return f"{found.change} {found.field} ({found.kind}): {seen}, {first}"


def completeness_results(workspace: Workspace) -> Iterator[CheckResult]:
    """The check of `completeness`: which dates lack files, and since when these are due."""
    found = arrivals(workspace.dataset, workspace.ledger)
    lacking = list(shortages(workspace.dataset, workspace.ledger))
    missing = [one for one, _ in lacking]
    due = [due_at(workspace.dataset, one.date) for one in missing]
    named = [
        f"{text} (due since {at:%Y-%m-%d %H:%M %Z})" if at else text for (_, text), at in zip(lacking, due, strict=True)
    ]
    more = f" and {len(named) - _SHOWN} more" if len(named) > _SHOWN else ""
    message = "; ".join(named[:_SHOWN]) + more if named else f"all {len(found)} dates are complete"
    figures = {"dates": len(found), "dates that lack files": len(missing), "missing": sum(o.missing for o in missing)}
    yield CheckResult(COMPLETENESS, "complete", not missing, message, figures)


def quality_results(
    workspace: Workspace, table: str, date: dt.date | None, rows: int, figures: Mapping[str, int]
) -> Iterator[CheckResult]:
    """The quality checks of a published partition: its rows, and what its transform counted."""
    quality = workspace.dataset.quality
    if table == "quarantine" and date is not None:
        raw = workspace.rows(RAW_EVENTS, date)
        passed = rows <= quality.max_rejected_share * raw
        shares = {"quarantined": rows, "records": raw, "quarantined share": round(rows / max(raw, 1), 6)}
        yield CheckResult(table, "rejects", passed, f"{rows} of {raw} records are quarantined", shares)
    if table == "joined_facts" and workspace.dataset.profiles:
        orphans = figures.get("orphans", 0)
        passed = orphans <= quality.max_orphan_share * max(rows, 1)
        shares = {"without profile": orphans, "facts": rows, "share without profile": round(orphans / max(rows, 1), 6)}
        yield CheckResult(table, "orphans", passed, f"{orphans} of {rows} facts have no profile", shares)
    if table == "cleaned_events" and date is not None:
        days = (date - dt.timedelta(days=n) for n in range(1, REACH_DAYS + 1))
        counts = {day: entry.rows for day in days if (entry := workspace.entry(table, day))}
        found = judge_volume({**counts, date: rows}, date, quality.volume_factor)
        measured = {"events": rows, "usual": found.usual, "spread": found.spread}
        yield CheckResult(table, "volume", found.passed, str(found), measured)
    if table == FUNNEL_SUMMARY:
        yield from funnel_results(workspace)


def reconciliation_results(workspace: Workspace, found: Reconciliation) -> Iterator[CheckResult]:
    """The checks of `reconciliation`."""
    table = workspace.tables[RECONCILIATION]
    frame = reconciliation(found, table)
    yield contract_result(table, frame.height, violations(table, frame))
    lost = [text for text, passed in found.equations if not passed]
    dates = frame.filter(~pl.col("holds"))["event_date"].drop_nulls().to_list()
    wrong = [f"{', '.join(lost)}: not equal"] if lost else []
    wrong += [f"{found.stale} partitions are stale"] if found.stale else []
    wrong += [f"{len(dates)} dates don't hold, first {dates[0]}"] if dates else []
    message = "; ".join(wrong or (text for text, _ in found.equations))
    figures = {"stale partitions": found.stale, "dates that don't hold": len(dates)}
    yield CheckResult(RECONCILIATION, "accounting", bool(frame["holds"][0]), message, figures)


def published_results(workspace: Workspace, table: str, date: dt.date | None) -> Iterator[CheckResult]:
    """All checks of a partition as it is published, read back from its files; nothing of one that isn't published."""
    if table == SOURCE_FILES:
        yield from file_results(workspace, failures=None)
        return
    if table == COMPLETENESS:
        yield from completeness_results(workspace)
        return
    if table == RECONCILIATION:
        yield from reconciliation_results(workspace, reconcile(workspace))
        return
    contract = workspace.tables[table]
    if contract.landed or workspace.entry(table, date) is None:
        return
    broken = _published_violations(workspace, table, date)
    if broken is None:
        remedy = f"event-assets run {workspace.dataset.name} computes it again"
        yield CheckResult(table, "contract", False, f"a file of it is missing or damaged; {remedy}")
        return
    rows, figures = workspace.rows(table, date), workspace.figures(table, date)
    yield contract_result(contract, rows, broken)
    step = workspace.step_of.get(table)
    if step is None:
        return
    if step.equation and step.name == table:
        store, unit = workspace.stores[table], unit_of(date)
        yield retry_missing_files(
            lambda: accounting_result(
                workspace, step, date, figures, lambda name: workspace.rows(name, date), lambda _: store.paths(unit)
            ),
            lambda: store.entries(again=True),
        )
    yield from quality_results(workspace, table, date, rows, figures)


def _published_violations(workspace: Workspace, table: str, date: dt.date | None) -> list[Violation] | None:
    """What breaks a table's contract in its published files; None where one is missing or damaged."""
    store, contract = workspace.stores[table], workspace.tables[table]

    def read() -> list[Violation]:
        paths = store.paths(unit_of(date))
        broken = merged(violations_of_file(contract, path) for path in paths)
        return [*broken, *repeated_keys_of_files(contract, paths)]

    def is_missing() -> bool:
        return not all(path.exists() for path in store.paths(unit_of(date)))

    if workspace.is_damaged((table, date)) and is_missing():
        return None
    try:
        return retry_missing_files(read, lambda: store.entries(again=True))
    except (OSError, ValueError):
        if is_missing() or damaged_files(store.paths(unit_of(date))):
            return None
        raise


def summary(table: str, name: str, results: Iterable[tuple[CheckResult, dt.date | None]]) -> CheckResult:
    """One result of a check for all of a table's dates."""
    found = [(result, date) for result, date in results if result.name == name]
    failed = [f"{date}: {result.message}" for result, date in found if not result.passed]
    message = f"all {len(found)} dates pass"
    if failed:
        message = f"{len(failed)} of {len(found)} dates fail, first {failed[0]}"
    return CheckResult(table, name, not failed, message, {"dates": len(found), "dates that fail": len(failed)})


def _named(files: Sequence[SourceFile], names: Mapping[tuple[Kind, str], list[str]]) -> str:
    """The first few files by name (by content where no name is left)."""
    found = [(names.get((file.kind, file.file_id)) or [file.file_id[:12]])[0] for file in files]
    return ", ".join(found[:3]) + (f" and {len(found) - 3} more" if len(found) > 3 else "")


def _most_seen(files: Sequence[SourceFile]) -> str:
    counts = Counter[str]()
    for file in files:
        counts.update(file.reasons)
    most = most_frequent(counts)
    return f", most of them {most} ({counts[most]})" if most else ""

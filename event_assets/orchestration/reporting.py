"""What a run reports to Dagster: a materialization and check evaluations for each partition."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Mapping
from typing import Any
from urllib.parse import quote

import dagster as dg
import polars as pl
from dagster._core.definitions.data_version import DATA_VERSION_TAG

from event_assets.declaration import Dataset
from event_assets.orchestration.asset_keys import asset_key
from event_assets.pipeline.check_results import (
    completeness_results,
    file_results,
    published_results,
    quality_results,
    reconciliation_results,
)
from event_assets.pipeline.checks import checks
from event_assets.pipeline.compute_lateness import changed_last
from event_assets.pipeline.count_refused_records import count_refused, refused_by_file
from event_assets.pipeline.land_files import LandingSummary
from event_assets.pipeline.reconcile import Reconciliation
from event_assets.pipeline.run_results import CheckResult, Outcome
from event_assets.pipeline.steps import LATENESS, RECONCILIATION
from event_assets.pipeline.workspace import Workspace
from event_assets.storage.parquet import scan_parquet
from event_assets.storage.published_partitions import WHOLE
from event_assets.tables.landed_tables import LANDING_REJECTS, RAW_EVENTS, SOURCE_FILES

Event = dg.AssetMaterialization | dg.AssetCheckEvaluation


def outcome_events(workspace: Workspace, outcome: Outcome) -> Iterator[Event]:
    """The events of one partition: its materialization where it was published, and what its checks found."""
    dataset = workspace.dataset
    if workspace.tables[outcome.table].internal:
        return
    results = [result for result in outcome.checks if result.table == outcome.table]
    if outcome.state == "materialized":
        yield _materialization(workspace, outcome)
        results += quality_results(workspace, outcome.table, outcome.date, outcome.rows, outcome.figures)
    yield from (evaluation(dataset, result, outcome.date) for result in results)


def landing_events(
    workspace: Workspace, summary: LandingSummary, selected: Collection[str], requested: Collection[dt.date] = ()
) -> Iterator[Event]:
    """The events of a landing: the tables of files that are selected or changed, and each date of raw events that
    changed or was requested."""
    dataset = workspace.dataset
    rejects: dict[str, int] = {}
    for file in summary.landed:
        for reason, count in file.reasons.items():
            rejects[reason] = rejects.get(reason, 0) + count
    phase = {
        "files landed": len(summary.landed),
        "files known before": summary.known,
        "bytes": sum(file.bytes for file in summary.landed),
        "records": sum(file.records for file in summary.landed),
        "landed": sum(file.landed for file in summary.landed),
        "rejected": sum(file.rejected for file in summary.landed),
        "erased": sum(file.erased for file in summary.landed),
        "seconds": round(summary.seconds, 3),
        "MB per second": round(sum(file.bytes for file in summary.landed) / 1e6 / max(summary.seconds, 1e-9), 3),
    }
    metadata: dict[str, Any] = {**phase, "rejects by reason": _counts_table("reason", rejects)}
    # A landing that failed leaves as they were the assets that it didn't change.
    made = summary.tables if summary.failures else summary.tables.union(selected)
    for table in (table.name for table in workspace.tables.values() if table.landed and not table.by_date):
        if table in made:
            shown = metadata if table == SOURCE_FILES else {}
            if table == LANDING_REJECTS:
                shown = {"rejects by file": _rejects_by_file(workspace, _landing_rejects(workspace))}
            yield published(workspace, table, None, shown)
    yield from (published(workspace, RAW_EVENTS, date, {}) for date in sorted({*summary.dates, *requested}))
    yield from (evaluation(dataset, result, None) for result in file_results(workspace, summary.failures))
    if dataset.expect:
        yield from (evaluation(dataset, result, None) for result in completeness_results(workspace))


def reconciliation_events(workspace: Workspace, found: Reconciliation) -> Iterator[Event]:
    """The events of the table that a run publishes last: its materialization with the totals, and its checks."""
    totals = {name: value for name, value in found.as_json().items() if isinstance(value, int)}
    yield published(workspace, RECONCILIATION, None, totals)
    results = reconciliation_results(workspace, found)
    yield from (evaluation(workspace.dataset, result, None) for result in results)


def lateness_events(workspace: Workspace) -> Iterator[Event]:
    """The events of the table `lateness`: its materialization with what the last landing changed, and its contract."""
    figures = {name.replace("_", " "): count for name, count in changed_last(workspace).items()}
    yield published(workspace, LATENESS, None, figures)
    yield from (evaluation(workspace.dataset, result, None) for result in published_results(workspace, LATENESS, None))


def empty_events(workspace: Workspace, table: str, dates: Collection[dt.date]) -> Iterator[Event]:
    """The events of dates within the history that have no records: nothing is written, and nothing is missing."""
    for date in dates:
        yield published(workspace, table, date, {"empty": "no file has a record of this date"})
        for check in checks(workspace.dataset).values():
            if check.table == table:
                yield evaluation(
                    workspace.dataset, CheckResult(table, check.name, True, "the date has no records"), date
                )


def published(
    workspace: Workspace, table: str, date: dt.date | None, metadata: Mapping[str, Any]
) -> dg.AssetMaterialization:
    """That a partition is in the lake as it is now."""
    rows = "dagster/row_count" if date is None else "dagster/partition_row_count"
    return dg.AssetMaterialization(
        asset_key(workspace.dataset.name, table),
        partition=date.isoformat() if date else None,
        metadata={rows: workspace.rows(table, date), **_place(workspace, table, date), **metadata},
        tags={DATA_VERSION_TAG: workspace.content(table, date)},
    )


def _materialization(workspace: Workspace, outcome: Outcome) -> dg.AssetMaterialization:
    metadata: dict[str, Any] = {**outcome.figures, "seconds": round(outcome.seconds, 4)}
    step = workspace.step_of.get(outcome.table)
    if step is not None and step.uses_geo:
        metadata["geo database"] = workspace.engine.ports.version
    if outcome.refused is not None:
        metadata["rejects by reason"] = _counts_table("reason", {reason: int(count) for reason, count in outcome.plot})
        metadata["rejects by file"] = _rejects_by_file(workspace, outcome.refused)
    elif outcome.plot:
        metadata["plot"] = dg.MetadataValue.md(_bars(outcome.plot))
    if outcome.sample is not None and not outcome.sample.is_empty():
        metadata["preview"] = dg.MetadataValue.md(_markdown(outcome.sample))
    return published(workspace, outcome.table, outcome.date, metadata)


def _rejects_by_file(workspace: Workspace, counted: pl.DataFrame) -> dg.MetadataValue:
    return dg.MetadataValue.md(_markdown(refused_by_file(workspace, counted)))


def _landing_rejects(workspace: Workspace) -> pl.DataFrame:
    """The records that landing rejected, counted."""
    paths = workspace.stores[LANDING_REJECTS].paths(WHOLE)
    columns = workspace.tables[LANDING_REJECTS].polars_schema().to_frame()
    return count_refused(scan_parquet(*paths) if paths else columns)


def evaluation(dataset: Dataset, result: CheckResult, date: dt.date | None) -> dg.AssetCheckEvaluation:
    """What a check found on a partition, as Dagster records it."""
    check = checks(dataset)[result.table, result.name]
    return dg.AssetCheckEvaluation(
        asset_key=asset_key(dataset.name, check.table),
        check_name=check.name,
        passed=result.passed,
        description=check.explain(result),
        severity=dg.AssetCheckSeverity.ERROR if check.blocking or check.severe else dg.AssetCheckSeverity.WARN,
        blocking=check.blocking,
        metadata=dict(result.figures),
        partition=date.isoformat() if date else None,
    )


def _place(workspace: Workspace, table: str, date: dt.date | None) -> Mapping[str, Any]:
    folder = workspace.stores[table].folder
    return {"folder": dg.MetadataValue.path(str(folder / f"event_date={date.isoformat()}" if date else folder))}


def _counts_table(name: str, counts: Mapping[str, int]) -> dg.MetadataValue:
    lines = [f"| {name} | count |", "|---|---:|", *(f"| {key} | {count} |" for key, count in sorted(counts.items()))]
    return dg.MetadataValue.md("\n".join(lines) if counts else "none")


def _markdown(frame: pl.DataFrame) -> str:
    """A few rows as a table; nothing in a value can become markup. Names of files are shown whole."""
    whole = [name == "file" for name in frame.columns]
    rows = [
        [escaped(_text(v) if w else _short(_text(v))) for v, w in zip(row, whole, strict=True)] for row in frame.rows()
    ]
    lines = [frame.columns, ["---"] * frame.width, *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


#: Enough of a value to recognise it by: a preview of five rows then mostly shows without a click.
_CELL = 24
_UNSAFE = str.maketrans({c: f"&#{ord(c)};" for c in "|<>&`*_[]()!\\#~"} | {"\n": " ", "\r": " "})


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _short(text: str) -> str:
    return text if len(text) <= _CELL else text[: _CELL - 1] + "…"


def escaped(text: str) -> str:
    """A text within Markdown, where nothing in it becomes markup."""
    return text.translate(_UNSAFE)


def _bars(points: list[tuple[str, float]]) -> str:
    """A small bar chart as an image inside Markdown: one bar a point, with its value where there are few.

    Short, since the UI hides a Markdown of a thousand characters behind a link: whole pixels, one path, no base64.
    """
    bar, height, top = max(360 // len(points), 2), 80, 14
    peak = max(value for _, value in points) or 1
    tall = [max(round(height * value / peak), 1 if value else 0) for _, value in points]
    path = "".join(f"M{i * bar},{top + height}v-{h}h{bar - 1}v{h}z" for i, h in enumerate(tall) if h)
    below = ""
    for i, (label, value) in enumerate(points):
        if len(points) <= 5 or i in (0, len(points) - 1):
            below += f"<text x='{i * bar}' y='{top + height + 12}'>{_svg_text(label)} {value:g}</text>"
    head = f"<svg xmlns='http://www.w3.org/2000/svg' width='{bar * len(points) + 24}' height='{top + height + 16}'"
    text = f"<g font-size='10' font-family='sans-serif' fill='#777'><text y='10'>peak {peak:g}</text>{below}</g>"
    svg = f"{head}><path fill='#4f6df5' d='{path}'/>{text}</svg>"
    data = quote(svg, safe="/:=',")
    return f"![peak {peak:g}](data:image/svg+xml,{data})"


def _svg_text(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

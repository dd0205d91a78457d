"""What a run tells Dagster: materializations and check evaluations, one per unit."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Mapping
from typing import Any
from urllib.parse import quote

import dagster as dg
import polars as pl
from dagster._core.definitions.data_version import DATA_VERSION_TAG

from event_assets.declaration import Dataset
from event_assets.orchestration.checks import Finding, file_findings, reconciliation_findings, unit_findings
from event_assets.orchestration.keys import asset_key, partitions
from event_assets.pipeline.land_files import LandingSummary
from event_assets.pipeline.reconcile import Reconciliation
from event_assets.pipeline.rejected_records import refused_by_file
from event_assets.pipeline.results import Outcome
from event_assets.pipeline.steps import RECONCILIATION
from event_assets.pipeline.workspace import Workspace
from event_assets.storage.partitions import WHOLE

Event = dg.AssetMaterialization | dg.AssetCheckEvaluation


def outcome_events(workspace: Workspace, outcome: Outcome) -> Iterator[Event]:
    """The events of one unit: its materialization where it was published, and what its checks found."""
    dataset = workspace.dataset
    partition = partition_of(dataset, outcome.date)
    if outcome.date is not None and partition is None:
        return  # Dagster has no such date: it lies beyond the declared ones
    if outcome.state == "made":
        yield _materialization(workspace, outcome)
    for finding in unit_findings(workspace, outcome):
        yield evaluation(dataset, finding, partition)


def landing_events(workspace: Workspace, intake: LandingSummary, asked: Collection[dt.date] = ()) -> Iterator[Event]:
    """The events of a landing: the tables of files, and each date of raw events that changed or was asked for."""
    dataset = workspace.dataset
    rejects: dict[str, int] = {}
    for file in intake.landed:
        for reason, count in file.reasons.items():
            rejects[reason] = rejects.get(reason, 0) + count
    phase = {
        "files landed": len(intake.landed),
        "files known before": intake.known,
        "bytes": sum(file.bytes for file in intake.landed),
        "records": sum(file.records for file in intake.landed),
        "landed": sum(file.landed for file in intake.landed),
        "rejected": sum(file.rejected for file in intake.landed),
        "erased": sum(file.erased for file in intake.landed),
        "seconds": round(intake.seconds, 3),
        "MB per second": round(sum(file.bytes for file in intake.landed) / 1e6 / max(intake.seconds, 1e-9), 3),
    }
    metadata: dict[str, Any] = {**phase, "rejects by reason": _counts_table("reason", rejects)}
    for table in ("source_files", "raw_profiles", "landing_rejects"):
        if table in workspace.stores:
            shown = metadata if table == "source_files" else {}
            if table == "landing_rejects":
                shown = {"rejects by file": _rejects_by_file(workspace, table, None)}
            yield published(workspace, table, None, shown)
    for date in sorted({*intake.dates, *asked}):
        if partition_of(dataset, date) is not None:
            yield published(workspace, "raw_events", date, {})
    for finding in file_findings(workspace):
        yield evaluation(dataset, finding, None)


def reconciliation_events(workspace: Workspace, found: Reconciliation) -> Iterator[Event]:
    """The events of the table that a run publishes last: its materialization with the totals, and its checks."""
    totals = {name: value for name, value in found.as_json().items() if isinstance(value, int)}
    yield published(workspace, RECONCILIATION, None, totals)
    for finding in reconciliation_findings(workspace, found):
        yield evaluation(workspace.dataset, finding, None)


def published(
    workspace: Workspace, table: str, date: dt.date | None, metadata: Mapping[str, Any]
) -> dg.AssetMaterialization:
    """That a unit lies in the lake as it does now; its date is one that Dagster has."""
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
    if outcome.table.endswith("quarantine"):
        metadata["rejects by reason"] = _counts_table("reason", {reason: int(count) for reason, count in outcome.plot})
        metadata["rejects by file"] = _rejects_by_file(workspace, outcome.table, outcome.date)
    elif outcome.plot:
        metadata["plot"] = dg.MetadataValue.md(_bars(outcome.plot))
    if outcome.sample is not None and not outcome.sample.is_empty():
        metadata["preview"] = dg.MetadataValue.md(_markdown(outcome.sample))
    return published(workspace, outcome.table, outcome.date, metadata)


def _rejects_by_file(workspace: Workspace, table: str, date: dt.date | None) -> dg.MetadataValue:
    paths = workspace.stores[table].paths(date.isoformat() if date else WHOLE)
    return dg.MetadataValue.md(_markdown(refused_by_file(workspace, paths)))


def evaluation(dataset: Dataset, finding: Finding, partition: str | None) -> dg.AssetCheckEvaluation:
    asked = finding.question
    return dg.AssetCheckEvaluation(
        asset_key=asset_key(dataset.name, asked.table),
        check_name=asked.name,
        passed=finding.passed,
        description=finding.sentence,
        severity=dg.AssetCheckSeverity.ERROR if asked.blocking else dg.AssetCheckSeverity.WARN,
        blocking=asked.blocking,
        metadata=dict(finding.figures),
        partition=partition,
    )


def partition_of(dataset: Dataset, date: dt.date | None) -> str | None:
    """Dagster's key of a date, None where it has none: it doesn't look at the keys of events that it receives."""
    if date is None:
        return None
    key = date.isoformat()
    return key if partitions(dataset).has_partition_key(key) else None


def _place(workspace: Workspace, table: str, date: dt.date | None) -> Mapping[str, Any]:
    folder = workspace.stores[table].folder
    return {"folder": dg.MetadataValue.path(str(folder / f"event_date={date.isoformat()}" if date else folder))}


def _counts_table(name: str, counts: Mapping[str, int]) -> dg.MetadataValue:
    lines = [f"| {name} | count |", "|---|---:|", *(f"| {key} | {count} |" for key, count in sorted(counts.items()))]
    return dg.MetadataValue.md("\n".join(lines) if counts else "none")


def _markdown(frame: pl.DataFrame) -> str:
    """A few rows as a table; nothing in a value can become markup."""
    rows = [[_plain(value) for value in row] for row in frame.rows()]
    lines = [frame.columns, ["---"] * frame.width, *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


#: Enough of a value to recognise it by: a preview of five rows then mostly shows without a click.
_CELL = 24
_UNSAFE = str.maketrans({c: f"&#{ord(c)};" for c in "|<>&`*_[]()!\\#~"} | {"\n": " ", "\r": " "})


def _plain(value: object) -> str:
    text = "" if value is None else str(value)
    return (text if len(text) <= _CELL else text[: _CELL - 1] + "…").translate(_UNSAFE)


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

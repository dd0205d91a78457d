"""Partitions that no run reported to Dagster: a killed run reports nothing of what it published last."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import dagster as dg
from dagster._core.definitions.data_version import DATA_VERSION_TAG

from event_assets.digest import digest
from event_assets.orchestration.checks import Finding, questions
from event_assets.orchestration.keys import asset_key
from event_assets.orchestration.reporting import Event, evaluation, partition_of, published
from event_assets.pipeline.workspace import Unit, Workspace
from event_assets.storage.partitions import WHOLE

_MADE = dg.DagsterEventType.ASSET_MATERIALIZATION
_SAYS = "The run that published it ended before it could report it, or its events were lost."


def unreported(instance: dg.DagsterInstance, workspace: Workspace) -> Iterator[Unit]:
    """The tables' dates (None for a table without) that hold something else than Dagster was last told, in order."""
    for table, store in workspace.stores.items():
        told = _last_reported_versions(instance, asset_key(workspace.dataset.name, table), by_date=store.by_date)
        for unit, entry in sorted(store.entries().items()):
            if told.get(unit) == entry.content:
                continue
            date = dt.date.fromisoformat(unit) if store.by_date else None
            if date is None or partition_of(workspace.dataset, date) is not None:  # else Dagster has no such date
                yield table, date


def late_report_events(workspace: Workspace, unit: Unit) -> Iterator[Event]:
    """What a run would have reported of a unit, from the log alone: that it was published, and that its blocking
    checks passed. No file is opened: there may be thousands, and far away."""
    table, date = unit
    yield published(workspace, table, date, {"reported late": _SAYS})
    for question in questions(workspace.dataset).values():
        if question.table == table and question.blocking:
            says = "it was published, so it was kept"
            yield evaluation(workspace.dataset, Finding(question, True, says), date.isoformat() if date else None)


def lake_state(workspace: Workspace) -> str:
    """Changes with everything that is published."""
    return digest([(name, *store.state) for name, store in workspace.stores.items()])


def _last_reported_versions(instance: dg.DagsterInstance, key: dg.AssetKey, *, by_date: bool) -> dict[str, str | None]:
    """The content digest that Dagster received last, by unit."""
    if by_date:
        tags = instance.event_log_storage.get_latest_tags_by_partition(key, _MADE, [DATA_VERSION_TAG])
        return {partition: found.get(DATA_VERSION_TAG) for partition, found in tags.items()}
    last = instance.get_latest_materialization_event(key)
    made = last.asset_materialization if last else None
    return {WHOLE: (made.tags or {}).get(DATA_VERSION_TAG)} if made else {}

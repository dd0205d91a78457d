"""Partitions that were published but not reported to Dagster, because the run was killed; and their late report."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import dagster as dg
from dagster._core.definitions.data_version import DATA_VERSION_TAG

from event_assets.digest import digest
from event_assets.orchestration.asset_keys import asset_key
from event_assets.orchestration.reporting import Event, evaluation, published
from event_assets.pipeline.checks import checks
from event_assets.pipeline.published_tables import Unit
from event_assets.pipeline.run_results import CheckResult
from event_assets.pipeline.workspace import Workspace
from event_assets.storage.published_partitions import WHOLE

_MADE = dg.DagsterEventType.ASSET_MATERIALIZATION
_WHY = "The run that published it ended before it could report it, or its events were lost."


def unreported(instance: dg.DagsterInstance, workspace: Workspace) -> Iterator[Unit]:
    """The partitions (date None for a table without) whose content is not what was last reported, in order."""
    for table, store in workspace.stores.items():
        if workspace.tables[table].internal:
            continue
        reported = _last_reported_versions(instance, asset_key(workspace.dataset.name, table), by_date=store.by_date)
        for unit, entry in sorted(store.entries().items()):
            if reported.get(unit) != entry.content:
                yield table, dt.date.fromisoformat(unit) if store.by_date else None


def late_report_events(workspace: Workspace, unit: Unit) -> Iterator[Event]:
    """What a run would have reported of a partition, as far as the log knows: that it was published, and that it kept
    its blocking checks. No file is opened: there may be thousands, and far away."""
    table, date = unit
    yield published(workspace, table, date, {"reported late": _WHY})
    for check in checks(workspace.dataset).values():
        if check.table == table and check.blocking:
            message = "it was published, so it kept this check"
            yield evaluation(workspace.dataset, CheckResult(table, check.name, True, message), date)


def lake_state(workspace: Workspace) -> str:
    """Changes with everything that is published."""
    return digest([(name, *store.state) for name, store in workspace.stores.items()])


def _last_reported_versions(instance: dg.DagsterInstance, key: dg.AssetKey, *, by_date: bool) -> dict[str, str | None]:
    """The content that was last reported, by partition."""
    if by_date:
        tags = instance.event_log_storage.get_latest_tags_by_partition(key, _MADE, [DATA_VERSION_TAG])
        return {partition: found.get(DATA_VERSION_TAG) for partition, found in tags.items()}
    last = instance.get_latest_materialization_event(key)
    made = last.asset_materialization if last else None
    return {WHOLE: (made.tags or {}).get(DATA_VERSION_TAG)} if made else {}

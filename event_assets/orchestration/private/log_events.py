"""Logs materializations and check evaluations in Dagster, a batch at a time."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final

import dagster as dg
from dagster import EventLogEntry
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationTargetMaterializationData
from dagster._core.events import DagsterEvent
from dagster._core.instance.types import _EventListenerLogHandler
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster_shared.record import copy

from event_assets.orchestration.private.remove_backfill_partitions import BACKFILL_TAG
from event_assets.orchestration.reporting import Event

_MADE: Final = dg.DagsterEventType.ASSET_MATERIALIZATION
_EVALUATED: Final = {AssetCheckExecutionRecordStatus.SUCCEEDED, AssetCheckExecutionRecordStatus.FAILED}
#: An asset's partition, or an asset that has none.
_Place = tuple[dg.AssetKey, str | None]


def log_events(context: dg.OpExecutionContext, events: Iterable[Event]) -> None:
    """Log the events, materializations first: each evaluation names the one that it judges.

    Dagster shows a check's result on a partition only where it was found on what was materialized there last. The
    result of a partition that was not published names the previous version, so that the failure shows beside it.

    A backfill counts as done whatever its runs materialize. What one of them made beside its selection (raw events,
    where it had to land files for another table) is therefore reported outside the run: else the backfill would cut
    its range in two.
    """
    events = list(events)
    evaluations = [event for event in events if isinstance(event, dg.AssetCheckEvaluation)]
    log = _StepEvents(context).add if _only_stored(context) else context.log_event
    with events_together(context.instance):
        for event in events:
            if isinstance(event, dg.AssetMaterialization):
                if BACKFILL_TAG in context.run.tags and event.asset_key not in context.selected_asset_keys:
                    context.instance.report_runless_asset_event(event)
                else:
                    log(event)
        judged = _reserved(context.instance)
        others = {place for e in evaluations if (place := (e.asset_key, e.partition)) not in judged}
        judged.update(_last_materialized(context.instance, others))
        for evaluation in evaluations:
            target = judged.get((evaluation.asset_key, evaluation.partition))
            log(copy(evaluation, target_materialization_data=target))  # type: ignore[arg-type]


def _only_stored(context: dg.OpExecutionContext) -> bool:
    """Whether Dagster's events go to the instance's storage and to no logger beside it."""
    handler = context.log._dagster_handler
    beside = [one for one in handler._handlers if not isinstance(one, _EventListenerLogHandler)]
    return not beside and not any(logger.isEnabledFor(logging.DEBUG) for logger in handler._loggers)


class _StepEvents:
    """Stores the events of a step as `context.log_event` does, without a record of Python's logging for each: that is
    a third of an event's cost. For `DagsterEvent` it is the step's context, and the log of that."""

    def __init__(self, context: dg.OpExecutionContext) -> None:
        step: Any = context.get_step_execution_context()
        self._context, self._meta = context, step.log.metadata
        self.job_name, self.step, self.event_tags = step.job_name, step.step, step.event_tags
        self.log = self

    def add(self, event: Event) -> None:
        step: Any = self
        if isinstance(event, dg.AssetMaterialization):
            stored = DagsterEvent.asset_materialization(step, event)
        else:
            stored = DagsterEvent.asset_check_evaluation(step, event)
        self._context._events.append(stored)

    def log_dagster_event(
        self, level: int, msg: str, dagster_event: DagsterEvent, batch_metadata: object = None
    ) -> None:
        of_run = {name: self._meta[name] for name in ("run_id", "step_key", "job_name")}
        entry_of: Any = EventLogEntry
        entry = entry_of(None, level, msg, timestamp=time.time(), dagster_event=dagster_event, **of_run)
        self._context.instance.handle_new_event(entry)


def last_evaluation(instance: dg.DagsterInstance, check: dg.AssetCheckKey) -> dg.AssetCheckEvaluation | None:
    """The newest result of a check, if it has one."""
    found = instance.event_log_storage.get_asset_check_execution_history(check, limit=1, status=_EVALUATED)
    event = found[0].event if found else None
    return event.get_dagster_event().asset_check_evaluation_data if event else None


def events_together(instance: dg.DagsterInstance) -> AbstractContextManager[None]:
    """Store the events of a block together, where the instance's storage can: SQLite's (`event_log.EventLog`) in one
    transaction, PostgreSQL's in a few.

    The storage is inspected, not its class: importing that would load SQLAlchemy, a fifth of the time that the
    definitions take to load.
    """
    storage = _storage(instance)
    if type(storage).__name__ == "PostgresEventLogStorage":
        from event_assets.orchestration.private.postgres_batch import batch_of

        return batch_of(storage)
    found: AbstractContextManager[None] = getattr(storage, "together", nullcontext)()
    return found


def _storage(instance: dg.DagsterInstance) -> Any:
    storage = instance.event_log_storage
    return getattr(storage, "_event_log_storage", storage)


def _reserved(instance: dg.DagsterInstance) -> dict[_Place, AssetCheckEvaluationTargetMaterializationData]:
    """The materializations of the open batch."""
    found = {}
    for number, entry in getattr(_storage(instance), "reserved", ()):
        if entry.dagster_event_type == _MADE:
            event = entry.get_dagster_event()
            found[event.asset_key, event.partition] = AssetCheckEvaluationTargetMaterializationData(
                storage_id=number, run_id=entry.run_id, timestamp=entry.timestamp
            )
    return found


def _last_materialized(
    instance: dg.DagsterInstance, places: Iterable[_Place]
) -> Mapping[_Place, AssetCheckEvaluationTargetMaterializationData]:
    partitions: dict[dg.AssetKey, set[str]] = defaultdict(set)
    for key, partition in places:
        partitions[key].update([partition] if partition else [])
    found = {}
    for key, wanted in partitions.items():
        if wanted:
            last = instance.event_log_storage.get_latest_storage_id_by_partition(key, _MADE, wanted).values()
            # No ids would mean all.
            records = instance.get_asset_event_summary_records(_MADE, key, storage_ids=list(last)) if last else []
        else:
            records = instance.get_asset_event_summary_records(_MADE, key, limit=1)
        for record in records:
            found[key, record.partition] = AssetCheckEvaluationTargetMaterializationData(
                storage_id=record.storage_id, run_id=record.run_id or "", timestamp=record.timestamp
            )
    return found

"""Stores events of assets and checks in Dagster's event tables with one statement per table, in every database."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any, Final, NamedTuple

from dagster import DagsterEventType, EventLogEntry
from dagster._core.events import ASSET_CHECK_EVENTS, ASSET_EVENTS
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus as Status
from dagster._core.storage.event_log import SqlEventLogStorage
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable as Executions
from sqlalchemy import Connection, bindparam, select

from event_assets.orchestration.private.serialize_events import EventSerializer

#: The kinds of events that are stored in bulk.
BULK: Final = frozenset({*ASSET_EVENTS, *ASSET_CHECK_EVENTS} - {DagsterEventType.FRESHNESS_STATE_CHANGE})
_EVALUATED: Final = DagsterEventType.ASSET_CHECK_EVALUATION.value
_OF_ASSETS: Final = frozenset(kind.value for kind in ASSET_EVENTS)
Row = dict[str, Any]


class Numbered(NamedTuple):
    """An event with the id that it has in the log of all runs."""

    id: int
    entry: EventLogEntry


def event_rows(storage: SqlEventLogStorage, entries: Sequence[EventLogEntry]) -> list[Row]:
    """The row of each event, as Dagster's `_event_to_row` makes it; texts that events share are serialized once."""
    texts, stored_at = EventSerializer(), storage._event_insert_timestamp
    rows = []
    for entry in entries:
        happened: Any = entry.dagster_event
        key = happened.asset_key
        row = {
            "run_id": entry.run_id,
            "event": texts.of(entry),
            "dagster_event_type": happened.event_type_value,
            "timestamp": stored_at(entry),  # type: ignore[no-untyped-call]
            "step_key": happened.step_key,
            "asset_key": key.to_string() if key else None,
            "partition": happened.partition or None,
        }
        rows.append(row)
    return rows


def index_events(storage: SqlEventLogStorage, index: Connection, stored: Sequence[Numbered], rows: list[Row]) -> None:
    """Update the tables that are derived from stored events: assets and their tags, executions of checks."""
    both = list(zip(stored, rows, strict=True))
    of_assets = [(one, row) for one, row in both if row["dagster_event_type"] in _OF_ASSETS and row["asset_key"]]
    if of_assets:
        entries, numbers = [one.entry for one, _ in of_assets], [one.id for one, _ in of_assets]
        storage._store_asset_event_tags(index, entries, numbers)
    # Only the last event of each kind changes an asset's row.
    last = {(row["asset_key"], row["dagster_event_type"]): one for one, row in of_assets}
    for number, entry in sorted(last.values(), key=lambda one: one.id):
        storage._store_asset_event(index, entry, number)
    of_checks = (pair for pair in both if pair[1]["dagster_event_type"] not in _OF_ASSETS)
    for kind, group in groupby(of_checks, key=lambda pair: pair[1]["dagster_event_type"]):
        if kind == _EVALUATED:
            _store_evaluations(index, list(group))
        else:
            for (number, entry), _ in group:
                storage.store_asset_check_event(entry, number)


def _store_evaluations(index: Connection, evaluations: Sequence[tuple[Numbered, Row]]) -> None:
    """Store evaluations of checks as executions. They replace a planned or earlier one of that run and partition."""
    found: dict[object, dict[str, Any]] = {}
    for place, ((number, entry), row) in enumerate(evaluations):
        evaluation: Any = entry.get_dagster_event().event_specific_data
        target = evaluation.target_materialization_data
        execution = {
            "asset_key": evaluation.asset_key.to_string(),
            "check_name": evaluation.check_name,
            "run_id": entry.run_id,
            "partition": evaluation.partition,
            "execution_status": (Status.SUCCEEDED if evaluation.passed else Status.FAILED).value,
            "evaluation_event": row["event"],
            "evaluation_event_timestamp": row["timestamp"],
            "evaluation_event_storage_id": number,
            "materialization_event_storage_id": target.storage_id if target else None,
        }
        found[_key(execution) if entry.run_id else place] = execution  # of what no run reported, all are kept
    known = _known_executions(index, {key[:3] for key in found if isinstance(key, tuple)})
    changed = [{**execution, "at": known[key]} for key, execution in found.items() if key in known]
    new = [execution for key, execution in found.items() if key not in known]
    if changed:
        index.execute(Executions.update().where(Executions.c.id == bindparam("at")), changed)
    if new:
        index.execute(Executions.insert(), new)


def _known_executions(index: Connection, checks: set[tuple[str, str, str]]) -> dict[object, int]:
    """The ids of the executions of a run's checks."""
    columns = Executions.c
    query = select(columns.id, columns.asset_key, columns.check_name, columns.run_id, columns.partition).where(
        columns.asset_key == bindparam("asset"),
        columns.check_name == bindparam("check"),
        columns.run_id == bindparam("run"),
    )
    rows = (
        row
        for asset, check, run in checks
        for row in index.execute(query, {"asset": asset, "check": check, "run": run}).mappings()
    )
    return {_key(row): row["id"] for row in rows}


def _key(execution: Any) -> tuple[str, str, str, str | None]:
    return execution["asset_key"], execution["check_name"], execution["run_id"], execution["partition"]

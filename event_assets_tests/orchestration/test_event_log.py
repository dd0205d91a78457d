"""Dagster's SQLite event log as `dagster.yaml` sets it up: batches, and the files of the stock storage."""

from __future__ import annotations

import itertools
import os
import shutil
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import dagster as dg
import pytest
import time_machine
from dagster import EventLogEntry
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationPlanned,
    AssetCheckEvaluationTargetMaterializationData,
)
from dagster._core.events import (
    AssetMaterializationPlannedData,
    AssetObservationData,
    DagsterEvent,
    StepMaterializationData,
)
from dagster._core.storage.event_log import SqliteEventLogStorage
from hypothesis import example, given, settings
from hypothesis import strategies as st

from event_assets.orchestration.private.event_log import REVISION, EventLog
from event_assets.orchestration.private.log_events import events_together

KEY = dg.AssetKey(["clicks", "sessions"])


@pytest.fixture
def instance(repository: Path) -> Iterator[dg.DagsterInstance]:
    """An instance as `make ui` sets it up."""
    home = Path(os.environ["DAGSTER_HOME"])
    shutil.copyfile(repository / "event_assets" / "orchestration" / "dagster.yaml", home / "dagster.yaml")
    with dg.DagsterInstance.get() as instance:
        yield instance


def test_the_instance_uses_our_event_log(instance: dg.DagsterInstance) -> None:
    storage = instance.event_log_storage
    assert isinstance(getattr(storage, "_event_log_storage", storage), EventLog)


def test_the_stock_storage_reads_what_ours_wrote(instance: dg.DagsterInstance) -> None:
    with events_together(instance):
        for date in ("2025-01-05", "2025-01-06"):
            instance.report_runless_asset_event(dg.AssetMaterialization(KEY, partition=date))
    stock = SqliteEventLogStorage(str(Path(os.environ["DAGSTER_HOME"]) / "history" / "runs"))
    assert stock.get_materialized_partitions(KEY) == {"2025-01-05", "2025-01-06"}
    stock.dispose()


def test_materializations_of_an_asset_differ_in_time_since_the_ui_shows_one_of_those_that_have_the_same(
    instance: dg.DagsterInstance,
) -> None:
    dates = [f"2025-01-{day:02}" for day in range(1, 31)]
    with time_machine.travel("2025-02-01T12:00:00Z", tick=False):
        for batch in (dates[:20], dates[20:]):
            with events_together(instance):
                for date in batch:
                    instance.report_runless_asset_event(dg.AssetMaterialization(KEY, partition=date))
    found = instance.fetch_materializations(KEY, limit=100, ascending=True).records
    assert [record.partition_key for record in found] == dates
    shown = [int(record.timestamp * 1000) for record in found]
    assert shown == list(range(shown[0], shown[0] + 30))


def test_an_error_within_a_batch_leaves_nothing_of_it(instance: dg.DagsterInstance) -> None:
    with pytest.raises(ZeroDivisionError), events_together(instance):
        instance.report_runless_asset_event(dg.AssetMaterialization(KEY, partition="2025-01-05"))
        raise ZeroDivisionError
    assert instance.get_materialized_partitions(KEY) == set()


def test_a_batch_reads_its_own_events(instance: dg.DagsterInstance) -> None:
    with events_together(instance):
        instance.report_runless_asset_event(dg.AssetMaterialization(KEY, partition="2025-01-05"))
        assert instance.get_materialized_partitions(KEY) == {"2025-01-05"}


def test_a_table_is_looked_for_once(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []
    look = SqliteEventLogStorage.has_table
    monkeypatch.setattr(SqliteEventLogStorage, "has_table", lambda log, name: looked.append(name) or look(log, name))
    for date in ("2025-01-05", "2025-01-06", "2025-01-07"):
        instance.report_runless_asset_event(
            dg.AssetMaterialization(KEY, partition=date, tags={"dagster/data_version": date})
        )
    assert len(looked) == len(set(looked)) > 0
    assert not instance.event_log_storage.has_table("no such table")


def test_who_watches_a_run_receives_its_events_while_its_database_is_kept_open(tmp_path: Path) -> None:
    log, watched = EventLog(str(tmp_path)), list[str]()
    told = threading.Event()

    def receive(entry: EventLogEntry, _: str) -> None:
        watched.append(entry.get_dagster_event().partition or "")
        if len(watched) == 3:
            told.set()

    log.store_event(_entry(1, "observed", "run-1", "sessions", "2025-01-05", False))
    log.watch("run-1", None, receive)
    log.store_event(_entry(2, "observed", "run-1", "sessions", "2025-01-06", False))
    log.store_event(_entry(3, "observed", "run-1", "sessions", "2025-01-07", False))
    assert told.wait(60)
    log.end_watch("run-1", receive)
    log.dispose()
    assert watched == ["2025-01-05", "2025-01-06", "2025-01-07"]


def test_a_log_that_is_wiped_is_empty_and_goes_on(tmp_path: Path) -> None:
    log = EventLog(str(tmp_path))
    log.store_event(_entry(1, "observed", "run-1", "sessions", None, False))
    log.wipe()
    assert log.get_logs_for_run("run-1") == []
    log.store_event(_entry(2, "observed", "run-1", "sessions", None, False))
    assert len(log.get_logs_for_run("run-1")) == 1
    log.dispose()


def test_a_dropped_file_does_not_wait_long_in_the_queue(instance: dg.DagsterInstance) -> None:
    assert getattr(instance.run_coordinator, "dequeue_interval_seconds", None) == 1


_KINDS = ("materialized", "materialization planned", "observed", "evaluation planned", "evaluated", "failed", "message")
_EVENTS = st.tuples(
    st.sampled_from(_KINDS),
    st.sampled_from(["run-1", "run-2", ""]),
    st.sampled_from(["sessions", "top_users"]),
    st.sampled_from([None, "2025-01-05", "2025-01-06"]),
    st.booleans(),
)


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[EventLog, SqliteEventLogStorage]]:
    """Our event log and the stock one; opening one takes longer than all that a test stores in it."""
    ours = EventLog(str(tmp_path_factory.mktemp("ours")))
    stock = SqliteEventLogStorage(str(tmp_path_factory.mktemp("stock")))
    yield ours, stock
    ours.dispose()
    stock.dispose()


@settings(max_examples=5)
@given(st.lists(st.lists(_EVENTS, max_size=6), min_size=1, max_size=2))
@example([[(kind, "run-3", "sessions", None, passed) for kind in _KINDS for passed in (True, False)]] * 2)
def test_a_batch_stores_the_rows_that_the_stock_storage_stores(
    logs: tuple[EventLog, SqliteEventLogStorage], batches: list[list[_Described]]
) -> None:
    ours, stock = logs
    for batch in map(_planned_once, batches):
        entries = [_entry(next(_second), *described) for described in batch]
        with ours.together():
            for entry in entries:
                ours.store_event(entry)
        for entry in entries:
            stock.store_event(entry)
    assert _rows(Path(ours._base_dir)) == _rows(Path(stock._base_dir))


_Described = tuple[str, str, str, str | None, bool]
_judged: set[tuple[str, str]] = set()
_second = itertools.count(1_700_000_000)


def _planned_once(batch: list[_Described]) -> Iterator[_Described]:
    """The events without those that plan a check of a run again, which Dagster never does."""
    for described in batch:
        kind, *of = described[:3]
        if kind != "evaluation planned" or tuple(of) not in _judged:
            yield described
        if kind.startswith("eval"):
            _judged.add((of[0], of[1]))


def _entry(second: int, kind: str, run: str, table: str, partition: str | None, flag: bool) -> EventLogEntry:
    key = dg.AssetKey(["clicks", table])
    types = dg.DagsterEventType
    made = dg.AssetMaterialization(key, partition=partition, tags={"dagster/data_version": str(second)})
    found: tuple[dg.DagsterEventType, object]
    match kind:
        case "materialized":
            found = types.ASSET_MATERIALIZATION, StepMaterializationData(made)
        case "materialization planned":
            found = types.ASSET_MATERIALIZATION_PLANNED, AssetMaterializationPlannedData(key, partition)
        case "observed":
            found = types.ASSET_OBSERVATION, AssetObservationData(dg.AssetObservation(key, partition=partition))
        case "evaluated":
            target = AssetCheckEvaluationTargetMaterializationData(storage_id=1, run_id=run, timestamp=float(second))
            evaluation = dg.AssetCheckEvaluation(
                asset_key=key,
                check_name="contract",
                passed=flag,
                metadata={},
                partition=partition,
                target_materialization_data=target if flag else None,
            )
            found = types.ASSET_CHECK_EVALUATION, evaluation
        case "evaluation planned":
            found = (
                types.ASSET_CHECK_EVALUATION_PLANNED,
                AssetCheckEvaluationPlanned(asset_key=key, check_name="contract"),
            )
        case "failed":
            found = types.RUN_FAILURE, None
        case _:
            return EventLogEntry(None, 20, "a message", run, float(second))
    event = DagsterEvent(found[0].value, "job", event_specific_data=found[1])  # type: ignore[arg-type]
    return EventLogEntry(None, 20, "", run, float(second), job_name="job", dagster_event=event)


def _rows(folder: Path) -> dict[str, Sequence[object]]:
    """All rows of all tables that hold events, but for the times at which they were stored."""
    found: dict[str, Sequence[object]] = {}
    for path in folder.glob("*.db"):
        database = sqlite3.connect(path)
        database.row_factory = sqlite3.Row
        for table in ("event_logs", "asset_keys", "asset_event_tags", "asset_check_executions"):
            rows = [dict(row) for row in database.execute(f"SELECT * FROM {table} ORDER BY id")]
            for row in rows:
                row.pop("create_timestamp", None)
            found[f"{path.name} {table}"] = rows
        database.close()
    return found


def test_the_databases_are_those_that_dagster_migrates(logs: tuple[EventLog, SqliteEventLogStorage]) -> None:
    schemas = []
    for log in logs:
        log.store_event(_entry(1, "message", "run-4", "sessions", None, True))
        for shard in ("index", "run-4"):
            with sqlite3.connect(log.path_for_shard(shard)) as database:
                created = database.execute("SELECT type, name FROM sqlite_master ORDER BY 1, 2").fetchall()
                schemas.append((created, database.execute("SELECT * FROM alembic_version").fetchall()))
    assert schemas[:2] == schemas[2:]
    assert all(stamped == [(REVISION,)] for _, stamped in schemas)


def test_events_of_a_batch_are_reserved_under_the_ids_that_they_get(instance: dg.DagsterInstance) -> None:
    log = instance.event_log_storage
    log = getattr(log, "_event_log_storage", log)
    with events_together(instance):
        for date in ("2025-01-05", "2025-01-06"):
            instance.report_runless_asset_event(dg.AssetMaterialization(KEY, partition=date))
        reserved = {entry.get_dagster_event().partition: number for number, entry in log.reserved}
    stored = instance.event_log_storage.get_latest_storage_id_by_partition(
        KEY, dg.DagsterEventType.ASSET_MATERIALIZATION
    )
    assert reserved == stored
    assert len(stored) == 2


def test_a_second_process_waits_for_the_ids_of_an_open_batch(tmp_path: Path) -> None:
    first, second = EventLog(str(tmp_path)), EventLog(str(tmp_path))
    with first.together():
        first.store_event(_entry(1, "materialized", "run-1", "sessions", None, True))
        with (
            sqlite3.connect(second.path_for_shard("index"), timeout=0) as other,
            pytest.raises(sqlite3.OperationalError, match="locked"),
        ):
            other.execute("BEGIN IMMEDIATE")
    second.store_event(_entry(2, "materialized", "run-2", "sessions", None, True))
    assert len(_rows(tmp_path)["index.db event_logs"]) == 2
    first.dispose()
    second.dispose()

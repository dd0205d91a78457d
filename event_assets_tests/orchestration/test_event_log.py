"""Dagster's SQLite event log as `dagster.yaml` sets it up: batches, and the files of the stock storage."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.event_log import SqliteEventLogStorage

from event_assets.orchestration.private.event_log import EventLog
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


def test_a_dropped_file_does_not_wait_long_in_the_queue(instance: dg.DagsterInstance) -> None:
    assert getattr(instance.run_coordinator, "dequeue_interval_seconds", None) == 1

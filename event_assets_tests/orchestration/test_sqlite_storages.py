"""Dagster's SQLite storages of runs and schedules as `dagster.yaml` sets them up: the files of the stock ones."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.runs import SqliteRunStorage
from dagster._core.storage.schedules import SqliteScheduleStorage

from event_assets.orchestration.private.instance_without_compute_logs import instance_without_compute_logs
from event_assets.orchestration.private.sqlite_storages import REVISION, RunStorage, ScheduleStorage, is_newest


@pytest.fixture
def home(repository: Path) -> Path:
    """A Dagster home as `make ui` sets it up."""
    home = Path(os.environ["DAGSTER_HOME"])
    shutil.copyfile(repository / "event_assets" / "orchestration" / "dagster.yaml", home / "dagster.yaml")
    return home


@contextmanager
def opened(home: Path) -> Iterator[dg.DagsterInstance]:
    with instance_without_compute_logs(home) as instance:
        yield instance


def test_an_instance_uses_them_and_the_stock_storages_read_what_they_wrote(home: Path) -> None:
    with opened(home) as instance:
        assert type(getattr(instance.run_storage, "_run_storage", instance.run_storage)) is RunStorage
        assert (
            type(getattr(instance.schedule_storage, "_schedule_storage", instance.schedule_storage)) is ScheduleStorage
        )
        run = instance.create_run_for_job(_job(), tags={"why": "test"})
        instance.add_run_tags(run.run_id, {"more": "yes"})
    stock = SqliteRunStorage.from_local(str(home / "history"))
    [found] = stock.get_runs()
    assert (found.run_id, found.tags["why"], found.tags["more"]) == (run.run_id, "test", "yes")
    assert SqliteScheduleStorage.from_local(str(home / "schedules")).all_instigator_state() == []


def test_a_start_loads_dagsters_migrations_only_where_a_database_needs_them(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[object] = []
    with opened(home) as instance:
        assert instance.get_runs_count() == 0
    databases = [home / "history" / "runs.db", home / "schedules" / "schedules.db"]
    assert [is_newest(database) for database in databases] == [True, True]
    monkeypatch.setattr("alembic.script.ScriptDirectory.from_config", loaded.append)
    with opened(home) as instance:
        assert instance.get_runs_count() == 0
    assert loaded == []
    with closing(sqlite3.connect(databases[0])) as older, older:
        older.execute("UPDATE alembic_version SET version_num = '5771160a95ad'")
    with pytest.raises(AttributeError), opened(home):  # of None, in place of the migrations
        pass
    assert len(loaded) == 1


def test_the_newest_revision_is_the_one_that_dagsters_migrations_know(home: Path) -> None:
    with opened(home) as instance:
        assert [instance.run_storage.alembic_version(), instance.schedule_storage.alembic_version()] == [  # type: ignore[union-attr]
            (REVISION, REVISION)
        ] * 2


def test_what_is_no_database_or_has_none_is_not_the_newest(tmp_path: Path) -> None:
    assert not is_newest(tmp_path / "runs.db")
    (tmp_path / "runs.db").write_bytes(b"no database at all, of some length")
    assert not is_newest(tmp_path / "runs.db")


def test_a_storage_of_runs_that_was_closed_opens_again(home: Path) -> None:
    with opened(home) as instance:
        storage = instance.run_storage
        assert storage.get_runs_count() == 0
    assert storage.get_runs_count() == 0
    storage.dispose()


def _job() -> dg.JobDefinition:
    @dg.op
    def nothing() -> None: ...

    @dg.job
    def one() -> None:
        nothing()

    return one

"""Dagster's SQLite storages of runs and schedules as `dagster.yaml` sets them up: the files of the stock ones."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.event_log import SqliteEventLogStorage
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
    monkeypatch.setattr("alembic.script.ScriptDirectory.from_config", loaded.append)
    for _ in ("creates the databases", "opens them again"):
        with opened(home) as instance:
            assert instance.get_runs_count() == 0
    databases = [home / "history" / "runs.db", home / "schedules" / "schedules.db", home / "history/runs/index.db"]
    assert [is_newest(database) for database in databases] == [True, True, True]
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


def test_new_databases_are_those_that_the_stock_storages_create(home: Path, tmp_path: Path) -> None:
    with opened(home):
        pass
    stock = tmp_path / "stock"
    SqliteRunStorage.from_local(str(stock / "history"))
    SqliteScheduleStorage.from_local(str(stock / "schedules"))
    SqliteEventLogStorage(str(stock / "history" / "runs")).dispose()
    for database in ("history/runs.db", "schedules/schedules.db", "history/runs/index.db"):
        assert _contents(home / database) == _contents(stock / database), database


def test_two_processes_that_create_the_databases_at_once_both_go_on(home: Path) -> None:
    with ThreadPoolExecutor(4) as threads:
        counts = list(threads.map(lambda _: _count_runs(home), range(4)))
    assert counts == [0] * 4


def test_what_is_missing_or_no_database_is_not_the_newest(tmp_path: Path) -> None:
    assert not is_newest(tmp_path / "runs.db")
    (tmp_path / "runs.db").write_bytes(b"no database at all, of some length")
    assert not is_newest(tmp_path / "runs.db")


def test_a_storage_of_runs_that_was_closed_opens_again(home: Path) -> None:
    with opened(home) as instance:
        storage = instance.run_storage
        assert storage.get_runs_count() == 0
    assert storage.get_runs_count() == 0
    storage.dispose()


def _count_runs(home: Path) -> int:
    with opened(home) as instance:
        return instance.get_runs_count()


def _contents(path: Path) -> dict[str, object]:
    """The tables, indexes and settings of a database, and its rows without their times."""
    with closing(sqlite3.connect(path)) as database:
        listed = database.execute("SELECT type, name, sql FROM sqlite_master ORDER BY 1, 2").fetchall()
        schema = [(kind, name, "".join(str(sql).split())) for kind, name, sql in listed]
        found: dict[str, object] = {"": (schema, database.execute("PRAGMA journal_mode").fetchall())}
        for kind, name, _ in schema:
            if kind == "table":
                columns = [row[1] for row in database.execute(f"PRAGMA table_info({name})")]
                kept = [f'"{one}"' for one in columns if "timestamp" not in one and one != "migration_completed"]
                found[name] = database.execute(f"SELECT {', '.join(kept)} FROM {name}").fetchall()
    return found


def _job() -> dg.JobDefinition:
    @dg.op
    def nothing() -> None: ...

    @dg.job
    def one() -> None:
        nothing()

    return one

"""The warehouse file: what a tool that opens it read-only sees, while tables are being made and replaced."""

from __future__ import annotations

import datetime as dt
import threading
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pytest

from event_assets.errors import LakeError
from event_assets.storage.files import LocalFiles
from event_assets.storage.parquet import write_parquet
from event_assets.storage.table_store import TableStore
from event_assets.storage.written_file import WrittenFile
from event_assets.warehouse.database_file import refresh
from event_assets.warehouse.table_log_sql import live_rows, macros
from event_assets.warehouse.views import views
from event_assets_tests.world import World, clicks, lines

MONDAY = lines("ann,view,2025-01-06T10:00:00,/a,1.50", ",view,2025-01-06T11:00:00,/a,", "bob,view,soon,/a,")
TUESDAY = lines("ann,buy,2025-01-07T10:00:00,/b,2.25")


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path / "it's a lake=x")
    world.drop("clicks_1.csv", MONDAY)
    world.refresh()
    refresh({"clicks": world.dataset}, world.settings)
    return world


def opened(world: World) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(str(world.settings.warehouse), read_only=True)


def test_a_view_holds_the_rows_of_its_table_with_the_date_in_front(world: World) -> None:
    with opened(world) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for name, table in world.workspace.tables.items():
            if table.internal:
                continue
            found = connection.sql(f"FROM clicks.{name}").pl()
            made = world.table(name)
            if table.partitioned_by == "event_date":
                made = made.with_columns(pl.col("event_date").str.to_date())
            assert found.sort(pl.all()).equals(made.sort(pl.all())), name
            assert found.schema == made.schema
        refused = connection.sql("SELECT event_date, reason FROM clicks.rejected_records ORDER BY ALL NULLS FIRST")
        assert refused.fetchall() == [(None, "invalid_timestamp"), (dt.date(2025, 1, 6), "missing_user_id")]


def test_views_and_columns_have_the_comments_of_their_contracts(world: World) -> None:
    with opened(world) as connection:
        found = connection.sql("SELECT view_name, comment FROM duckdb_views() WHERE NOT internal").fetchall()
        columns = connection.sql("SELECT table_name, column_name, comment FROM duckdb_columns() WHERE NOT internal")
        assert dict(found) == {view.name: view.description for view in views(world.dataset)}
        assert {(table, name): comment for table, name, comment in columns.fetchall()} == {
            (view.name, column.name): column.description for view in views(world.dataset) for column in view.columns
        }


def test_who_has_the_file_open_sees_what_later_runs_make(world: World) -> None:
    count = "SELECT event_date, count(*) FROM clicks.joined_facts GROUP BY 1 ORDER BY 1"
    with opened(world) as connection:
        assert connection.sql(count).fetchall() == [(dt.date(2025, 1, 6), 1)]
        world.drop("clicks_1.csv", MONDAY.replace("1.50", "9.75"))
        world.drop("clicks_2.csv", TUESDAY)
        world.refresh()
        assert connection.sql(count).fetchall() == [(dt.date(2025, 1, 6), 1), (dt.date(2025, 1, 7), 1)]
        assert connection.sql("SELECT sum(price) FROM clicks.cleaned_events").fetchall()[0][0] == 12
        assert refresh({"clicks": world.dataset}, world.settings) is False


def test_another_declaration_is_another_file_and_the_old_one_stays_open(world: World) -> None:
    with opened(world) as connection:
        grown = clicks(gold={"daily_summary": {}})
        assert refresh({"clicks": grown}, world.settings) is True
        assert connection.sql("SELECT count(*) FROM clicks.events_by_type").fetchall() == [(1,)]
    with opened(world) as connection, pytest.raises(duckdb.CatalogException):
        connection.sql("FROM clicks.events_by_type")


def test_tables_that_were_never_made_are_empty_views(tmp_path: Path) -> None:
    world = World(tmp_path)
    refresh({"clicks": world.dataset}, world.settings)
    with opened(world) as connection:
        for view in views(world.dataset):
            assert connection.sql(f"FROM {view.sql_name}").fetchall() == [], view.name


@pytest.mark.parametrize("damage", [b"", b"no database", bytes(20_000)])
def test_a_damaged_file_is_created_again(world: World, damage: bytes) -> None:
    assert not refresh({"clicks": world.dataset}, world.settings)
    world.settings.warehouse.write_bytes(damage)
    assert refresh({"clicks": world.dataset}, world.settings)
    with opened(world) as connection:
        assert connection.sql("SELECT count(*) FROM clicks.raw_events").fetchall() == [(2,)]


def test_a_file_of_somebody_else_is_never_replaced(tmp_path: Path) -> None:
    world = World(tmp_path)
    with duckdb.connect(str(world.settings.warehouse)) as connection:
        connection.execute("CREATE TABLE precious AS SELECT 1 AS x")
    before = world.settings.warehouse.read_bytes()
    with pytest.raises(LakeError, match=r"is a file that event_assets didn't make; name another by EVENT_ASSETS_WARE"):
        refresh({"clicks": world.dataset}, world.settings)
    assert world.settings.warehouse.read_bytes() == before


def test_a_file_that_cant_be_written_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.settings.warehouse.mkdir()
    with pytest.raises(LakeError, match=r"warehouse\.duckdb: "):
        refresh({"clicks": world.dataset}, world.settings)
    assert [path.name for path in tmp_path.glob("*.new")] == []


class Table:
    """A table of three dates with ten equal rows each, replaced all together."""

    DATES = ("2025-01-06", "2025-01-07", "2025-01-08")

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "table"
        self._staging = folder / "staging"
        schema = pa.schema([("x", pa.int64()), ("event_date", pa.date32())])
        self._store = TableStore(self.folder, lambda: schema, "event_date")
        self.replace(0)

    def replace(self, value: int) -> None:
        for date in self.DATES:
            staged = self._staging / f"{date}.parquet"
            write_parquet(pl.DataFrame({"x": [value] * 10}), staged)
            self._store.publish(date, [WrittenFile(staged, 10, date)], f"{value:016x}", f"{value:016x}")
        self._store.flush()

    def view(self, connection: duckdb.DuckDBPyConnection) -> None:
        for statement in macros():
            connection.execute(statement)
        connection.execute(f"CREATE VIEW rows AS {live_rows(self.folder, 'event_date')}")


def test_a_partition_that_is_being_replaced_is_never_missing_doubled_or_mixed(tmp_path: Path) -> None:
    table, stop, wrong, right, told = Table(tmp_path), threading.Event(), [], 0, set()

    def replace() -> None:
        for value in range(1, 200):
            table.replace(value)
            if stop.wait(0.15):
                return

    with duckdb.connect() as connection:
        table.view(connection)
        writer = threading.Thread(target=replace)
        writer.start()
        for _ in range(25):
            try:
                found = connection.sql("SELECT count(*), count(DISTINCT x) FROM rows GROUP BY event_date").fetchall()
            except duckdb.Error as error:
                told.add("replaced" if "was replaced while the query began" in str(error) else type(error).__name__)
                continue
            right += found == [(10, 1)] * 3
            if found != [(10, 1)] * 3:
                wrong.append(found)
        stop.set()
        writer.join()
        assert wrong == []
        assert right > 0
        assert told <= {"replaced", "IOException"}
        assert connection.sql("SELECT count(*) FROM rows").fetchall() == [(30,)]


def test_a_file_that_no_log_names_doesnt_count_and_a_path_is_no_pattern(tmp_path: Path) -> None:
    table = Table(tmp_path / "[l]ake*")
    write_parquet(pl.DataFrame({"x": [1]}), table.folder / "event_date=2025-01-06" / "left-behind.parquet")
    with duckdb.connect() as connection:
        table.view(connection)
        assert connection.sql("SELECT count(*) FROM rows").fetchall() == [(30,)]


def test_a_live_file_that_is_gone_is_told(tmp_path: Path) -> None:
    table = Table(tmp_path)
    with duckdb.connect() as connection:
        table.view(connection)
        next(table.folder.glob("event_date=2025-01-07/*.parquet")).unlink()
        with pytest.raises(duckdb.Error, match="was replaced while the query began; run it again"):
            connection.sql("SELECT count(*) FROM rows WHERE event_date <> DATE '2025-01-07'").fetchall()


def test_a_view_outlives_commits_and_one_of_a_log_without_checkpoint_names_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = "SELECT event_date, count(*), min(x), max(x) FROM rows GROUP BY 1 ORDER BY 1"
    with duckdb.connect() as old, duckdb.connect() as new:
        with monkeypatch.context() as version_before:
            version_before.setattr(LocalFiles, "cuts_log", False)
            table = Table(tmp_path)
            table.view(old)
        table.replace(1)
        table.view(new)
        for value in range(2, 10):
            table.replace(value)
        assert new.sql(asked).fetchall() == [(dt.date.fromisoformat(date), 10, 9, 9) for date in Table.DATES]
        with pytest.raises(duckdb.Error, match="was cut down since these views were made; any run makes them again"):
            old.sql(asked).fetchall()


def test_a_changed_dataset_leaves_the_views_of_others_and_a_gone_one_has_none(world: World) -> None:
    other = clicks(name="visits")
    assert refresh({"clicks": world.dataset, "visits": other}, world.settings) is True
    with opened(world) as connection:
        both = connection.sql("SELECT schema_name, view_name, sql FROM duckdb_views() WHERE NOT internal").fetchall()
    assert {schema for schema, _, _ in both} == {"clicks", "visits"}
    world.settings.warehouse.unlink()
    assert refresh({"clicks": world.dataset, "visits": other}, world.settings) is True
    with opened(world) as connection:
        at_once = connection.sql("SELECT schema_name, view_name, sql FROM duckdb_views() WHERE NOT internal").fetchall()
    assert sorted(both) == sorted(at_once)
    assert refresh({"clicks": world.dataset}, world.settings) is True
    with opened(world) as connection:
        assert connection.sql("SELECT count(*) FROM clicks.cleaned_events").fetchall() == [(1,)]
        assert connection.sql("SELECT DISTINCT schema_name FROM duckdb_views() WHERE NOT internal").fetchall() == [
            ("clicks",)
        ]

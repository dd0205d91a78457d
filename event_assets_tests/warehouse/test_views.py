"""Views over the lake, and the door that lets queries read them and do nothing else."""

from __future__ import annotations

import datetime as dt
from collections.abc import ItemsView, Iterator
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
import yaml

from event_assets.declaration import Dataset, load_datasets, parse_dataset
from event_assets.errors import LakeError, QueryError
from event_assets.tables.catalog import tables
from event_assets.text.sql import literal
from event_assets.warehouse.query import read
from event_assets_tests.world import CLICKS, World, lines

MONDAY = lines("ann,view,2025-01-06T10:00:00,/a,1.50", ",view,2025-01-06T11:00:00,/a,", "bob,view,soon,/a,")
TUESDAY = lines("ann,buy,2025-01-07T10:00:00,/b,2.25")


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path / "it's a lake=x")
    world.drop("clicks_1.csv", MONDAY)
    world.drop("clicks_2.csv", TUESDAY)
    world.refresh()
    return world


def rows(world: World, sql: str, **datasets: Dataset) -> pl.DataFrame:
    return read(sql, datasets or {"clicks": world.dataset}, world.settings, pl.concat)


def test_a_view_holds_the_rows_of_its_table_with_the_date_in_front(world: World) -> None:
    made = world.table("joined_facts").with_columns(pl.col("event_date").str.to_date())
    found = rows(world, "SELECT * FROM clicks.joined_facts ORDER BY ALL")
    assert found.equals(made)
    assert found.schema == made.schema


def test_every_table_is_an_empty_view_of_its_columns_before_it_is_made(tmp_path: Path) -> None:
    settings, shipped = World(tmp_path).settings, load_datasets()
    for name, dataset in ((name, shipped[name]) for name in ("shop", "streaming")):
        for table in (table for table in tables(dataset).values() if not table.internal):
            frame = read(f"FROM {name}.{table.name}", {name: dataset}, settings, pl.concat)
            hive = {table.partitioned_by: pl.Date if table.partitioned_by == "event_date" else pl.String}
            expected = {**(hive if table.partitioned_by else {}), **table.polars_schema()}
            assert (frame.height, dict(frame.schema)) == (0, expected)


def test_rejected_records_unite_what_landing_and_cleaning_refused(world: World) -> None:
    found = rows(world, "SELECT event_date, reason, row_number FROM clicks.rejected_records ORDER BY ALL NULLS FIRST")
    assert found.rows() == [(None, "invalid_timestamp", 3), (dt.date(2025, 1, 6), "missing_user_id", 2)]


def test_a_table_in_folders_of_another_column_has_that_column(tmp_path: Path) -> None:
    world = World(tmp_path, load_datasets()["streaming"])
    world.drop(
        "user_activity_1.csv", "log_id,user_id,timestamp,ip_address,watch_time(min)\n1,ann,2025-01-06T10:00:00,,1.25\n"
    )
    world.refresh()
    found = rows(world, "FROM streaming.watch_time_overall", streaming=world.dataset)
    assert found.to_dicts() == [
        {"geo_region": "Unknown", "user_id": "ann", "total_watch_time_min": Decimal("1.25"), "log_count": 1}
    ]


def test_files_from_before_a_change_of_declaration_stand_beside_new_ones(world: World) -> None:
    declared = yaml.safe_load(CLICKS)
    declared["events"]["columns"].append({"name": "device", "description": "On what."})
    world.use(parse_dataset(declared, "clicks"))
    world.land()
    world.make(dates=["2025-01-07"], tables=["cleaned_events", "quarantine"])
    assert rows(world, "SELECT event_date, user_id, device FROM clicks.cleaned_events ORDER BY 1").rows() == [
        (dt.date(2025, 1, 6), "ann", None),
        (dt.date(2025, 1, 7), "ann", None),
    ]


def test_the_catalogue_describes_tables_and_columns_in_the_words_of_their_contracts(world: World) -> None:
    table = tables(world.dataset)["sessions"]
    views = rows(world, "SELECT comment FROM duckdb_views() WHERE schema_name = 'clicks' AND view_name = 'sessions'")
    assert views.item() == table.description
    columns = rows(
        world,
        "SELECT column_name, comment FROM duckdb_columns() WHERE schema_name = 'clicks' AND table_name = 'sessions'"
        " AND column_name <> 'event_date'",
    )
    assert dict(columns.iter_rows()) == {column.name: column.description for column in table.columns}


def test_a_view_that_the_query_hides_is_an_error_and_never_an_empty_table(world: World) -> None:
    assert rows(world, "SELECT count(*) FROM query_table('clicks.sessions')").item() == 2
    with pytest.raises(QueryError, match=r"clicks\.sessions is not read where the query doesn't write its name out"):
        rows(world, "SELECT count(*) FROM query_table('clicks.sess' || 'ions')")


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("SELECT 1; SELECT 2", "holds 2 statements"),
        ("", "holds 0 statements"),
        ("COPY (SELECT 1) TO 'stolen.csv'", "no plain SELECT"),
        ("WITH t AS (COPY (SELECT 1) TO 'stolen.csv') SELECT 1", "no plain SELECT"),
        ("EXPLAIN ANALYZE COPY (SELECT 1) TO 'stolen.csv'", "no plain SELECT"),
        ("ATTACH 'stolen.db'", "no plain SELECT"),
        ("INSTALL httpfs", "no plain SELECT"),
        ("SET enable_external_access = true", "no plain SELECT"),
        ("CREATE TABLE t AS SELECT 1", "no plain SELECT"),
        ("DROP VIEW clicks.sessions", "no plain SELECT"),
        ("PRAGMA database_list", "no plain SELECT"),
        ("FROM read_text('/etc/hostname')", "reaches beyond the tables"),
        ("FROM read_csv('/etc/passwd')", "reaches beyond the tables"),
        ("FROM '/etc/passwd.csv'", "reaches beyond the tables"),
        ("FROM glob('/*')", "reaches beyond the tables"),
        ("FROM read_parquet('https://example.com/x.parquet')", "reaches beyond the tables"),
        ("FROM clicks.nothing", "SHOW ALL TABLES lists what there is"),
        ("FROM clicks.events", "no table is named events; events are in joined_facts"),
        ("SELECT nothing FROM clicks.sessions", "fix the query"),
        ("SELEC 1", "fix the query"),
        ("SELECT 1 AS a, 2 AS A", "name them apart"),
    ],
)
def test_whatever_is_no_reading_of_tables_is_refused_in_one_line(
    world: World, sql: str, says: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(QueryError) as refused:
        rows(world, sql)
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)
    assert sorted(tmp_path.rglob("*")) == before


def test_what_lies_in_the_lake_but_is_no_table_is_out_of_reach(world: World) -> None:
    ledger = next((world.settings.lake / "clicks" / "_state").rglob("*.parquet"))
    with pytest.raises(QueryError, match="reaches beyond the tables"):
        rows(world, f"SELECT count(*) FROM clicks.sessions, read_parquet({literal(str(ledger))})")


def test_python_variables_are_no_tables(world: World) -> None:
    secret = pl.DataFrame({"x": [1]})
    with pytest.raises(QueryError, match="secret does not exist"):
        rows(world, "FROM secret")
    assert secret.height == 1


def test_types_that_frames_lack_come_as_text(world: World) -> None:
    found = rows(
        world,
        "SELECT INTERVAL 1 DAY AS i, [1, 2] AS l, {'a': INTERVAL 1 DAY} AS s, 'x'::ENUM('x') AS e, '101'::BIT AS b",
    )
    assert found.rows() == [("1 day", "[1,2]", '{"a":"1 day"}', "x", "101")]


def test_times_are_utc_whatever_the_machine_says(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    found = rows(world, "SELECT date_trunc('day', min(event_time)) AS d FROM clicks.cleaned_events")
    assert found.item() == dt.datetime(2025, 1, 6, tzinfo=dt.UTC)


class Busy(dict[str, Dataset]):
    """Datasets of which one is written just after its tables' lists of files were read, the first time."""

    def __init__(self, world: World) -> None:
        super().__init__(clicks=world.dataset)
        self._world, self.looks = world, 0

    def items(self) -> ItemsView[str, Dataset]:
        self.looks += 1
        return super().items() if self.looks > 1 else self._written_meanwhile()  # type: ignore[return-value]

    def _written_meanwhile(self) -> Iterator[tuple[str, Dataset]]:
        yield from super().items()
        self._world.drop("clicks_2.csv", TUESDAY.replace("2.25", "9.75"))
        self._world.refresh()


def test_a_partition_that_is_replaced_while_it_is_read_is_read_again(world: World) -> None:
    busy = Busy(world)
    sql = "SELECT event_date, sum(price) FROM clicks.cleaned_events GROUP BY 1 ORDER BY 1"
    found = read(sql, busy, world.settings, pl.concat)
    assert found.rows() == [(dt.date(2025, 1, 6), Decimal("1.50")), (dt.date(2025, 1, 7), Decimal("9.75"))]
    assert busy.looks == 2


def test_a_lake_that_lost_a_file_says_so(world: World) -> None:
    world.workspace.stores["sessions"].paths("2025-01-06")[0].unlink()
    with pytest.raises(LakeError, match=r"its files can't be found .*event-assets run clicks recomputes them"):
        rows(world, "FROM clicks.sessions")

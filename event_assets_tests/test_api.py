"""What `import event_assets` offers: tables as frames, whole while they are replaced."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
import yaml

import event_assets as ea
from event_assets.errors import DeclarationError, QueryError
from event_assets.storage.parquet import write_parquet
from event_assets.storage.published_partitions import content_digest
from event_assets.storage.written_file import WrittenFile
from event_assets_tests.faults import children
from event_assets_tests.test_layers import loaded_after
from event_assets_tests.world import CLICKS, World, lines

FILE = lines(
    "ann,view,2025-01-06T10:00:00,/a,1.50",
    "ann,buy,2025-01-07T10:00:00,/b,2.00",
    "bob,view,2025-01-08T09:00:00,/a,",
    ",view,2025-01-08T09:00:00,/a,",
    "eve,view,yesterday,/a,",
)
DATE = "2025-01-06"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with the dataset `clicks`, whose file was landed and computed."""
    folder = tmp_path_factory.mktemp("project")
    declared = folder / "datasets" / "clicks"
    declared.mkdir(parents=True)
    text = yaml.safe_dump({"type": "event_assets.EventDataset", "attributes": yaml.safe_load(CLICKS)})
    (declared / "defs.yaml").write_text(text)
    world = World(folder)
    world.drop("clicks_1.csv", FILE)
    world.refresh()
    return folder


def opened(folder: Path) -> ea.Lake:
    return ea.open(lake=folder / "lake", inbox=folder / "inbox", datasets=folder / "datasets")


@pytest.fixture
def lake(folder: Path) -> ea.Lake:
    return opened(folder)


def test_opening_and_listing_load_no_dagster_no_pandera_and_no_frames() -> None:
    heavy = {"dagster", "pandera", "polars", "pyarrow", "duckdb", "narwhals", "pandas", "numpy"}
    assert loaded_after("import event_assets as ea; ea.open().datasets()") & heavy == set()
    assert loaded_after("import event_assets as ea; ea.open().table('shop.sessions')") & {"dagster", "pandera"} == set()


def test_datasets_are_listed_with_their_tables(lake: ea.Lake) -> None:
    found = lake.datasets()
    assert list(found) == ["activity", "app_events", "benefits", "shop", "streaming", "clicks"]
    assert found["clicks"][:4] == ["source_files", "raw_events", "landing_rejects", "cleaned_events"]
    assert "funnel_summary" in found["clicks"]


def test_a_table_is_a_lazy_frame_with_its_dates_in_front(lake: ea.Lake) -> None:
    table = lake.table("clicks.joined_facts")
    assert isinstance(table, pl.LazyFrame)
    assert table.select("event_date", "user_id", "price").collect().rows() == [
        (dt.date(2025, 1, 6), "ann", Decimal("1.50")),
        (dt.date(2025, 1, 7), "ann", Decimal("2.00")),
        (dt.date(2025, 1, 8), "bob", None),
    ]
    assert table.collect().columns[0] == "event_date"
    assert table.collect().schema == table.collect_schema()


@pytest.mark.parametrize("date", [str, dt.date.fromisoformat])
def test_both_ends_of_a_range_count(lake: ea.Lake, date: Callable[[str], ea.api.Date]) -> None:
    def users(*dates: ea.api.Date | None) -> list[str]:
        return lake.table("clicks.sessions", *dates).collect()["user_id"].to_list()

    assert users(date("2025-01-07"), date("2025-01-08")) == ["ann", "bob"]
    assert users(date("2025-01-08")) == ["bob"]
    assert users(None, date("2025-01-06")) == ["ann"]
    assert users(date("2025-02-01")) == []


def test_what_polars_pushes_down_changes_no_answer(lake: ea.Lake) -> None:
    table = lake.table("clicks.joined_facts")
    kept = table.collect()
    for query in (
        lambda frame: frame.filter(pl.col("user_id") == "ann").head(1).select("page"),
        lambda frame: frame.head(2).filter(pl.col("event_type") == "buy"),
        lambda frame: (
            frame.filter(pl.col("event_date") > dt.date(2025, 1, 6)).group_by("user_id").len().sort("user_id")
        ),
        lambda frame: frame.join(frame, on="event_id").select(pl.len()),
    ):
        assert query(table).collect().equals(query(kept.lazy()).collect())


def test_a_table_comes_as_arrow_and_as_a_relation_of_duckdb(lake: ea.Lake) -> None:
    table = lake.table("clicks.daily_summary").filter(pl.col("user_id") == "ann")
    assert isinstance(table, ea.LazyTable)
    assert table.arrow().num_rows == 2
    assert table.duckdb().aggregate("sum(event_count)").fetchall() == [(2,)]


def test_tables_without_dates_and_tables_not_yet_made_are_frames_too(lake: ea.Lake) -> None:
    assert lake.table("clicks.funnel_summary").collect()["users"].to_list() == [2, 0]
    assert lake.table("shop.sessions").collect().is_empty()
    assert lake.table("streaming.watch_time_overall").collect().columns[0] == "geo_region"


def test_a_column_that_a_changed_declaration_brings_is_null_in_old_files(folder: Path, tmp_path: Path) -> None:
    text = CLICKS.replace('price, type: "decimal(10,2)", min: 0', 'cost, type: "decimal(10,2)", source: price')
    (tmp_path / "changed").mkdir()
    changed = yaml.safe_dump({"type": "event_assets.EventDataset", "attributes": yaml.safe_load(text)})
    (tmp_path / "changed" / "defs.yaml").write_text(changed)
    found = ea.open(lake=folder / "lake", datasets=tmp_path).table("clicks.joined_facts").collect()
    assert found["cost"].to_list() == [None, None, None]
    assert "price" not in found.columns


def test_a_column_of_another_type_is_cast_file_by_file(folder: Path, tmp_path: Path) -> None:
    text = CLICKS.replace('type: "decimal(10,2)", min: 0', "type: string")
    (tmp_path / "changed").mkdir()
    changed = yaml.safe_dump({"type": "event_assets.EventDataset", "attributes": yaml.safe_load(text)})
    (tmp_path / "changed" / "defs.yaml").write_text(changed)
    found = ea.open(lake=folder / "lake", datasets=tmp_path).table("clicks.joined_facts").collect()
    assert found["price"].to_list() == ["1.50", "2.00", None]
    assert found["event_date"].to_list() == [dt.date(2025, 1, day) for day in (6, 7, 8)]


def test_sql_gives_the_rows_of_a_select(lake: ea.Lake) -> None:
    found = lake.sql("SELECT user_id, event_count FROM clicks.daily_summary WHERE event_date = '2025-01-06'")
    assert found.rows() == [("ann", 1)]
    with pytest.raises(QueryError, match="write one SELECT"):
        lake.sql("DROP VIEW clicks.sessions")


def test_status_tells_dates_records_and_what_was_refused(lake: ea.Lake) -> None:
    row = lake.status().filter(pl.col("dataset") == "clicks").to_dicts()[0]
    assert row == {
        "dataset": "clicks",
        "first_date": dt.date(2025, 1, 6),
        "last_date": dt.date(2025, 1, 8),
        "files": 1,
        "records": 5,
        "refused": 2,
        "refused_share": 0.4,
        "new_files": 0,
        "stale": 0,
    }
    tables = {row["table"]: row for row in lake.status("clicks").to_dicts()}
    assert tables["sessions"] == {
        "table": "sessions",
        "partitions": 3,
        "rows": 3,
        "first_date": dt.date(2025, 1, 6),
        "last_date": dt.date(2025, 1, 8),
        "stale": 0,
    }


def test_a_run_lands_what_is_new_and_says_where_each_record_is(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "inbox" / "clicks").mkdir(parents=True)
    (tmp_path / "inbox" / "clicks" / "clicks_2.csv").write_text(FILE)
    lake = ea.open(lake=tmp_path / "lake", inbox=tmp_path / "inbox", datasets=folder / "datasets")
    assert lake.status("clicks")["rows"].sum() == 0
    found = lake.run("clicks")
    assert (found.records, found.rejected, found.quarantined, found.facts, found.holds) == (5, 1, 1, 3, True)
    assert lake.table("clicks.sessions").collect().height == 3


@pytest.mark.slow
def test_a_script_that_runs_a_dataset_leaves_nothing_on_standard_error(folder: Path, tmp_path: Path) -> None:
    places = (
        f"lake={str(tmp_path / 'lake')!r}, inbox={str(tmp_path / 'inbox')!r}, datasets={str(folder / 'datasets')!r}"
    )
    script = f"import event_assets as ea\nlake = ea.open({places})\nlake.run('clicks')\nlake.sql('SELECT 1')"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=100)
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda lake: lake.table("clicks.session"), "clicks.session: is not a table; did you mean clicks.sessions?"),
        (lambda lake: lake.table("clicks.events"), "clicks.events: is not a table; did you mean clicks.joined_facts?"),
        (lambda lake: lake.table("clickz.sessions"), "clickz: is not a dataset; did you mean clicks?"),
        (lambda lake: lake.table("clicks.sessions", "1/2/2025"), "start '1/2/2025': is not a valid date"),
        (lambda lake: lake.table("clicks.funnel_summary", "2025-01-01"), "is not partitioned by date"),
        (lambda lake: lake.run("nobody"), "nobody: is not a dataset; there are activity, "),
    ],
)
def test_a_wrong_name_or_date_is_one_line(lake: ea.Lake, call: Callable[[ea.Lake], object], said: str) -> None:
    with pytest.raises(QueryError) as error:
        call(lake)
    assert said in str(error.value)


def test_a_keyword_that_is_no_setting_names_the_nearest_one() -> None:
    with pytest.raises(DeclarationError, match=r"^lak: is not a setting; did you mean lake\?"):
        ea.open(lak="x")


def replace(folder: Path, versions: int) -> None:
    """Publish one date of events_by_type so many times, each time in two files whose rows name the version."""
    workspace = World(folder).workspace
    store, schema = workspace.stores["events_by_type"], workspace.tables["events_by_type"].polars_schema()
    for version in range(1, versions + 1):
        with workspace.writing(), workspace.lake.staging("clicks") as staging:
            workspace.refresh()
            staged = []
            for half in ("a", "b"):
                types = [f"{half}{number:02d}" for number in range(50)]
                rows = pl.DataFrame({"event_type": types, "event_count": [version] * 50, "user_count": [1] * 50})
                write_parquet(rows.cast(dict(schema)), staging / f"{half}.parquet")
                staged.append(WrittenFile(staging / f"{half}.parquet", 50, DATE))
            content = content_digest(staged)
            store.publish(DATE, staged, content, content)
            store.flush()


def test_a_reader_beside_a_hundred_replacements_sees_whole_versions_alone(folder: Path, tmp_path: Path) -> None:
    replace(tmp_path, 1)
    lake = ea.open(lake=tmp_path / "lake", datasets=folder / "datasets")
    table = lake.table("clicks.events_by_type", DATE, DATE)
    ways: tuple[Callable[[], list[int]], ...] = (
        lambda: table.collect()["event_count"].to_list(),
        lambda: table.filter(pl.col("event_type") != "").select("event_count").collect()["event_count"].to_list(),
        lambda: [row[0] for row in table.duckdb().project("event_count").fetchall()],
    )
    writer, seen, reads = children.start(replace, tmp_path, 100), set[int](), 0
    while writer.is_alive():
        found = ways[reads % len(ways)]()
        assert len(found) == 100
        assert len(set(found)) == 1
        seen.add(found[0])
        reads += 1
    writer.join()
    assert writer.exitcode == 0
    assert len(seen) > 5
    assert set(table.collect()["event_count"]) == {100}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("query", "lake.query: is not a method of a lake; use lake.sql"),
        ("ask", "lake.ask: is not a method of a lake; there are datasets, run, sql, status, table"),
        ("tables", "lake.tables: is not a method of a lake; use lake.table"),
    ],
)
def test_a_name_that_a_lake_lacks_is_one_line(name: str, expected: str) -> None:
    with pytest.raises(QueryError) as refused:
        getattr(ea.open(), name)
    assert str(refused.value) == expected
    assert isinstance(refused.value, AttributeError)
    assert not hasattr(ea.open(), "_repr_html_")

"""What DuckDB and Spark write: whole row groups in order, one file for each Hive value, within a memory limit."""

from __future__ import annotations

import dataclasses
import datetime as dt
from pathlib import Path
from typing import Any, Literal

import duckdb
import narwhals as nw
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from event_assets.engines.arrow_writer import by_schema, with_empty, write_pieces
from event_assets.engines.duckdb.engine import DuckDBEngine
from event_assets.engines.polars.engine import PolarsEngine
from event_assets.engines.polars.ports import Way
from event_assets.engines.select_engine import engine_name
from event_assets.errors import DeclarationError, LakeError
from event_assets.settings import Settings, load_settings
from event_assets.storage.parquet import write_parquet, write_parquets
from event_assets.storage.written_file import WrittenFile
from event_assets.tables.catalog import tables
from event_assets.tables.contract import violations_of_file
from event_assets.tables.table import Column, Table
from event_assets.transforms.interface import Outputs
from event_assets_tests.engines.available import ENGINES, ENGINES_OF_MANY
from event_assets_tests.transforms.bench import Bench
from event_assets_tests.world import clicks

NUMBERS = Table(
    "numbers", "Numbers.", (Column("n", "int64", "It.", nullable=False, min="0"), Column("t", "string", "It.")), ("n",)
)
BY_REGION = dataclasses.replace(NUMBERS, partitioned_by="geo_region")


def batches(*numbers: list[int]) -> list[pa.RecordBatch]:
    return [pa.record_batch({"n": pa.array(part, pa.int64()), "t": ["é"] * len(part)}) for part in numbers]


def pieces_of(*written: Any) -> list[WrittenFile]:
    return [piece for _, piece in write_pieces(*written)]


def test_the_same_rows_are_the_same_bytes_however_they_came(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("event_assets.engines.arrow_writer.ROW_GROUP", 4)
    cuts = [[list(range(10))], [[0], [1, 2, 3, 4, 5], [], [6, 7, 8, 9]], [[n] for n in range(10)]]
    written = [list(pieces_of(batches(*cut), NUMBERS, tmp_path, f"f{i}", {None: {}})) for i, cut in enumerate(cuts)]
    assert [[piece.rows for piece in pieces] for pieces in written] == [[10], [10], [10]]
    assert len({piece.path.read_bytes() for pieces in written for piece in pieces}) == 1
    groups = pq.ParquetFile(written[0][0].path).metadata
    assert [groups.row_group(n).num_rows for n in range(groups.num_row_groups)] == [4, 4, 2]


def test_many_files_at_once_are_the_bytes_of_each_by_itself_and_leave_none_where_one_fails(tmp_path: Path) -> None:
    frames = [
        pl.DataFrame({"n": range(number, 2 * number), "text": [f"row {number}"] * number}) for number in range(1, 60)
    ]
    alone, together = tmp_path / "alone", tmp_path / "together"
    for number, frame in enumerate(frames):
        write_parquet(frame, alone / f"{number}.parquet", {"rows": frame.height})
    files = [(frame, together / f"{number}.parquet", {"rows": frame.height}) for number, frame in enumerate(frames)]
    write_parquets(files)
    assert {path.name: path.read_bytes() for path in together.iterdir()} == {
        path.name: path.read_bytes() for path in alone.iterdir()
    }
    (broken := tmp_path / "broken").mkdir()
    with pytest.raises(LakeError, match="can't be written"):
        write_parquets([(frames[0], broken / "a.parquet", {}), (frames[0], broken / "missing" / "b.parquet", {})])
    assert list(broken.iterdir()) == []


def test_each_hive_value_is_a_file_and_figures_stand_in_its_footer(tmp_path: Path) -> None:
    rows = [("AF", 1), ("AF", 2), ("EU", 1), ("Unknown", 1), ("Unknown", 3)]
    parts = [
        pa.record_batch({"geo_region": [r for r, _ in part], "n": [n for _, n in part], "t": ["x"] * len(part)})
        for part in (rows[:1], rows[1:4], rows[4:])
    ]
    pieces = list(pieces_of(parts, BY_REGION, tmp_path, "numbers", {None: {"duplicates": 3}}))
    assert [(piece.hive, piece.rows) for piece in pieces] == [("AF", 2), ("EU", 1), ("Unknown", 2)]
    assert pl.read_parquet(pieces[2].path)["n"].to_list() == [1, 3]
    assert pl.read_parquet_metadata(pieces[1].path)["event_assets.duplicates"] == "3"


def test_a_table_without_rows_is_a_file_with_its_columns(tmp_path: Path) -> None:
    (piece,) = with_empty([], BY_REGION, tmp_path, {None: {}})[None]
    assert (piece.rows, piece.hive) == (0, "Unknown")
    assert pl.read_parquet_schema(piece.path) == {"n": pl.Int64, "t": pl.String}


@pytest.mark.parametrize("engine", ENGINES_OF_MANY)
def test_several_dates_are_written_as_each_is_alone(engine: str, tmp_path: Path) -> None:
    bench, table = Bench(engine), dataclasses.replace(NUMBERS, partitioned_by="event_date")
    first, second, third = dates = [dt.date(2024, 5, day) for day in (1, 2, 3)]
    schema = {"event_date": pl.Date(), "n": pl.Int64(), "t": pl.String(), "duplicates": pl.Int64()}
    rows = {first: [3, 1, 2], third: [1]}
    dated = [{"event_date": day, "n": n, "t": "é"} for day, numbers in rows.items() for n in numbers]
    counts = bench.frame([{"event_date": third, "duplicates": 7}], schema).select("event_date", "duplicates")
    outputs = Outputs({"numbers": bench.frame(dated, schema).select("event_date", "n", "t")}, counts)
    written = bench.opened.write(outputs, {"numbers": table}, tmp_path / "all", dates)
    assert written.figures == {first: {"duplicates": 0}, second: {"duplicates": 0}, third: {"duplicates": 7}}
    for day in dates:
        figures = bench.frame([{"duplicates": written.figures[day]["duplicates"]}], schema).select("duplicates")
        frame = bench.frame([row for row in dated if row["event_date"] == day], schema).select("n", "t")
        alone = bench.opened.write(Outputs({"numbers": frame}, figures), {"numbers": table}, tmp_path / str(day), [day])
        (one,), (other,) = alone.pieces["numbers"][day], written.pieces["numbers"][day]
        assert (one.rows, one.path.read_bytes()) == (other.rows, other.path.read_bytes())


def test_files_of_an_old_declaration_stand_apart(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.parquet" for number in range(3)]
    for path, value in zip(paths, (1, "x", 2), strict=True):
        pl.DataFrame({"n": [value]}).write_parquet(path)
    assert [[path.name for path in alike] for _, alike in by_schema(paths)] == [
        ["0.parquet", "2.parquet"],
        ["1.parquet"],
    ]


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_reads_files_of_old_and_new_declarations(engine: str, tmp_path: Path) -> None:
    bench, table = Bench(engine), dataclasses.replace(NUMBERS, partitioned_by="event_date")
    contents = [pl.DataFrame({"n": [1], "t": ["a"]}), pl.DataFrame({"n": ["2", "x"]}), pl.DataFrame({"t": ["c"]})]
    partitions = {}
    for day, content in zip(("2024-05-01", "2024-05-02", "2024-05-03"), contents, strict=True):
        path = tmp_path / "[odd] name" / f"event_date={day}" / "part.parquet"
        path.parent.mkdir(parents=True)
        content.write_parquet(path)
        partitions[pl.Series([day]).str.to_date()[0]] = [path]
    rows = bench.rows(bench.opened.scan(table, partitions).select("n", "t", nw.col("event_date").cast(nw.String)))
    assert [tuple(row.values()) for row in rows] == [
        (None, None, "2024-05-02"),
        (None, "c", "2024-05-03"),
        (1, "a", "2024-05-01"),
        (2, None, "2024-05-02"),
    ]
    assert bench.rows(bench.opened.scan(table, {})) == []


@pytest.mark.parametrize("engine", ENGINES_OF_MANY)
def test_an_engine_reads_many_files_with_their_dates(engine: str, tmp_path: Path) -> None:
    bench, table = Bench(engine), dataclasses.replace(NUMBERS, partitioned_by="event_date")
    partitions, expected = {}, []
    for number in range(30):
        day = dt.date(2024, 5, 1) + dt.timedelta(days=number // 2)
        path = tmp_path / "[odd]=name" / f"event_date={day}" / f"{number}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        content = {"n": [number], "t": ["a"]} if number % 5 else {"n": [str(number)]}
        pl.DataFrame(content).write_parquet(path)
        partitions.setdefault(day, []).append(path)
        expected.append((number, "a" if number % 5 else None, str(day)))
    rows = bench.rows(bench.opened.scan(table, partitions).select("n", "t", nw.col("event_date").cast(nw.String)))
    assert sorted((tuple(row.values()) for row in rows), key=lambda row: row[0]) == expected


@pytest.mark.parametrize("engine", ENGINES)
def test_rows_that_break_the_contract_are_found_in_files_of_any_size(engine: str, tmp_path: Path) -> None:
    files = [[0, 1, 1, -1], [2, 3], [3, 4]]
    pieces = []
    for number, values in enumerate(files):
        path = tmp_path / f"{number}.parquet"
        pl.DataFrame({"n": values, "t": ["x"] * len(values)}).write_parquet(path)
        pieces.append(WrittenFile(path, len(values)))
    found = Bench(engine).opened.violations(NUMBERS, pieces)
    says = {violation.rule.split(" is ")[0]: violation.rows for violation in found}
    assert says.get("n greater than or equal to(0)") == 1
    if engine != "polars":  # which looks at one whole frame, in which the bound comes first
        assert says["n"] == 2


@pytest.mark.parametrize("engine", ENGINES)
def test_a_key_is_unique_within_its_hive_value(engine: str, tmp_path: Path) -> None:
    pieces = []
    for number, (hive, values) in enumerate([("AF", [1, 2]), ("EU", [1, 2]), ("Unknown", [1])]):
        path = tmp_path / f"{number}.parquet"
        pl.DataFrame({"n": values, "t": ["x"] * len(values)}).write_parquet(path)
        pieces.append(WrittenFile(path, len(values), hive))
    opened = Bench(engine).opened
    assert opened.violations(BY_REGION, pieces) == []
    pl.DataFrame({"n": [2, 2], "t": ["x", "y"]}).write_parquet(pieces[1].path)
    assert [violation.rule for violation in opened.violations(BY_REGION, pieces)] == ["n is unique"]


def test_violations_of_a_file_are_told_by_their_rows_in_it(tmp_path: Path) -> None:
    path = tmp_path / "n.parquet"
    pl.DataFrame({"n": [1, -1, 2, -2], "t": ["x"] * 4}).write_parquet(path, row_group_size=2)
    assert [str(v) for v in violations_of_file(NUMBERS, path)] == ["n greater than or equal to(0): 2 rows (rows 1, 3)"]


def test_duckdb_sorts_what_is_larger_than_its_memory(tmp_path: Path) -> None:
    engine = DuckDBEngine(100 * 10**6, workers=1)
    rows = engine.ports.connection.sql(
        "SELECT (n * 7919) % 3000017 AS n, repeat('x', 60) AS t FROM range(3000017) r(n)"
    )
    written = engine.write(Outputs({"numbers": nw.from_native(rows)}), {"numbers": NUMBERS}, tmp_path / "out")
    (piece,) = written.pieces["numbers"][None]
    assert piece.rows == 3_000_017
    numbers = pl.scan_parquet(piece.path).select(
        pl.col("n").is_sorted().alias("sorted"), pl.col("n").max().alias("max")
    )
    assert numbers.collect().row(0) == (True, 3_000_016)
    assert engine.violations(NUMBERS, [piece]) == []


def test_duckdb_says_in_one_line_that_memory_and_disk_are_full(tmp_path: Path) -> None:
    engine = DuckDBEngine(30 * 10**6, workers=1)
    engine.ports.connection.execute("SET max_temp_directory_size = '1MB'")
    rows = engine.ports.connection.sql(
        "SELECT (n * 7919) % 3000017 AS n, repeat('x', 60) AS t FROM range(3000017) r(n)"
    )
    with pytest.raises(LakeError, match=r"DuckDB: can't go on .*EVENT_ASSETS_MEMORY"):
        engine.write(Outputs({"numbers": nw.from_native(rows)}), {"numbers": NUMBERS}, tmp_path / "out")


def test_duckdb_says_in_one_line_that_a_shared_frame_is_too_large_and_goes_on(tmp_path: Path) -> None:
    engine = DuckDBEngine(30 * 10**6, workers=1)
    engine.ports.connection.execute("SET max_temp_directory_size = '1MB'")
    rows = engine.ports.connection.sql("SELECT n, repeat('x', 60) || n AS t FROM range(3000017) r(n)")
    with pytest.raises(LakeError, match=r"DuckDB: can't go on .*EVENT_ASSETS_MEMORY"):
        engine.ports.shared(nw.from_native(rows))
    few = Outputs({"numbers": engine.constant(pl.DataFrame({"n": [1], "t": ["a"]}))})
    assert engine.write(few, {"numbers": NUMBERS}, tmp_path / "out").pieces.keys() == {"numbers"}


def test_duckdb_keeps_nothing_of_a_unit(tmp_path: Path) -> None:
    engine = DuckDBEngine(10**9, workers=1)
    shared = engine.ports.shared(engine.constant(pl.DataFrame({"n": [1], "t": ["a"]})))
    engine.write(Outputs({"numbers": shared}), {"numbers": NUMBERS}, tmp_path / "out")
    with pytest.raises(duckdb.CatalogException):
        engine.ports.connection.sql("SELECT * FROM shared_1")


def test_the_environment_chooses_the_engine_before_the_declaration() -> None:
    dataset = clicks(engine="duckdb")
    assert engine_name(clicks(), load_settings({})) == "polars"
    assert engine_name(dataset, load_settings({})) == "duckdb"
    assert engine_name(dataset, load_settings({"EVENT_ASSETS_ENGINE": "spark"})) == "spark"
    with pytest.raises(DeclarationError, match="set one of polars, duckdb, spark"):
        load_settings({"EVENT_ASSETS_ENGINE": "dask"})
    with pytest.raises(DeclarationError, match="engine"):
        clicks(engine="dask")


def test_sparks_memory_and_partitions_are_settings() -> None:
    assert (Settings().spark_driver_memory, Settings().spark_shuffle_partitions) == (None, None)
    found = load_settings({"EVENT_ASSETS_SPARK_EXECUTOR_MEMORY": "512m", "EVENT_ASSETS_SPARK_SHUFFLE_PARTITIONS": "8"})
    assert (found.spark_executor_memory, found.spark_shuffle_partitions) == ("512m", 8)
    with pytest.raises(DeclarationError, match="EVENT_ASSETS_SPARK_DRIVER_MEMORY: 'much' is not a size"):
        load_settings({"EVENT_ASSETS_SPARK_DRIVER_MEMORY": "much"})


@pytest.mark.parametrize("way", ["in-memory", "streaming", "duckdb"])
def test_a_table_of_many_dates_is_read_with_few_open_files(tmp_path: Path, way: Way | Literal["duckdb"]) -> None:
    resource = pytest.importorskip("resource")
    table = tables(clicks())["platform_sessions"]
    start, files = dt.date(2024, 1, 1), dict[dt.date | None, list[Path]]()
    for number in range(200):
        date = start + dt.timedelta(days=number)
        path = tmp_path / f"event_date={date}" / "part.parquet"
        columns = {"user_id": [f"u{number % 7}"], "session_id": [f"s{number}"]}
        old = {"user_id": [f"u{number % 7}"]}  # of a declaration before the column
        write_parquet(pl.DataFrame(old if number % 50 == 0 else columns), path)
        files[date] = [path]
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (130, hard))
    try:
        if way == "duckdb":
            rows = nw.to_native(DuckDBEngine(10**9, workers=64).scan(table, files))
            found = rows.union(rows).union(rows).distinct().pl().sort("event_date")
        else:
            scanned = nw.to_native(PolarsEngine(way=way).scan(table, files))
            found = pl.collect_all([scanned], engine=way)[0].sort("event_date")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert found["event_date"].to_list() == list(files)
    assert found["session_id"].to_list() == [None if n % 50 == 0 else f"s{n}" for n in range(200)]
    assert found["user_id"].to_list() == [f"u{n % 7}" for n in range(200)]

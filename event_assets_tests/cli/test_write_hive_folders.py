"""Hive folders: whatever the values, DuckDB, Polars and pyarrow read every row back."""

from __future__ import annotations

import tempfile
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.dataset
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from event_assets.cli.write_hive_folders import NULL_FOLDER, write_hive_folders
from event_assets.errors import QueryError

Rows = list[tuple[int, str | None]]
VALUES = st.none() | st.text(max_size=20).filter(lambda text: text != NULL_FOLDER)


def written(values: list[str | None], folder: Path, column: str = "k") -> None:
    rows = pl.LazyFrame({"i": range(len(values)), column: values}, schema={"i": pl.Int64, column: pl.String})
    write_hive_folders("data.csv", rows, folder, column)


def by_duckdb(folder: Path) -> Rows:
    files = f"read_parquet('{folder}/**/*.parquet', hive_partitioning = true, hive_types_autocast = false)"
    return duckdb.connect().execute(f"SELECT i, k FROM {files}").fetchall()


def by_polars(folder: Path) -> Rows:
    frame = pl.scan_parquet(folder, hive_partitioning=True, hive_schema={"k": pl.String}).select("i", "k").collect()
    return frame.rows()


def by_pyarrow(folder: Path) -> Rows:
    hive = pa.dataset.partitioning(pa.schema([("k", pa.string())]), flavor="hive")
    table = pa.dataset.dataset(folder, format="parquet", partitioning=hive).to_table()
    return list(zip(table["i"].to_pylist(), table["k"].to_pylist(), strict=True))


@example(["a?b", "a*b", "[x]", "{y}", "#z", '"q"', "'s", "%", "%41", "a=b", "a/b", "\\", "", None, "..", "é", "\x00"])
@example(["1", "01", "true", "NULL", "2024-01-02", " ", "a ", "A", "\n", "😀", "__x", ".x"])
@given(st.lists(VALUES, min_size=1, max_size=12))
def test_any_text_is_read_back_by_every_reader(values: list[str | None]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "out"
        written(values, folder)
        expected = [(number, value or None) for number, value in enumerate(values)]
        for read in (by_duckdb, by_polars, by_pyarrow):
            assert sorted(read(folder)) == expected, read.__name__


def test_the_text_by_which_readers_mean_null_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(QueryError, match=f"data.csv: has the text {NULL_FOLDER} in k"):
        written(["a", NULL_FOLDER], tmp_path)


def test_a_value_that_is_too_long_for_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(QueryError, match="has a value of k whose folder name takes 302 bytes of at most 255"):
        written(["ü" * 50], tmp_path)


@pytest.mark.parametrize("column", ["a=b", "a/b", "a?b", "_k", ".k", "#", "k%41"])
def test_a_column_whose_name_no_reader_finds_in_a_folder_is_refused(tmp_path: Path, column: str) -> None:
    with pytest.raises(QueryError, match="can't name a Hive folder; partition by another, or rename it"):
        written(["a"], tmp_path, column)


def test_more_values_than_open_files_are_written(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (130, hard))
    try:
        written([f"v{number % 500}" for number in range(1_000)], tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert len(list(tmp_path.glob("k=*/*.parquet"))) == 500

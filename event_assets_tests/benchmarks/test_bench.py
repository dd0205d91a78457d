"""The benchmark runs, and its plain scripts make the tables that the platform makes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from benchmarks.check import TABLES, differences
from benchmarks.data import generate
from benchmarks.phases import START, largest_parts, measure_phases
from benchmarks.report import write_section

ROOT = Path(__file__).parent.parent.parent


def bench(*arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "benchmarks", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.long
@pytest.mark.timeout(900)
def test_plain_scripts_make_the_tables_that_ours_makes_and_the_page_tells_of_all(tmp_path: Path) -> None:
    docs = tmp_path / "docs" / "performance.md"
    scripts = ["polars", "duckdb", "pandas"]
    arguments = ["--rows", "2000", "--days", "4", "--scripts", *scripts, "--docs", str(docs), "--folder", str(tmp_path)]
    said = bench(*arguments)
    assert "start: imports" in said
    page = docs.read_text(encoding="utf-8")
    for name in ("event_assets", "plain Polars", "plain DuckDB", "plain pandas", "| start |"):
        assert name in page
    assert {path.name for path in (docs.parent / "img").iterdir()} == {"performance-cpu.svg", "performance-memory.svg"}


@pytest.mark.long
@pytest.mark.spark
@pytest.mark.timeout(1800)
def test_the_plain_spark_script_makes_the_tables_that_ours_makes(tmp_path: Path) -> None:
    docs = tmp_path / "performance.md"
    bench("--rows", "2000", "--days", "2", "--scripts", "spark", "--docs", str(docs), "--folder", str(tmp_path))
    assert "plain Spark" in docs.read_text(encoding="utf-8")


@pytest.mark.long
@pytest.mark.timeout(300)
def test_the_parts_of_a_run_add_up_to_its_process(tmp_path: Path) -> None:
    generate(tmp_path / "inbox" / "bench", rows=600, days=2)
    measured, spent = measure_phases(tmp_path, tmp_path / "inbox", "run", "bench", "--json")
    assert sum(part.cpu for part in spent.values()) == pytest.approx(measured.cpu)
    assert spent[START, "end of the process"].cpu < measured.cpu / 2
    assert {"cleaned_events", "sessions", "top_users_overall", "landing", "graph", "Dagster"} <= {g for g, _ in spent}
    assert "start: imports" in largest_parts(spent, 600)


def test_the_same_seed_gives_the_same_files_and_as_many_rows_as_asked_for(tmp_path: Path) -> None:
    for name in ("one", "two"):
        generate(tmp_path / name, rows=1_001, days=3, seed=7)
    generate(tmp_path / "other", rows=1_001, days=3, seed=8)
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert files == ["events_20150101.csv", "events_20150102.csv", "events_20150103.csv", "profiles.csv"]
    content = {name: [(tmp_path / name / file).read_bytes() for file in files] for name in ("one", "two", "other")}
    assert content["one"] == content["two"]
    assert all(one != other for one, other in zip(content["one"], content["other"], strict=True))
    assert sum(text.count(b"\n") - 1 for text in content["one"][:3]) == 1_001


def test_a_row_too_few_or_too_many_is_a_difference_and_lineage_is_none(tmp_path: Path) -> None:
    for lake, minutes, file in (("ours", "1.00", "a"), ("theirs", "1.0", "b"), ("wrong", "2.0", "b")):
        for table in TABLES:
            folder = tmp_path / lake / table / ("" if table == "top_users_overall" else "event_date=2015-01-01")
            folder.mkdir(parents=True)
            rows = f"SELECT 7 AS user_id, {minutes} AS minutes, '{file}' AS file_id"
            twice = f"{rows} UNION ALL {rows}" if lake == "wrong" and table == "sessions" else rows
            duckdb.sql(twice).write_parquet(str(folder / "part.parquet"))
    assert differences(tmp_path / "ours", tmp_path / "theirs") == []
    found = differences(tmp_path / "ours", tmp_path / "wrong")
    assert len(found) == len(TABLES)
    assert "sessions: 1 rows are missing, 2 are not ours" in found


def test_a_section_replaces_what_it_said_before_and_leaves_the_rest(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Title\n\nBefore\n\n<!-- measured: a -->\nold\n<!-- end: a -->\n\nAfter\n", encoding="utf-8")
    write_section(page, "a", r"new \1")
    write_section(page, "b", "more")
    assert page.read_text(encoding="utf-8") == (
        "# Title\n\nBefore\n\n<!-- measured: a -->\nnew \\1\n<!-- end: a -->\n\nAfter\n\n"
        "<!-- measured: b -->\nmore\n<!-- end: b -->\n"
    )

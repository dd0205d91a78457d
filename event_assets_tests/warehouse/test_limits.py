"""What one query may take: time, memory, temporary files, and parts that DuckDB plans in one piece."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path

import pytest

from event_assets.engines.duckdb.resources import failed_access
from event_assets.errors import QueryError
from event_assets.settings import Settings, load_settings
from event_assets.warehouse.query import MAX_PARTS, read_rows


def run(sql: str, lake: Path, **limits: int) -> list[tuple[object, ...]]:
    settings = dataclasses.replace(Settings(lake=lake, memory_bytes=10**9, workers=1), **limits)
    return read_rows(sql, {}, settings, lambda found: list(found.rows))


def test_a_chain_of_unions_is_refused_before_it_is_planned(tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(QueryError, match="SELECTs and UNIONs of at most 1,000; write fewer, or split it"):
        run(" UNION ALL ".join(["SELECT 1 AS x"] * 5_000), tmp_path)
    assert time.monotonic() - began < 60
    assert len(run(" UNION ALL ".join(["SELECT 1 AS x"] * 100), tmp_path)) == 100
    assert MAX_PARTS == 1_000


def test_a_deeply_nested_query_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(QueryError) as error:
        run("SELECT * FROM (" * 900 + "SELECT 1 AS x" + ")" * 900, tmp_path)
    assert "\n" not in str(error.value)


def test_a_query_that_takes_too_long_is_stopped(tmp_path: Path) -> None:
    endless = "SELECT count(*) FROM range(100_000_000_000) a, range(1_000_000) b WHERE a.range = b.range * 7"
    began = time.monotonic()
    with pytest.raises(QueryError, match=r"took longer than 1 s; ask for fewer .* EVENT_ASSETS_QUERY_SECONDS higher"):
        run(endless, tmp_path, query_seconds=1)
    assert time.monotonic() - began < 60


@pytest.mark.parametrize("limits", [{"query_memory_bytes": 20_000_000, "query_spill_bytes": 1_000_000}])
def test_a_query_that_takes_too_much_room_names_the_settings(tmp_path: Path, limits: dict[str, int]) -> None:
    large = "SELECT range AS x, hash(range) AS h FROM range(20_000_000) ORDER BY h"
    with pytest.raises(QueryError, match="EVENT_ASSETS_QUERY_MEMORY or EVENT_ASSETS_QUERY_SPILL higher"):
        run(large, tmp_path, **limits)


def test_limits_are_settings() -> None:
    found = load_settings({"EVENT_ASSETS_QUERY_SECONDS": "5", "EVENT_ASSETS_QUERY_SPILL": "1GB"})
    assert (found.query_seconds, found.query_spill_bytes, found.query_memory_bytes) == (5, 10**9, None)


@pytest.mark.parametrize(
    ("cause", "remedy"),
    [("Too many open files", "raise the limit of open files"), ("Permission denied", "let this user read that file")],
)
def test_a_file_that_the_machine_refuses_is_not_called_lost(cause: str, remedy: str) -> None:
    failed = failed_access(f'IO Error: Cannot open file "lake/shop/sessions/part.parquet": {cause}')
    assert failed is not None
    assert remedy in failed[1]
    assert failed_access('IO Error: Cannot open file "part.parquet": No such file or directory') is None

"""DuckDB makes every table of a date that is larger than the memory it may take."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from event_assets_tests.engines.streaming import landed
from event_assets_tests.engines.test_parity import assert_alike

MEMORY_BYTES = 200 * 10**6


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_duckdb_makes_a_date_larger_than_its_memory_half_of_it_one_users(tmp_path: Path) -> None:
    expected, world = landed(tmp_path, 1_500_000, days=1, skewed=True, engine="duckdb")
    assert expected.table("joined_facts").to_arrow().nbytes > 1.5 * MEMORY_BYTES
    world.settings = dataclasses.replace(world.settings, memory_bytes=MEMORY_BYTES)
    world.use(world.dataset)
    assert {outcome.state for outcome in world.make()} == {"materialized"}
    assert_alike(world, expected)

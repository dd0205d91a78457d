"""A standalone master and two workers make the whole graph of `streaming`, whatever happens: what Polars makes."""

from __future__ import annotations

from pathlib import Path

import pytest

from event_assets_tests.engines.available import spark
from event_assets_tests.engines.cluster import cluster
from event_assets_tests.engines.streaming import for_large_tables, landed, made, making
from event_assets_tests.engines.test_parity import assert_alike

pytestmark = [spark, pytest.mark.spark, pytest.mark.long, pytest.mark.timeout(3600)]

#: What `making` gives to each executor. Spark takes 300 MB off, and leaves 60 % of the rest to rows.
EXECUTOR_BYTES = 512 * 2**20


@pytest.mark.parametrize("skewed", [False, True], ids=["even", "skewed"])
def test_a_cluster_makes_what_polars_makes_though_a_worker_dies(tmp_path: Path, skewed: bool) -> None:
    expected, world = landed(tmp_path, 4_000, skewed=skewed)
    with cluster(tmp_path / "cluster") as master:
        process = making(world, master.url)
        assert process.stdout is not None
        assert process.stdout.readline().split()[-2] == "materialized"  # the run is under way, most of it to come
        master.kill(0)
        made(process, 1800)
    assert_alike(world, expected)


def test_a_date_larger_than_a_workers_memory_half_of_it_one_users_is_made_past_the_driver(tmp_path: Path) -> None:
    expected, world = landed(tmp_path, 2_200_000, days=1, skewed=True)
    assert expected.table("joined_facts").to_arrow().nbytes > EXECUTOR_BYTES
    with cluster(tmp_path / "cluster") as master:
        made(making(world, master.url, SPARK_CONF_DIR=for_large_tables(tmp_path)), 3000)
    assert_alike(world, expected)

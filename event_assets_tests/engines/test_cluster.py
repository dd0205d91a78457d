"""A standalone master and two workers make the whole graph of `streaming`; one of them dies, and nothing changes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from event_assets.dataset import load_datasets
from event_assets.generate.make import generate
from event_assets_tests.engines.available import spark
from event_assets_tests.engines.cluster import Cluster, cluster
from event_assets_tests.engines.test_parity import assert_alike, on
from event_assets_tests.world import World

pytestmark = [spark, pytest.mark.spark, pytest.mark.long, pytest.mark.timeout(3600)]

#: A process of its own: a session holds on to the master that it was opened with.
MAKE = """
import sys
from event_assets.dataset import load_datasets
from event_assets.graph.run import run
from event_assets.graph.schedule import Request, everything
from event_assets.graph.workspace import Workspace
from event_assets.settings import load_settings

workspace = Workspace(load_datasets()["streaming"], load_settings())
with workspace.writing():
    workspace.refresh()
    for some in run(workspace, Request(everything(workspace))):
        for outcome in some:
            print(outcome.table, outcome.date or "", outcome.state, outcome.rows, flush=True)
"""


def making(world: World, master: Cluster) -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        "EVENT_ASSETS_INBOX": str(world.settings.inbox),
        "EVENT_ASSETS_LAKE": str(world.settings.lake),
        "EVENT_ASSETS_ENGINE": "spark",
        "EVENT_ASSETS_SPARK": master.url,
        "EVENT_ASSETS_SPARK_EXECUTOR_MEMORY": "512m",
        "EVENT_ASSETS_SPARK_SHUFFLE_PARTITIONS": "4",
    }
    return subprocess.Popen(
        [sys.executable, "-c", MAKE],
        env=environment,
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def landed(folder: Path, rows: int, skewed: bool) -> tuple[World, World]:
    """Two worlds with the same files landed: one made by Polars here, one for the cluster."""
    dataset, inbox = load_datasets()["streaming"], folder / "inbox"
    generate("streaming", rows=rows, days=2, seed=11, out=inbox / "streaming")
    if skewed:
        for path in (inbox / "streaming").glob("*.csv"):
            _give_half_to_one_user(path)
    expected, world = on("polars", folder, dataset, inbox=inbox), on("spark", folder, dataset, inbox=inbox)
    expected.refresh()
    world.land()
    return expected, world


def _give_half_to_one_user(path: Path) -> None:
    header, *lines = path.read_bytes().splitlines(keepends=True)
    half = []
    for number, line in enumerate(lines):
        fields = line.split(b",")
        if number % 2 and len(fields) == 5:
            fields[1] = b"the-one"
        half.append(b",".join(fields))
    path.write_bytes(header + b"".join(half))


@pytest.mark.parametrize("skewed", [False, True], ids=["even", "skewed"])
def test_a_cluster_makes_what_polars_makes_though_a_worker_dies(tmp_path: Path, skewed: bool) -> None:
    expected, world = landed(tmp_path, 4_000, skewed)
    with cluster(tmp_path / "cluster") as master:
        process = making(world, master)
        assert process.stdout is not None
        first = process.stdout.readline()  # the run is under way, most of it to come
        master.kill(0)
        said, errors = process.communicate(timeout=1800)
    assert process.returncode == 0, errors[-4000:]
    states = {line.split()[-2] for line in [first, *said.splitlines()]}
    assert states == {"made"}
    assert_alike(world, expected)

"""`streaming` generated and landed, to be made on a cluster by a process of its own, and on Polars here to compare."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from event_assets.declaration import load_datasets
from event_assets.synthetic.generate import generate
from event_assets_tests.engines.test_parity import on
from event_assets_tests.world import World

#: A process of its own: a session holds on to the master that it was opened with.
_MAKE = """
from event_assets.declaration import load_datasets
from event_assets.pipeline.run_steps import run
from event_assets.pipeline.staleness.schedule import Request, everything
from event_assets.pipeline.workspace import Workspace
from event_assets.settings import load_settings

workspace = Workspace(load_datasets()["streaming"], load_settings())
with workspace.writing():
    workspace.refresh()
    for some in run(workspace, Request(everything(workspace))):
        for outcome in some:
            print(outcome.table, outcome.date or "", outcome.state, outcome.rows, flush=True)
"""


def making(world: World, spark: str, **environment: str) -> subprocess.Popen[str]:
    """A process, in a session of its own, that makes every table on a master (or a Connect server)."""
    settings = {
        "EVENT_ASSETS_INBOX": str(world.settings.inbox),
        "EVENT_ASSETS_LAKE": str(world.settings.lake),
        "EVENT_ASSETS_ENGINE": "spark",
        "EVENT_ASSETS_SPARK": spark,
        "EVENT_ASSETS_SPARK_EXECUTOR_MEMORY": "512m",
        "EVENT_ASSETS_SPARK_SHUFFLE_PARTITIONS": "4",
    }
    return subprocess.Popen(
        [sys.executable, "-c", _MAKE],
        env={**os.environ, **settings, **environment},
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def for_large_tables(folder: Path) -> str:
    """A SPARK_CONF_DIR in place of that of the tests, which saves compiling. The driver fetches no more than what tasks
    tell of files, and tables of at most 10 MB that every executor gets to join: above its limit, jobs fail."""
    conf = folder / "conf"
    conf.mkdir()
    (conf / "spark-defaults.conf").write_text("spark.driver.maxResultSize 24m\n")
    return str(conf)


def made(process: subprocess.Popen[str], seconds: float) -> None:
    """Wait until every table was made."""
    try:
        said, errors = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        said, errors = process.communicate()
        raise AssertionError(f"not done after {seconds} s, but\n{said}\n{errors[-4000:]}") from None
    assert process.returncode == 0, errors[-4000:]
    assert {line.split()[-2] for line in said.splitlines()} == {"materialized"}, said


def landed(
    folder: Path, rows: int, *, days: int = 2, skewed: bool = False, engine: str = "spark"
) -> tuple[World, World]:
    """Two worlds with the same files landed: one that Polars made, one to be made by another engine."""
    dataset, inbox = load_datasets()["streaming"], folder / "inbox"
    generate("streaming", rows=rows, days=days, seed=11, out=inbox / "streaming")
    if skewed:
        for path in (inbox / "streaming").glob("*.csv"):
            _give_half_to_one_user(path)
    expected, world = on("polars", folder, dataset, inbox=inbox), on(engine, folder, dataset, inbox=inbox)
    expected.refresh()
    world.land()
    return expected, world


def _give_half_to_one_user(path: Path) -> None:
    header, *lines = path.read_bytes().splitlines(keepends=True)
    for number in range(1, len(lines), 2):
        fields = lines[number].split(b",")
        if len(fields) == 5:
            fields[1] = b"the-one"
            lines[number] = b",".join(fields)
    path.write_bytes(header + b"".join(lines))

"""The figures of docs/scale.md on numbers of datasets and of dates.

`python -m event_assets_tests.deployment.measure_scale` prints them. Seconds are
of the processor, not of the clock, so that a busy machine gives much the same.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path

import dagster as dg
import yaml

from event_assets.orchestration.private.log_events import events_together
from event_assets_tests.browser.dagster_dev import wait_for
from event_assets_tests.deployment.ports import free_port
from event_assets_tests.deployment.stack import REPOSITORY
from event_assets_tests.world import CLICKS

DATES = 10_000
_LOAD = """
import resource, sys
from event_assets.definitions import defs
def spent(): return sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
loaded = spent()
repository = defs.get_repository_def()
from dagster._core.remote_representation.external_data import RepositorySnap
from dagster._serdes import serialize_value
size = len(serialize_value(RepositorySnap.from_def(repository)))
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(loaded, spent(), memory, size / 1e6, len(repository.asset_graph.get_all_asset_keys()))
"""


def declare(folder: Path, name: str, **changes: object) -> None:
    """A dataset like `clicks` of the tests, declared below a folder."""
    attributes = {**yaml.safe_load(CLICKS), "name": name, **changes}
    path = folder / name / "defs.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(yaml.safe_dump({"type": "event_assets.EventDataset", "attributes": attributes}))


def environment(folder: Path) -> Mapping[str, str]:
    own = {name: str(folder / name.lower()) for name in ("EVENT_ASSETS_INBOX", "EVENT_ASSETS_LAKE", "DAGSTER_HOME")}
    return {**os.environ, **own, "EVENT_ASSETS_DATASETS": str(folder / "datasets")}


def datasets(number: int) -> None:
    """What the definitions of so many datasets cost to load, as each process of a run does."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for place in range(number):
            declare(folder / "datasets", f"clicks_{place:04}")
        done = subprocess.run(
            [sys.executable, "-c", _LOAD], cwd=REPOSITORY, env=environment(folder), capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        loaded, described, memory, size, assets = map(float, done.stdout.split())
    print(
        f"{number + 5:5} datasets, {assets:,.0f} assets: loaded in {loaded:.1f} s, described to the web server in"
        f" {described - loaded:.1f} s more ({size:.1f} MB), {memory:.0f} MB"
    )


def dates() -> None:
    """What the web server needs for the pages of an asset with 10,000 dates, all of them materialized."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        first = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=DATES - 1)
        declare(folder / "datasets", "clicks", start_date=first.isoformat())
        home = folder / "dagster_home"
        home.mkdir()
        settings = (REPOSITORY / "event_assets" / "orchestration" / "dagster.yaml").read_text()
        (home / "dagster.yaml").write_text(settings)
        os.environ["DAGSTER_HOME"] = str(home)
        key = dg.AssetKey(["clicks", "sessions"])
        start = spent()
        with dg.DagsterInstance.get() as instance:
            for chunk in range(0, DATES, 1000):
                with events_together(instance):
                    for day in range(chunk, chunk + 1000):
                        date = (first + dt.timedelta(days=day)).isoformat()
                        instance.report_runless_asset_event(dg.AssetMaterialization(key, partition=date))
        print(f"{DATES:,} materializations stored in {spent() - start:.1f} s (SQLite, a thousand a transaction)")
        port = free_port()
        serve = [sys.executable, "-m", "dagster_webserver", "-h", "127.0.0.1", "-p", str(port)]
        with (folder / "log").open("w") as log:
            server = subprocess.Popen(
                [*serve, "-m", "event_assets.definitions"],
                cwd=REPOSITORY,
                env=environment(folder),
                stdout=log,
                stderr=log,
            )
            try:
                wait_for(lambda: answers(port), 300)
                for times in ("first", "again"):
                    before = cpu(server.pid)
                    size = len(ask(port, PARTITIONS))
                    spent_there = cpu(server.pid) - before
                    print(f"the state of every date, {times}: {spent_there:.2f} s, {size / 1e3:.0f} kB")
            finally:
                server.terminate()
                server.wait(60)


#: What the page of an asset asks for.
PARTITIONS = """{assetNodeOrError(assetKey:{path:["clicks","sessions"]}){... on AssetNode{
  assetPartitionStatuses{... on TimePartitionStatuses{ranges{status startKey endKey}}}
  partitionKeys partitionStats{numMaterialized}}}}"""


def ask(port: int, query: str) -> bytes:
    body = json.dumps({"query": query}).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/graphql", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=300) as response:
        answer: bytes = response.read()
    assert b'"errors"' not in answer[:200], answer[:1000]
    return answer


def answers(port: int) -> bool:
    try:
        return b"AssetNode" in ask(port, "{assetNodes{__typename}}")
    except OSError:
        return False


def spent() -> float:
    return sum(resource.getrusage(resource.RUSAGE_SELF)[:2])


def cpu(process: int) -> float:
    """Seconds of the processor that a process has had."""
    time.sleep(0.2)
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    for number in (0, 95, 995):
        datasets(number)
    dates()

"""A `dagster dev` of its own on a temporary lake, and the questions that tests put to it."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

_REPOSITORY = Path(__file__).resolve().parents[2]
_LOCATION = {"repositoryLocationName": "event_assets", "repositoryName": "__repository__"}
FINISHED = ("SUCCESS", "FAILURE", "CANCELED")


class DagsterDev:
    """Dagster's web server, daemon and code server, as `make ui` starts them, below one folder."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url
        self.inbox, self.lake, self.log = folder / "inbox", folder / "lake", folder / "dagster-dev.log"

    def ask(self, query: str, **variables: object) -> dict[str, Any]:
        """The answer of the GraphQL door that the UI uses."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(f"{self.url}/graphql", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as response:
            answer = json.load(response)
        assert "errors" not in answer, answer["errors"]
        data = answer["data"]
        assert isinstance(data, dict)
        return data

    def drop(self, dataset: str, name: str, content: str) -> Path:
        """Put a file into the inbox."""
        folder = self.inbox / dataset
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / name
        path.write_text(content)
        return path

    def switch(self, sensor: str, *, on: bool) -> None:
        """Turn a sensor on or off, as the switch in the UI does."""
        if on:
            answer = self.ask(
                "mutation($s: SensorSelector!){startSensor(sensorSelector:$s){__typename ... on Sensor{id}}}",
                s={**_LOCATION, "sensorName": sensor},
            )
            assert answer["startSensor"]["__typename"] == "Sensor", answer
        else:
            found = self.ask(
                "query($s: SensorSelector!){sensorOrError(sensorSelector:$s){... on Sensor{id}}}",
                s={**_LOCATION, "sensorName": sensor},
            )
            self.ask("mutation($id: String){stopSensor(id:$id){__typename}}", id=found["sensorOrError"]["id"])

    def reload(self) -> None:
        """Press "Reload definitions": the calendar of partitions is read anew."""
        answer = self.ask(
            "mutation($name: String!){reloadRepositoryLocation(repositoryLocationName:$name){__typename}}",
            name=_LOCATION["repositoryLocationName"],
        )
        assert answer["reloadRepositoryLocation"]["__typename"] == "WorkspaceLocationEntry", answer

    def backfill(self, dates: list[str], *assets: str) -> str:
        """Launch a backfill of assets such as `shop/sessions` over the dates; returns its id."""
        answer = self.ask(
            """mutation($b: LaunchBackfillParams!){launchPartitionBackfill(backfillParams:$b){
                __typename ... on LaunchBackfillSuccess{backfillId} ... on PythonError{message}}}""",
            b={"assetSelection": [{"path": asset.split("/")} for asset in assets], "partitionNames": dates},
        )
        assert answer["launchPartitionBackfill"]["__typename"] == "LaunchBackfillSuccess", answer
        return str(answer["launchPartitionBackfill"]["backfillId"])

    def backfill_status(self, backfill: str) -> str:
        answer = self.ask(
            "query($id: String!){partitionBackfillOrError(backfillId:$id){... on PartitionBackfill{status}}}",
            id=backfill,
        )
        return str(answer["partitionBackfillOrError"]["status"])

    def runs(self) -> list[dict[str, Any]]:
        """All runs, the newest first: runId, jobName, status, tags as a mapping."""
        answer = self.ask("{runsOrError{... on Runs{results{runId jobName status tags{key value}}}}}")
        found = answer["runsOrError"]["results"]
        return [{**run, "tags": {tag["key"]: tag["value"] for tag in run["tags"]}} for run in found]

    def finished_runs(self, timeout: float = 90) -> list[dict[str, Any]]:
        """All runs, once there is one and none is under way."""

        def done() -> list[dict[str, Any]]:
            runs = self.runs()
            return runs if all(run["status"] in FINISHED for run in runs) else []

        return wait_for(done, timeout)

    def materialized(self, asset: str) -> list[str]:
        """The dates of an asset that are materialized and not failed, in order."""
        answer = self.ask(
            """query($k: AssetKeyInput!){assetNodeOrError(assetKey:$k){... on AssetNode{
                assetPartitionStatuses{... on TimePartitionStatuses{ranges{status startKey endKey}}}}}}""",
            k={"path": asset.split("/")},
        )
        ranges = answer["assetNodeOrError"]["assetPartitionStatuses"].get("ranges", [])
        return [
            str(date)
            for found in ranges
            if found["status"] == "MATERIALIZED"
            for date in days(found["startKey"], found["endKey"])
        ]

    def calendar(self, asset: str) -> list[str]:
        """The partitions that the UI shows of an asset."""
        answer = self.ask(
            "query($k: AssetKeyInput!){assetNodeOrError(assetKey:$k){... on AssetNode{partitionKeys}}}",
            k={"path": asset.split("/")},
        )
        found = answer["assetNodeOrError"]["partitionKeys"]
        assert isinstance(found, list)
        return found

    def checks(self, asset: str, check: str) -> dict[str, str]:
        """What the UI shows of a check of an asset, by date: SUCCEEDED, FAILED, IN_PROGRESS, ..."""
        answer = self.ask(
            """query($k: AssetKeyInput!){assetNodeOrError(assetKey:$k){... on AssetNode{
                assetChecksOrError{... on AssetChecks{checks{name
                    partitionStatuses{... on AssetCheckTimePartitionStatuses{ranges{status startKey endKey}}}}}}}}}""",
            k={"path": asset.split("/")},
        )
        checks = answer["assetNodeOrError"]["assetChecksOrError"]["checks"]
        [ranges] = [found["partitionStatuses"]["ranges"] for found in checks if found["name"] == check]
        return {date: found["status"] for found in ranges for date in days(found["startKey"], found["endKey"])}


def days(first: str, last: str) -> list[str]:
    """The dates from first to last, both included."""
    start, end = dt.date.fromisoformat(first), dt.date.fromisoformat(last)
    return [(start + dt.timedelta(days=n)).isoformat() for n in range((end - start).days + 1)]


def wait_for(look: Callable[[], Any], timeout: float = 90) -> Any:
    """What `look` returns as soon as that is true; AssertionError after so many seconds."""
    end = time.monotonic() + timeout
    while not (found := look()):
        assert time.monotonic() < end, f"waited {timeout} s in vain"
        time.sleep(0.25)
    return found


@contextmanager
def dagster_dev(folder: Path, environment: Mapping[str, str] = os.environ) -> Iterator[DagsterDev]:
    """Start Dagster below the folder, wait until it answers and its daemons are well, and stop it in the end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    home = folder / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(_REPOSITORY / "event_assets" / "orchestration" / "dagster.yaml", home / "dagster.yaml")
    dev = DagsterDev(folder, f"http://127.0.0.1:{port}")
    dev.inbox.mkdir(exist_ok=True)
    env = {
        **{name: value for name, value in environment.items() if not name.startswith(("EVENT_ASSETS_", "DAGSTER_"))},
        "DAGSTER_HOME": str(home),
        "EVENT_ASSETS_INBOX": str(dev.inbox),
        "EVENT_ASSETS_LAKE": str(dev.lake),
        "EVENT_ASSETS_WAREHOUSE": str(folder / "warehouse.duckdb"),
        "EVENT_ASSETS_DATASETS": str(folder / "datasets"),
    }
    if env.pop("PYTHONDONTWRITEBYTECODE", None):
        # Each run is a process of its own; compiling all modules again takes longer than the run.
        env["PYTHONPYCACHEPREFIX"] = str(folder / "pycache")
    # Two processes that create the SQLite files at once crash, and `dagster dev` starts several.
    create = [sys.executable, "-m", "dagster", "instance", "info"]
    subprocess.run(create, cwd=_REPOSITORY, env=env, check=True, stdout=subprocess.DEVNULL)
    with dev.log.open("w") as log:
        process = subprocess.Popen(
            make_ui(port), cwd=_REPOSITORY, env=env, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            wait_for(lambda: process.poll() is not None or _is_well(dev), 120)
            assert process.poll() is None, dev.log.read_text()
            yield dev
        finally:
            _stop(process)


def make_ui(port: int) -> list[str]:
    """The command by which `make ui` starts Dagster, with this Python."""
    makefile = (_REPOSITORY / "Makefile").read_text().replace("\\\n\t\t", "")
    [arguments] = re.findall(r"\$\(BIN\)/python (.* dagster dev .*)", makefile)
    return [sys.executable, *shlex.split(arguments.replace("$(PORT)", str(port)))]


def _is_well(dev: DagsterDev) -> bool:
    try:
        health = dev.ask("{instance{daemonHealth{allDaemonStatuses{required healthy}}}}")
    except OSError:
        return False
    daemons = health["instance"]["daemonHealth"]["allDaemonStatuses"]
    return all(daemon["healthy"] for daemon in daemons if daemon["required"])


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ask the parent to end its servers; what is left of its group afterwards is ended too."""
    process.send_signal(signal.SIGINT)
    with suppress(subprocess.TimeoutExpired):
        process.wait(30)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(10)

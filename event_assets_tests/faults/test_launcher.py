"""A run whose server was killed is noticed, so that it doesn't keep its dataset's pool for ever."""

from __future__ import annotations

import json
import socket
import tempfile
from pathlib import Path

import dagster as dg
from dagster._core.launcher import WorkerStatus
from dagster._core.storage.tags import GRPC_INFO_TAG

from event_assets.orchestration.private.run_launcher import RunLauncher


def test_a_run_whose_server_on_this_machine_is_gone_has_lost_its_process() -> None:
    @dg.job
    def empty() -> None: ...

    with dg.DagsterInstance.ephemeral() as instance, tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "server"  # short: a socket's name has at most a hundred characters
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
            server.bind(str(path))
            server.listen()
        tags = {GRPC_INFO_TAG: json.dumps({"host": "localhost", "socket": str(path)})}
        run = instance.create_run_for_job(empty, status=dg.DagsterRunStatus.STARTED, tags=tags)
        assert path.exists(), "a killed server leaves its socket behind"
        assert RunLauncher().check_run_worker_health(run).status == WorkerStatus.NOT_FOUND

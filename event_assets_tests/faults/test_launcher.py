"""A run whose server or command was killed is noticed, so that it doesn't keep its dataset's pool for ever."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
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


def test_a_run_of_a_command_lives_as_long_as_its_process(tmp_path: Path) -> None:
    @dg.job
    def empty() -> None: ...

    settings = {"run_launcher": {"module": RunLauncher.__module__, "class": RunLauncher.__name__}}
    with dg.DagsterInstance.local_temp(str(tmp_path), overrides=settings) as instance:
        run = instance.create_run_for_job(empty, status=dg.DagsterRunStatus.STARTED)
        launcher = instance.run_launcher
        assert launcher.check_run_worker_health(run).status == WorkerStatus.RUNNING, "of another machine, it may be"
        command = (
            "import sys, time; from event_assets.orchestration.private.command_liveness_lock import lock_of_run\n"
            "with lock_of_run(*sys.argv[1:]): print('locked', flush=True); time.sleep(600)"
        )
        arguments = [sys.executable, "-c", command, instance.root_directory, run.run_id]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"locked\n"
            assert launcher.check_run_worker_health(run).status == WorkerStatus.RUNNING
            process.kill()
        assert launcher.check_run_worker_health(run).status == WorkerStatus.NOT_FOUND

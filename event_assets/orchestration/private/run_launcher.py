"""Dagster's default run launcher with a health check: whether a run's process still lives.

Dagster's default launcher starts them the same way, but doesn't watch them: where the server's container dies,
its runs stay "started" for ever and keep their dataset's pool. Here run monitoring queries the server. A run that it
doesn't know, or whose server or command on this machine has ended, has lost its process: it is failed, and
`run_retries` (where they are on) starts it again. Both `dagster.yaml` name this class: that beside this file and
`docs/deployment/dagster.yaml`.
"""

from __future__ import annotations

import socket

import dagster as dg
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher import CheckRunHealthResult, DefaultRunLauncher, WorkerStatus
from dagster._grpc.types import CanCancelExecutionRequest, CanCancelExecutionResult
from dagster._serdes import deserialize_value

from event_assets.orchestration.private.code_server_of_run import client_of, server_of
from event_assets.orchestration.private.command_liveness_lock import process_lives

_PATIENCE_SECONDS = 10

__all__ = ["RunLauncher"]


class RunLauncher(DefaultRunLauncher):
    """The default launcher, with an answer to whether a run's process lives."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """RUNNING while the server or the command that started the run has it, and while that can't be determined."""
        where = server_of(run)
        if where is None:
            if process_lives(self._instance.root_directory, run.run_id) is False:
                return CheckRunHealthResult(WorkerStatus.NOT_FOUND, "the process of its command has ended")
            return CheckRunHealthResult(WorkerStatus.RUNNING, "no server of Dagster was requested to run it")
        try:
            answer = client_of(where).can_cancel_execution(
                CanCancelExecutionRequest(run_id=run.run_id), timeout=_PATIENCE_SECONDS
            )
        except DagsterUserCodeUnreachableError:
            if where.get("socket") and not _listens(where["socket"]):
                return CheckRunHealthResult(WorkerStatus.NOT_FOUND, "its server on this machine has ended")
            # It may be busy, or starting again: the next one at that address reports that it doesn't know the run.
            return CheckRunHealthResult(WorkerStatus.RUNNING, "its server can't be reached")
        if deserialize_value(answer, CanCancelExecutionResult).can_cancel:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.NOT_FOUND, "its server has no process for it")


def _listens(path: str) -> bool:
    """Whether a server listens on a socket of this machine, however busy: one that was killed refuses at once."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as door:
            door.settimeout(_PATIENCE_SECONDS)
            door.connect(path)
    except (ConnectionRefusedError, FileNotFoundError):
        return False
    except OSError:
        return True
    return True

"""The services of compose.yaml as processes of this machine, with its settings and commands: a code location, a web
server and a daemon over PostgreSQL."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import yaml

from event_assets_tests.browser.dagster_dev import DagsterDev, wait_for
from event_assets_tests.deployment.ports import free_port
from event_assets_tests.deployment.postgres import Postgres

REPOSITORY = Path(__file__).resolve().parents[2]
SETTINGS = REPOSITORY / "docs" / "deployment"
HOST = "127.0.0.1"


def _patience() -> dict[str, str]:
    """What compose.yaml tells the daemon of backfills."""
    services = yaml.safe_load((REPOSITORY / "compose.yaml").read_text())["services"]
    given = services["daemon"]["environment"]
    return {name: value for name, value in given.items() if name.startswith("DAGSTER_BACKFILL_")}


class Stack(DagsterDev):
    """The services below one folder. `start` and `kill` take the names that compose.yaml gives them."""

    def __init__(self, folder: Path, database: Postgres) -> None:
        self.ports = {"code": free_port(), "webserver": free_port()}
        super().__init__(folder, f"http://{HOST}:{self.ports['webserver']}")
        self.database = database
        self.home = folder / "home"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        for path in (self.home, self.inbox, folder / "printed"):
            path.mkdir()
        for name in ("dagster.yaml", "workspace.yaml"):
            shutil.copyfile(SETTINGS / name, self.home / name)
        own = {name: value for name, value in os.environ.items() if not name.startswith(("EVENT_ASSETS_", "DAGSTER_"))}
        self.environment = {
            **own,
            **database.environment,
            **_patience(),
            "DAGSTER_HOME": str(self.home),
            "DAGSTER_COMPUTE_LOGS": str(folder / "printed"),
            "EVENT_ASSETS_CODE_HOST": HOST,
            "EVENT_ASSETS_CODE_PORT": str(self.ports["code"]),
            "EVENT_ASSETS_INBOX": str(self.inbox),
            "EVENT_ASSETS_LAKE": str(self.lake),
            "EVENT_ASSETS_WAREHOUSE": str(folder / "warehouse.duckdb"),
            "EVENT_ASSETS_MEMORY": "1GB",
        }
        if self.environment.pop("PYTHONDONTWRITEBYTECODE", None):
            # Each run is a process of its own; compiling all modules again takes longer than the run.
            self.environment["PYTHONPYCACHEPREFIX"] = str(folder / "pycache")

    def command(self, name: str) -> list[str]:
        """The service's command in compose.yaml, at this machine's loopback and ports."""
        workspace = ["-w", str(self.home / "workspace.yaml")]
        python = [sys.executable, "-m"]
        code = ["api", "grpc", "-h", HOST, "-p", str(self.ports["code"]), "-m", "event_assets.definitions"]
        return {
            "code": [*python, "dagster", *code, "--location-name", "event_assets"],
            "webserver": [*python, "dagster_webserver", "-h", HOST, "-p", str(self.ports["webserver"]), *workspace],
            "daemon": [*python, "dagster._daemon", "run", *workspace],
        }[name]

    def start(self, *names: str) -> None:
        """Start services and wait until they answer."""
        for name in names:
            with (self.folder / f"{name}.log").open("a") as log:
                self.processes[name] = subprocess.Popen(
                    self.command(name),
                    cwd=REPOSITORY,
                    env=self.environment,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            wait_for(lambda name=name: self._ended(name) or self._answers(name), 300)
            assert not self._ended(name), self.said(name)

    def kill(self, name: str) -> None:
        """End a service and every process that it started, at once."""
        process = self.processes.pop(name)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)

    def said(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    def _ended(self, name: str) -> bool:
        return self.processes[name].poll() is not None

    def _answers(self, name: str) -> bool:
        try:
            if name == "code":
                socket.create_connection((HOST, self.ports["code"]), timeout=5).close()
                return True
            return bool(self.ask("{version}")) if name == "webserver" else self.daemons_are_well()
        except OSError:
            return False

    def daemons_are_well(self) -> bool:
        health = self.ask("{instance{daemonHealth{allDaemonStatuses{required healthy}}}}")
        daemons = health["instance"]["daemonHealth"]["allDaemonStatuses"]
        return all(daemon["healthy"] for daemon in daemons if daemon["required"])


@contextmanager
def stack(folder: Path, database: Postgres) -> Iterator[Stack]:
    """All services; what still runs in the end is ended."""
    services = Stack(folder, database)
    try:
        services.start("code", "webserver", "daemon")
        yield services
    finally:
        for name in list(services.processes):
            services.kill(name)

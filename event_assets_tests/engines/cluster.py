"""A standalone Spark cluster of this machine: a master and workers as processes of their own, on loopback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_HOST = "127.0.0.1"


def free_port() -> int:
    with socket.socket() as found:
        found.bind((_HOST, 0))
        port: int = found.getsockname()[1]
        return port


class Cluster:
    """`url` is the master's; each of `workers` is the process of one with a core and half a GB for an executor."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port, self._page = free_port(), free_port()
        self.url = f"spark://{_HOST}:{self._port}"
        master = ("master.Master", "--port", str(self._port), "--webui-port", str(self._page))
        self._master = self._start("master", *master)
        self.workers = [
            self._start(
                f"worker{n}", "worker.Worker", "--cores", "1", "--memory", "700m", "--webui-port", "0", self.url
            )
            for n in range(2)
        ]

    def _start(self, name: str, role: str, *arguments: str) -> subprocess.Popen[bytes]:
        import pyspark

        home = Path(pyspark.__file__).parent
        work = self._folder / name
        work.mkdir(parents=True)
        environment = {
            **os.environ,
            "SPARK_HOME": str(home),
            "SPARK_WORKER_DIR": str(work),
            "SPARK_DAEMON_MEMORY": "256m",
            "SPARK_DAEMON_JAVA_OPTS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
            "PYSPARK_PYTHON": sys.executable,
        }
        command = [home / "bin" / "spark-class", f"org.apache.spark.deploy.{role}", "--host", _HOST, *arguments]
        with (work / "log").open("wb") as log:
            # A session of its own: what the worker starts goes with it.
            return subprocess.Popen(
                command, cwd=work, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )

    def wait_until_workers_came(self, seconds: float = 120) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"http://{_HOST}:{self._page}/json/", timeout=5) as page:
                    if page.read().count(b'"ALIVE"') >= len(self.workers) + 1:
                        return
            except OSError:
                pass
            time.sleep(0.5)
        raise AssertionError("\n".join(path.read_text()[-2000:] for path in self._folder.glob("*/log")))

    def kill(self, worker: int) -> None:
        """A machine goes down: a worker and its executors at once."""
        _kill(self.workers[worker])

    def stop(self) -> None:
        for process in (*self.workers, self._master):
            _kill(process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, 9)
    process.wait()


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    started = Cluster(folder)
    try:
        started.wait_until_workers_came()
        yield started
    finally:
        started.stop()

"""A PostgreSQL server of the tests' own, from the system's packages, on 127.0.0.1, below a temporary folder."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from event_assets_tests.deployment.ports import free_port

#: Whom the server runs as where the tests are root, which it refuses: the account of Debian's package.
ACCOUNT = "postgres"


@dataclass(frozen=True)
class Postgres:
    """Where the server is, and who may use it."""

    port: int
    password: str
    programs: Path
    user: str = "dagster"
    database: str = "dagster"

    @property
    def environment(self) -> dict[str, str]:
        """What docs/deployment/dagster.yaml asks the environment for."""
        return {
            "DAGSTER_POSTGRES_HOST": "127.0.0.1",
            "DAGSTER_POSTGRES_PORT": str(self.port),
            "DAGSTER_POSTGRES_DB": self.database,
            "DAGSTER_POSTGRES_USER": self.user,
            "DAGSTER_POSTGRES_PASSWORD": self.password,
        }

    def run(self, program: str, *arguments: str) -> str:
        """What a program of PostgreSQL's prints: `psql`, `pg_dump`."""
        env = {**os.environ, "PGPASSWORD": self.password}
        who = ["-h", "127.0.0.1", "-p", str(self.port), "-U", self.user]
        command = [str(self.programs / program), *who, *arguments]
        return subprocess.run(command, env=env, check=True, capture_output=True, text=True, timeout=60).stdout

    def materializations(self, run_id: str) -> int:
        """How many materializations Dagster's event log has of a run."""
        of_run = f"run_id = '{run_id}' AND dagster_event_type = 'ASSET_MATERIALIZATION'"
        return int(self.run("psql", "-d", self.database, "-Atc", f"SELECT count(*) FROM event_logs WHERE {of_run}"))


def programs() -> Path | None:
    """The folder of `postgres` and `initdb`: Debian's newest, else that of the PATH; None where there is none."""
    versions = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = max(versions, key=lambda path: int(path.parts[-3]), default=None)
    found = newest or shutil.which("initdb")
    return Path(found).parent if found else None


@contextmanager
def postgres(password: str) -> Iterator[Postgres]:
    """A running server with an empty database; it is ended by its process id, and its folder removed."""
    folder = programs()
    assert folder is not None
    account = ACCOUNT if os.getuid() == 0 else None
    # Not below pytest's folder, which nobody but its owner may enter.
    with tempfile.TemporaryDirectory(prefix="event_assets-postgres-") as home:
        data = Path(home) / "data"
        secret = Path(home) / "password"
        secret.write_text(password)
        if account:
            for path in (Path(home), secret):
                shutil.chown(path, account)
        initdb = [folder / "initdb", "-D", data, "-U", "dagster", "--pwfile", secret, "-A", "scram-sha-256", "-N"]
        subprocess.run([*initdb, "-E", "UTF8"], user=account, cwd="/", check=True, capture_output=True)
        port = free_port()
        serve = [folder / "postgres", "-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", home, "-c", "fsync=off"]
        with (Path(home) / "log").open("w") as log:
            process = subprocess.Popen(serve, user=account, cwd="/", stdout=log, stderr=log)
        try:
            server = Postgres(port, password, folder)
            _wait(server, process, Path(home) / "log")
            server.run("createdb", server.database)
            yield server
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)


def _wait(server: Postgres, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 60
    while True:
        try:
            server.run("psql", "-d", "postgres", "-c", "SELECT 1")
        except subprocess.CalledProcessError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.2)
        else:
            return

"""Nothing that a user starts can be reached from another machine, unless that is asked for."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import yaml

from event_assets_tests.browser.dagster_dev import dagster_dev


def listening(processes: Iterable[int]) -> set[str]:
    """The addresses on which processes accept connections, as /proc has them."""
    theirs = {inode for process in processes for inode in sockets(process)}
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in theirs:
                found.add(address(fields[1].split(":")[0]))
    return found


def sockets(process: int) -> Iterator[str]:
    """The inodes of a process's sockets."""
    with suppress(OSError):  # it has ended meanwhile
        for descriptor in os.listdir(f"/proc/{process}/fd"):
            with suppress(OSError):  # or has closed it
                link = os.readlink(f"/proc/{process}/fd/{descriptor}")
                if link.startswith("socket:["):
                    yield link[8:-1]


def address(digits: str) -> str:
    """An address of /proc/net: hexadecimal, each 32 bits in the order of this machine."""
    packed = b"".join(int(digits[i : i + 8], 16).to_bytes(4, sys.byteorder) for i in range(0, len(digits), 8))
    return socket.inet_ntop(socket.AF_INET if len(packed) == 4 else socket.AF_INET6, packed)


pytestmark = [
    pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="this system has no /proc/net"),
    pytest.mark.timeout(300),
]


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::1", "::"])
def test_a_listener_is_seen_where_it_listens(host: str) -> None:
    """Without this, a look that sees nothing would pass below."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as listener:
        listener.bind((host, 0))
        listener.listen()
        assert host in listening([os.getpid()])


def test_the_dashboard_listens_on_loopback(repository: Path) -> None:
    command = [sys.executable, "-m", "event_assets", "dashboard", "--port", "0"]
    process = subprocess.Popen(command, cwd=repository, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("http://127.0.0.1:")
        assert listening([process.pid]) == {"127.0.0.1"}
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)


def test_dagsters_web_page_and_its_servers_listen_on_loopback(tmp_path: Path, repository: Path) -> None:
    [served] = re.findall(r"dagster dev [^\n]*", (repository / "Makefile").read_text())
    assert "-h 127.0.0.1" in served
    with dagster_dev(tmp_path):
        found = listening(with_variable(f"DAGSTER_HOME={tmp_path / 'dagster'}"))
    assert found
    assert found <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}


def with_variable(variable: str) -> Iterator[int]:
    """The processes that have a variable in their environment."""
    for environment in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if variable.encode() in environment.read_bytes().split(b"\0"):
                yield int(environment.parent.name)


def test_compose_publishes_the_web_page_alone_and_on_loopback(repository: Path) -> None:
    services = yaml.safe_load((repository / "compose.yaml").read_text())["services"]
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert published == {"webserver": ["127.0.0.1:3000:3000"]}

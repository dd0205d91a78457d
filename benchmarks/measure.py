"""What a command costs, as a whole process from start to end: CPU time, wall time, memory, what it writes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

#: So often the tree of processes is looked at. Of the process itself Linux keeps the peak.
_SAMPLE_SECONDS = 0.05
ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Measured:
    """One command: seconds, megabytes (10^6) of the process tree at its peak, megabytes of Parquet it left."""

    name: str
    cpu: float
    """Of the process and all children that it waited for."""
    wall: float
    peak_mb: float
    written_mb: float
    load: float
    """The machine's load average of one minute when the command ended."""
    output: str = ""


def event_assets(*arguments: str) -> list[str]:
    """The program as a command."""
    return [sys.executable, "-m", "event_assets", *arguments]


def platform(folder: Path, inbox: Path | None = None) -> dict[str, str]:
    """The environment of a platform whose lake and runs lie in a folder."""
    return {
        "EVENT_ASSETS_INBOX": str(inbox or folder / "inbox"),
        "EVENT_ASSETS_LAKE": str(folder / "lake"),
        "EVENT_ASSETS_WAREHOUSE": str(folder / "warehouse.duckdb"),
        "EVENT_ASSETS_DATASETS": str(Path(__file__).parent / "datasets"),
        "DAGSTER_HOME": str(folder / "dagster"),
    }


def measure(
    name: str,
    command: Sequence[str],
    *,
    writes: Path | None = None,
    environment: Mapping[str, str] | None = None,
    fresh: bool = True,
) -> Measured:
    """Run a command to its end. `writes` is the folder for its tables, emptied before unless it shall go on there."""
    if writes and fresh:
        shutil.rmtree(writes, ignore_errors=True)
    began = time.perf_counter()
    # Python compiles a module once and keeps it, as it does for a user who didn't forbid it.
    settings = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", **(environment or {})}
    process = subprocess.Popen(command, cwd=ROOT, env=settings, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = bytearray(), bytearray()
    readers = [threading.Thread(target=_drain, args=pair) for pair in ((process.stdout, out), (process.stderr, err))]
    for reader in readers:
        reader.start()
    ended = threading.Event()
    peaks = [0]
    watcher = threading.Thread(target=_watch, args=(process.pid, ended, peaks))
    watcher.start()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)  # else it would still wait for a process that is gone
    ended.set()
    for thread in (watcher, *readers):
        thread.join()
    if process.returncode:
        sys.exit(f"{name} failed: {' '.join(command)}\n{err.decode(errors='replace')[-4000:]}")
    return Measured(
        name,
        cpu=usage.ru_utime + usage.ru_stime,
        wall=wall,
        peak_mb=peaks[0] / 1e6,
        written_mb=sum(p.stat().st_size for p in writes.rglob("*.parquet")) / 1e6 if writes else 0.0,
        load=os.getloadavg()[0],
        output=out.decode(),
    )


def _drain(stream: IO[bytes], into: bytearray) -> None:
    """Read a pipe to its end, so that the command never waits for us."""
    with stream:
        while block := stream.read(1 << 16):
            into.extend(block)


def _watch(pid: int, ended: threading.Event, peaks: list[int]) -> None:
    """Keep the greatest sum of what the processes of a tree hold in memory."""
    try:
        root = psutil.Process(pid)
        while not ended.wait(_SAMPLE_SECONDS):
            together = sum(map(_resident, [root, *root.children(recursive=True)]))
            peaks[0] = max(peaks[0], together, _own_peak(pid))
    except psutil.NoSuchProcess:
        return


def _own_peak(pid: int) -> int:
    """What the process held at most, as Linux keeps it; 0 elsewhere.

    The figure that `wait4` gives isn't it: a child that was just forked counts with its parent's memory there.
    """
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmHWM:")), 0)


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0

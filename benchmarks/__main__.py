"""`make bench`: our whole job through Dagster beside a plain Polars script, on the same generated files.

Prints for each: CPU-seconds per million rows, wall seconds, peak memory of the process, bytes written. Both run as
whole processes, in turn, so their start-up counts; ratios are what to quote, machines differ.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from event_assets.generate import generate


@dataclass(frozen=True)
class Measured:
    """One process from start to end: seconds, megabytes at its peak, megabytes that it wrote below its folder."""

    name: str
    cpu: float
    wall: float
    peak_mb: float
    written_mb: float


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--days", type=int, default=10)
    parser.add_argument("--files", type=int, default=4)
    parser.add_argument("--mess", type=float, default=0.0, help="the plain script dies of a stray quote: 0 by default")
    parser.add_argument("--keep", type=Path, help="keep files and lakes in this folder")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.keep or Path(scratch)
        inbox = folder / "inbox"
        if not inbox.exists():
            generate(
                "shop",
                rows=options.rows,
                days=options.days,
                seed=1,
                out=inbox / "shop",
                files=options.files,
                mess=options.mess,
            )
        size = sum(path.stat().st_size for path in inbox.rglob("*")) / 1e6
        print(f"{options.rows:,} rows, {options.days} dates, {options.files} files, {size:.0f} MB")
        here = Path(__file__).parent
        plain = measure(
            "plain Polars",
            [sys.executable, str(here / "plain_polars.py"), str(inbox / "shop"), str(folder / "plain")],
            folder / "plain",
        )
        lake = folder / "lake"
        environment = {
            "EVENT_ASSETS_INBOX": str(inbox),
            "EVENT_ASSETS_LAKE": str(lake),
            "DAGSTER_HOME": str(folder / "home"),
        }
        ours = measure(
            "event_assets", [sys.executable, "-m", "event_assets", "run", "shop", "--json"], lake, environment
        )
        again = measure(
            "  nothing new",
            [sys.executable, "-m", "event_assets", "run", "shop", "--json"],
            lake,
            environment,
            fresh=False,
        )
        report([plain, ours, again], options.rows)


def measure(
    name: str, command: list[str], writes: Path, environment: dict[str, str] | None = None, *, fresh: bool = True
) -> Measured:
    """Run a command to its end in a process of its own."""
    if fresh:
        shutil.rmtree(writes, ignore_errors=True)
    began = time.perf_counter()
    process = subprocess.Popen(command, env={**os.environ, **(environment or {})}, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    if status:
        sys.exit(f"{name} failed: {' '.join(command)}")
    written = sum(path.stat().st_size for path in writes.rglob("*.parquet")) / 1e6
    return Measured(name, usage.ru_utime + usage.ru_stime, wall, _peak_mb(usage), written)


def _peak_mb(usage: resource.struct_rusage) -> float:
    return usage.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def report(found: list[Measured], rows: int) -> None:
    """A table, the first line being what the others are compared with."""
    print(f"{'':16} {'CPU s/M rows':>13} {'ratio':>6} {'CPU s':>8} {'wall s':>8} {'peak MB':>8} {'written MB':>11}")
    for one in found:
        ratio = one.cpu / found[0].cpu
        per_million = one.cpu / rows * 1e6
        print(
            f"{one.name:16} {per_million:13.2f} {ratio:6.2f} {one.cpu:8.1f} {one.wall:8.1f}"
            f" {one.peak_mb:8.0f} {one.written_mb:11.1f}"
        )


if __name__ == "__main__":
    main()

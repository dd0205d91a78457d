"""The figures of docs/scale.md on Spark: `python -m event_assets_tests.engines.measure_spark 250000 1000000`.

For each number of rows a standalone cluster of this machine (two workers, each a core and an executor of 512 MB) makes
all tables of one date of `streaming`; `--skewed` gives half of it to one user. Seconds are of the processor.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
import time
from collections.abc import Collection
from pathlib import Path

from event_assets_tests.engines.cluster import cluster
from event_assets_tests.engines.streaming import for_large_tables, landed, made, making
from event_assets_tests.engines.test_parity import assert_alike

_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Meter(threading.Thread):
    """What all processes of some sessions took: seconds of the processor, and the most memory at once, in bytes."""

    def __init__(self, sessions: Collection[int]) -> None:
        super().__init__(daemon=True)
        self._stopped = threading.Event()
        self.seconds = dict.fromkeys(sessions, 0.0)
        self.memory = dict.fromkeys(sessions, 0)

    def run(self) -> None:
        while not self._stopped.wait(1):
            seconds, memory = dict.fromkeys(self.seconds, 0.0), dict.fromkeys(self.seconds, 0)
            for path in Path("/proc").glob("[0-9]*/stat"):
                try:
                    fields = path.read_text().rsplit(")", 1)[1].split()
                except OSError:  # it ended just now
                    continue
                if (session := int(fields[3])) in seconds:
                    seconds[session] += sum(map(int, fields[11:15])) / _TICK  # its own, and of its ended children
                    memory[session] += int(fields[21]) * _PAGE
            for session in seconds:  # what ends as the last takes its figures with it
                self.seconds[session] = max(self.seconds[session], seconds[session])
                self.memory[session] = max(self.memory[session], memory[session])

    def stop(self) -> None:
        self._stopped.set()
        self.join()


def measure(rows: int, skewed: bool, folder: Path) -> None:
    expected, world = landed(folder, rows, days=1, skewed=skewed)
    with cluster(folder / "cluster") as master:
        began = time.perf_counter()
        process = making(world, master.url, SPARK_CONF_DIR=for_large_tables(folder))
        workers = [worker.pid for worker in master.workers]
        meter = Meter([process.pid, *workers])
        meter.start()
        made(process, 6 * 3600)
        meter.stop()
        clock = time.perf_counter() - began
    executors = sum(meter.seconds[pid] for pid in workers)
    whole = executors + meter.seconds[process.pid]
    size = expected.table("joined_facts").to_arrow().nbytes
    print(
        f"{rows} rows, {size / 1e6:.0f} MB of facts: executors {executors:.0f} s, driver {whole - executors:.0f} s,"
        f" {whole / rows * 1e6:.0f} s a million, {clock:.0f} s of the clock;"
        f" most memory: worker {max(meter.memory[pid] for pid in workers) / 1e6:.0f} MB,"
        f" driver {meter.memory[process.pid] / 1e6:.0f} MB",
        flush=True,
    )
    assert_alike(world, expected)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", type=int, nargs="+")
    parser.add_argument("--skewed", action="store_true")
    asked = parser.parse_args()
    for number in asked.rows:
        with tempfile.TemporaryDirectory() as name:
            measure(number, asked.skewed, Path(name))

"""Where our time goes: `python -m benchmarks.phases OUT.json run DATASET` runs the program with its parts timed.

The program's own functions are wrapped, so what is timed is what runs. Files are landed one after another (and
EVENT_ASSETS_WORKERS should be 1), since the CPU time of two threads can't be told apart; engines keep their threads.
Each moment counts for the innermost part, so that parts add up to the whole process.
"""

from __future__ import annotations

import atexit
import dataclasses
import functools
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from benchmarks.measure import Measured, measure, platform
from benchmarks.report import table

#: (table, phase). What belongs to no table stands under one of these in place of it.
Part = tuple[str, str]
START, LANDING, GRAPH, DAGSTER = "start", "landing", "graph", "Dagster"
#: Groups with a smaller share of the whole are shown together.
_SMALL = 0.05


@dataclasses.dataclass
class Spent:
    cpu: float = 0.0
    wall: float = 0.0
    calls: int = 0


class Clock:
    """Charges CPU and wall seconds to the part that was entered last and not left."""

    def __init__(self) -> None:
        self.spent: dict[Part, Spent] = {}
        self.table = ""
        self._parts: list[Part] = [(START, "imports and command line")]
        self._cpu, self._wall = 0.0, time.perf_counter()  # process_time counts from the process's own start

    def charge(self) -> None:
        cpu, wall = time.process_time(), time.perf_counter()
        spent = self.spent.setdefault(self._parts[-1], Spent())
        spent.cpu += cpu - self._cpu
        spent.wall += wall - self._wall
        self._cpu, self._wall = cpu, wall

    def enter(self, part: Part) -> None:
        self.charge()
        self._parts.append(part)
        self.spent.setdefault(part, Spent()).calls += 1

    def leave(self) -> None:
        self.charge()
        self._parts.pop()

    def timed(self, group: str, phase: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, charged to a phase of the group, or of the table in work where the group is empty."""

        @functools.wraps(function)
        def wrapped(*args: Any, **options: Any) -> Any:
            self.enter((group or self.table, phase))
            try:
                return function(*args, **options)
            finally:
                self.leave()

        return wrapped

    def timed_batches(self, group: str, phase: str, function: Callable[..., Iterator[Any]]) -> Callable[..., Any]:
        """The same for a generator: what it does between what it gives."""

        @functools.wraps(function)
        def wrapped(*args: Any, **options: Any) -> Iterator[Any]:
            batches = function(*args, **options)
            following = self.timed(group, phase, lambda: next(batches, None))
            while (batch := following()) is not None:
                yield batch

        return wrapped


class InTurn:
    """An executor that does its work at once, in the thread that asks for it."""

    def __init__(self, max_workers: int | None = None) -> None: ...

    def submit(self, function: Callable[..., Any], *args: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(function(*args))
        except Exception as error:
            done.set_exception(error)
        return done

    def map(self, function: Callable[..., Any], *items: Any) -> Iterator[Any]:
        return map(function, *items)

    def shutdown(self, **_: object) -> None: ...


def instrument(clock: Clock) -> None:
    """Wrap the parts of the program. AttributeError where one is called otherwise by now: then fix this list."""
    from event_assets.engines.polars import engine
    from event_assets.landing import batches_to_raw_rows, partition_writer, raw_rows
    from event_assets.landing import csv as csv_reader
    from event_assets.landing import json as json_reader
    from event_assets.landing import land_file as file
    from event_assets.pipeline import land_files, pending_files, reconcile, run_steps
    from event_assets.pipeline import stage_partitions as unit
    from event_assets.pipeline.staleness import schedule

    land_files.ThreadPoolExecutor = InTurn  # type: ignore[assignment, attr-defined, misc, unused-ignore]
    for owner, name, group, phase in (
        (pending_files, "identify", LANDING, "hash"),
        (file, "land_files", LANDING, "other"),
        (raw_rows.EventDates, "of", LANDING, "date"),
        (batches_to_raw_rows, "count_types", LANDING, "look for drift"),
        (partition_writer.PartitionWriter, "add", LANDING, "gather"),
        (partition_writer.PartitionWriter, "finish", LANDING, "write"),
        (land_files, "sync_raw_tables", LANDING, "commit"),
        (land_files, "land_new_files", LANDING, "other"),
        (schedule.Schedule, "selected", GRAPH, "staleness"),
        (schedule.Schedule, "blocker", GRAPH, "staleness"),
        (run_steps, "input_digest", GRAPH, "staleness"),
        (run_steps.Run, "flush", GRAPH, "commit"),
        (run_steps, "publish", "", "publish"),
        (engine, "_computed", "", "compute"),
        (engine, "_write", "", "write"),
        (unit, "_examined", "", "check"),
        (unit, "samples", "", "sample"),
        (reconcile, "reconcile", GRAPH, "reconcile"),
    ):
        setattr(owner, name, clock.timed(group, phase, getattr(owner, name)))
    for reader, name in ((csv_reader, "read_csv"), (json_reader, "read_json")):
        setattr(reader, name, clock.timed_batches(LANDING, "read", getattr(reader, name)))
    stage = unit.Stager.stage

    def staged(self: Any, step: Any, dates: Any) -> Any:
        clock.table = step.name
        step = dataclasses.replace(step, transform=clock.timed("", "compute", step.transform))
        return clock.timed("", "other", stage)(self, step, dates)

    unit.Stager.stage = staged  # type: ignore[method-assign]

    # Dagster is imported by the command, with what it then imports from above; so these come last.
    def dagster() -> None:
        from event_assets.cli import dagster_runs
        from event_assets.orchestration import assets, io_manager

        for owner, name, group, phase in (
            (assets, "log_events", DAGSTER, "event log"),
            (io_manager, "log_events", DAGSTER, "event log"),
            (assets, "keep_current", GRAPH, "warehouse"),
            (dagster_runs, "run_job", DAGSTER, "run"),
            (dagster_runs, "dataset_definitions", DAGSTER, "definitions"),
        ):
            setattr(owner, name, clock.timed(group, phase, getattr(owner, name)))

    clock.timed(START, "imports of Dagster", dagster)()


def measure_phases(folder: Path, inbox: Path, *arguments: str) -> tuple[Measured, dict[Part, Spent]]:
    """`event-assets ARGUMENTS` in a process of its own, with what each of its parts took."""
    out = folder / "phases.json"
    environment = platform(folder, inbox) | {"EVENT_ASSETS_WORKERS": "1"}
    command = [sys.executable, "-m", "benchmarks.phases", str(out), *arguments]
    measured = measure("event_assets, timed", command, environment=environment)
    found = json.loads(out.read_text(encoding="utf-8"))
    spent = {(one.pop("group"), one.pop("phase")): Spent(**one) for one in found}
    timed = Spent(sum(one.cpu for one in spent.values()), sum(one.wall for one in spent.values()))
    # The system takes back the memory when all is done, and nothing can time that from within.
    return measured, spent | {
        (START, "end of the process"): Spent(measured.cpu - timed.cpu, measured.wall - timed.wall)
    }


def cost_by_group(spent: Mapping[Part, Spent], rows: int) -> str:
    """A table of the groups with their phases, the largest first, small ones together."""
    groups: dict[str, dict[str, float]] = {}
    total = sum(one.cpu for one in spent.values())
    of_group: dict[str, float] = defaultdict(float)
    for (group, _), one in spent.items():
        of_group[group] += one.cpu
    for (group, phase), one in spent.items():
        own = groups.setdefault(group if of_group[group] >= _SMALL * total else "others", defaultdict(float))
        own[phase] += one.cpu
    phases = ("compute", "write", "check", "sample")
    lines = []
    for group, own in sorted(groups.items(), key=lambda item: -sum(item[1].values())):
        known, whole = [own[phase] for phase in phases], sum(own.values())
        cells = (f"{cell / rows * 1e6:.3f}" for cell in (whole, *known, whole - sum(known)))
        lines.append([group, *cells, f"{whole / total:.1%}"])
    return table(["", "all", *phases, "other", "share"], lines)


def largest_parts(spent: Mapping[Part, Spent], rows: int) -> str:
    """A table of the ten largest parts."""
    total = sum(one.cpu for one in spent.values())
    parts = sorted(spent.items(), key=lambda item: -item[1].cpu)
    lines = [
        [f"{group}: {phase}", f"{one.cpu:.2f}", f"{one.cpu / rows * 1e6:.3f}", f"{one.cpu / total:.1%}", one.calls]
        for (group, phase), one in parts[:10]
    ]
    return table(["largest parts", "CPU s", "per 1 M rows", "share", "calls"], lines)


def main() -> None:
    from event_assets.__main__ import program
    from event_assets.cli.deferred_imports import defer_imports
    from event_assets.settings import use_no_plugins

    out, *sys.argv[1:] = sys.argv[1:]
    defer_imports()
    use_no_plugins()
    clock = Clock()
    instrument(clock)

    def write() -> None:
        clock.charge()
        found = [{"group": g, "phase": p, **dataclasses.asdict(spent)} for (g, p), spent in clock.spent.items()]
        Path(out).write_text(json.dumps(found, indent=1), encoding="utf-8")

    atexit.register(write)  # which the program calls last, and then ends its process
    program()


if __name__ == "__main__":
    main()

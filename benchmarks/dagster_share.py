"""What Dagster and start-up cost: a small date, many dates in one run, loading the definitions, starting a command."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import sys
from pathlib import Path

from benchmarks.data import FIRST, generate
from benchmarks.measure import Measured, event_assets, measure, platform
from benchmarks.phases import DAGSTER, GRAPH, Part, Spent, measure_phases
from benchmarks.report import table, write_section

_TRIES = 3


def dagster_share(folder: Path, docs: Path, rows: int, days: int) -> None:
    """`rows` are those of each date."""
    parts = [_starts(folder / "small", rows), _range(folder / "range", rows, days)]
    print("\n\n".join(parts))
    write_section(docs, "dagster", "\n\n".join(parts))


def _starts(folder: Path, rows: int) -> str:
    """Commands on one small date; of each the quickest of some tries."""
    generate(folder / "inbox" / "bench", rows=rows, days=1)
    load = [sys.executable, "-c", "from event_assets.definitions import defs; defs.resolve_all_job_defs()"]
    commands = {
        f"run, one date of {rows:,} rows": event_assets("run", "bench", "--json"),
        "load the definitions": load,
        "top": event_assets("top", "bench", "--out", str(folder / "top.csv")),
        "query": event_assets("query", "SELECT count(*) FROM bench.sessions"),
        "Python and Polars alone": [sys.executable, "-c", "import polars"],
    }
    lines = []
    for name, command in commands.items():
        tries = []
        for _ in range(_TRIES):
            if name.startswith("run"):
                shutil.rmtree(folder / "lake", ignore_errors=True)
            tries.append(measure(name, command, environment=platform(folder)))
        best = min(tries, key=lambda one: one.wall)
        lines.append([name, f"{best.wall:.2f}", f"{min(one.cpu for one in tries):.2f}", f"{best.peak_mb:,.0f}"])
    return table([f"best of {_TRIES}", "wall s", "CPU s", "peak MB"], lines)


def _range(folder: Path, rows: int, days: int) -> str:
    """Many dates in one run: made by a run of what is stale, and again by a run of the range."""
    inbox = folder / "inbox"
    generate(inbox / "bench", rows=rows * days, days=days)
    last = FIRST + dt.timedelta(days=days - 1)
    lines = []
    for name, arguments in (("what is stale", []), ("the range again", ["--from", str(FIRST), "--to", str(last)])):
        run, spent = measure_phases(folder, inbox, "run", "bench", *arguments, "--json")
        lines.append([name, *_beyond_computing(run, spent)])
    head = [
        f"{days} dates in one run",
        "partitions",
        "wall s",
        "Dagster, wall ms each",
        "CPU ms each",
        "graph, ms each",
    ]
    return table(head, lines)


def _beyond_computing(run: Measured, spent: dict[Part, Spent]) -> list[str]:
    """Partitions of all assets, and per partition and asset what Dagster and the graph's own bookkeeping took."""
    units = len(json.loads(run.output)["made"])
    dagster = [one for (group, _), one in spent.items() if group == DAGSTER]
    graph = [one for (group, _), one in spent.items() if group == GRAPH]
    each = (sum(one.wall for one in dagster), sum(one.cpu for one in dagster), sum(one.wall for one in graph))
    return [f"{units:,}", f"{run.wall:.1f}", *(f"{seconds / units * 1e3:.1f}" for seconds in each)]

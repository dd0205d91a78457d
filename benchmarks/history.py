"""What grows with history: the memory of a run over many dates, and the cost of one late file among them."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from benchmarks.data import FIRST, generate, generate_late, users_of
from benchmarks.measure import Measured, event_assets, measure, platform
from benchmarks.report import table, write_section

LATE_ROWS = 1_000


def dates(folder: Path, docs: Path, rows: int, days: Sequence[int]) -> None:
    """Runs over more and more dates of `rows` events each: memory should stay, CPU time per row as well."""
    lines = []
    for count in days:
        size = generate(folder / "inbox" / "bench", rows=rows * count, days=count)
        one = measure(
            "run", event_assets("run", "bench", "--json"), writes=folder / "lake", environment=platform(folder)
        )
        lines.append(
            [
                count,
                f"{rows:,}",
                f"{size / 1e6:,.0f}",
                f"{one.peak_mb:,.0f}",
                f"{one.cpu:.1f}",
                f"{one.cpu / rows / count * 1e6:.2f}",
                f"{one.wall:.1f}",
            ]
        )
        shutil.rmtree(folder)
    text = table(["dates", "rows of each", "MB of CSV", "peak MB", "CPU s", "CPU s per 1 M rows", "wall s"], lines)
    print(text)
    write_section(docs, "dates", text)


def incremental(folder: Path, docs: Path, rows: int, days: Sequence[int]) -> None:
    """A history, then a late file for one of its dates: what that costs beside the whole, and how long a look takes."""
    lines = []
    for count in days:
        inbox = folder / "inbox" / "bench"
        generate(inbox, rows=rows * count, days=count)
        full = _run("all", folder)
        nothing = _run("nothing new", folder)
        late = FIRST + dt.timedelta(days=count // 2)
        generate_late(inbox / "events_late.csv", rows=LATE_ROWS, date=late, users=users_of(rows * count, count))
        one = _run("one late file", folder)
        for run in (full, nothing, one):
            share, made = run.cpu / full.cpu, len(json.loads(run.output)["made"])
            cells = (f"{run.cpu:.2f}", f"{share:.1%}", f"{run.wall:.1f}", f"{run.peak_mb:,.0f}", f"{made:,}")
            lines.append([f"{count:,} dates of {rows:,} rows, {run.name}", *cells])
        shutil.rmtree(folder)
    text = table(
        [f"a late file of {LATE_ROWS:,} rows", "CPU s", "of the full run", "wall s", "peak MB", "partitions"], lines
    )
    print(text)
    write_section(docs, "incremental", text)


def _run(name: str, folder: Path) -> Measured:
    return measure(name, event_assets("run", "bench", "--json"), environment=platform(folder))

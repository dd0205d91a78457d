"""Ours through Dagster beside plain scripts for the same work, in turn, on the same files; and whether all agree."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from benchmarks.check import differences
from benchmarks.data import generate
from benchmarks.measure import Measured, event_assets, measure, platform
from benchmarks.phases import Part, Spent, cost_by_group, largest_parts, measure_phases
from benchmarks.report import bars, table, write_section

OURS = "event_assets"
SCRIPTS = {"polars": "plain Polars", "duckdb": "plain DuckDB", "pandas": "plain pandas", "spark": "plain Spark"}


@dataclass(frozen=True)
class Compared:
    """All that were measured at one size, ours first."""

    rows: int
    days: int
    measured: tuple[Measured, ...]
    phases: Mapping[Part, Spent]

    @property
    def size(self) -> str:
        return f"{self.rows:,} rows, {self.days} dates"

    def ratio(self, one: Measured) -> float:
        """CPU time over that of the best plain script (of itself where it is alone)."""
        return one.cpu / min((m.cpu for m in self.measured if m.name != OURS), default=one.cpu)


def available(scripts: Sequence[str]) -> list[str]:
    """Those of the scripts that this machine can run; a line for each that it can't."""
    needs = {"polars": ["polars_hash"], "duckdb": ["duckdb"], "pandas": ["pandas"], "spark": ["pyspark"]}
    found = []
    for script in scripts:
        missing = [name for name in needs[script] if find_spec(name) is None]
        if script == "spark" and shutil.which("java") is None:
            missing.append("Java")
        if missing:
            print(f"{SCRIPTS[script]} is left out: {', '.join(missing)} is not there")
        else:
            found.append(script)
    return found


def compare(folder: Path, rows: int, days: int, scripts: Sequence[str]) -> Compared:
    """Generate the files and run each on them; ends the program where a plain script makes other tables than ours."""
    inbox = folder / "inbox"
    size = generate(inbox / "bench", rows=rows, days=days)
    print(f"{rows:,} rows, {days} dates, {size / 1e6:,.0f} MB", flush=True)
    ours = folder / "ours"
    measured = [measure(OURS, event_assets("run", "bench", "--json"), writes=ours, environment=platform(ours, inbox))]
    _print(measured[0], rows)
    for script in scripts:
        theirs = folder / script
        command = [sys.executable, str(Path(__file__).parent / f"plain_{script}.py"), str(inbox / "bench"), str(theirs)]
        measured.append(measure(SCRIPTS[script], command, writes=theirs))
        _print(measured[-1], rows)
        if wrong := differences(ours / "lake" / "bench", theirs):
            sys.exit(f"{SCRIPTS[script]} made other tables than {OURS}:\n  " + "\n  ".join(wrong))
        shutil.rmtree(theirs)
    shutil.rmtree(ours)
    _, phases = measure_phases(ours, inbox, "run", "bench", "--json")
    shutil.rmtree(ours)
    shutil.rmtree(inbox)
    return Compared(rows, days, tuple(measured), phases)


def report(found: Sequence[Compared], docs: Path) -> None:
    """Print all figures, and put those of each size and the largest size's groups into the page."""
    lines = [
        [
            m.name,
            f"{one.rows:,}",
            one.days,
            f"{m.cpu:.1f}",
            f"{one.ratio(m):.2f}",
            f"{m.wall:.1f}",
            f"{m.peak_mb:,.0f}",
            f"{m.written_mb:,.1f}",
            f"{m.load:.1f}",
        ]
        for one in found
        for m in one.measured
    ]
    text = table(["", "rows", "dates", "CPU s", "to the best plain", "wall s", "peak MB", "written MB", "load"], lines)
    print(f"\n{text}")
    largest = found[-1]
    groups = cost_by_group(largest.phases, largest.rows)
    print(f"\nWhere ours went at {largest.rows:,} rows\n{groups}\n\n{largest_parts(largest.phases, largest.rows)}")
    where = f"Of {largest.rows:,} rows over {largest.days} dates, on one worker, in CPU seconds per million rows:"
    write_section(docs, "phases", f"{where}\n\n{groups}")
    cpu = {c.size: {m.name: m.cpu / c.rows * 1e6 for m in c.measured} for c in found}
    memory = {c.size: {m.name: m.peak_mb for m in c.measured} for c in found}
    pictures = [
        bars(docs, "cpu", "CPU seconds per million rows", cpu),
        bars(docs, "memory", "Peak memory of the process tree, MB", memory),
    ]
    write_section(docs, "compare", text + "\n\n" + "\n".join(pictures))


def _print(one: Measured, rows: int) -> None:
    per_million = one.cpu / rows * 1e6
    print(f"  {one.name}: {per_million:.2f} CPU s/M, {one.wall:.1f} s, {one.peak_mb:,.0f} MB", flush=True)

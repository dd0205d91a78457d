"""The work of the four documents that say how much they process, at a share of their sizes.

Their times were measured on a machine of two cores like the one on which docs/performance.md was made, with their
own programs on their own data; ours run on generated files of the same columns, mess included.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import event_assets, measure, platform
from benchmarks.report import table, write_section
from event_assets.synthetic import generate


@dataclass(frozen=True)
class Seed:
    rows: int
    days: int
    files: int
    their_seconds: float
    top_n_only: bool = False


SEEDS = {
    "streaming": Seed(rows=66_000_000, days=4, files=4, their_seconds=258),
    "shop": Seed(rows=1_000_000, days=7, files=1, their_seconds=26),
    "benefits": Seed(rows=1_000_000, days=30, files=1, their_seconds=8),
    "activity": Seed(rows=10_000_000, days=1, files=1, their_seconds=3.3, top_n_only=True),
}


def seeds(folder: Path, docs: Path, shares: Sequence[float], names: Sequence[str]) -> None:
    """Each at a share of its size (one for all, or one each): ours as a command, of `activity` `top` on its file."""
    lines = []
    for name, share in zip(names, shares if len(shares) > 1 else [*shares] * len(names), strict=True):
        seed = SEEDS[name]
        rows = max(1_000, int(seed.rows * share))
        inbox = folder / "inbox" / name
        made = generate(name, rows=rows, days=seed.days, seed=1, out=inbox, files=seed.files)
        megabytes = sum(path.stat().st_size for path in made.files) / 1e6
        top = ["top", str(made.files[0]), "--n", "10", "--out", str(folder / "top.csv")]
        command = event_assets(*(top if seed.top_n_only else ["run", name, "--json"]))
        one = measure(name, command, environment=platform(folder))
        theirs = f"{seed.their_seconds * share:.1f}"
        ours = (f"{one.wall:.1f}", f"{one.cpu:.1f}", f"{one.peak_mb:,.0f}")
        ratio = f"{one.wall / seed.their_seconds / share:.2f}"
        lines.append([name, f"{share:g}", f"{rows:,}", f"{megabytes:,.0f}", *ours, theirs, ratio])
        print(f"  {name}: {one.wall:.1f} s, {one.cpu:.1f} CPU s, {one.peak_mb:,.0f} MB", flush=True)
        shutil.rmtree(folder)
    head = ["", "share", "rows", "MB", "ours, wall s", "CPU s", "peak MB", "their wall s x share", "ours / theirs"]
    text = table(head, lines)
    print(text)
    write_section(docs, "seeds", text)

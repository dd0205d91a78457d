"""`make bench`: how fast and how big.

Without a command: ours through Dagster beside plain scripts, the phases of ours. Everything runs as whole processes,
in turn. CPU seconds bear a busy machine, wall times don't; figures of two machines can't be compared, ratios can.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from benchmarks.compare import SCRIPTS, available, compare, report
from benchmarks.report import DOCS


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--folder", type=Path, help="where files and lakes lie meanwhile; else a temporary folder")
    parser.add_argument("--docs", type=Path, default=DOCS, help="the page that gets the figures")
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000], help="sizes, small to large")
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--scripts", nargs="*", choices=list(SCRIPTS), default=list(SCRIPTS))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="event_assets-bench-") as scratch:
        folder = Path(scratch)
        scripts = available(options.scripts)
        report([compare(folder, rows, options.days, scripts) for rows in options.rows], options.docs)


if __name__ == "__main__":
    main()

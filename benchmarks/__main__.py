"""`make bench`: how fast and how big. Everything runs as whole processes, in turn.

CPU seconds bear a busy machine, wall times don't; figures of two machines can't be compared, their ratios can. What is
found goes to its section of docs/performance.md.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.compare import SCRIPTS, available, compare, report
from benchmarks.dagster_share import dagster_share
from benchmarks.history import dates, incremental
from benchmarks.report import DOCS
from benchmarks.seeds import SEEDS, seeds

COMPARE = "compare"
#: (rows, dates): many small dates, and fewer that are larger.
SIZES = ((200_000, 180), (1_000_000, 180), (1_000_000, 30))


def main() -> None:
    parser = _parser()
    arguments = sys.argv[1:]
    # What most want to know needs no name: `make bench ARGS="--rows 1000000"`.
    if not {*_COMMANDS, "-h", "--help"}.intersection(arguments[:1]):
        arguments = [COMPARE, *arguments]
    options = parser.parse_args(arguments)
    if options.folder:
        options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="event_assets-bench-") as scratch:
        folder = Path(scratch) / "work"
        match options.command:
            case "compare":
                scripts = available(options.scripts)
                sizes = _sizes(options.rows, options.days)
                report([compare(folder, rows, days, scripts) for rows, days in sizes], options.docs)
            case "dates":
                dates(folder, options.docs, options.rows, options.days)
            case "incremental":
                incremental(folder, options.docs, options.rows, options.days)
            case "dagster":
                dagster_share(folder, options.docs, options.rows, options.days)
            case "seeds":
                seeds(folder, options.docs, options.share, options.names)


_COMMANDS = {
    COMPARE: "ours beside plain scripts on the same files, whether all tables agree, and where ours goes (the default)",
    "dates": "memory over more and more dates of one size",
    "incremental": "one late file in a history",
    "dagster": "a small date, many dates in one run, loading the definitions, starting top and query",
    "seeds": "the documents' own work at a share of its size",
}


def _sizes(rows: Sequence[int], days: Sequence[int]) -> list[tuple[int, int]]:
    """Each number of rows with its dates; those of the sizes that come without a request for others."""
    if len(days) != len(rows):
        days = [days[0] if len(days) == 1 else 30] * len(rows)
    return list(zip(rows, days, strict=True))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    made = {name: commands.add_parser(name, help=text, description=text) for name, text in _COMMANDS.items()}
    for command in made.values():
        command.add_argument("--folder", type=Path, help="where files and lakes lie meanwhile; else a temporary one")
        command.add_argument("--docs", type=Path, default=DOCS, help="the page that gets the figures")
    compared = made[COMPARE]
    rows, days = zip(*SIZES, strict=True)
    compared.add_argument("--rows", type=int, nargs="+", default=rows, help="sizes, small to large")
    compared.add_argument("--days", type=int, nargs="+", default=days, help="dates of all sizes, or of each")
    compared.add_argument("--scripts", nargs="*", choices=[*SCRIPTS], default=[*SCRIPTS])
    for name, rows, days in (("dates", 10_000, [30, 300]), ("incremental", 1_000, [365, 3650])):
        made[name].add_argument("--rows", type=int, default=rows, help="of each date")
        made[name].add_argument("--days", type=int, nargs="+", default=days)
    made["dagster"].add_argument("--rows", type=int, default=1_000, help="of each date")
    made["dagster"].add_argument("--days", type=int, default=365)
    made["seeds"].add_argument(
        "--share", type=float, nargs="+", default=[0.01], help="of the documents' sizes, one for all or one each"
    )
    made["seeds"].add_argument("--names", nargs="+", choices=[*SEEDS], default=[*SEEDS])
    return parser


if __name__ == "__main__":
    main()

"""`python -m benchmarks.reading`: how fast landing reads, and how much memory the worst input takes.

Speed: CPU-seconds over clean CSV files of a shop's events (as programs mostly write them; with CRLF; with letters
beyond ASCII; with every field in quotes), each reader in a process of its own: `plain` is landing's reader without its
search for bad records, `rejecting` the reader as it is, which finds and keeps each of them. `arrow` is Arrow's own
streaming reader and `duckdb` DuckDB's, both to text columns on one thread, for comparison; they stop at the first bad
record. `landed` is all of landing, to staged Parquet by date. The readers take turns, in reverse every other round;
what counts is the median of the rounds' ratios to `plain`, with the least and the greatest of them, since machines are
shared.

Memory: the peak of a process that lands a large file, a single line of 1 GB, and 4 GB of zeros in a .gz of 4 MB.
"""

from __future__ import annotations

import argparse
import datetime as dt
import gzip
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as arrow_csv

from event_assets.declaration import Dataset, load_datasets
from event_assets.landing import csv, csv_fast_path
from event_assets.landing.inbox import identify
from event_assets.landing.land_file import land_file
from event_assets.landing.reader_interface import Fields
from event_assets.synthetic import generate

_MB = 10**6


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reading", description=__doc__)
    parser.add_argument("--megabytes", type=int, default=200, help="size of the file for speed")
    parser.add_argument("--large", type=int, default=1000, help="megabytes of the file for memory, 0 for none")
    parser.add_argument("--rounds", type=int, default=5, help="of the readers, 0 for no speed")
    parser.add_argument("--memory", type=int, default=400, help="megabytes that landing is told it may take")
    parser.add_argument("--folder", type=Path, help="for the files, which are removed; else a temporary one")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        _one(options.one[0], Path(options.one[1]), options.memory * _MB)
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as scratch:
        folder = Path(scratch)
        sample = folder / "sample.csv"
        generate("shop", rows=100_000, days=7, seed=1, out=folder / "made", files=1, mess=0.0)
        sample.write_bytes(next((folder / "made").iterdir()).read_bytes())
        for name, rewritten in _CLEAN.items() if options.rounds else ():
            clean = folder / "events_clean.csv"
            clean.write_bytes(rewritten(sample.read_bytes()))
            _compare(name, _repeated(clean, folder / "events_many.csv", options.megabytes), options)
        for name, path in _worst(folder, sample, options.large):
            cpu, peak, told = _run("landed", path, options)
            print(f"{name}: {peak:.0f} MB at its peak, {cpu:.0f} CPU-seconds; {told}")
            path.unlink()


def _compare(name: str, path: Path, options: argparse.Namespace) -> None:
    size = path.stat().st_size / _MB
    rounds = []
    for number in range(options.rounds):
        order = list(_WHAT)[:: -1 if number % 2 else 1]
        rounds.append({what: _run(what, path, options)[0] for what in order})
    print(f"{name}, {size:.0f} MB:")
    for what in _WHAT:
        rate = size / statistics.median(round[what] for round in rounds)
        ratios = sorted(round[what] / round["plain"] for round in rounds)
        spread = f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
        print(f"  {what}: {rate:.0f} MB per CPU-second, {spread} of plain's CPU time", flush=True)


def _with_crlf(content: bytes) -> bytes:
    return content.replace(b"\n", b"\r\n")


def _with_accents(content: bytes) -> bytes:
    return content.replace(b"electronics", "électronique".encode())


def _with_quotes(content: bytes) -> bytes:
    return b'"' + content.rstrip(b"\n").replace(b",", b'","').replace(b"\n", b'"\n"') + b'"\n'


_CLEAN: dict[str, Callable[[bytes], bytes]] = {
    "as mostly written": bytes,
    "with CRLF": _with_crlf,
    "with letters beyond ASCII": _with_accents,
    "every field in quotes": _with_quotes,
}


def _worst(folder: Path, sample: Path, large: int) -> Iterator[tuple[str, Path]]:
    if large:
        yield f"{large} MB of events", _repeated(sample, folder / "events_large.csv", large)
    line = folder / "events_line.csv"
    header = sample.open("rb").readline()
    with line.open("wb") as file:
        file.write(header)
        for _ in range(1000):
            file.write(b"x" * _MB)
    yield "one line of 1 GB", line
    bomb = folder / "events_bomb.csv.gz"
    with gzip.open(bomb, "wb", compresslevel=9) as packed:
        for _ in range(4000):
            packed.write(bytes(_MB))
    yield "4 GB of zeros in a .gz", bomb


def _repeated(sample: Path, target: Path, megabytes: int) -> Path:
    header, _, body = sample.read_bytes().partition(b"\n")
    with target.open("wb") as file:
        file.write(header + b"\n")
        for _ in range(max(1, megabytes * _MB // len(body))):
            file.write(body)
    return target


def _run(what: str, path: Path, options: argparse.Namespace) -> tuple[float, float, str]:
    """(CPU-seconds of the work alone, megabytes at the peak of its process, what it told)."""
    command = [sys.executable, "-m", "benchmarks.reading", "--memory", str(options.memory), "--one", what, str(path)]
    cpu, peak, told = subprocess.run(command, capture_output=True, check=True, text=True).stdout.split("\t")
    return float(cpu), float(peak), told.strip()


def _one(what: str, path: Path, memory_bytes: int) -> None:
    began = time.process_time()
    told = _WHAT[what](path, _shop(), memory_bytes)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 * 1.048576
    print(time.process_time() - began, peak, told, sep="\t")


def _shop() -> Dataset:
    return load_datasets()["shop"]


def _plain(path: Path, dataset: Dataset, memory_bytes: int) -> str:
    vars(csv_fast_path)["odd_lines"] = lambda data, parser: []
    return _rejecting(path, dataset, memory_bytes)


def _rejecting(path: Path, dataset: Dataset, memory_bytes: int) -> str:
    batches = csv.read_csv(path, dataset.events[0], Fields.of(dataset.events[0]))
    return f"{sum(batch.frame.height for batch in batches):,} rows"


def _arrow(path: Path, dataset: Dataset, memory_bytes: int) -> str:
    reader = arrow_csv.open_csv(
        path,
        arrow_csv.ReadOptions(use_threads=False, block_size=4 * 1024 * 1024),
        convert_options=arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(_names(path), pa.string()), null_values=[""], strings_can_be_null=True
        ),
    )
    return f"{sum(batch.num_rows for batch in reader):,} rows"


def _duckdb(path: Path, dataset: Dataset, memory_bytes: int) -> str:
    import duckdb

    connection = duckdb.connect(config={"threads": 1})
    columns = dict.fromkeys(_names(path), "VARCHAR")
    rows = connection.read_csv(path, columns=columns, header=True, delimiter=",", quotechar='"', auto_detect=False)
    return f"{sum(batch.num_rows for batch in rows.to_arrow_reader(100_000)):,} rows"


def _names(path: Path) -> list[str]:
    with path.open() as file:
        return file.readline().strip().replace('"', "").split(",")


def _landed(path: Path, dataset: Dataset, memory_bytes: int) -> str:
    with tempfile.TemporaryDirectory(dir=path.parent) as into:
        landed = land_file(
            dataset,
            "events",
            path,
            path.name,
            identify(path),
            Path(into),
            landed_at=dt.datetime.now(dt.UTC),
            memory_bytes=memory_bytes,
        )
    return f"{landed.records:,} records = {landed.landed:,} landed + {landed.rejected:,} rejected {landed.reason or ''}"


_WHAT = {"plain": _plain, "rejecting": _rejecting, "arrow": _arrow, "duckdb": _duckdb, "landed": _landed}


if __name__ == "__main__":
    main()

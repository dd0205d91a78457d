"""Many files landed, each in a process that may die, and what became of them in sum."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from benchmarks.corpora.isolated import each
from benchmarks.corpora.landed import Result, dataset_of, land
from event_assets.declaration import CsvDialect
from event_assets.draft.csv_dialect import Dialect, detect
from event_assets.landing.reader_interface import FileRejected

#: How a file is landed: under a format; `detected` and `plain` are CSV under a detected and the default dialect.
Way = str


def print_outcomes(jobs: Iterable[tuple[Path, Way]]) -> None:
    """Land each file in its way and print the sums, and each file that did not do as it should."""
    counts: Counter[str] = Counter()
    sums: Counter[str] = Counter()
    paths: set[Path] = set()
    for path, outcome in each(_land, jobs):
        paths.add(path)
        if isinstance(outcome, str):
            print(f"  {outcome}: {path}")
            counts[outcome.partition(":")[0]] += 1
            continue
        counts["landed" if outcome["reason"] is None else "rejected as files, with a reason"] += 1
        counts["accounted"] += outcome["accounted"]
        if not outcome["accounted"]:
            print(f"  not accounted for: {path}")
        sums.update({key: outcome[key] for key in ("records", "rows", "rejects")})
    landings = counts.total() - counts["accounted"]
    print(f"{len(paths)} files, {landings} landings: {dict(sorted(counts.items()))}")
    print(f"{sums['records']:,} records = {sums['rows']:,} landed + {sums['rejects']:,} rejected")


def _land(path: Path, way: str) -> dict[str, object]:
    result = _result(path, way)
    landed = result.landed
    return {
        "accounted": result.accounted,
        "reason": result.error or (landed.reason if landed else None),
        "records": landed.records if landed else 0,
        "rows": len(result.rows),
        "rejects": len(result.rejects),
    }


def _result(path: Path, way: str) -> Result:
    if way in ("json", "ndjson", "parquet"):
        return land(path, dataset_of(["user_id"], format=way))
    try:
        found = detect(path) if way == "detected" else Dialect()
    except FileRejected as rejected:
        return Result(error=str(rejected))
    dialect: CsvDialect = found.csv
    # The first field is declared, the others are undeclared and go into `extra`.
    sources = [found.names[0] if found.names and way == "detected" else "column_1"]
    keys = {"encoding": found.encoding, "lines": found.lines, "csv": dialect.model_dump()}
    return land(path, dataset_of(sources, **keys))

"""duckdb/duckdb's own test files in data/csv and data/json: no hang over 10 s, no crash, accounting of all.

A delimited file is landed twice: under the dialect that `detect` finds, and under the plain one (commas, a header),
which is wrong for many of them. A JSON file is landed as an array and as lines. Their meaning isn't judged: many are
broken on purpose.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.corpora.outcomes import Way, print_outcomes

_JSON = {".json", ".ndjson", ".jsonl", ".geojson", ".geojsonl"}


def run(folder: Path) -> None:
    """Print how many files there are and what became of them."""
    data = folder / "data" if (folder / "data").is_dir() else folder
    paths = sorted(path for kind in ("csv", "json") for path in (data / kind).rglob("*") if path.is_file())
    print_outcomes((path, way) for path in paths for way in _ways(path))


def _ways(path: Path) -> tuple[Way, ...]:
    return ("json", "ndjson") if _JSON & set(path.suffixes) else ("detected", "plain")

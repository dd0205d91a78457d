"""csv-spectrum: twelve small files and the very values that are in them, as JSON."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.corpora.landed import dataset_of, land


def run(folder: Path) -> None:
    """Print how many files give just the expected values, and which don't."""
    right = accounted = 0
    paths = sorted((folder / "csvs").glob("*.csv"))
    for path in paths:
        expected = json.loads((folder / "json" / f"{path.stem}.json").read_text())
        expected = expected if isinstance(expected, list) else [expected]
        names = list(expected[0])
        result = land(path, dataset_of(names))
        found = [{name: value or "" for name, value in zip(names, row, strict=True)} for row in result.rows]
        accounted += result.accounted
        if found == expected:
            right += 1
        else:
            print(f"  {path.name}: {found} where {expected} is expected")
    print(f"{right} of {len(paths)} files give the expected values; accounted for: {accounted}")

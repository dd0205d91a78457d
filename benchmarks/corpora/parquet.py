"""apache/parquet-testing and apache/arrow-testing: every file below the folder landed as Parquet, no process may die.

The bad ones (bad_data/, data/parquet/fuzzing/) made readers crash in their time; the good ones hold every type there
is. A file that isn't Parquet at all is one of them too.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.corpora.outcomes import print_outcomes


def run(folder: Path) -> None:
    """Print how many files there are and what became of them."""
    print_outcomes((path, "parquet") for path in sorted(folder.rglob("*")) if path.is_file())

"""`python -m benchmarks.corpora CORPUS DIR`: the figures of one public corpus that lies in a folder.

CORPUS is one of pollock, json_test_suite, duckdb, csv_spectrum, parquet, truncations.
"""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path

CORPORA = ("pollock", "json_test_suite", "duckdb", "csv_spectrum", "parquet", "truncations")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.corpora", description=__doc__)
    parser.add_argument("corpus", choices=CORPORA)
    parser.add_argument("folder", type=Path, help="where the corpus lies")
    options = parser.parse_args()
    importlib.import_module(f"benchmarks.corpora.{options.corpus}").run(options.folder)


if __name__ == "__main__":
    main()

"""Apply each mutant to a copy of the package and run the tests that should notice it.

    python -m event_assets_tests.mutants.run                # all
    python -m event_assets_tests.mutants.run midnight gap   # those whose names contain a word

A mutant is noticed if its tests fail. Exit code 1 if one is not noticed, or if its tests can't be run at all.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from event_assets_tests.mutants.catalog import MUTANTS
from event_assets_tests.mutants.mutant import Mutant

REPOSITORY = Path(__file__).resolve().parents[2]
#: Exit codes of pytest: tests failed; all passed. Others mean that the tests were not run.
FAILED, PASSED = 1, 0


def mutated(mutant: Mutant, source: Path) -> str:
    """A module's text with the fault in it; ValueError where its text is not there exactly once."""
    text = (source / mutant.path).read_text(encoding="utf-8")
    if text.count(mutant.old) != 1:
        raise ValueError(f"{mutant.name}: {mutant.path} has {text.count(mutant.old)} times {mutant.old!r}")
    return text.replace(mutant.old, mutant.new)


def run(mutant: Mutant, copy: Path) -> int:
    """The exit code of the mutant's tests, run on a copy of the checkout."""
    path = copy / mutant.path
    original = path.read_text(encoding="utf-8")
    path.write_text(mutated(mutant, copy), encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-x",
        "--no-header",
        "-p",
        "no:cacheprovider",
        "-m",
        "not long",
        *mutant.tests,
    ]
    try:
        return subprocess.run(command, cwd=copy, capture_output=True).returncode
    finally:
        path.write_text(original, encoding="utf-8")


def main(words: list[str]) -> int:
    selected = [mutant for mutant in MUTANTS if not words or any(word in mutant.name for word in words)]
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "checkout"
        ignored = shutil.ignore_patterns(".git", ".venv", "__pycache__", ".*_cache", "data", "site", "docs")
        shutil.copytree(REPOSITORY, copy, ignore=ignored)
        unnoticed = 0
        for mutant in selected:
            code = run(mutant, copy)
            outcome = {FAILED: "noticed", PASSED: "NOT NOTICED"}.get(code, f"tests can't be run (exit code {code})")
            unnoticed += code != FAILED
            print(f"{outcome:<12} {mutant.name}", flush=True)
    print(f"{len(selected) - unnoticed} of {len(selected)} mutants noticed")
    return int(unnoticed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

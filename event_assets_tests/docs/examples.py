"""Runs the examples of a page, in order, in a folder: a reader who types what stands there.

A `bash` block is run as a whole. In a `console` block each line after `$ ` is run, and what stands below it is what it
prints: `...` stands for anything, also for lines, and blanks count as one. `shell` blocks are not run.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

_BLOCK = re.compile(r"^```(bash|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_PROGRAM = '#!/bin/sh\nexec "{python}" -m event_assets "$@"\n'


def follow(page: Path, folder: Path) -> int:
    """Run a page's examples in a folder; how many commands it took. AssertionError shows what was printed instead."""
    ran = 0
    for line, expected in examples(page.read_text(encoding="utf-8")):
        printed = _run(line, folder)
        assert expected is None or matches(expected, printed), f"{line} prints\n{printed}\nnot\n{expected}"
        ran += 1
    return ran


def examples(text: str) -> Iterator[tuple[str, str | None]]:
    """What is to be run, and what it prints; None where the page doesn't say."""
    for kind, block in _BLOCK.findall(text):
        if kind == "bash":
            yield block, None
        else:
            for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
                line, _, expected = part.partition("\n")
                yield line, expected


def matches(expected: str, printed: str) -> bool:
    """Whether a text is as a page says."""
    said = "\n".join(" ".join(line.split()) for line in expected.strip().splitlines())
    found = "\n".join(" ".join(line.split()) for line in printed.strip().splitlines())
    return re.fullmatch(re.escape(said).replace(r"\.\.\.", ".*"), found, re.DOTALL) is not None


def _run(line: str, folder: Path) -> str:
    programs = folder / ".programs"
    programs.mkdir(exist_ok=True)
    program = programs / "event-assets"
    program.write_text(_PROGRAM.format(python=sys.executable))
    program.chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("EVENT_ASSETS_")}
    path = os.pathsep.join([str(programs), str(Path(sys.executable).parent), kept["PATH"]])
    repository = str(Path(__file__).resolve().parents[2])
    environment = {**kept, "PATH": path, "PYTHONPATH": repository, "COLUMNS": "160", "NO_COLOR": "1"}
    environment["DAGSTER_HOME"] = str(folder / "data" / "dagster")
    both = subprocess.STDOUT  # as a reader sees them
    done = subprocess.run(
        ["bash", "-euc", line], cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=both, text=True, timeout=120
    )
    assert done.returncode == 0, f"{line}\n{done.stdout}"
    return done.stdout

"""docs/documents.md names tests; each of them is there."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
NAMED = re.compile(r"`((?:\w+/)?test_\w+)::(\w+)`")


def test_every_test_that_the_page_names_is_there(repository: Path) -> None:
    page = (repository / "docs" / "documents.md").read_text(encoding="utf-8")
    named = set(NAMED.findall(page))
    assert len(named) > 50
    assert {(file, name) for file, name in named if f"\ndef test_{name}" not in _text(file)} == set()


def test_every_test_of_this_folder_stands_in_the_page(repository: Path) -> None:
    page = (repository / "docs" / "documents.md").read_text(encoding="utf-8")
    missing = {
        f"{path.stem}::{name}"
        for path in HERE.glob("test_*.py")
        if path.name not in (Path(__file__).name, "test_how_tos.py", "test_recipes.py")
        for name in re.findall(r"(?m)^def test_(\w+)\(", path.read_text(encoding="utf-8"))
        if not any(name.startswith(start) for file, start in NAMED.findall(page) if file == path.stem)
    }
    assert missing == set()


def _text(file: str) -> str:
    path = (HERE.parent if "/" in file else HERE) / f"{file}.py"
    return path.read_text(encoding="utf-8") if path.exists() else ""

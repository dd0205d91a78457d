"""docs/security.md names a test for each threat; each of them is there, and each test of this folder is named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOMS = Path(__file__).resolve().parents[1]
NAMED = re.compile(r"`(\w+/test_\w+)::(\w+)`")


@pytest.fixture(scope="module")
def threats(repository: Path) -> list[str]:
    """The rows of the table of threats."""
    page = (repository / "docs" / "security.md").read_text(encoding="utf-8")
    table = page.split("## Threats", 1)[1].split("##", 1)[0]
    return [line for line in table.splitlines() if line.startswith("| ")][1:]


def defined(file: str) -> set[str]:
    path = ROOMS / f"{file}.py"
    return set(re.findall(r"(?m)^def test_(\w+)\(", path.read_text(encoding="utf-8"))) if path.exists() else set()


def test_every_threat_names_a_test(threats: list[str]) -> None:
    assert len(threats) > 20
    assert [row for row in threats if not NAMED.search(row)] == []


def test_every_test_that_is_named_is_there(threats: list[str]) -> None:
    named = [found for row in threats for found in NAMED.findall(row)]
    assert [f"{file}::{name}" for file, name in named if name not in defined(file)] == []


def test_a_test_that_is_not_there_is_noticed() -> None:
    assert defined("security/test_threat_model") >= {"every_threat_names_a_test"}
    assert "nobody_wrote_this" not in defined("security/test_threat_model")
    assert defined("security/test_nothing") == set()

"""A unit that is too large for an engine that holds frames goes to one that spills: the same rows come out."""

from __future__ import annotations

from pathlib import Path

import pytest

from event_assets.engines.duckdb.engine import DuckDBEngine
from event_assets.pipeline import workspace
from event_assets_tests.world import World, lines, made

RECORDS = [
    f"{user},{kind},2025-01-0{day}T{hour:02d}:{minute:02d}:00Z,/{page},1.00"
    for user, kind, day, hour, minute, page in [
        *(("ann", "view", 6, 23, 40 + n, n) for n in range(12)),
        *(("ann", "buy", 7, 0, n, n) for n in range(3)),
        *(("bob", "view", 7, 9, n, n) for n in range(3)),
    ]
]


@pytest.fixture
def units_made_by_duckdb(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many tables each call wrote."""
    calls: list[int] = []
    write = DuckDBEngine.write

    def counted(self: DuckDBEngine, *arguments: object) -> object:
        written = write(self, *arguments)  # type: ignore[arg-type]
        calls.append(len(written.pieces))
        return written

    monkeypatch.setattr(DuckDBEngine, "write", counted)
    return calls


def test_only_what_does_not_fit_is_spilled_and_no_row_differs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, units_made_by_duckdb: list[int]
) -> None:
    small = World(tmp_path / "small")
    small.drop("clicks_1.csv", lines(*RECORDS))
    small.refresh()
    assert not units_made_by_duckdb

    # Of the first date twelve rows, of the second six, of both eighteen.
    monkeypatch.setattr(workspace, "VALUE_BYTES", small.settings.memory_bytes // 130)
    large = World(tmp_path / "large")
    large.drop("clicks_1.csv", lines(*RECORDS))
    outcomes = large.refresh()
    assert 0 < len(units_made_by_duckdb) < len(made(outcomes))
    assert large.reconciled().holds
    found = large.tables()
    for name, frame in small.tables().items():
        assert frame.equals(found[name]), f"{name}\n{frame}\n{found[name]}"
    assert large.make() == [], "a unit is fresh whatever engine made it"


def test_a_unit_that_outgrows_memory_changes_nothing_downstream(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path)
    world.drop("clicks_1.csv", lines(*RECORDS))
    world.refresh()
    before = world.tables()
    monkeypatch.setattr(workspace, "VALUE_BYTES", world.settings.memory_bytes // 130)
    world.make(["2025-01-06"])
    after = world.tables()
    for name, frame in before.items():
        assert frame.equals(after[name]), name

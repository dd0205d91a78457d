"""The same answer always: however records are cut into files, ordered, dated, made and repeated."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings

from event_assets_tests.pipeline.histories import RULES, History, histories
from event_assets_tests.world import World

#: Each example makes two lakes: a handful in every run, a thousand of each law in `make test-long`.
LONG = settings.default.max_examples >= 1000  # type: ignore[union-attr]
BOUNDED = settings(max_examples=1000 if LONG else 3)
#: In memory where the system has a folder there: a lake is some hundred small files.
MEMORY = "/dev/shm" if os.path.isdir("/dev/shm") else None
pytestmark = pytest.mark.timeout(36000)

#: Tables as they were landed, whose order is that of the files.
LANDED = ("raw_events", "landing_rejects")


def everything(world: World) -> dict[str, pl.DataFrame]:
    """All rows of all tables but the lineage."""
    landed = {name: world.table(name).drop("file_id", "row_number") for name in LANDED}
    return {**world.tables(), **{name: frame.sort(pl.all()) for name, frame in landed.items()}}


def check(history: History) -> None:
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        one = World(Path(folder) / "one", history.rules.dataset)
        history.in_one_batch(one)
        many = World(Path(folder) / "many", history.rules.dataset)
        history.as_it_came(many)
        assert many.make() == [], "what is made again from the same inputs is fresh"
        reconciled = many.publish_reconciliation()
        assert reconciled["holds"].all()
        dates = [name for name in reconciled.columns if reconciled[name].dtype == pl.Int64][:8]
        assert reconciled.drop_nulls("event_date").select(pl.col(dates).sum()).equals(reconciled.select(dates)[:1])
        assert reconciled.equals(one.publish_reconciliation())
        expected, found = everything(one), everything(many)
        for name, frame in expected.items():
            assert frame.equals(found[name]), f"{name}\n{frame}\n{found[name]}"


@pytest.mark.parametrize("rules", list(RULES))
def test_any_history_of_files_and_runs_gives_the_tables_of_one_batch(rules: str) -> None:
    @BOUNDED
    @given(histories(RULES[rules]))
    def law(history: History) -> None:
        check(history)

    law()

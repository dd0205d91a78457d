"""The same answer always, on every engine: any history on one gives what one batch gives on Polars."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from event_assets_tests.engines.available import OTHERS_OF_MANY
from event_assets_tests.engines.test_parity import on
from event_assets_tests.pipeline.exports import Export, exports
from event_assets_tests.pipeline.histories import RULES, History, histories
from event_assets_tests.pipeline.test_exports_laws import check_equal, check_meaning, drop
from event_assets_tests.pipeline.test_laws import LONG, MEMORY, everything
from event_assets_tests.pipeline.test_plan import check as check_plan

pytestmark = pytest.mark.timeout(36000)


def check(history: History, engine: str) -> None:
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        one, many = (on(name, Path(folder), history.rules.dataset) for name in ("polars", engine))
        history.in_one_batch(one)
        history.as_it_came(many)
        assert many.make() == [], "what is made again from the same inputs is fresh"
        assert many.reconciled().holds
        expected, found = everything(one), everything(many)
        for name, frame in expected.items():
            assert frame.equals(found[name]), f"{name}\n{frame}\n{found[name]}"


@pytest.mark.parametrize("engine", OTHERS_OF_MANY)
@pytest.mark.parametrize("rules", list(RULES))
def test_any_history_on_an_engine_gives_the_tables_of_one_batch_on_polars(rules: str, engine: str) -> None:
    examples = {"duckdb": 50, "spark": 2}[engine] if LONG else 1

    @settings(max_examples=examples)
    @given(histories(RULES[rules]))
    def law(history: History) -> None:
        check(history, engine)

    law()


@pytest.mark.long
@pytest.mark.parametrize("engine", OTHERS_OF_MANY)
def test_what_a_run_on_an_engine_does_is_what_was_planned(engine: str) -> None:
    examples = {"duckdb": 50, "spark": 3}[engine] if LONG else 1

    @settings(max_examples=examples)
    @given(histories(RULES["all columns as the key"]), st.randoms(use_true_random=True))
    def law(history: History, chance: random.Random) -> None:
        with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
            check_plan(on(engine, Path(folder), history.rules.dataset), history, chance)

    law()


@pytest.mark.parametrize("engine", OTHERS_OF_MANY)
def test_any_export_on_an_engine_gives_the_tables_of_polars(engine: str) -> None:
    """DuckDB has many more examples in pipeline/test_exports_laws.py."""

    @settings(max_examples={"duckdb": 1, "spark": 2}[engine])
    @given(exports())
    def law(export: Export) -> None:
        with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
            worlds = [on(name, Path(folder), export.dataset()) for name in ("polars", engine)]
            for world in worlds:
                drop(world, export.in_one_batch())
                world.refresh()
                check_meaning(world, export)
            check_equal(*map(everything, worlds))

    law()

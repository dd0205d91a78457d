"""The warning about a step of the funnel that no event meets."""

from __future__ import annotations

from pathlib import Path

import pytest

from event_assets.pipeline.funnel_check import funnel_results
from event_assets_tests.world import World, clicks, lines


@pytest.mark.parametrize(
    ("steps", "unmet"),
    [
        (["view", "buy"], []),
        # Nobody gets to the second step, but its events occur: that is a finding about users, not a mistake.
        (["buy", "view"], []),
        (["view", "Buy"], ["step Buy (event_type 'Buy')"]),
        (["cart", "buy", {"name": "paid", "event_type": ["paid", "done"]}], ["step cart", "'paid' or 'done'"]),
        (["view", {"name": "far", "event_type": "buy", "where": {"page": "/far"}}], ["'buy' and its where"]),
    ],
)
def test_only_a_step_without_any_event_is_named(tmp_path: Path, steps: list[object], unmet: list[str]) -> None:
    gold = {"user_funnel": {"steps": steps}, "events_by_minute": {}}
    world = World(tmp_path, clicks(gold=gold))
    world.drop("clicks_1.csv", lines("ann,view,2025-01-06T10:00:00,/a,", "ann,buy,2025-01-06T10:10:00,/b,5.00"))
    world.refresh()
    [result] = funnel_results(world.workspace)
    assert result.passed is (not unmet)
    assert all(text in result.message for text in unmet)
    assert ("'buy' (1), 'view' (1)" in result.message) is bool(unmet)


def test_a_dataset_without_facts_has_no_unmet_step(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.refresh()
    [result] = funnel_results(world.workspace)
    assert result.passed

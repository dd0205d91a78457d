"""Events without a user, where the declaration allows them: facts that belong to no session and to no user's table."""

from __future__ import annotations

from pathlib import Path

from event_assets_tests.world import World, clicks, lines


def test_events_without_a_user_are_facts_and_are_in_no_table_by_user(tmp_path: Path) -> None:
    events = clicks().events[0].model_dump(mode="json", by_alias=True)
    columns = [
        {**column, **({"required": False} if column["name"] == "user_id" else {})} for column in events["columns"]
    ]
    world = World(tmp_path, clicks(events={**events, "columns": columns}))
    nobodys = [",view,2025-01-06T10:01:00,/a,1", ",buy,2025-01-06T23:50:00,/a,2", ",exit,2025-01-06T23:51:00,,"]
    shared = ["ann,view,2025-01-06T10:00:00,/a,1", "ann,buy,2025-01-06T10:05:00,/b,1"]
    world.drop("clicks_1.csv", lines(*shared, *nobodys))
    assert {outcome.state for outcome in world.refresh()} == {"materialized"}
    facts = world.table("joined_facts")
    assert facts.filter(facts["user_id"].is_null()).select("event_type", "session_id").rows() == [
        ("view", None),
        ("buy", None),
        ("exit", None),
    ]
    assert world.table("events_by_type").select("event_type", "event_count", "user_count").rows() == [
        ("buy", 2, 1),
        ("exit", 1, 0),
        ("view", 2, 1),
    ]
    assert world.reconciled().holds

    only = World(tmp_path / "only", clicks())
    only.drop("clicks_1.csv", lines(*shared))
    only.refresh()
    for name in ("sessions", "daily_summary", "platform_sessions", "top_users", "user_funnel", "funnel_summary"):
        assert world.table(name).equals(only.table(name)), name

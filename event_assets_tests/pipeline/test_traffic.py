"""Traffic: every fact is a human's, a bot's or internal, and gold tables count humans unless declared otherwise."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import narwhals as nw
import pytest

from event_assets.declaration import Dataset, Traffic, parse_dataset
from event_assets.errors import DeclarationError
from event_assets.transforms.traffic import internal_addresses
from event_assets_tests.world import World, clicks, days_made

CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML; like Gecko) Chrome/126.0 Safari/537.36"
GOOGLE = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
ROWS = [
    ("ann", "view", CHROME, "8.8.8.8"),
    ("ann", "buy", CHROME, "10.1.2.3"),
    ("bob", "view", GOOGLE, "8.8.8.8"),
    ("qa", "view", CHROME, "8.8.8.8"),
    ("cat", "view", "", ""),
    ("dan", "view", "curl/8.5.0", "::ffff:10.0.0.9"),
]
TRAFFIC = {"user_agent": "agent", "address": "ip", "internal_addresses": ["10.0.0.0/8"], "internal_users": ["qa"]}


def dataset(**changes: object) -> Dataset:
    columns = [
        {"name": "user_id", "source": "user", "required": True, "description": "Who."},
        {"name": "event_type", "source": "kind", "description": "What."},
        {"name": "agent", "description": "With what."},
        {"name": "ip", "description": "From where."},
    ]
    events = {"files": ["*.csv"], "format": "csv", "time": {"source": "at"}, "columns": columns}
    gold = {"daily_summary": {}, "events_by_type": {}, "top_users": {"by": None}, "retention": {}}
    return clicks(events=events, sessions={}, gold=gold, traffic={**TRAFFIC, **changes})


def world(folder: Path, declaration: Dataset) -> World:
    world = World(folder, declaration)
    lines = [f'{user},{kind},2025-01-06T10:0{n}:00,"{agent}",{ip}' for n, (user, kind, agent, ip) in enumerate(ROWS)]
    world.drop("a.csv", "\n".join(["user,kind,at,agent,ip", *lines]) + "\n")
    world.refresh()
    return world


def test_facts_are_human_bot_or_internal_and_gold_counts_humans(tmp_path: Path) -> None:
    found = world(tmp_path, dataset())
    assert Counter(found.table("joined_facts")["traffic"]) == {"human": 2, "bot": 1, "internal": 3}
    assert found.table("events_by_type").select("event_type", "event_count").rows() == [("view", 2)]
    assert found.table("daily_summary")["user_id"].to_list() == ["ann", "cat"]
    assert found.table("top_users")["user_id"].to_list() == ["ann", "cat"]
    assert found.table("first_seen")["user_id"].to_list() == ["ann", "cat"]
    assert found.table("sessions").height == 5
    assert found.reconciled().holds


def test_facts_that_lack_a_bot_are_not_published_and_gold_waits(tmp_path: Path) -> None:
    found = world(tmp_path, dataset())
    found.drop("b.csv", "user,kind,at,agent,ip\nbob,view,2025-01-06T12:00:00,Googlebot/2.1,\n")
    found.break_table("joined_facts", "2025-01-06", lambda facts: facts.filter(nw.col("traffic") != "bot"))
    outcomes = {one.table: one for one in found.refresh()}
    assert [check.message for check in outcomes["joined_facts"].checks if not check.passed] == [
        "cleaned_events 7 = joined_facts 5 + filtered 0 leaves 2 unaccounted, "
        "joined_facts 5 = human 2 + bot 2 + internal 3 leaves -2 unaccounted"
    ]
    assert outcomes["joined_facts"].state == "not_published"
    assert "events_by_type" not in outcomes, "it has what is published"
    assert found.table("joined_facts").height == 6, "the version before"
    found.use(dataset())
    found.refresh()
    assert found.table("joined_facts").height == 7


def test_a_late_bot_computes_the_facts_of_its_date_and_changes_no_gold_table(tmp_path: Path) -> None:
    found = world(tmp_path, dataset())
    days = "\n".join(f"ann,view,2025-01-{day:02d}T12:00:00,{CHROME.replace(',', ';')}," for day in range(7, 12))
    found.drop("b.csv", f"user,kind,at,agent,ip\n{days}\n")
    found.refresh()
    found.drop("late.csv", "user,kind,at,agent,ip\nbot,view,2025-01-08T13:00:00,Googlebot/2.1,\n")
    outcomes = found.refresh()
    silver = ("cleaned_events", "session_edges", "session_parts", "sessions", "joined_facts")
    gold = ("daily_summary", "events_by_type", "platform_sessions", "daily_users")
    assert days_made(outcomes) == {
        **{name: [8] for name in (*silver, "quarantine", *gold)},
        "session_parts": [8, 9, 10],
        "sessions": [7, 8],
    }
    assert days_made(one for one in outcomes if one.changed) == {name: [8] for name in silver}


def test_what_is_counted_can_be_declared_and_only_gold_is_made_again(tmp_path: Path) -> None:
    found = world(tmp_path, dataset())
    found.use(dataset(count=["human", "bot", "internal"]))
    found.refresh()
    assert dict(found.table("events_by_type").select("event_type", "event_count").rows()) == {"buy": 1, "view": 5}


def test_internal_users_are_written_as_the_column_is_cleaned(tmp_path: Path) -> None:
    lower = dataset(internal_users=[" QA "]).model_dump(mode="json", by_alias=True, exclude_unset=True)
    lower["events"][0]["columns"][0]["case"] = "lower"
    found = world(tmp_path, parse_dataset(lower, "clicks"))
    facts = found.table("joined_facts").select("user_id", "traffic").unique()
    assert ("qa", "internal") in facts.rows()


def test_networks_hold_their_addresses_in_both_families() -> None:
    inside = internal_addresses(Traffic(address="ip", internal_addresses=("10.0.0.0/8", "2001:db8::/32", "192.0.2.7")))
    addresses = ["10.255.0.1", "11.0.0.1", "::ffff:10.0.0.1", "2001:db8::1", "192.0.2.7", "192.0.2.8", "x", None]
    assert inside([addresses]) == [True, False, True, True, True, False, False, False]


@pytest.mark.parametrize(
    ("traffic", "message"),
    [
        ({"user_agent": "browser"}, "traffic.user_agent names no declared column: 'browser'"),
        ({"address": "page", "internal_addresses": ["10.0.0"]}, "'10.0.0' is not an address or network"),
        ({}, "nothing tells traffic apart"),
    ],
)
def test_a_wrong_declaration_of_traffic_is_refused(traffic: dict[str, object], message: str) -> None:
    with pytest.raises(DeclarationError, match=message):
        clicks(traffic=traffic)

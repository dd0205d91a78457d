"""Persons, traffic, cohorts and users by column: an engine makes the tables that Polars makes."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from event_assets.declaration import Dataset
from event_assets_tests.engines.available import OTHERS
from event_assets_tests.engines.test_parity import assert_alike, on
from event_assets_tests.world import clicks

CHROME = "Mozilla/5.0 (X11; Linux x86_64) Chrome/126.0 Safari/537.36"
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"


def dataset() -> Dataset:
    """Clicks of visitors with a device and a cookie, which two users at most share; with all that counts them."""
    texts = ["device", "cookie", "agent", "ip"]
    columns = [
        {"name": "user_id", "source": "user", "type": "int64", "required": False, "description": "Who."},
        {"name": "event_type", "source": "kind", "description": "What."},
        *({"name": name, "description": "It."} for name in texts),
    ]
    return clicks(
        events={"files": ["*.csv"], "format": "csv", "time": {"source": "at"}, "columns": columns},
        sessions={},
        identity={"links": [["device", "user_id"], ["cookie", "device"]], "max_ids": 2},
        traffic={
            "user_agent": "agent",
            "address": "ip",
            "internal_addresses": ["10.0.0.0/8"],
            "internal_users": [5],
        },
        gold={"events_by_type": {}, "retention": {}, "users_by": ["event_type", "ip"]},
    )


def records(seed: int, number: int) -> list[str]:
    chance = random.Random(seed)
    found = []
    for _ in range(number):
        user, device, cookie = (chance.choice(some) for some in (["", *"123456"], ["", *"abcdef"], ["", *"uvwxyz"]))
        at = f"2025-01-{chance.choice([5, 31]):02d}T{chance.randint(0, 23):02d}:{chance.randint(0, 59):02d}"
        agent, ip = chance.choice([CHROME, GOOGLEBOT, "curl/8.5.0", ""]), chance.choice(["8.8.8.8", "10.1.2.3", ""])
        found.append(f"{user},{chance.choice(['view', 'buy'])},{at},{device},{cookie},{agent},{ip}")
    return found


def file(rows: list[str]) -> str:
    return "\n".join(["user,kind,at,device,cookie,agent,ip", *rows]) + "\n"


@pytest.mark.parametrize("engine", OTHERS)
def test_persons_traffic_and_cohorts_are_the_same(engine: str, tmp_path: Path) -> None:
    one, other = (on(name, tmp_path, dataset()) for name in ("polars", engine))
    for world in (one, other):
        world.drop("all.csv", file(records(7, 40)))
        assert {outcome.state for outcome in world.refresh()} == {"materialized"}
        assert world.reconciled().holds
    assert one.table("identities").height > 10
    assert set(one.table("joined_facts")["traffic"]) == {"human", "bot", "internal"}
    assert all(one.table(name).height for name in ("retention", "retention_by_week", "active_users", "users_by"))
    assert_alike(other, one)

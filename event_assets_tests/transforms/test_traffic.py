"""Traffic on every engine."""

from __future__ import annotations

from event_assets.transforms.interface import Scope
from event_assets.transforms.traffic import with_traffic
from event_assets_tests.transforms.bench import DAY, Bench, declared, schema_of

TRAFFIC = {"user_agent": "agent", "address": "ip", "internal_addresses": ["10.0.0.0/8"], "internal_users": [7]}
DATASET = declared(
    [{"name": "user_id", "type": "int64", "required": False}, {"name": "agent"}, {"name": "ip"}], traffic=TRAFFIC
)
CASES = [
    (1, "Mozilla/5.0 Chrome/126.0", "8.8.8.8", "human"),
    (1, "Mozilla/5.0 Chrome/126.0", "10.1.2.3", "internal"),
    (1, "Googlebot/2.1", "8.8.8.8", "bot"),
    (1, "Googlebot/2.1", "10.1.2.3", "internal"),
    (7, None, None, "internal"),
    (None, None, None, "human"),
]


def test_traffic_is_the_same_on_every_engine(bench: Bench) -> None:
    rows = [{"event_id": str(n), "user_id": u, "agent": agent, "ip": ip} for n, (u, agent, ip, _) in enumerate(CASES)]
    frame = bench.frame(rows, schema_of(DATASET, "cleaned_events"))
    made = bench.rows(with_traffic(frame, Scope(DATASET, bench.ports, (DAY,))).select("event_id", "traffic"))
    assert [row["traffic"] for row in made] == [expected for *_, expected in CASES]

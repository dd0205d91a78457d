"""quarantine.raw is the record as it came, and landing it again gives the same record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from event_assets.declaration import Dataset
from event_assets_tests.world import World, clicks

COLUMNS = [
    {"name": "user_id", "source": "user.id", "required": True, "description": "Who."},
    {"name": "event_type", "source": "kind", "required": True, "description": "What."},
    {"name": "price", "source": "details.price", "type": "decimal(8,2)", "min": 0, "description": "For how much."},
    {"name": "props", "type": "json", "description": "More."},
]


def dataset(form: str, columns: list[dict[str, Any]]) -> Dataset:
    events = {"files": ["*"], "format": form, "time": {"source": "meta.at"}, "columns": columns}
    return clicks(events=events, sessions={}, gold={})


NOON = "2025-01-06T12:00:00"
RECORDS: list[dict[str, Any]] = [
    {"user": {"id": "u1", "mail": "x"}, "kind": "v", "meta": {"at": NOON, "v": 1}, "details": {"price": -5}},
    {"user": {"id": "7"}, "kind": "v", "meta": {"at": NOON}, "details": {"price": "x", "big": 1e2}, "n": [1]},
    {"userId": "zorro", "kind": "v", "meta": {"at": NOON + "Z"}, "props": {"b": 1, "a": "2"}},
    {"user": {"id": "u2"}, "kind": "v", "meta": {"at": "2025-01-06"}, "details": {"price": -1.50}, "props": "abc"},
]


def test_json_records_are_nested_as_they_came_with_the_fields_of_time(tmp_path: Path) -> None:
    world = World(tmp_path, dataset("ndjson", COLUMNS))
    world.drop("a.ndjson", "\n".join(map(json.dumps, RECORDS)))
    world.refresh()
    raw = world.table("quarantine").sort("row_number")["raw"].to_list()
    assert [json.loads(text) for text in raw] == RECORDS
    assert '"price": -5' in raw[0]
    assert '"big":100.0' in raw[1].replace(" ", "")

    again = World(tmp_path / "again", dataset("ndjson", COLUMNS))
    again.drop("a.ndjson", "\n".join(raw))
    again.refresh()
    assert again.table("quarantine")["raw"].to_list() == world.table("quarantine")["raw"].to_list()
    assert again.table("raw_events").drop("file_id").equals(world.table("raw_events").drop("file_id"))


@pytest.mark.parametrize("extra", ["", ",color\u00e9"])
def test_csv_records_are_texts_by_their_headers(tmp_path: Path, extra: str) -> None:
    columns = [{**column, "source": column["name"]} for column in COLUMNS]
    world = World(tmp_path, dataset("csv", columns))
    head = f"user_id,event_type,price,props,meta.at{extra}"
    record = 'u1,v,-5.0,"{""a"": 1}",2025-01-06T10:00:00' + (",r\u00e9d" if extra else "")
    world.drop("a.csv", f"{head}\n{record}\n")
    world.refresh()
    fields = {
        "user_id": "u1",
        "event_type": "v",
        "price": "-5.0",
        "props": '{"a": 1}',
        "meta.at": "2025-01-06T10:00:00",
    }
    [raw] = world.table("quarantine")["raw"].to_list()
    assert json.loads(raw) == {**fields, **({"color\u00e9": "r\u00e9d"} if extra else {})}

"""quarantine.raw is the record as it came, and landing it again gives the same record."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from event_assets.declaration import Dataset
from event_assets.text.canonical_json import canonical_json
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


VALUES = st.one_of(
    st.none(),
    st.sampled_from(["7", "-5", "1.50", "true", "", " x", "{", '{"a": 1}', "[1]", "\u00e9", 'say "x"', "null"]),
    st.sampled_from([7, -5, 0, 1.5, 1e21, True, False, [], {}, [1, None], {"a": None}, {"id": {"id": 1}}]),
)
FIELDS = st.sampled_from(["kind", "props", "extra", "userId", "anonymousId", "details", "x", "k.d"])
NESTED_RECORDS = st.lists(
    st.dictionaries(FIELDS, st.one_of(VALUES, st.dictionaries(st.sampled_from(["price", "id", "d"]), VALUES))),
    min_size=1,
    max_size=6,
)
MANY_COLUMNS = [
    {"name": "user_id", "source": ["userId", "anonymousId"], "required": True, "description": "Who."},
    {"name": "event_type", "source": "kind", "required": True, "description": "What."},
    {"name": "price", "source": "details.price", "type": "decimal(8,2)", "description": "For how much."},
    {"name": "count", "source": "details.id", "type": "int64", "description": "How many."},
    {"name": "dotted", "source": "k.d", "description": "A name with a dot, or a path."},
    {"name": "never", "type": "int64", "required": True, "description": "No record has it, so each is refused."},
    {"name": "props", "type": "json", "description": "More."},
]
BOUNDED = settings(max_examples=8 if settings.default.max_examples < 1000 else 1000)  # type: ignore[union-attr]


@BOUNDED
@given(NESTED_RECORDS, st.sampled_from(["ndjson", "json"]))
def test_every_json_record_comes_back_as_it_came_and_lands_again_alike(
    records: list[dict[str, Any]], form: str
) -> None:
    records = [{**record, "meta": {"at": NOON}} for record in records]
    with tempfile.TemporaryDirectory() as folder:
        worlds = [World(Path(folder) / name, dataset(form, MANY_COLUMNS)) for name in ("first", "again")]
        texts = [json.dumps(record, ensure_ascii=False) for record in records]
        for world in worlds:
            content = "[" + ",".join(texts) + "]" if form == "json" else "\n".join(texts)
            world.drop("a.json", content)
            world.land()
            world.make(tables=["cleaned_events", "quarantine"])
            texts = world.table("quarantine").sort("row_number")["raw"].to_list()
            assert [json.loads(text) for text in texts] == records
        raw = [world.table("raw_events").drop("file_id") for world in worlds]
        for written in ("extra", "as_written"):  # the order of members is no part of a value
            canonical = [frame[written].map_elements(canonical_json, pl.String) for frame in raw]
            assert canonical[0].equals(canonical[1])
        assert raw[0].drop("extra", "as_written").equals(raw[1].drop("extra", "as_written"))


@given(st.lists(st.sampled_from(["", "a", " 7", '"x, y"']), min_size=5, max_size=5))
@settings(max_examples=10)
def test_every_csv_record_comes_back_with_its_empty_fields(values: list[str]) -> None:
    names = ["userId", "anonymousId", "kind", "props", "other"]
    columns = [
        {"name": "user_id", "source": ["userId", "anonymousId"], "description": "Who.", "required": True},
        {"name": "event_type", "source": "kind", "description": "What.", "required": True},
        {"name": "props", "type": "int64", "description": "Refused."},
        {"name": "never", "constant": "x", "type": "int64", "required": True, "description": "Each is refused."},
    ]
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), dataset("csv", columns))
        world.drop("a.csv", f"{','.join(names)},meta.at\n{','.join(values)},{NOON}\n")
        world.land()
        world.make(tables=["cleaned_events", "quarantine"])
        [raw] = world.table("quarantine")["raw"].to_list()
    fields = dict(zip(names, (value.strip('"') for value in values), strict=True))
    found = json.loads(raw)
    assert {**dict.fromkeys(names, ""), **found} == {**fields, "meta.at": NOON}


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

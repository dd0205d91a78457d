"""Values within records: paths, records below the root, and records in records; JSON and Parquet alike."""

from __future__ import annotations

import io
import json
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_assets.landing.json_elements import Elements
from event_assets.landing.json_paths import JsonPath, exploded
from event_assets.landing.json_records_at_path import records_of
from event_assets.text.json_text import parse_object
from event_assets_tests.landing.conftest import Land
from event_assets_tests.landing.tiny import declare

AT = "2024-01-02"


def columns(**sources: str) -> list[dict[str, Any]]:
    fields = {"user_id": "user_id", "event_type": "event_type", **sources}
    return [{"name": name, "source": source, "description": "x"} for name, source in fields.items()]


def as_parquet(records: list[dict[str, Any]]) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(records), file)
    return file.getvalue()


def as_lines(records: list[dict[str, Any]]) -> bytes:
    return "\n".join(map(json.dumps, records)).encode()


FORMATS = [("ndjson", as_lines), ("parquet", as_parquet)]


@pytest.mark.parametrize(("format", "write"), FORMATS)
def test_paths_look_up_by_key_by_index_and_by_quoted_name(land: Land, format: str, write: Any) -> None:
    def parameter(key: str, text: str | None, number: int | None = None) -> dict[str, Any]:
        return {"key": key, "value": {"text": text, "number": number}}

    records = [
        {"user_id": "1", "event_type": "v", "at": AT, "params": [parameter("page", "/a"), parameter("n", None, 7)],
         "x": {"k.with.dot": {"id": "i"}}, "items": [{"id": "p"}, {"id": "q"}]},
        {"user_id": "2", "event_type": "v", "at": AT, "params": [parameter("page", "/b"), parameter("page", "/c")],
         "x": {"k.with.dot": {"id": None}}, "items": [{"id": "r"}]},
        {"user_id": "3", "event_type": "v", "at": AT, "params": [], "x": None, "items": None},
    ]  # fmt: skip
    wanted = columns(
        page="params[key=page].value.text",
        n="params[key=n].value.number",
        dotted='x."k.with.dot".id',
        second="items[1].id",
        nobody="params[key=absent].value.text",
    )
    outcome = land(write(records), declare(format, columns=wanted), name=f"events.{format}")
    assert outcome.values("page", "n", "dotted", "second", "nobody") == [
        ("/a", "7", "i", "q", None),
        ("/b", None, None, None, None),
        (None, None, None, None, None),
    ]
    extra = json.loads(outcome.rows["extra"][0])
    assert [one["key"] for one in extra["params"]] == ["page", "n"]
    assert outcome.landed.drift.new == {}


def test_a_looked_up_value_is_as_the_source_wrote_it(land: Land) -> None:
    params = (
        '[{"key":1,"v":1.50},{"key":"2","v":{ "a" : 1e400 }},5,{"no":1},{"key":true,"v":"t"},{"key":"1","v":"later"}]'
    )
    content = f'{{"user_id":"1","event_type":"v","at":"{AT}","p":{params}}}'
    wanted = columns(
        one="p[key=1].v", two="p[key=2].v", yes="p[key=true].v", third="p[2]", none="p[9].x", deep="p[0].v.w"
    )
    outcome = land(content, declare("ndjson", columns=wanted), name="events.ndjson")
    assert outcome.values("one", "two", "yes", "third", "none", "deep") == [
        ("1.50", '{"a":1e400}', "t", "5", None, None)
    ]


@pytest.mark.parametrize(("format", "write"), FORMATS)
def test_an_array_is_exploded_into_records_beside_their_parent(land: Land, format: str, write: Any) -> None:
    records = [
        {
            "user_id": "1",
            "at": AT,
            "visit": {"hits": [{"type": "view", "n": 1}, {"type": "buy", "n": 2}], "source": "ad"},
        },
        {"user_id": "2", "at": AT, "visit": {"hits": [], "source": "mail"}},
        {"user_id": "3", "at": AT, "visit": {"hits": None, "source": None}},
    ]
    wanted = columns(user_id="^.user_id", event_type="type", source="^.visit.source")
    dataset = declare(format, columns=wanted, events__explode="visit.hits", events__time={"source": "^.at"})
    outcome = land(write(records), dataset, name=f"events.{format}")
    assert outcome.values("row_number", "user_id", "event_type", "source", "extra") == [
        (1, "1", "view", "ad", '{"n":1}'),
        (2, "1", "buy", "ad", '{"n":2}'),
        (3, "2", None, "mail", None),
        (4, "3", None, None, None),
    ]


def test_what_is_no_object_in_an_exploded_array_is_malformed(land: Land) -> None:
    content = (
        f'{{"user_id":"1","at":"{AT}","hits":[{{"event_type":"a"}}, 5]}}\n{{"user_id":"2","at":"{AT}","hits":"x"}}\n'
    )
    wanted = columns(user_id="^.user_id")
    dataset = declare("ndjson", columns=wanted, events__explode="hits", events__time={"source": "^.at"})
    outcome = land(content, dataset, name="events.ndjson")
    assert outcome.rejects == [(2, "malformed_record", None, "5")]
    assert outcome.values("row_number", "user_id", "event_type", "extra") == [
        (1, "1", "a", None),
        (3, "2", None, '{"^":{"hits":"x"}}'),
    ]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["a", "b", "hits"]), JSON, max_size=3), st.sampled_from(["hits", "a.hits"]))
def test_exploding_loses_nothing(record: dict[str, Any], path: str) -> None:
    text, elements = json.dumps(record).encode(), Elements()
    elements.add(text, 10_000)
    made = [
        one
        for block in exploded([elements], JsonPath.of(path), 10_000)
        for one in zip(block.texts, block.values, strict=True)
    ]
    for own, value in made:
        assert value is None or parse_object(own) == value
    array: Any = record
    for name in path.split("."):
        array = array.get(name) if isinstance(array, dict) else None
    expected = array if isinstance(array, list) and array else [{}]
    assert [
        json.loads(own) if value is None else {k: v for k, v in value.items() if k != "^"} for own, value in made
    ] == expected


@pytest.mark.parametrize(
    "lead", ['{"Records":', ' {"a":{"Records":[1,"]"]},"b":"}\\"{", "c":[{}],"Records" : ', '{"n":1.5,"Records":']
)
@pytest.mark.parametrize("tail", ["}", ', "next": {"x": [1]}}', ""])
def test_the_records_of_a_file_may_be_a_member_of_one_object(land: Land, lead: str, tail: str) -> None:
    records = ", ".join(f'{{"user_id":"{n}","event_type":"v","at":"{AT}"}}' for n in (1, 2))
    dataset = declare("json", columns=columns(), events__records="Records")
    outcome = land(f"{lead}[{records}]{tail}", dataset, name="events.json")
    assert outcome.values("row_number", "user_id") == [(1, "1"), (2, "2")]
    assert outcome.rejects == []


def test_records_deeper_down_and_where_they_are_not(land: Land) -> None:
    dataset = declare("json", columns=columns(), events__records="data.rows")
    good = land(f'{{"data":{{"rows":[{{"user_id":"1","at":"{AT}"}}]}}}}', dataset, name="events.json")
    assert good.values("user_id") == [("1",)]
    cut = land(f'{{"data":{{"rows":[{{"user_id":"1","at":"{AT}"}},{{"user_id"', dataset, name="events.json")
    assert [row[:2] for row in cut.rejects] == [(2, "malformed_record")]
    for content, reason in (
        ('{"data":{"items":[],"total":2}}', "unreadable: no array at records: data.rows; found items, total"),
        (
            '{"data":{"rows":{}}}',
            "unreadable: what is at records: data.rows is no array; declare records: data.rows.* if its members are "
            "the records",
        ),
        ('{"data":{"rows":1}}', "unreadable: what is at records: data.rows is no array"),
        ("[1]", "unreadable: no array at records: data.rows; found no object"),
    ):
        assert land(content, dataset, name="events.json").landed.reason == reason
    assert land("", dataset, name="events.json").landed.records == 0


def keyed(land: Land, content: str, records: str, **sources: str) -> Any:
    dataset = declare("json", columns=columns(key="^.key", **sources), events__records=records)
    return land(content, dataset, name="events.json")


def test_the_members_of_an_object_are_records_and_their_names_a_field(land: Land) -> None:
    one, two = (f'{{"user_id": "{n}", "at": "{AT}", "more": {{"a": {n}.0}}}}' for n in (1, 2))
    for content, records in (
        (f'{{"e1": {one}, "\\u00e9\\"{{": {two}}}', "*"),
        (f'\ufeff {{"v": [1, {{}}], "data": {{"e1" : {one} , "\\u00e9\\"{{":{two} }} , "z": 1}}', "data.*"),
    ):
        found = keyed(land, content, records)
        expected = [(1, "e1", "1", '{"more":{"a":1.0}}'), (2, 'é"{', "2", '{"more":{"a":2.0}}')]
        assert found.values("row_number", "key", "user_id", "extra") == expected
        assert found.rejects == []
    by_user = f'{{"ann": {{"e1": {one}, "e2": {two}}}, "bob": {{}}, "eve": {{"e3": {one}}}}}'
    nested = keyed(land, by_user, "*.*", who="^.^.key")
    assert nested.values("key", "who", "user_id") == [("e1", "ann", "1"), ("e2", "ann", "2"), ("e3", "eve", "1")]
    arrays = keyed(land, f'{{"ann": [{one}, {two}], "bob": [], "eve": {one}}}', "*")
    assert arrays.values("key", "user_id") == [("ann", "1"), ("ann", "2"), ("eve", "1")]


def test_a_broken_member_is_rejected_alone_and_a_cut_off_object_ends_with_a_reject(land: Land) -> None:
    one = f'{{"user_id":"1","at":"{AT}"}}'
    for content, number, values in (
        (f'{{"a":{one},"b":{{"user_id":}},"c":{one}}}', 2, ["a", "c"]),
        (f'{{"a":{one},"b":7,"c":{one}}}', 2, ["a", "c"]),
        (f'{{"a":{one},"b":[{one},"x"]}}', 3, ["a", "b"]),
        (f'{{"a":{one},"b":{one}', 3, ["a", "b"]),
        (f'{{"a":{one},"b":{one},', 3, ["a", "b"]),
        (f'{{"a":{one},"b":{{"user_id":"2"', 2, ["a"]),
    ):
        found = keyed(land, content, "*")
        assert [row[:2] for row in found.rejects][:1] == [(number, "malformed_record")], content
        assert [key for (key,) in found.values("key")] == values
    assert keyed(land, "[1]", "*").landed.reason == "unreadable: what is at records: * is no object"
    assert keyed(land, "{}", "*").landed.records == keyed(land, "", "*").landed.records == 0
    dataset = declare("json", columns=columns(), events__records="*", events__max_record_bytes=1024)
    long = land(f'{{"a":{one},"b":{{"user_id":"{"x" * 1100}"}}}}', dataset, name="events.json")
    assert [row[:2] for row in long.rejects] == [(2, "record_too_long")]


OBJECTS = st.dictionaries(st.text(max_size=4), st.dictionaries(st.text(max_size=3), JSON, max_size=3), max_size=4)


@given(OBJECTS, st.integers(1, 60))
def test_members_of_an_object_are_read_like_the_elements_of_an_array(records: dict[str, Any], block: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "e.json")
        path.write_text(json.dumps(records), encoding="utf-8")
        blocks = [*records_of(path, 10_000, records="*", block_bytes=block)]
    made = [one for block in blocks for one in zip(block.texts, block.values, strict=True)]
    assert [value for _, value in made] == [{**value, "^": {"key": key}} for key, value in records.items()]
    assert [parse_object(own) for own, _ in made] == [value for _, value in made]

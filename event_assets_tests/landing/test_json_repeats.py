"""Of several members of one name the last one stands where it is declared; all others are kept."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_assets.text.json_text import pairs_of, repeats
from event_assets_tests.landing.conftest import Land
from event_assets_tests.landing.test_json import arrays, has_repeats, ndjson
from event_assets_tests.landing.tiny import declare

NAMES = st.sampled_from(["user_id", "event_type", "details", "page", "a", "é", "x:", '":', " :"])
TEXTS = st.sampled_from(["", "1", '":', "a :", "\t:", "{", "\\u0022:", "\u00e9"])


def objects(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Texts of objects: names in any order and number, escaped or not, colons with or without space before them."""
    name = st.tuples(NAMES, st.booleans()).map(lambda drawn: json.dumps(drawn[0], ensure_ascii=drawn[1]))
    member = st.tuples(name, st.sampled_from([":", ": ", " :", "\t: "]), values).map("".join)
    return st.lists(member, max_size=4).map(lambda members: "{" + ", ".join(members) + "}")


SCALARS = TEXTS.map(json.dumps) | st.sampled_from(
    ["1.50", "-0", "1e400", "null", "true", "123456789012345678901", "[]"]
)
VALUES = st.recursive(
    SCALARS, lambda inner: objects(inner) | st.lists(inner, max_size=2).map(lambda v: f"[{','.join(v)}]")
)


@given(objects(VALUES))
def test_exactly_those_objects_are_found_that_repeat_a_name(text: str) -> None:
    value = json.loads(text, parse_int=str, parse_float=str)
    assert repeats(text.encode(), value) == has_repeats(text)


@given(objects(VALUES))
def test_pairs_are_all_members_as_they_are_written(text: str) -> None:
    pairs = [(name, json.loads(raw, object_pairs_hook=list)) for name, raw in pairs_of(text.encode())]
    assert pairs == json.loads(text, object_pairs_hook=list)


def test_the_last_of_several_members_stands_and_the_others_are_kept_and_reported(land: Land) -> None:
    lines = [
        '{"user_id": "ann", "at": "2024-01-02", "user_id": "bob"}',
        '{"user_id": 1, "user_id": 2.50, "user_id": null, "user_id": 3, "at": "2024-01-02", "new": 1, "new": 2}',
        '{"details": {"page": "/a", "page": "/b"}, "details": {"page": "/c", "page": "/d"}, "at": "2024-01-02"}',
        '{"user_id": "cid", "at": "2024-01-02", "details": {"geo": {"city": "x", "city": "y", "zip": 1}}}',
        '{"user_id": "dot", "at": "2024-01-02"}',
    ]
    for content, dataset in (("[" + ",".join(lines) + "]", arrays()), ("\n".join(lines), ndjson())):
        outcome = land(content, dataset)
        assert outcome.values("user_id", "page", "city", "extra") == [
            ("bob", None, None, '{"user_id":"ann"}'),
            ("3", None, None, '{"user_id":1,"user_id":2.50,"user_id":null,"new":1,"new":2}'),
            (None, "/d", None, '{"details":{"page":"/a","page":"/b"},"details":{"page":"/c"}}'),
            ("cid", None, "y", '{"details":{"geo":{"city":"x","zip":1}}}'),
            ("dot", None, None, None),
        ]
        assert outcome.landed.drift.new == {
            "details (repeated)": 1,
            "details.geo.city (repeated)": 1,
            "details.geo.zip": 1,
            "details.page (repeated)": 1,
            "new": 1,
            "new (repeated)": 1,
            "user_id (repeated)": 4,
        }


def test_a_column_that_is_a_whole_object_keeps_what_it_repeats(land: Land) -> None:
    columns = [{"name": name, "description": "x"} for name in ("user_id", "event_type", "details")]
    dataset = declare("ndjson", columns=columns)
    outcome = land('{"at": "2024-01-02", "details": {"a": 1, "a": 2}}', dataset)
    assert outcome.values("details", "extra") == [('{"a":1,"a":2}', None)]


@pytest.mark.parametrize("depth", [300, 900])
def test_repeats_are_found_in_deeply_nested_objects(land: Land, depth: int) -> None:
    deep = '{"a":' * depth + "1" + "}" * depth
    outcome = land(f'{{"at": "2024-01-02", "x": {deep}, "user_id": "ann", "user_id": "bob"}}', ndjson())
    assert outcome.values("user_id", "extra") == [("bob", f'{{"x":{deep},"user_id":"ann"}}')]

from __future__ import annotations

import json
from collections import Counter
from functools import partial
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from event_assets.declaration import Dataset
from event_assets.landing import json_elements
from event_assets.landing.json import read_json
from event_assets.landing.json_elements import elements_of
from event_assets.landing.reader_interface import Batch, Fields
from event_assets_tests.landing.conftest import Land
from event_assets_tests.landing.tiny import declare

COLUMNS = [
    {"name": "user_id", "required": True, "description": "x"},
    {"name": "event_type", "description": "x"},
    {"name": "value", "description": "x"},
    {"name": "page", "source": "details.page", "description": "x"},
    {"name": "city", "source": "details.geo.city", "description": "x"},
]


def arrays(**keys: object) -> Dataset:
    return declare("json", columns=COLUMNS, **keys)


def ndjson(**keys: object) -> Dataset:
    return declare("ndjson", columns=COLUMNS, **keys)


def has_repeats(text: str) -> bool:
    found = []

    def look(pairs: list[tuple[str, object]]) -> None:
        found.append(len(dict(pairs)) < len(pairs))

    json.loads(text, object_pairs_hook=look)
    return any(found)


def test_values_land_as_the_source_wrote_them(land: Land) -> None:
    values = [
        "12.50",
        "1e400",
        "1e99999999999999999999",
        "-0",
        "0",
        "9007199254740993",
        "123456789012345678901234567890",
        "true",
        "null",
    ]
    values += ['"é\\u00e9\\n"', '{ "a" : [1.0, 2] }', "[ ]", '""', "1.0E+2"]
    lines = [f'{{"user_id": {number}, "value": {value}, "at": "2024-01-02"}}' for number, value in enumerate(values)]
    expected = [
        "12.50",
        "1e400",
        "1e99999999999999999999",
        "-0",
        "0",
        "9007199254740993",
        "123456789012345678901234567890",
        "true",
        None,
    ]
    expected += ["éé\n", '{"a":[1.0,2]}', "[]", "", "1.0E+2"]
    for content, dataset in (("[" + ",".join(lines) + "]", arrays()), ("\n".join(lines), ndjson())):
        outcome = land(content, dataset)
        assert outcome.values("row_number", "user_id", "value", "extra") == [
            (number + 1, str(number), value, None) for number, value in enumerate(expected)
        ]


def test_nested_values_are_found_by_path_and_the_rest_of_them_is_kept(land: Land) -> None:
    details = '{"page": "/a", "foo": 1.50, "geo": {"city": "Bern", "x": [ 1 ]}}'
    outcome = land(
        f'[{{"user_id": 1, "at": "2024-01-02", "details": {details}, "new": "\\u00e9"}},'
        '{"user_id": 2, "at": "2024-01-02", "details": "none"},'
        '{"user_id": 3, "at": "2024-01-02", "details": {"page": {"b": 1}, "geo": null}},'
        '{"user_id": 4, "at": "2024-01-02", "details": null}]',
        arrays(),
    )
    assert outcome.values("user_id", "page", "city", "extra") == [
        ("1", "/a", "Bern", '{"details":{"foo":1.50,"geo":{"x":[1]}},"new":"\\u00e9"}'),
        ("2", None, None, '{"details":"none"}'),
        ("3", '{"b":1}', None, None),
        ("4", None, None, None),
    ]
    assert outcome.landed.drift.new == {"details": 1, "details.foo": 1, "details.geo.x": 1, "new": 1}
    assert outcome.landed.drift.missing == ("event_type", "value")


def test_a_member_that_bears_the_whole_name_comes_before_the_path(land: Land) -> None:
    outcome = land('[{"user_id": 1, "at": "2024-01-02", "details.page": 5.0, "details": {"foo": 1}}]', arrays())
    assert outcome.values("page", "extra") == [("5.0", '{"details":{"foo":1}}')]


def test_a_column_that_declares_a_whole_object_leaves_nothing_over(land: Land) -> None:
    columns = [*COLUMNS, {"name": "details", "type": "json", "description": "x"}]
    content = '[{"user_id": 1, "at": "2024-01-02", "details": {"page": "/a", "foo": 1}}]'
    for order in (columns, columns[::-1]):
        outcome = land(content, declare("json", columns=order))
        assert outcome.values("page", "details", "extra") == [("/a", '{"page": "/a", "foo": 1}', None)]


def test_of_members_of_one_name_the_last_stands(land: Land) -> None:
    outcome = land('[{"user_id": 1, "user_id": 2, "value": 1.0, "value": 2.0, "at": "2024-01-02"}]', arrays())
    assert outcome.values("user_id", "value") == [("2", "2.0")]


def test_a_broken_line_is_one_reject(land: Land) -> None:
    bad = ["[1]", "5", "nul", '{"user_id": 01}', "{} {}", '{"user_id": "\\ud800"}', '{"a": NaN}', '{"user_id": "a\0"}']
    content = "\n\n".join(['{"user_id": 1, "at": "2024-01-02"}', *bad, '{"user_id": 2, "at": "2024-01-02"}']) + "\r\n"
    outcome = land(content, ndjson())
    assert outcome.values("row_number", "user_id") == [(1, "1"), (10, "2")]
    assert outcome.rejects == [(number, "malformed_record", None, text) for number, text in enumerate(bad, 2)]


def test_bytes_that_are_not_utf8_are_told(land: Land) -> None:
    outcome = land(b'{"user_id": "\xff"}\n{"user_id": 1, "at": "2024-01-02"}', ndjson())
    assert outcome.rejects == [(1, "not_utf8", None, '{"user_id": "\\xff"}')]


GOOD = [
    '{"user_id": 1, "at": "2024-01-02"}',
    '{"user_id": 2, "at": "2024-01-02"}',
    '{"user_id": 3, "at": "2024-01-02"}',
]


@pytest.mark.parametrize("separator", [",", ",\n", " , ", ",\r\n  "])
@pytest.mark.parametrize(
    "bad",
    [
        '{"user_id": 9,, "at": 1}',
        '{"user_id": 9}}',
        '{"user_id": ]}',
        '{"user_id": 9 "at": 1}',
        "5",
        "[1, 2]",
        '{"items": [{"x": 1}, {"y": 2}], "z": nul}',
        '{"user_id": "x',
        '{"user_id": "x}',
        '{"user_id": "x, "at": 1}',
        '{"user_id": {"x": 1}',
        '{"user_id": [1, 2}',
        '{"user_id": "a\\"}',
    ],
)
def test_a_broken_element_spoils_no_other(land: Land, bad: str, separator: str) -> None:
    outcome = land("[" + separator.join([*GOOD[:2], bad, GOOD[2]]) + "]", arrays())
    assert outcome.values("row_number", "user_id") == [(1, "1"), (2, "2"), (4, "3")]
    assert outcome.rejects == [(3, "malformed_record", None, bad)]


#: Of blocks: smaller than an element, some elements, and such that some elements are parsed at once.
SIZES = st.integers(4, 2000) | st.integers(2000, 100_000)
BREAKS = {
    "no brace": lambda text: text[:-1],
    "no quote": lambda text: text.replace('"at"', '"at', 1),
    "no colon": lambda text: text.replace(":", " ", 1),
    "a brace": lambda text: text + "}",
    "a bracket": lambda text: text.replace(":", ":[", 1),
}


@pytest.mark.parametrize("wasted", [0, 2**40])
@pytest.mark.parametrize("separator", [",", ",\n"])
@given(st.lists(st.sampled_from([None, *BREAKS]), max_size=12), SIZES)
def test_many_broken_elements_spoil_no_other(
    tmp_path_factory: pytest.TempPathFactory, separator: str, wasted: int, breaks: list[str | None], size: int
) -> None:
    path = tmp_path_factory.mktemp("broken") / "events.json"
    good = [
        f'{{"user_id":{place},"at":"2024-01-02","details":{{"page":"/a"}}}}' for place in range(2 * len(breaks) + 1)
    ]
    texts = list(good)
    for place, name in enumerate(breaks):  # each broken one stands between two good ones
        texts[2 * place + 1] = BREAKS[name](good[2 * place + 1]) if name else good[2 * place + 1]
    path.write_text("[" + separator.join(texts) + "]")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_elements, "_MAX_WASTED_BYTES", wasted)
        batches = list(elements_of(path, 10_000, block_bytes=size))
    values = [value for batch in batches for value in batch.values]
    bad = {2 * place + 1 for place, name in enumerate(breaks) if name}
    assert [value and value["user_id"] for value in values] == [None if p in bad else p for p in range(len(good))]
    assert [text.decode() for batch in batches for text in batch.texts] == texts


@pytest.mark.parametrize(
    ("content", "rejected"),
    [
        ("[" + ",".join(GOOD) + "] garbage", "garbage"),
        ("[" + ",".join(GOOD) + "][]", "[]"),
        ("[" + ",".join(GOOD) + ',{"user_id": 4, "at": "20', '{"user_id": 4, "at": "20'),
        ("[" + ",".join(GOOD) + ",", ""),
        ("[" + ",".join(GOOD) + ",]", ""),
        ("[" + ",".join(GOOD), ""),
    ],
)
def test_a_wrong_end_is_one_reject(land: Land, content: str, rejected: str) -> None:
    outcome = land(content, arrays())
    assert outcome.values("row_number", "user_id") == [(1, "1"), (2, "2"), (3, "3")]
    assert outcome.rejects == [(4, "malformed_record", None, rejected)]


@pytest.mark.parametrize("content", ["", "  \n", "[]", "[ ]\n", "\ufeff[]"])
def test_an_array_without_elements_is_landed_without_records(land: Land, content: str) -> None:
    landed = land(content, arrays()).landed
    assert (landed.records, landed.reason) == (0, None)


def test_a_file_that_is_no_array_is_rejected_with_what_to_declare(land: Land) -> None:
    landed = land(GOOD[0], arrays()).landed
    hint = "declare format: ndjson if it is one object per line, or records: PATH (PATH.* for an object's members)"
    assert landed.reason == f"unreadable: no JSON array; {hint}"


@pytest.mark.parametrize("dataset", [arrays(events__max_record_bytes=1024), ndjson(events__max_record_bytes=1024)])
@pytest.mark.parametrize("length", [2000, 3_000_000])
def test_a_record_over_the_limit_is_too_long(land: Land, dataset: Dataset, length: int) -> None:
    long = '{"user_id": "' + "x" * length + '"}'
    parts = [GOOD[0], long, GOOD[1]]
    content = "\n".join(parts) if dataset.events[0].format == "ndjson" else "[" + ",\n".join(parts) + "]"
    outcome = land(content, dataset)
    assert outcome.values("row_number", "user_id") == [(1, "1"), (3, "2")]
    assert outcome.rejects == [(2, "record_too_long", None, long[: 64 * 1024])]


def test_objects_that_were_parsed_at_once_keep_their_own_texts(tmp_path: Path) -> None:
    deep = '{"a": ' + "[" * 1000 + '"]"' + "]" * 1000 + "}"  # deeper than texts are cut apart by a library
    texts = ['{"a": "},{"}', deep, '{"b" : 1.0 }', "{}"] * 50
    path = tmp_path / "events.json"
    path.write_text("[" + " ,\n".join(texts) + "]")
    (elements,) = elements_of(path, 10_000, block_bytes=1_000_000)
    assert [text.decode() for text in elements.texts] == texts
    assert elements.texts[2:4] == [b'{"b" : 1.0 }', b"{}"]
    assert elements.texts.joined(without=()).decode().replace(" ,\n", ",") == ",".join(texts)


def test_an_object_nested_without_end_is_malformed(land: Land) -> None:
    deep = '{"user_id": ' + "[" * 100_000 + "]" * 100_000 + "}"
    outcome = land(f"[{GOOD[0]},{deep},{GOOD[1]}]", arrays())
    assert outcome.values("row_number", "user_id") == [(1, "1"), (3, "2")]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4) | st.sampled_from(["},{", "[", "\n", '"', "\\"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "},{"]), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.lists(st.dictionaries(st.sampled_from(["a", "b", "c"]), VALUES, max_size=3), max_size=6)


@given(OBJECTS, st.sampled_from([None, 1, "\t"]), SIZES)
def test_any_array_is_cut_into_its_elements(
    tmp_path_factory: pytest.TempPathFactory, objects: list[object], indent: int | str | None, size: int
) -> None:
    path = tmp_path_factory.mktemp("array") / "events.json"
    path.write_text(json.dumps(objects, indent=indent))
    batches = list(elements_of(path, 10_000, block_bytes=size))
    assert [value for batch in batches for value in batch.values] == objects
    assert [json.loads(text) for batch in batches for text in batch.texts] == objects


_SCALARS = st.sampled_from(["1", "0", "-0", "1.50", "true", "null", '"x"', '"a\\": b"', "1e400", "[]", '[{"page": 1}]'])
_NAMES = st.sampled_from(
    ["user_id", "event_type", "value", "at", "details", "details.page", "details.geo", "new", "geo"]
)


def _objects(names: st.SearchStrategy[str], values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Texts of objects; a name may come twice, and colons may stand apart."""
    members = st.lists(st.tuples(names, values), max_size=4)
    return members.flatmap(
        lambda drawn: st.sampled_from([":", ": ", " :"]).map(
            lambda colon: "{" + ",".join(f'"{name}"{colon}{value}' for name, value in drawn) + "}"
        )
    )


_GEO = _objects(st.sampled_from(["city", "zip"]), _SCALARS)
_DETAILS = _objects(st.sampled_from(["page", "geo", "new"]), _SCALARS | _GEO)


_FULL = '{"user_id":1,"event_type":"x","value":2,"at":"2024-01-02","details":{"page":1,"geo":{"city":"y"%s}%s}%s}'


@given(st.lists(_objects(_NAMES, _SCALARS | _DETAILS), min_size=1, max_size=12))
@example([_FULL % ("", "", ',"new":1')])
@example([_FULL % ("", ',"new":1', ""), _FULL % (',"zip":1', "", "")])
# As many names too many in one object as are not seen, or seen twice, in the other.
@example(['{"new":1}', '{"user_id":1,"user_id":2}'])
@example(['{"details":{"new":1}}', '{"details":{"page":1,"page":2,"page":3}}'])
@example(['{"user_id" : 1}', '{"user_id":1,"user_id":2}'])
@example(['{"details.page":{"a":1}}', '{"user_id":1,"user_id":2}'])
def test_an_object_lands_in_company_as_it_does_alone(
    tmp_path_factory: pytest.TempPathFactory, objects: list[str]
) -> None:
    """What all objects of a block have in common is found out together; it must make no difference to any."""
    path, source = tmp_path_factory.mktemp("company") / "events.json", ndjson().events[0]
    fields = Fields.of(source)

    def landed(lines: list[str]) -> Batch:
        path.write_text("\n".join(lines))
        (batch,) = read_json(path, source, fields)
        return batch

    together, alone = landed(objects), [landed([one]) for one in objects]
    apart = [row[1:] for batch in alone for row in batch.frame.rows()]
    assert [row[1:] for row in together.frame.rows()] == apart
    assert together.undeclared == sum((batch.undeclared for batch in alone), Counter())
    assert together.present == frozenset().union(*(batch.present for batch in alone))
    assert [reject.text for reject in together.rejects] == [r.text for batch in alone for r in batch.rejects]
    assert together.texts(range(1, len(objects) + 1)) == [one.encode() for one in objects]


_DECLARED: dict[str, object] = dict.fromkeys(
    ["user_id", "event_type", "value", "at", "details.page", "details.geo.city"]
)
_DECLARED["details"] = {"page": None, "geo": {"city": None}}


def _undeclared(value: dict[str, object], declared: dict[str, object]) -> dict[str, object]:
    rest = {}
    for name, inner in value.items():
        below = declared.get(name, {})
        if name not in declared or (below and inner is not None and not isinstance(inner, dict)):
            rest[name] = inner
        elif below and isinstance(inner, dict) and (more := _undeclared(inner, below)):
            rest[name] = more
    return rest


@given(st.lists(_objects(_NAMES, _SCALARS | _DETAILS), min_size=1, max_size=12))
@example([_FULL % ("", "", ',"new":1')])
@example([_FULL % ("", ',"new":1', ""), _FULL % (',"zip":1', "", "")])
def test_what_nobody_declared_is_kept(tmp_path_factory: pytest.TempPathFactory, objects: list[str]) -> None:
    objects = [one for one in objects if not has_repeats(one)]
    path, source = tmp_path_factory.mktemp("undeclared") / "events.json", ndjson().events[0]
    path.write_text("\n".join(objects))
    kept = [extra for batch in read_json(path, source, Fields.of(source)) for extra in batch.frame["extra"]]
    read = partial(json.loads, parse_int=str, parse_float=str)
    assert [read(extra) if extra else {} for extra in kept] == [_undeclared(read(one), _DECLARED) for one in objects]


def test_a_json_column_keeps_every_value_as_it_is_written(land: Land) -> None:
    columns = [*COLUMNS, {"name": "props", "type": "json", "description": "x"}]
    values = ['"abc"', '"12\\u00e9"', '"null"', "null", "1.50", '{ "b": 1,\n "a": 2 }', "[]", "-0", "true"]
    records = ",".join(f'{{"user_id": 1, "at": "2024-01-02", "props": {value}}}' for value in values)
    outcome = land(f"[{records}]", declare("json", columns=columns))
    assert [row[0] for row in outcome.values("props")] == [None if v == "null" else v for v in values]

"""Names and values of JSON are replaced one by one; all else stays as it was written."""

from __future__ import annotations

import json
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_assets.text.json_strings_and_numbers import is_name, replaced, tokens_of, with_text, without_names

TEXTS = st.text(st.sampled_from('a":,{}[]\\ 7é\ud800'), max_size=6)
VALUES = st.recursive(
    TEXTS | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.none() | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


def renamed(value: Any) -> Any:
    if isinstance(value, dict):
        return {f"{name}!": renamed(inner) for name, inner in value.items()}
    return [renamed(inner) for inner in value] if isinstance(value, list) else value


@given(VALUES, st.booleans(), st.sampled_from([(", ", ": "), (",", ":"), (" ,", " :")]))
def test_names_at_every_depth_are_replaced_and_values_stay(
    value: Any, ascii_only: bool, marks: tuple[str, str]
) -> None:
    text = json.dumps(value, ensure_ascii=ascii, separators=marks)
    changed = replaced(text, lambda token: with_text(token, "{}!".format) if is_name(token) else token)
    assert json.loads(changed) == renamed(value)
    assert replaced(text, lambda token: with_text(token, str)) == text
    if not any("\ud800" <= letter <= "\udfff" for letter in text):
        names = tokens_of(pl.Series([text]), names=True).to_list()
        assert {json.loads(name.rstrip(" :")) for name in names} == {name[:-1] for name in names_in(renamed(value))}


def names_in(value: Any) -> set[str]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return set(value if isinstance(value, dict) else ()).union(*map(names_in, inner))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"ann" : 1, "b": [{"\\u0061nn": "ann"}]}', '{"x" : 1, "b": [{"x": "ann"}]}'),
        ('{"a": "\\"ann\\": 1", ":": {"ann":-1.5e+3}}', '{"a": "\\"ann\\": 1", ":": {"x":-1.5e+3}}'),
        ('{"a": "cut off, "ann": 1', '{"a": "cut off, "ann": 1'),
    ],
)
def test_a_name_is_known_by_its_place_and_its_meaning(text: str, expected: str) -> None:
    def change(token: str) -> str:
        return with_text(token, lambda name: "x" if name == "ann" else name) if is_name(token) else token

    assert replaced(text, change) == expected


def test_the_values_of_a_text_are_what_is_not_a_name() -> None:
    assert without_names('{"ann": {"b": "bob", "7": 8}}') == '{ { "bob",  8}}'

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_assets.text.field_paths import Lookup, Path, parse_path
from event_assets.text.file_patterns import matches


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("user_id", ("user_id",)),
        ("details.page", ("details", "page")),
        ("watch_time(min)", ("watch_time(min)",)),
        ('x."k.with.dot".id', ("x", "k.with.dot", "id")),
        ('"say \\"hi\\""', ('say "hi"',)),
        ("parent[0].id", ("parent", 0, "id")),
        ("a[1][2]", ("a", 1, 2)),
        ("params[key=page_location].value", ("params", Lookup("key", "page_location"), "value")),
        ('p["k.k"="a]b"]', ("p", Lookup("k.k", "a]b"))),
        ("p[key=]", ("p", Lookup("key", ""))),
        ("^.id", ("^", "id")),
    ],
)  # fmt: skip
def test_a_path_is_names_indexes_and_lookups(text: str, path: Path) -> None:
    assert parse_path(text) == path


@pytest.mark.parametrize("text", ["", ".a", "a.", "a..b", "price [EUR]", "a[", "a[-1]", "a[x]", "[0]", 'a"b', '"a'])
def test_a_text_that_is_no_path_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a path \(at character \d+\); write names .* parent\[0\].id"):
        parse_path(text)


@given(st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=4))
def test_any_names_can_be_written_as_a_path(names: list[str]) -> None:
    assert parse_path(".".join(json.dumps(name) for name in names)) == tuple(names)


@pytest.mark.parametrize(
    ("pattern", "path", "is_match"),
    [
        ("*.csv", "a.csv", True),
        ("*.csv", "a.csv.gz", True),
        ("*.csv", "b/a.csv", False),
        ("**/*.csv", "a.csv", True),
        ("**/*.csv", "x/y/a.csv.zip", True),
        ("dt=*/*.csv", "dt=2025/a.csv", True),
        ("dt=*/*.csv", "dt=2025/h=1/a.csv", False),
        ("x/**/a.csv", "x/y/z/a.csv", True),
        ("x/**/a.csv", "y/a.csv", False),
        ("**", "x", True),
        ("[ab]?.csv", "b1.csv", True),
    ],
)
def test_a_pattern_reaches_as_deep_as_it_says(pattern: str, path: str, is_match: bool) -> None:
    assert matches(path, pattern) == is_match

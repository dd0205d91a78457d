"""How a file's fields differ from the declared ones (landing/schema_drift.py)."""

from __future__ import annotations

import re

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from event_assets.declaration import Column
from event_assets.landing.schema_drift import TypeDrift, count_types

NUMBER = re.compile(r"[ \t\r\n]*[+-]?[0-9]+[ \t\r\n]*")
TEXT = st.text(st.sampled_from("0195+-._ eExX\t٣½"), min_size=1, max_size=24)


@given(st.lists(TEXT | st.integers().map(str) | st.floats().map(str), min_size=1, max_size=9))
def test_a_fast_look_counts_what_the_pattern_would(texts: list[str]) -> None:
    drift = TypeDrift([Column(name="n", type="int64", description="A number.")])
    count_types(pl.DataFrame({"n": texts}), [drift])
    values = [text for text in texts if text.strip(" \t\r\n")]
    others = sum(NUMBER.fullmatch(text) is None for text in values)
    assert drift.retyped() == ({"n": others} if 2 * others > len(values) else {})

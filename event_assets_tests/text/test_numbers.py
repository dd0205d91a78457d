"""Numbers and JSON: the value of a text is exact, whatever it looks like."""

from __future__ import annotations

import json
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from event_assets.text.canonical_json import canonical_json
from event_assets.text.numbers import decimal, exact_json, float64, int64, number

DIGITS = st.text("0123456789", max_size=25)
TEXTS = st.builds(
    lambda sign, whole, point, fraction, exponent: sign + whole + point + fraction + exponent,
    st.sampled_from(["", "+", "-"]),
    DIGITS,
    st.sampled_from(["", "."]),
    DIGITS,
    st.sampled_from(["", "e0", "E+3", "e-12", "e25", "E"]),
)


@given(TEXTS)
def test_a_number_is_the_value_that_decimal_reads(text: str) -> None:
    try:
        expected = Decimal(text)
    except ArithmeticError:
        assert number(text) is None
        return
    exact, found = Fraction(expected), number(text)
    assert found is not None
    assert Fraction(found.plain) == exact
    whole = exact.denominator == 1 and -(2**63) <= exact < 2**63
    assert int64(text) == (str(int(exact)) if whole else None)
    digits = decimal(text, 9, 4)
    fits = (exact * 10**4).denominator == 1 and abs(exact) < 10**5
    assert (None if digits is None else Fraction(digits)) == (exact if fits else None)
    assert float(float64(text) or "nan") == float(exact)


def test_other_texts_are_not_numbers() -> None:
    for text in ("", ".", "+", "e5", "1e", "1_000", "0x10", "inf", "NaN", "\u0661", "1 ", "1e12345", "0" * 401):
        assert number(text) is None, text


def test_json_numbers_of_one_value_have_one_text() -> None:
    for texts in (["1", "1.0", "1e0", "10E-1"], ["0", "-0", "0.000", "0e99"], ["100", "1e2"], ["-0.5", "-5e-1"]):
        assert len({exact_json(text) for text in texts}) == 1, texts
    assert exact_json("1e999999999") == "1e999999999"
    assert exact_json("12345678901234567890.1") != exact_json("12345678901234567890.2")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.sampled_from([0.5, -1.25]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES, st.randoms(use_true_random=False))
def test_json_of_one_value_has_one_canonical_form(value: Any, chance: Any) -> None:
    def shuffled(part: Any) -> Any:
        if isinstance(part, list):
            return [shuffled(one) for one in part]
        if isinstance(part, dict):
            members = [(name, shuffled(one)) for name, one in part.items()]
            chance.shuffle(members)
            return dict(members)
        return part

    text = canonical_json(json.dumps(value))
    assert text is not None
    assert json.loads(text) == value
    other = json.dumps(shuffled(value), indent=1, ensure_ascii=False)
    assert canonical_json(other) == text == canonical_json(text)


def test_of_members_of_one_name_the_last_one_stays_and_names_are_sorted_by_their_bytes() -> None:
    assert canonical_json('{"b": 1, "a": 2, "b": 3}') == '{"a":2,"b":3}'
    assert canonical_json('{"\U0001f600": 1, "\uffee": 2}') == '{"\uffee":2,"\U0001f600":1}'


def test_what_is_not_json_has_no_canonical_form() -> None:
    for text in ("", "NaN", "{'a': 1}", "[1,]", "01", "abc", "[" * 100_000):
        assert canonical_json(text) is None

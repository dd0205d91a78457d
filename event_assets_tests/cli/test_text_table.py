"""Tables for people: never wider than the terminal, no value broken, what is left out named."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from event_assets.cli.text_table import Shown, _fitting, print_rows

NUMERIC = {"user": False, "events": True, "page": False}


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")


def test_columns_that_do_not_fit_are_left_out_and_named(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows({**NUMERIC, "last": False}, [("ann", 12, "/a/very/long/page", "b")])
    out, err = capsys.readouterr()
    assert [line.strip("│").split("│") for line in out.splitlines() if "│" in line] == [
        [" ann  ", "     12 ", " b    "],
    ]
    assert max(map(cell_len, out.splitlines())) <= 30
    assert err == "1 column not shown: page\n(--wide or --records shows\nthem)\n"


def test_long_ids_make_room_for_columns_that_describe_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    ids = [f"2f0c6b1e-0000-5000-8000-00000000000{n}" for n in range(2)]
    rows = [(ids[0], "ann", "view", 7), (ids[1], None, "buy", 8)]
    print_rows({"session_id": False, "user": False, "type": False, "n": True}, rows, shown=Shown())
    out, err = capsys.readouterr()
    assert [line.strip("│").split("│") for line in out.splitlines() if "│" in line] == [
        [" ann  ", " view ", " 7 "],
        ["      ", " buy  ", " 8 "],
    ]
    assert err == "1 column not shown: session_id\n(--wide or --records shows\nthem)\n"


def test_wide_shows_all_columns_in_one_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows(NUMERIC, [("ann", 12, "/a/very/long/page")], shown=Shown(wide=True))
    out, err = capsys.readouterr()
    assert "│ ann  │     12 │ /a/very/long/page │" in out
    assert err == ""


def test_records_show_a_column_a_line_and_control_characters_as_escapes(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows(NUMERIC, [("ann", 12, "/a\n\x1b[31m"), ("bob", None, "日本")], shown=Shown(records=True))
    assert capsys.readouterr().out.splitlines() == [
        "[ record 1 ]",
        "user   | ann",
        "events | 12",
        r"page   | /a\n\x1b[31m",
        "[ record 2 ]",
        "user   | bob",
        "events | ",
        "page   | 日本",
    ]


def test_a_table_of_which_no_column_fits_is_shown_as_records(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows({"page": False}, [("/" + "a" * 40,)])
    assert capsys.readouterr().out.splitlines() == ["[ record 1 ]", "page | /" + "a" * 40]


@given(st.lists(st.integers(1, 60)), st.integers(1, 200), st.randoms(use_true_random=False))
def test_what_is_chosen_fits_and_nothing_that_still_fits_is_left_out(
    widths: list[int], width: int, chance: random.Random
) -> None:
    chosen = _fitting(widths, width, chance.sample(range(len(widths)), len(widths)))
    assert chosen == sorted(chosen)
    taken = 1 + sum(widths[place] + 3 for place in chosen)
    assert taken <= width or not chosen
    assert all(taken + widths[place] + 3 > width for place in range(len(widths)) if place not in chosen)

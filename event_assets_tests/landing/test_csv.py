from __future__ import annotations

import datetime as dt

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from event_assets.landing.csv import _extra, _extra_of_many
from event_assets.landing.reader_interface import EXTRA, ROW_NUMBER
from event_assets.tables.landed_tables import MAX_RAW_BYTES
from event_assets_tests.landing.conftest import Land
from event_assets_tests.landing.tiny import declare

HEADER = "user_id,event_type,value,at\n"


def test_a_row_lands_as_the_texts_that_the_source_wrote(land: Land) -> None:
    outcome = land(HEADER + '1,view,12.50,2024-01-02\n02,"a ""b"", c",,2024-01-02 03:04:05\n', declare())
    assert outcome.values("row_number", "user_id", "event_type", "value", "extra", "event_time", "time_assumed") == [
        (1, "1", "view", "12.50", None, dt.datetime(2024, 1, 2, tzinfo=dt.UTC), False),
        (2, "02", 'a "b", c', None, None, dt.datetime(2024, 1, 2, 3, 4, 5, tzinfo=dt.UTC), False),
    ]


def test_lines_may_end_in_any_way_and_a_bom_is_dropped(land: Land) -> None:
    for end in ("\n", "\r\n", "\r"):
        outcome = land("\ufeff" + HEADER.replace("\n", end) + f"1,a,,2024-01-02{end}2,b,,2024-01-02", declare())
        assert outcome.values("row_number", "user_id", "event_type") == [(1, "1", "a"), (2, "2", "b")]
        assert outcome.landed.repairs == ("bom removed",)


def test_blank_lines_are_no_records(land: Land) -> None:
    outcome = land("\n" + HEADER + "\n1,a,,2024-01-02\n\n  \n2,b,,2024-01-02\n\r\n\n", declare())
    assert outcome.values("row_number", "user_id") == [(1, "1"), (2, "2")]


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", b"\n\n", HEADER.encode()])
def test_an_empty_file_is_landed_without_records(land: Land, content: bytes) -> None:
    landed = land(content, declare()).landed
    assert (landed.records, landed.reason, landed.parts, landed.rejects) == (0, None, {}, None)


def test_too_few_and_too_many_fields_are_malformed(land: Land) -> None:
    outcome = land(HEADER + "1,a\n2,b,,2024-01-02\n3,c,,2024-01-02,x\n4,d,,2024-01-02\n", declare())
    assert outcome.values("row_number", "user_id") == [(2, "2"), (4, "4")]
    assert outcome.rejects == [
        (1, "malformed_record", None, "1,a"),
        (3, "malformed_record", None, "3,c,,2024-01-02,x"),
    ]


def test_a_file_cut_off_in_its_last_record_gives_every_whole_record_and_one_reject(land: Land) -> None:
    for tail in ("2,b", '2,"b', '2,"b\nmore of it'):
        outcome = land(HEADER + "1,a,,2024-01-02\n" + tail, declare())
        assert outcome.values("row_number", "user_id") == [(1, "1")]
        assert outcome.rejects == [(2, "malformed_record", None, tail)]


def test_line_breaks_within_quotes_belong_to_the_field(land: Land) -> None:
    outcome = land(HEADER + '1,"two\nlines\r\n",,2024-01-02\n2,b,,2024-01-02\n', declare())
    assert outcome.values("row_number", "event_type") == [(1, "two\nlines\r\n"), (2, "b")]


def test_an_unclosed_quote_spoils_no_record_but_its_own(land: Land) -> None:
    rows = [f"{number},a,,2024-01-02" for number in range(1, 101)]
    rows[9] = '10,"a,,2024-01-02'
    outcome = land(HEADER + "\n".join(rows) + "\n", declare())
    assert outcome.landed.landed == 99
    assert outcome.rejects == [(10, "malformed_record", None, '10,"a,,2024-01-02')]


def test_text_behind_a_closing_quote_is_malformed(land: Land) -> None:
    outcome = land(HEADER + '1,"a"b,,2024-01-02\n2,"b",,2024-01-02\n', declare())
    assert outcome.values("row_number", "event_type") == [(2, "b")]
    assert outcome.rejects == [(1, "malformed_record", None, '1,"a"b,,2024-01-02')]


def test_a_quote_within_an_unquoted_field_is_text(land: Land) -> None:
    outcome = land(HEADER + '1,27" screen,,2024-01-02\n2, "b",,2024-01-02\n', declare())
    assert outcome.values("row_number", "event_type") == [(1, '27" screen'), (2, ' "b"')]


def test_a_nul_byte_is_malformed(land: Land) -> None:
    outcome = land(HEADER + "1,a\0b,,2024-01-02\n2,b,,2024-01-02\n", declare())
    assert outcome.values("row_number", "user_id") == [(2, "2")]
    assert outcome.rejects == [(1, "malformed_record", None, "1,a\0b,,2024-01-02")]


def test_bytes_that_are_not_utf8_are_told_and_shown(land: Land) -> None:
    outcome = land(HEADER.encode() + b"1,caf\xe9,,2024-01-02\n2,caf\xc3\xa9,,2024-01-02\n", declare())
    assert outcome.values("row_number", "event_type") == [(2, "café")]
    assert outcome.rejects == [(1, "not_utf8", None, "1,caf\\xe9,,2024-01-02")]


def test_a_record_over_the_limit_is_too_long_and_its_first_64_kib_are_kept(land: Land) -> None:
    dataset = declare(events__max_record_bytes=100_000)
    long = "2," + "ä" * 60_000 + ",,2024-01-02"
    outcome = land(HEADER + "1,a,,2024-01-02\n" + long + "\n3,c,,2024-01-02\n", dataset)
    assert outcome.values("row_number", "user_id") == [(1, "1"), (3, "3")]
    assert outcome.rejects == [(2, "record_too_long", None, long.encode()[:MAX_RAW_BYTES].decode())]


def test_a_line_longer_than_a_block_is_too_long(land: Land) -> None:
    dataset = declare(events__max_record_bytes=2048)
    outcome = land(HEADER + "1,a,,2024-01-02\n2," + "x" * 9_000_000 + "\n3,c,,2024-01-02\n", dataset)
    assert outcome.values("row_number", "user_id") == [(1, "1"), (3, "3")]
    assert [reject[:2] for reject in outcome.rejects] == [(2, "record_too_long")]


def test_undeclared_fields_are_kept_and_told(land: Land) -> None:
    outcome = land('colour,at,user_id,"si""ze"\nre"d,2024-01-02,1,\n,2024-01-02,2,\nblue,2024-01-02,3,9\n', declare())
    assert outcome.values("user_id", "event_type", "extra") == [
        ("1", None, '{"colour":"re\\"d"}'),
        ("2", None, None),
        ("3", None, '{"colour":"blue","si\\"ze":"9"}'),
    ]
    assert outcome.landed.drift.new == {"colour": 2, 'si"ze': 1}
    assert outcome.landed.drift.missing == ("event_type", "value")


def test_an_undeclared_field_without_any_value_is_no_drift(land: Land) -> None:
    outcome = land("at,user_id,event_type,value,colour\n2024-01-02,1,a,1,\n2024-01-02,2,b,2,\n", declare())
    assert str(outcome.landed.drift) == ""


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("event_type,value", "missing_column: user_id, at (found event_type, value)"),
        (
            "User Id,type,value,\u00a0AT\u00a0",
            "missing_column: user_id, at (found User Id, type, value, AT; User Id is nearly user_id; AT is nearly at)",
        ),
        (
            "user_id;event_type;value;at",
            "missing_column: user_id, at (found <27 characters>; the header is one field: declare csv: {delimiter: "
            '";"})',
        ),
        (
            "sep=,",
            "missing_column: user_id, at (found <4 characters>, column_2; the first line names the delimiter: declare",
        ),
        ("7731,ann@example.org,,2024-01-02", "missing_column: user_id, at (found <4 characters>, <15 characters>"),
        (
            "\u00a0user_id,type,value,at",
            "missing_column: user_id (found user_id, type, value, at; user_id with U+00A0 is nearly user_id)",
        ),
        ("user_id,at,value,value", "duplicate_column: value"),
        ('user_id,"at', "unreadable: its header can't be read (malformed_record)"),
    ],
)
def test_a_file_with_a_wrong_header_is_one_rejected_file(land: Land, header: str, reason: str) -> None:
    landed = land(header + "\n1,2024-01-02,3,4\n", declare()).landed
    assert landed.reason is not None
    assert landed.reason.startswith(reason)
    assert (landed.records, landed.landed, landed.rejected, landed.parts, landed.rejects) == (0, 0, 0, {}, None)


def test_fields_without_a_name_are_known_by_their_place(land: Land) -> None:
    outcome = land(",user_id,at,\n0,1,2024-01-02,x\n", declare())
    assert outcome.values("user_id", "extra") == [("1", '{"column_1":"0","column_4":"x"}')]


def test_a_dialect_is_as_declared(land: Land) -> None:
    dialect = {"delimiter": ";", "quote": "'", "escape": "\\", "skip_lines": 2}
    content = "made by\n\nuser_id;event_type;value;at\n1;'it\\'s; so';\"x;2024-01-02\n"
    outcome = land(content, declare(events__csv=dialect))
    assert outcome.values("row_number", "user_id", "event_type", "value") == [(1, "1", "it's; so", '"x')]


def test_a_delimiter_may_be_of_several_characters(land: Land) -> None:
    content = "user_id||event_type||value||at\n1||a|b||'||2024-01-02\n"
    outcome = land(content, declare(events__csv={"delimiter": "||"}))
    assert outcome.values("user_id", "event_type", "value") == [("1", "a|b", "'")]


def test_without_a_header_the_fields_are_known_by_their_place(land: Land) -> None:
    columns = [
        {"name": "event_type", "source": "column_4", "description": "x"},
        {"name": "user_id", "source": "column_1", "required": True, "description": "x"},
    ]
    dataset = declare(columns=columns, events__time={"source": "column_3"}, events__csv={"header": False})
    outcome = land("1,a,2024-01-02,x\n2,b\n3,c,2024-01-02,y\n", dataset)
    assert outcome.values("row_number", "user_id", "event_type", "extra") == [
        (1, "1", "x", '{"column_2":"a"}'),
        (3, "3", "y", '{"column_2":"c"}'),
    ]
    assert outcome.rejects == [(2, "malformed_record", None, "2,b")]


@pytest.mark.slow
def test_a_header_of_any_length_is_read_as_a_whole(land: Land) -> None:
    names = ",".join(f"undeclared_field_{number}" for number in range(100_000))
    outcome = land(f"user_id,at,{names}\n1,2024-01-02{',' * 100_000}\n2,2024-01-02\n", declare())
    assert outcome.values("row_number", "user_id") == [(1, "1")]
    assert [reject[:2] for reject in outcome.rejects] == [(2, "malformed_record")]
    cut = declare(events__max_record_bytes=1024 * 1024)
    assert land(f"user_id,at,{names * 3}\n", cut).landed.reason == (
        "unreadable: its header is longer than 1048576 bytes"
    )


def test_comments_are_no_records_and_a_quoted_field_may_begin_with_the_mark(land: Land) -> None:
    content = "# made by hand\n" + HEADER + '#,a,,x\n1,"a\n# b",,2024-01-02\n"#2",b,,2024-01-02\n#\n#'
    outcome = land(content, declare(events__csv={"comment": "#"}))
    assert outcome.values("row_number", "user_id", "event_type") == [(1, "1", "a\n# b"), (2, "#2", "b")]
    assert outcome.landed.records == 2


def test_any_white_space_may_separate_fields(land: Land) -> None:
    content = 'user_id  event_type\tvalue at\n 1 a \t x  2024-01-02 \n2 "b c" "" 2024-01-02\r\n3 d x\n'
    outcome = land(content, declare(events__csv={"delimiter": "whitespace"}))
    assert outcome.values("row_number", "user_id", "event_type", "value") == [(1, "1", "a", "x"), (2, "2", "b c", None)]
    assert outcome.rejects == [(3, "malformed_record", None, "3 d x")]


W3C = """#Version: 1.0
#Fields: date time user_id event_type value
2024-01-02 03:04:05 1 view -
2024-01-02 03:04:06 2 view
#Date: 2024-01-02 04:00:00
#Fields: user_id date time event_type extra_field
3 2024-01-02 04:00:01 buy x
"""


def test_the_fields_of_a_w3c_log_may_change_within_a_file(land: Land) -> None:
    dialect = {"header": "w3c", "delimiter": " "}
    dataset = declare(events__csv=dialect, events__time={"source": ["date", "time"]})
    outcome = land(W3C, dataset, name="events.log")
    assert outcome.values("row_number", "user_id", "event_type", "value", "extra", "time_text") == [
        (1, "1", "view", None, None, "2024-01-02 03:04:05"),
        (3, "3", "buy", None, '{"extra_field":"x"}', "2024-01-02 04:00:01"),
    ]
    assert outcome.rejects == [(2, "malformed_record", None, "2024-01-02 03:04:06 2 view")]
    assert outcome.landed.drift.missing == ()
    wrong = land("1 2 3\n" + W3C, dataset).landed.reason
    assert wrong == "unreadable: it has records before any #Fields: line"


def test_a_column_may_stand_under_any_header(land: Land) -> None:
    columns = [
        {"name": "user_id", "source": "User Id", "required": True, "description": "x"},
        {"name": "event_type", "constant": "log", "description": "x"},
        {"name": "minutes", "source": "watch_time(min)", "description": "x"},
        {"name": "page", "source": "details.page", "description": "x"},
        {"name": "at_text", "source": "at", "description": "x"},
    ]
    outcome = land(" User Id ,watch_time(min),details.page,at\n1,12.5,/home,2024-01-02\n", declare(columns=columns))
    assert outcome.values("user_id", "event_type", "minutes", "page", "at_text", "extra") == [
        ("1", None, "12.5", "/home", "2024-01-02", None)
    ]


def test_several_workers_give_the_same_as_one(land: Land) -> None:
    rows = "".join(f"{number},{'x' * 60},,2024-01-02\n" for number in range(1, 150_001))
    content = HEADER + rows.replace("\n77777,", '\n"').replace("\n100,x", "\n100,")
    one, three = land(content, declare()), land(content, declare(), workers=3)
    assert one.landed.records == 150_000
    assert one.rows.equals(three.rows)
    assert one.rejects == three.rejects


def test_a_header_of_several_records_names_a_field_by_its_parts(land: Land) -> None:
    rows = 'user,"event\nof",value,at\nid,type,,\n1,view,2.50,2024-01-02\n'
    columns = [
        {"name": "user_id", "source": "user id", "required": True, "description": "The user."},
        {"name": "event_type", "source": "event\nof type", "description": "What happened."},
        {"name": "value", "description": "A value."},
    ]
    outcome = land(rows, declare(columns=columns, events__csv={"header_lines": 2}))
    assert outcome.values("row_number", "user_id", "event_type", "value") == [(1, "1", "view", "2.50")]


@pytest.mark.parametrize("end", ["", "\n", "\n\n", "\r\n"])
def test_a_declared_preamble_and_footer_are_no_records(land: Land, end: str) -> None:
    content = 'Report, "of"\n\n' + HEADER + "1,a,,2024-01-02\n2,b,,2024-01-02\nTotal,2\n\n(end)" + end
    outcome = land(content, declare(events__csv={"skip_lines": 2, "footer_lines": 2}))
    assert (outcome.values("row_number", "user_id"), outcome.landed.records) == ([(1, "1"), (2, "2")], 2)


def test_a_footer_longer_than_the_file_leaves_nothing(land: Land) -> None:
    assert land(HEADER + "1,a,,2024-01-02\n", declare(events__csv={"footer_lines": 3})).landed.records == 0


def test_two_hundred_thousand_undeclared_fields_are_kept(land: Land) -> None:
    """The header has over 1 MiB; every field of it keeps its own value."""
    names = [f"c{place}" for place in range(200_000)]
    values = ["" if place % 50_000 else f"v{place}" for place in range(200_000)]
    text = HEADER.replace("\n", f",{','.join(names)}\n") + "".join(
        f"{user},view,,2024-01-02,{','.join(row)}\n" for user, row in (("1", values), ("2", [""] * 200_000))
    )
    outcome = land(text, declare())
    assert outcome.values("user_id", "extra") == [
        ("1", '{"c0":"v0","c50000":"v50000","c100000":"v100000","c150000":"v150000"}'),
        ("2", None),
    ]


@given(st.lists(st.lists(st.one_of(st.none(), st.text(max_size=3)), min_size=2, max_size=2), max_size=4))
def test_many_undeclared_fields_are_written_as_few_are(rows: list[list[str | None]]) -> None:
    schema = {ROW_NUMBER: pl.Int64, "0": pl.String, "1": pl.String}
    frame = pl.DataFrame([(number, *row) for number, row in enumerate(rows)], schema=schema, orient="row")
    undeclared = {'a "quoted" name': 1, "ä": 0}
    expected = frame.select(ROW_NUMBER, _extra(undeclared).alias(EXTRA)).drop_nulls(EXTRA)
    assert_frame_equal(_extra_of_many(frame, undeclared), expected, check_row_order=False)

"""`event-assets query`: what it prints and writes. What SQL may do is tested with the warehouse."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from event_assets_tests.cli.conftest import Command
from event_assets_tests.world import World, lines

GOOD = lines("ann,view,2025-01-06T10:00:00,/a,1.50", "bob,buy,2025-01-07T09:00:00,NA,2.00")
EVENTS = "SELECT event_date, user_id, price FROM clicks.joined_facts ORDER BY 1"


@pytest.fixture
def world(clicks_world: World) -> World:
    clicks_world.drop("clicks_1.csv", GOOD)
    clicks_world.refresh()
    return clicks_world


def test_rows_are_printed_as_a_table(command: Command, world: World) -> None:
    said = command("query", EVENTS)
    assert said.code == 0
    assert [line.split("│")[1:-1] for line in said.out.splitlines() if "│" in line] == [
        [" 2025-01-06 ", " ann     ", "  1.50 "],
        [" 2025-01-07 ", " bob     ", "  2.00 "],
    ]


def test_json_has_every_row_and_decimals_as_exact_numbers(command: Command, world: World) -> None:
    said = command("query", EVENTS, "--json")
    assert said.out == (
        '[\n{"event_date":"2025-01-06","user_id":"ann","price":1.50}'
        ',\n{"event_date":"2025-01-07","user_id":"bob","price":2.00}\n]\n'
    )
    assert command("query", f"SELECT * FROM ({EVENTS}) WHERE false", "--json").out == "[]\n"


def test_many_rows_are_cut_in_print_and_whole_in_json(command: Command, world: World) -> None:
    printed = command("query", "SELECT i FROM range(70000) t(i)")
    assert printed.out.count("│") == 2 * 100
    assert "first 100 rows" in printed.err
    assert len(json.loads(command("query", "SELECT i FROM range(70000) t(i)", "--json").out)) == 70_000


def test_a_format_prints_all_rows_for_other_programs(command: Command, world: World) -> None:
    csv = "event_date,user_id,price\n2025-01-06,ann,1.50\n2025-01-07,bob,2.00\n"
    assert command("query", EVENTS, "--format", "csv").out == csv
    assert command("query", EVENTS, "--out", "-").out == csv
    assert command("query", EVENTS, "--format", "json").out == command("query", EVENTS, "--json").out
    ndjson = command("query", EVENTS, "--format", "ndjson", "--out", "-")
    assert [json.loads(line)["user_id"] for line in ndjson.out.splitlines()] == ["ann", "bob"]
    assert command("query", EVENTS, "--format", "table").out == command("query", EVENTS).out
    assert ndjson.err == ""


def test_a_format_decides_for_a_file_of_any_name(command: Command, world: World) -> None:
    assert command("query", EVENTS, "--format", "ndjson", "--out", "rows.txt").out == "2 rows in rows.txt\n"
    assert len(Path("rows.txt").read_text().splitlines()) == 2
    assert command("query", EVENTS, "--out", "rows.ndjson").code == 0
    assert Path("rows.ndjson").read_text() == Path("rows.txt").read_text()


def test_formats_that_contradict_each_other_are_wrong_usage(command: Command, world: World) -> None:
    assert command("query", EVENTS, "--json", "--format", "csv").code == 2
    assert command("query", EVENTS, "--format", "table", "--out", "x.csv").code == 2
    assert command("query", EVENTS, "--out", "x.txt").code == 2
    assert command("query", EVENTS, "--format", "xml").code == 2


def test_each_format_of_a_result_file_holds_the_rows(command: Command, world: World) -> None:
    for ending in ("csv", "parquet", "json"):
        said = command("query", EVENTS, "--out", f"result.{ending}")
        assert (said.code, said.out) == (0, f"2 rows in result.{ending}\n")
    assert Path("result.csv").read_text() == "event_date,user_id,price\n2025-01-06,ann,1.50\n2025-01-07,bob,2.00\n"
    assert pl.read_parquet("result.parquet").rows() == [
        (dt.date(2025, 1, 6), "ann", Decimal("1.50")),
        (dt.date(2025, 1, 7), "bob", Decimal("2.00")),
    ]
    assert json.loads(Path("result.json").read_text())[1] == {
        "event_date": "2025-01-07",
        "user_id": "bob",
        "price": 2.0,
    }
    assert sorted(path.name for path in Path().iterdir()) == ["result.csv", "result.json", "result.parquet"]


def test_csv_quotes_what_reads_as_missing_and_disarms_formulas(command: Command, world: World) -> None:
    sql = """SELECT * FROM (VALUES ('NA', '=1+1', 'a,b'), ('', '+x', 'say "hi"'), (NULL, '@y', ' z'), ('EU', '-1', 'w'))
             t("region", "text", "other")"""
    command("query", sql, "--out", "safe.csv")
    assert Path("safe.csv").read_text() == (
        "region,text,other\n" + '"NA",\'=1+1,"a,b"\n' + '"",\'+x,"say ""hi"""\n' + ',\'@y," z"\n' + "EU,'-1,w\n"
    )
    command("query", sql, "--out", "raw.csv", "--raw")
    assert [line.split(",")[1] for line in Path("raw.csv").read_text().splitlines()] == [
        "text",
        "=1+1",
        "+x",
        "@y",
        "-1",
    ]


def test_control_characters_in_data_reach_no_terminal(command: Command, world: World) -> None:
    said = command("query", "SELECT chr(27) || '[31m[/]' AS x")
    assert "\x1b" not in said.out
    assert "\\x1b[31m[/]" in said.out


def test_a_failing_query_writes_no_file_and_keeps_the_one_that_was_there(command: Command, world: World) -> None:
    Path("kept.csv").write_text("before")
    said = command(
        "query", "SELECT CASE WHEN i = 90000 THEN error('boom') ELSE i END FROM range(99999) t(i)", "--out", "kept.csv"
    )
    assert (said.code, said.out) == (1, "")
    assert said.err == "query: Invalid Input Error: boom; fix the query\n"
    assert [path.name for path in Path().iterdir()] == ["kept.csv"]
    assert Path("kept.csv").read_text() == "before"


def test_a_file_of_unknown_format_is_wrong_usage(command: Command, world: World) -> None:
    said = command("query", "SELECT 1", "--out", "x.xlsx")
    assert said.code == 2
    assert "x.xlsx ends in none of .csv, .parquet, .json" in said.err

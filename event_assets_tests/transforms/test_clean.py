"""Cleaning: what a text becomes, what is refused and why."""

from __future__ import annotations

import json
import uuid
from decimal import Decimal
from typing import Any

import pytest

from event_assets.transforms.clean import clean, event_keys, required_columns
from event_assets.transforms.interface import Scope
from event_assets.transforms.validate import judged, quarantine_rows
from event_assets_tests.transforms.bench import DAY, Bench, Rows, at, declared, micros, only, schema_of


def record(number: int = 1, time: str = "10:00:00", **columns: Any) -> dict[str, Any]:
    """A raw record of user u; columns are the source's texts."""
    moment = at(time)
    fixed = {"file_id": "file", "row_number": number, "event_time": moment}
    return {**fixed, "time_assumed": False, "time_text": time, "user_id": "u", "event_type": "view", **columns}


INVALID, MISSING = "invalid", "missing"

#: A column's rules, the source's text, what becomes of it.
Case = tuple[dict[str, Any], str | None, object]
TEXT: list[Case] = [
    ({}, " \t\r\n a b \n", "a b"),
    ({}, "\xa0a\xa0", "\xa0a\xa0"),
    ({}, " \t", None),
    ({}, "-", "-"),
    ({"null_values": ["-", "N/A"]}, " - ", None),
    ({"null_values": ["-", "N/A"]}, "n/a", "n/a"),
    ({"case": "lower"}, "iOS ÉİΣ\u212a", "ios ÉİΣ\u212a"),
    ({"case": "upper"}, "straße", "STRAßE"),
    ({"case": "lower", "aliases": {"Buy It": "PURCHASE"}}, " bUY it ", "PURCHASE"),
    ({"case": "lower", "aliases": {"a": "b", "b": "c"}}, "A", "b"),
    ({"aliases": {"none": ""}}, "None", None),
    ({"constant": "web"}, "app", "web"),
]
NUMBERS: list[Case] = [
    ({"type": "int64"}, "-007", -7),
    ({"type": "int64"}, "9007199254740993", 2**53 + 1),
    ({"type": "int64"}, "9223372036854775807", 2**63 - 1),
    ({"type": "int64"}, "-9223372036854775808", -(2**63)),
    ({"type": "int64"}, "0" * 60 + "1", 1),
    ({"type": "int64"}, "9223372036854775808", INVALID),
    ({"type": "int64"}, "-9223372036854775809", INVALID),
    ({"type": "int64"}, "7731.0", 7731),
    ({"type": "int64"}, "7.731E3", 7731),
    ({"type": "int64"}, "77310e-1", 7731),
    ({"type": "int64"}, ".7731e+0004", 7731),
    ({"type": "int64"}, "+1.", 1),
    ({"type": "int64"}, "-0.0", 0),
    ({"type": "int64"}, "12.5", INVALID),
    ({"type": "int64"}, "1e19", INVALID),
    ({"type": "int64"}, "1e00001", INVALID),
    ({"type": "int64"}, ".", INVALID),
    ({"type": "int64"}, "1 0", INVALID),
    ({"type": "int64"}, "0" * 399 + "1", 1),
    ({"type": "int64"}, "0" * 400 + "1", INVALID),
    ({"type": "int64"}, "١٢", INVALID),
    ({"type": "decimal(5,2)"}, "-0.5", Decimal("-0.50")),
    ({"type": "decimal(5,2)"}, "00999.99", Decimal("999.99")),
    ({"type": "decimal(5,2)"}, "1000", INVALID),
    ({"type": "decimal(5,2)"}, "1.005", INVALID),
    ({"type": "decimal(5,2)"}, "1.", Decimal("1.00")),
    ({"type": "decimal(5,2)"}, "1e2", Decimal("100.00")),
    ({"type": "decimal(5,2)"}, "0.1000", Decimal("0.10")),
    ({"type": "decimal(5,2)"}, "0.125", INVALID),
    ({"type": "decimal(5,2)"}, "+.5e-1", Decimal("0.05")),
    ({"type": "decimal(5,2)"}, "1e3", INVALID),
    ({"type": "decimal(5,2)"}, "1,50", INVALID),
    ({"type": "decimal(2,2)"}, "0.99", Decimal("0.99")),
    ({"type": "decimal(2,2)"}, "1.00", INVALID),
    ({"type": "decimal(38,0)"}, "9" * 38, Decimal("9" * 38)),
    ({"type": "float64"}, "-1.5e-3", -0.0015),
    ({"type": "float64"}, "0.1", 0.1),
    ({"type": "float64"}, "+.5", 0.5),
    ({"type": "float64"}, "9" * 200 + "." + "9" * 150, 1e200),
    ({"type": "float64"}, "5e-324", 5e-324),
    ({"type": "float64"}, "1e-400", 0.0),
    ({"type": "float64"}, "Infinity", INVALID),
    ({"type": "float64"}, "NaN", INVALID),
    ({"type": "float64"}, "1e999", INVALID),
]
OTHERS: list[Case] = [
    ({"type": "bool"}, "TRUE", True),
    ({"type": "bool", "booleans": {"Y": True, "N": False}}, "n", False),
    ({"type": "bool", "booleans": {"Y": True, "N": False}}, "true", INVALID),
    ({"type": "date"}, "2024-02-29", DAY.replace(month=2, day=29)),
    ({"type": "date"}, "2023-02-29", INVALID),
    ({"type": "date"}, "2024-2-9", INVALID),
    ({"type": "date"}, "0000-01-01", INVALID),
    ({"type": "json"}, '{"a": [1e400, "\\u00e9"]}', '{"a": [1e400, "\\u00e9"]}'),
    ({"type": "json"}, '"abc"', '"abc"'),
    ({"type": "json"}, '"null"', '"null"'),
    ({"type": "json", "null_values": ["-", "5"], "aliases": {"5": "6"}}, "5", "5"),
    ({"type": "json", "null_values": ["-"]}, " - ", None),
    ({"type": "json"}, "null", None),
    ({"type": "json"}, "[" * 200 + "]" * 200, "[" * 200 + "]" * 200),
    ({"type": "json"}, "[" * 201 + "]" * 201, INVALID),
    ({"type": "json"}, "abc", INVALID),
    ({"type": "json"}, "{'a': 1}", INVALID),
    ({"type": "json"}, "NaN", INVALID),
    ({"type": "timestamp"}, "2024-05-02 10:00:00.1234567+02:00", at("08:00:00.123456")),
    ({"type": "timestamp"}, "2024-05-02", at("00:00")),
    ({"type": "timestamp"}, "2024-05-02T24:00:00", INVALID),
]
RULES: list[Case] = [
    ({"type": "int64", "min": "0", "max": "9"}, "9", 9),
    ({"type": "int64", "min": "0", "max": "9"}, "10", INVALID),
    ({"type": "decimal(5,2)", "min": "0.10"}, "0.09", INVALID),
    ({"type": "date", "max": "2024-01-01"}, "2024-01-02", INVALID),
    ({"required": True}, " ", MISSING),
    ({"required": True, "null_values": ["?"]}, "?", MISSING),
    ({"type": "int64", "min": "0"}, None, None),
]


@pytest.mark.parametrize("cases", [TEXT, NUMBERS, OTHERS, RULES], ids=["text", "numbers", "others", "rules"])
def test_a_text_becomes_its_value_or_a_reason(bench: Bench, cases: list[Case]) -> None:
    """One record, a column for each case."""
    named = {f"x{number}": case for number, case in enumerate(cases)}
    columns = [{"name": name, **rules} for name, (rules, _, _) in named.items()]
    dataset = declared(columns, deduplicate={"keys": ["user_id"]})
    raw = bench.frame(
        [record(**{name: text for name, (_, text, _) in named.items()})], schema_of(dataset, "raw_events")
    )
    scope = Scope(dataset, bench.ports, (DAY,))
    required = required_columns(dataset)
    records = judged(raw, dataset.columns, required, scope)
    (typed,), refused = bench.rows(records), bench.rows(quarantine_rows(records, dataset.columns, required, scope))
    reasons = dict(reversed(reason.split("_", 1)) for row in refused for reason in row["reasons"].split(","))
    found = {name: reasons.get(name, typed[f"typed {name}"]) for name in named}
    assert found == {name: becomes for name, (_, _, becomes) in named.items()}


@pytest.mark.parametrize("others", [0, 300], ids=["few", "many"])
def test_a_name_becomes_the_same_among_few_and_many_texts(bench: Bench, others: int) -> None:
    rules = {"case": "lower", "aliases": {"Buy It": "PURCHASE", "none": ""}, "null_values": ["-"]}
    dataset = declared([{"name": "x", **rules}], deduplicate={"keys": ["event_time"]})
    becomes = {
        " bUY it ": "PURCHASE",
        "None": None,
        " - ": None,
        " ": None,
        None: None,
        "iOS \u00c9\u0130": "ios \u00c9\u0130",
    }
    texts = [*becomes, *(f" Text {number}" for number in range(others))]
    records = [record(number, f"10:{number // 60:02}:{number % 60:02}", x=text) for number, text in enumerate(texts, 1)]
    made, _ = bench.run(clean, dataset, {"raw_events": records})
    found = {texts[row["row_number"] - 1]: row["x"] for row in made["cleaned_events"]}
    assert found == {text: becomes.get(text, text and text.strip().lower()) for text in texts}


def test_naive_times_of_a_column_are_in_the_source_timezone(bench: Bench) -> None:
    dataset = declared([{"name": "x", "type": "timestamp"}], source_timezone="Europe/Berlin")
    records = [record(1, x="2024-03-31T02:30:00"), record(2, x="2024-10-27T02:30:00"), record(3, x="2024-06-01T12:00")]
    made, _ = bench.run(clean, dataset, {"raw_events": records})
    # A gap and a fold as with fold=0: the offset before the change.
    found = {row["row_number"]: row["x"] for row in made["cleaned_events"]}
    assert found == {1: at("2024-03-31T01:30"), 2: at("2024-10-27T00:30"), 3: at("2024-06-01T10:00")}


def test_a_refused_record_keeps_its_text_and_all_its_reasons(bench: Bench) -> None:
    dataset = declared(
        [
            {"name": "n", "source": "details.n", "type": "int64"},
            {"name": "user_id", "required": True},
            {"name": "price", "type": "decimal(5,2)", "min": 0},
            {"name": "source_name", "constant": "web"},
        ]
    )
    bad = record(7, n=" 1x", user_id="", price="-1", event_type=None, extra='{"z": 1.50, "é": "\\u00e9"}')
    made, figures = bench.run(clean, dataset, {"raw_events": [bad, record(8, n="1", price='2"')]})
    assert made["quarantine"] == [
        {
            "file_id": "file",
            "row_number": 7,
            "reason": "invalid_n",
            "reasons": "invalid_n,missing_user_id,invalid_price",
            "column": "n",
            "raw": '{"event_type": "", "details.n": " 1x", "user_id": "", "price": "-1", "time": "10:00:00", '
            '"z": 1.50, "é": "\\u00e9"}',
        },
        {
            "file_id": "file",
            "row_number": 8,
            "reason": "invalid_price",
            "reasons": "invalid_price",
            "column": "price",
            "raw": '{"event_type": "view", "details.n": "1", "user_id": "u", "price": "2\\"", "time": "10:00:00"}',
        },
    ]
    assert figures == {"raw": 2, "duplicates": 0, "quarantined": 2, "cleaned": 0}


def test_a_refused_text_is_cut_at_64_kib(bench: Bench) -> None:
    dataset = declared([{"name": "n", "type": "int64"}])
    made, _ = bench.run(clean, dataset, {"raw_events": [record(n="é" * 50_000)]})
    raw = made["quarantine"][0]["raw"]
    assert 64 * 1024 - 1 <= len(raw.encode()) <= 64 * 1024
    assert raw.endswith("é")


def test_a_user_and_a_declared_id_are_required_though_nobody_says_so(bench: Bench) -> None:
    dataset = declared([{"name": "log_id", "type": "int64"}], event_id="log_id", deduplicate={"days": 0})
    made, _ = bench.run(clean, dataset, {"raw_events": [record(1, log_id="1", user_id=" "), record(2)]})
    assert only(made["quarantine"], "row_number", "reason") == [(1, "missing_user_id"), (2, "missing_log_id")]


def test_nothing_in_gives_nothing_out(bench: Bench) -> None:
    made, figures = bench.run(clean, declared(), {"raw_events": []})
    assert made == {"cleaned_events": [], "quarantine": []}
    assert figures == {"raw": 0, "duplicates": 0, "quarantined": 0, "cleaned": 0}


def kept(bench: Bench, dataset: Any, records: Rows, **more: Rows) -> tuple[list[int], dict[str, int]]:
    """Row numbers of the records that stay, and the figures."""
    made, figures = bench.run(clean, dataset, {"raw_events": records, **more})
    return sorted(row["row_number"] for row in made["cleaned_events"]), figures


def test_equal_records_stay_once_and_nulls_are_equal(bench: Bench) -> None:
    dataset = declared([{"name": "price", "type": "decimal(5,2)"}])
    records = [record(1), record(2), record(3, price="1.50"), record(4, price=" 1.5"), record(5, "10:00:00.000001")]
    stays, figures = kept(bench, dataset, records)
    assert stays == [1, 3, 5]
    assert figures == {"raw": 5, "duplicates": 2, "quarantined": 0, "cleaned": 3}


def test_of_equal_keys_the_first_by_time_then_by_values_stays(bench: Bench) -> None:
    dataset = declared([{"name": "page"}, {"name": "n", "type": "int64"}], deduplicate={"keys": ["user_id"], "days": 0})
    later, b, a, none = record(1, "10:00:01"), record(2, page="b"), record(3, page="a", n="10"), record(4, page="a")
    assert kept(bench, dataset, [later, b])[0] == [2]
    assert kept(bench, dataset, [later, b, a])[0] == [3]
    assert kept(bench, dataset, [later, b, a, none])[0] == [4]
    numbers = [record(1, page="a", n="10"), record(2, page="a", n="9")]
    assert kept(bench, dataset, numbers)[0] == [2]
    beyond_ascii = [record(1, page="é"), record(2, page="z"), record(3, page="Z")]
    assert kept(bench, dataset, beyond_ascii)[0] == [3]


def test_equal_in_all_values_the_least_file_and_row_stays(bench: Bench) -> None:
    records = [record(10), record(9), {**record(1), "file_id": "g"}]
    assert kept(bench, declared(), records)[0] == [9]


def test_a_refused_record_is_no_duplicate_and_makes_none(bench: Bench) -> None:
    dataset = declared([{"name": "n", "type": "int64"}], deduplicate={"keys": ["user_id"], "days": 0})
    stays, figures = kept(bench, dataset, [record(1, "09:00", n="x"), record(2, n="1")])
    assert stays == [2]
    assert figures == {"raw": 2, "duplicates": 0, "quarantined": 1, "cleaned": 1}


def test_a_key_of_an_earlier_date_within_reach_makes_a_duplicate(bench: Bench) -> None:
    id_only: dict[str, Any] = {"event_id": "log_id", "deduplicate": {"days": 2}}
    dataset = declared([{"name": "log_id", "type": "int64"}], **id_only)
    keys = [
        {"event_id": 1, "event_date": DAY.replace(day=1)},
        {"event_id": 2, "event_date": DAY.replace(month=4, day=30)},
        {"event_id": 3, "event_date": DAY.replace(month=4, day=29)},
        {"event_id": 4, "event_date": DAY},
    ]
    records = [record(n, log_id=str(n)) for n in (1, 2, 3, 4)] + [record(5, "11:00", log_id="1"), record(6, log_id="4")]
    stays, figures = kept(bench, dataset, records, event_keys=keys)
    assert stays == [3, 4]
    assert figures == {"raw": 6, "duplicates": 4, "quarantined": 0, "cleaned": 2}
    every = declared([{"name": "log_id", "type": "int64"}], event_id="log_id")
    assert kept(bench, every, records, event_keys=keys)[0] == [4]


def test_event_keys_hold_each_valid_key_once(bench: Bench) -> None:
    dataset = declared([{"name": "log_id", "type": "int64"}, {"name": "n", "type": "int64"}], event_id="log_id")
    records = [record(1, log_id="5"), record(2, log_id="05"), record(3, log_id="6", n="x"), record(4, log_id="7")]
    assert bench.table(event_keys, dataset, {"raw_events": records}) == [{"event_id": 5}, {"event_id": 7}]


def test_an_event_id_is_the_uuid_of_dataset_and_key(bench: Bench) -> None:
    dataset = declared(
        [{"name": "price", "type": "decimal(5,2)"}, {"name": "ok", "type": "bool"}, {"name": "day", "type": "date"}]
    )
    made, _ = bench.run(
        clean,
        dataset,
        {"raw_events": [record(user_id="é:", price="-0.5", ok="True", event_type=None, day="2024-01-02")]},
    )
    name = f"4:tiny:16:{micros(at('10:00:00'))}:2:é::-::5:-0.50:4:true:10:2024-01-02"
    namespace = uuid.uuid5(uuid.NAMESPACE_URL, "event_assets:event")
    assert made["cleaned_events"][0]["event_id"] == str(uuid.uuid5(namespace, name))


def test_a_quarantined_text_is_json_again(bench: Bench) -> None:
    odd = 'a"\\\x01\u2028é'
    made, _ = bench.run(clean, declared([{"name": "n", "type": "int64"}]), {"raw_events": [record(n=odd, extra="{}")]})
    assert json.loads(made["quarantine"][0]["raw"]) == {
        "user_id": "u",
        "event_type": "view",
        "n": odd,
        "time": "10:00:00",
    }


def test_json_of_one_value_is_one_event_and_keeps_the_first_text(bench: Bench) -> None:
    dataset = declared([{"name": "props", "type": "json"}])
    texts = ['{"b":2,"a":1.0}', '{"a":1, "b":2e0}', '{"a":1,"b":3}', '"1"', "1", "1.0"]
    raw = [record(number, props=text) for number, text in enumerate(texts, 1)]
    made, figures = bench.run(clean, dataset, {"raw_events": raw})
    assert sorted(row["props"] for row in made["cleaned_events"]) == ['"1"', "1", '{"a":1, "b":2e0}', '{"a":1,"b":3}']
    assert figures["duplicates"] == 2


def test_an_event_without_a_user_is_kept_where_the_declaration_says_so(bench: Bench) -> None:
    raw = {"raw_events": [record(1, user_id=""), record(2)]}
    made, figures = bench.run(clean, declared([{"name": "user_id", "required": False}]), raw)
    assert (len(made["cleaned_events"]), figures["quarantined"]) == (2, 0)
    for optional in ({}, {"required": True}):
        made, figures = bench.run(clean, declared([{"name": "user_id", **optional}]), raw)
        assert (len(made["cleaned_events"]), figures["quarantined"]) == (1, 1)

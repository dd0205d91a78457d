"""Profiles over validity intervals, and their join to events."""

from __future__ import annotations

import datetime as dt
from typing import Any

from event_assets.transforms.joined_facts import joined_facts
from event_assets.transforms.profiles import profiles
from event_assets_tests.transforms.bench import DAY, Bench, Rows, at, declared, only

COLUMNS = [
    {"name": "user_id", "description": "Who."},
    {"name": "country", "case": "upper", "aliases": {"USA": "US"}, "description": "Where."},
    {"name": "age", "type": "int64", "description": "How old."},
]
SOURCE: dict[str, Any] = {"files": ["users*.csv"], "format": "csv", "columns": COLUMNS}
DATASET = declared(profiles=SOURCE)
SINCE_EVER = dt.date(1970, 1, 1)


def may(day: int) -> dt.date:
    return dt.date(2024, 5, day)


def profile(user: str | None, country: str | None, file: str = "f", row: int = 1, **columns: Any) -> dict[str, Any]:
    return {"user_id": user, "country": country, "file_id": file, "row_number": row, **columns}


def snapshot(file: str, date: dt.date | None, name: str = "users.csv") -> dict[str, Any]:
    return {"file_id": file, "name": name, "snapshot_date": date}


def intervals(bench: Bench, rows: Rows, snapshots: Rows) -> list[tuple[Any, ...]]:
    made, _ = bench.run(profiles, DATASET, {"raw_profiles": rows, "profile_snapshots": snapshots}, None)
    return only(made["profiles"], "user_id", "country", "age", "valid_from", "valid_to")


def test_a_profile_without_a_date_holds_since_ever(bench: Bench) -> None:
    assert intervals(bench, [profile("u", " usa ", age="5")], [snapshot("f", None)]) == [
        ("u", "US", 5, SINCE_EVER, None)
    ]


def test_a_change_opens_an_interval_and_the_same_again_does_not(bench: Bench) -> None:
    rows = [profile("u", country, file) for country, file in [("DE", "a"), ("DE", "b"), ("FR", "c"), ("DE", "d")]]
    snapshots = [snapshot("d", may(9)), snapshot("b", may(3)), snapshot("c", may(5)), snapshot("a", may(1))]
    assert intervals(bench, rows, snapshots) == [
        ("u", "DE", None, may(1), may(5)),
        ("u", "DE", None, may(9), None),
        ("u", "FR", None, may(5), may(9)),
    ]


def test_null_and_a_value_differ_and_two_nulls_do_not(bench: Bench) -> None:
    rows = [profile("u", country, file) for country, file in [(None, "a"), (None, "b"), ("DE", "c"), (None, "d")]]
    snapshots = [snapshot(file, may(day)) for file, day in [("a", 1), ("b", 2), ("c", 3), ("d", 4)]]
    assert intervals(bench, rows, snapshots) == [
        ("u", None, None, may(1), may(3)),
        ("u", None, None, may(4), None),
        ("u", "DE", None, may(3), may(4)),
    ]


def test_the_last_of_several_rows_of_a_user_in_a_file_stands(bench: Bench) -> None:
    rows = [profile("u", "DE", row=10), profile("u", "FR", row=9), profile("u", "IT", row=11, age="old")]
    assert intervals(bench, rows, [snapshot("f", None)]) == [("u", "DE", None, SINCE_EVER, None)]


def test_a_user_missing_from_a_later_snapshot_keeps_the_last(bench: Bench) -> None:
    rows = [profile("u", "DE", "a"), profile("v", "FR", "a", 2), profile("v", "IT", "b")]
    assert intervals(bench, rows, [snapshot("a", may(1)), snapshot("b", may(2))]) == [
        ("u", "DE", None, may(1), None),
        ("v", "FR", None, may(1), may(2)),
        ("v", "IT", None, may(2), None),
    ]


def test_of_two_snapshots_of_one_day_the_later_name_stands(bench: Bench) -> None:
    rows = [profile("u", "DE", "a"), profile("u", "FR", "b")]
    snapshots = [snapshot("a", may(1), "users_2.csv"), snapshot("b", may(1), "users_1.csv")]
    assert intervals(bench, rows, snapshots) == [("u", "DE", None, may(1), None)]


def test_one_content_under_two_names_is_two_snapshots_but_one_refusal(bench: Bench) -> None:
    rows = [profile("u", "DE", "a"), profile(None, "DE", "a", 2), profile("u", "FR", "b")]
    snapshots = [snapshot("a", may(1), "x.csv"), snapshot("b", may(2), "y.csv"), snapshot("a", may(3), "z.csv")]
    inputs = {"raw_profiles": rows, "profile_snapshots": snapshots}
    made, figures = bench.run(profiles, DATASET, inputs, None)
    assert only(made["profiles"], "country", "valid_from") == [("DE", may(1)), ("DE", may(3)), ("FR", may(2))]
    assert only(made["profile_quarantine"], "file_id", "row_number", "reason") == [("a", 2, "missing_user_id")]
    assert figures == {"raw": 3, "quarantined": 1, "valid": 2}


def event(user: str, event_id: str, day: dt.date = DAY) -> dict[str, Any]:
    time = at("10:00:00", day)
    return {"event_id": event_id, "user_id": user, "event_time": time, "file_id": "f", "row_number": 1}


HISTORY = [
    {"user_id": "u", "country": "US", "valid_from": may(1), "valid_to": may(2)},
    {"user_id": "u", "country": "DE", "valid_from": may(2), "valid_to": may(3)},
    {"user_id": "u", "country": "FR", "valid_from": may(3), "valid_to": None},
    {"user_id": "later", "country": "US", "valid_from": may(5), "valid_to": may(7)},
    {"user_id": "later", "country": "IT", "valid_from": may(7), "valid_to": None},
]


def facts(bench: Bench, filters: dict[str, list[str]] | None = None) -> tuple[Rows, dict[str, int]]:
    dataset = declared(profiles={**SOURCE, "filter": filters or {}})
    events = [event("u", "1"), event("u", "2"), event("later", "3"), event("nobody", "4")]
    made, figures = bench.run(
        joined_facts, dataset, {"cleaned_events": events, "session_parts": [], "profiles": HISTORY}
    )
    return made["joined_facts"], figures


def test_an_event_takes_the_profile_of_its_day_or_the_users_first(bench: Bench) -> None:
    made, figures = facts(bench)
    assert only(made, "event_id", "country", "has_profile") == [
        ("1", "DE", True),
        ("2", "DE", True),
        ("3", "US", True),
        ("4", None, False),
    ]
    assert figures == {"cleaned": 4, "facts": 4, "filtered": 0, "orphans": 1}


def test_the_profile_filter_keeps_what_matches_after_normalisation(bench: Bench) -> None:
    made, figures = facts(bench, {"country": ["usa", "IT"]})
    assert only(made, "event_id", "country") == [("3", "US")]
    assert figures == {"cleaned": 4, "facts": 1, "filtered": 3, "orphans": 1}


def test_a_filter_of_numbers_compares_numbers(bench: Bench) -> None:
    assert facts(bench, {"age": ["007"]})[1] == {"cleaned": 4, "facts": 0, "filtered": 4, "orphans": 1}


def test_a_dataset_without_profiles_has_no_orphans(bench: Bench) -> None:
    made, figures = bench.run(joined_facts, declared(), {"cleaned_events": [event("u", "1")], "session_parts": []})
    assert only(made["joined_facts"], "event_id", "has_profile") == [("1", False)]
    assert figures == {"cleaned": 1, "facts": 1, "filtered": 0, "orphans": 0}

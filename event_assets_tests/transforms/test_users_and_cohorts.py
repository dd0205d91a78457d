"""Persons and cohorts on every engine."""

from __future__ import annotations

import datetime as dt

from event_assets.transforms.persons import identities, identity_links
from event_assets.transforms.users_and_cohorts import (
    active_users,
    daily_cohorts,
    daily_users,
    first_seen,
    retention,
    users_by,
)
from event_assets_tests.transforms.bench import DAY, Bench, declared, only

COLUMNS = [{"name": "user_id", "type": "int64", "required": False}, {"name": "device"}]
PERSONS = declared(COLUMNS, identity={"links": [["device", "user_id"]]}, gold={"retention": {}})
USERS = declared(gold={"retention": {}})
NEXT = DAY + dt.timedelta(days=1)


def link(column: str, id_: str, linked: str | None = None, date: dt.date = DAY) -> dict[str, object]:
    return {
        "column": column,
        "id": id_,
        "linked_column": "user_id" if linked else None,
        "linked_id": linked,
        "event_date": date,
    }


def test_the_ids_of_a_date_and_those_that_one_event_has_together(bench: Bench) -> None:
    events = [(7, "a"), (7, "a"), (None, "b"), (8, None), (None, None)]
    rows = [{"event_id": str(n), "user_id": user, "device": device} for n, (user, device) in enumerate(events)]
    made = bench.table(identity_links, PERSONS, {"cleaned_events": rows})
    assert only(made, "column", "id", "linked_column", "linked_id") == [
        ("device", "a", None, None),
        ("device", "a", "user_id", "7"),
        ("device", "b", None, None),
        ("user_id", "7", None, None),
        ("user_id", "8", None, None),
    ]


def test_persons_are_the_components_of_links_and_shared_devices_link_nothing(bench: Bench) -> None:
    two = declared(COLUMNS, identity={"links": [["device", "user_id"]], "max_ids": 2})
    rows = [link("device", device) for device in "abcd"] + [link("user_id", user) for user in ("10", "9", "8", "7")]
    rows += [link("device", "a", "10"), link("device", "a", "9"), link("device", "b", "9"), link("device", "b", "8")]
    rows += [link("device", "c", user) for user in ("7", "8", "9")] + [link("device", "a", "9", NEXT)]
    made, figures = bench.run(identities, two, {"identity_links": rows}, None)
    assert only(made["identities"], "column", "id", "person_id") == [
        *(("device", device, "10") for device in "ab"),
        ("device", "c", "c"),
        ("device", "d", "d"),
        ("user_id", "10", "10"),
        ("user_id", "7", "7"),
        ("user_id", "8", "10"),
        ("user_id", "9", "10"),
    ]
    assert figures == {"ids": 8, "overlinked": 1}


def test_unlinked_ids_of_one_text_are_two_ids_with_one_person_id(bench: Bench) -> None:
    rows = [
        link("device", "7"),
        link("device", "8"),
        link("device", "8", "9"),
        link("user_id", "7"),
        link("user_id", "9"),
    ]
    made, figures = bench.run(identities, PERSONS, {"identity_links": rows}, None)
    assert only(made["identities"], "column", "id", "person_id") == [
        ("device", "7", "7"),
        ("device", "8", "9"),
        ("user_id", "7", "7"),
        ("user_id", "9", "9"),
    ]
    assert figures["ids"] == 4


def test_weeks_begin_on_monday_also_before_1970_and_windows_end_on_the_date(bench: Bench) -> None:
    sunday, monday = dt.date(1969, 12, 28), dt.date(1969, 12, 29)
    seen = [("a", sunday), ("a", monday), ("b", monday), ("b", dt.date(1970, 1, 4)), ("a", dt.date(1970, 1, 25))]
    daily = [{"user_id": user, "event_date": date} for user, date in seen]
    first = bench.table(first_seen, USERS, {"daily_users": daily}, None)
    assert only(first, "user_id", "date") == [("a", sunday), ("b", monday)]
    cohorts = []
    for date in sorted({date for _, date in seen}):
        rows = bench.table(daily_cohorts, USERS, {"daily_users": daily, "first_seen": first}, date)
        cohorts += [{**row, "event_date": date} for row in rows]
    assert only(cohorts, "event_date", "cohort_date", "users", "week_users") == [
        (sunday, sunday, 1, 1),
        (monday, sunday, 1, 1),
        (monday, monday, 1, 1),
        (dt.date(1970, 1, 4), monday, 1, 0),
        (dt.date(1970, 1, 25), sunday, 1, 1),
    ]
    made, _ = bench.run(retention, USERS, {"daily_cohorts": cohorts}, None)
    assert only(made["retention"], "cohort_date", "offset_days", "users") == [
        (sunday, 0, 1),
        (sunday, 1, 1),
        (sunday, 28, 1),
        (monday, 0, 1),
        (monday, 6, 1),
    ]
    assert only(made["retention_by_week"], "cohort_week", "offset_weeks", "users") == [
        (dt.date(1969, 12, 22), 0, 1),
        (dt.date(1969, 12, 22), 1, 1),
        (dt.date(1969, 12, 22), 4, 1),
        (monday, 0, 1),
    ]
    for date, expected in ((dt.date(1970, 1, 4), (1, 2, 2)), (dt.date(1970, 1, 25), (1, 1, 2))):
        rows = bench.table(active_users, USERS, {"daily_users": daily}, date)
        assert only(rows, "day", "week", "month") == [expected]


def test_users_are_kept_by_each_value_of_the_declared_columns(bench: Bench) -> None:
    dataset = declared([{"name": "page"}, {"name": "shop", "type": "int64"}], gold={"users_by": ["page", "shop"]})
    values = [("a", "/x", 1), ("a", "/x", 2), ("b", None, 1)]
    facts = [{"event_id": str(n), "user_id": u, "page": p, "shop": s} for n, (u, p, s) in enumerate(values)]
    made = bench.table(users_by, dataset, {"joined_facts": facts})
    assert only(made, "dimension", "value", "user_id") == [
        ("page", None, "b"),
        ("page", "/x", "a"),
        ("shop", "1", "a"),
        ("shop", "1", "b"),
        ("shop", "2", "a"),
    ]


def test_each_user_of_a_date_stands_once_in_the_rollup(bench: Bench) -> None:
    facts = [{"event_id": str(n), "user_id": user, "event_date": DAY} for n, user in enumerate(["a", "b", "a"])]
    assert only(bench.table(daily_users, USERS, {"joined_facts": facts}), "user_id") == [("a",), ("b",)]

"""Drafts of exports of vendors that have no recipe: what a person would otherwise have to find out by reading."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from event_assets.draft import draft
from event_assets.draft.trial_run import try_out
from event_assets_tests.draft.test_real_exports import csv, drafted, ndjson
from event_assets_tests.workbooks import workbook

AT = [f"2025-01-06T08:{n:02d}:00Z" for n in range(20)]


def roles(made: Any) -> tuple[Any, ...]:
    """Where the time, the user and the type of event are."""
    events = made.dataset.events[0]
    kind = events.column("event_type")
    return events.time.source, events.column("user_id").source, kind.constant or kind.source


def test_a_number_is_a_time_where_its_name_ends_as_names_of_times_do(tmp_path: Path) -> None:
    for name, unit in (("EdgeStartTimestamp", 10**9), ("time_usec", 10**6), ("created", 1)):
        records = [
            {"api_version": "2024-06-20", "user": f"u{n % 3}", "kind": "a", name: (1736150400 + n) * unit}
            for n in range(12)
        ]
        made, trial = drafted(tmp_path / name, {"e.ndjson": ndjson(*records)})
        assert made.dataset.events[0].time.source == name
        assert (trial.taken, made.dataset.start_date) == (12, dt.date(2025, 1, 6))


def test_a_field_with_one_value_is_neither_the_user_nor_the_type_where_another_tells_them_apart(tmp_path: Path) -> None:
    records = [
        {"eventTime": at, "eventName": ("Get", "Put")[n % 2], "eventType": "AwsApiCall",
         "sourceIPAddress": f"198.51.100.{n}", "userIdentity": {"accountId": "123456789012", "userName": f"u{n % 3}"}}
        for n, at in enumerate(AT)
    ]  # fmt: skip
    made, trial = drafted(tmp_path, {"e.json": json.dumps({"Records": records})})
    assert roles(made) == ("eventTime", "userIdentity.userName", "eventName")
    assert made.dataset.geo == "source_ipaddress"
    assert trial.taken == 20


def test_what_a_person_has_to_name_is_listed(tmp_path: Path) -> None:
    rows = [f"{at},N{n},{('LEND', 'RETURN')[n % 2]},B{n % 4}" for n, at in enumerate(AT)]
    made, _ = drafted(tmp_path, {"e.csv": csv("at,nr,posting,branch", *rows)})
    assert (
        "no field names a user, so that all events are of one; name one with source: FIELD, such as branch"
        in made.notes
    )
    assert (
        "no field has the type of the event, so that all events have this type; name one with source: FIELD, such as "
        "posting, branch" in made.notes
    )


def test_an_address_of_e_mail_is_the_user_where_no_field_is_an_id(tmp_path: Path) -> None:
    rows = [f"{at},u{n % 4}@example.org,{n % 4 + 7},s{n % 2}@example.org,open" for n, at in enumerate(AT)]
    made, trial = drafted(tmp_path, {"e.csv": csv("Sent at,Customer Email,Account ID,Shipping E-Mail,Event", *rows)})
    assert roles(made) == ("Sent at", "Account ID", "Event")
    assert "other fields that could be the user are Customer Email, Shipping E-Mail" in made.notes
    bare = [f"{at},u{n % 4}@example.org,{('paid', 'open')[n % 2]}" for n, at in enumerate(AT)]
    made, _ = drafted(tmp_path / "c", {"e.csv": csv("Sent at,Customer Email,State", *bare)})
    assert any(note.endswith("name one with source: FIELD, such as State") for note in made.notes)
    rows = [row.replace(f",{n % 4 + 7},", ",,") for n, row in enumerate(rows)]
    made, trial = drafted(tmp_path / "b", {"e.csv": csv("Sent at,Customer Email,Note,Shipping E-Mail,Event", *rows)})
    assert roles(made) == ("Sent at", "Customer Email", "Event")
    assert (trial.taken, made.dataset.column("user_id").personal) == (20, True)
    assert any(note.startswith("users are known by the e-mail address in Customer Email") for note in made.notes)


def test_the_id_of_amplitude_and_the_steps_of_a_sale_are_known_by_several_names(tmp_path: Path) -> None:
    steps = ("Viewed Page", "Added To Cart", "Order Placed")
    records = [
        {"event_id": n, "$insert_id": f"i{n}", "user_id": f"u{n % 3}", "event_time": at, "event_type": steps[n % 3]}
        for n, at in enumerate(AT)
    ]
    made, _ = drafted(tmp_path, {"e.ndjson": ndjson(*records)})
    assert made.dataset.event_id == "insert_id"
    assert made.dataset.gold.user_funnel is not None
    assert [step.name for step in made.dataset.gold.user_funnel.steps] == list(steps)


def test_the_type_of_event_may_be_a_part_of_the_folders(tmp_path: Path) -> None:
    rows = csv("time,user_id", "2025-01-06T08:00:00Z,a", "2025-01-06T09:00:00Z,b")
    made, trial = drafted(
        tmp_path, {f"event_type={kind}/date=2025-01-06/part-0.csv": rows for kind in ("open", "click")}
    )
    kind = made.dataset.column("event_type")
    assert (kind.source, kind.pattern) == ("file_path", "event_type=([^/]+)")
    assert (trial.taken, set(trial.rows["event_type"])) == (4, {"open", "click"})


def test_rows_above_the_header_of_a_sheet_are_passed_over(tmp_path: Path) -> None:
    rows: list[list[str | float | None]] = [["Report", None, None, None], ["Shop 7", None, None, None]]
    rows += [["Zeit", "Kundennr.", "Vorgang", "Betrag"]]
    rows += [[45663.5 + n / 8, f"K{n % 3}", "Kauf", n + 0.5] for n in range(8)]
    path = tmp_path / "report.xlsx"
    path.write_bytes(workbook({"Tabelle1": rows}))
    made = draft("mine", path)
    assert roles(made)[:2] == ("Zeit", "Kundennr.")
    assert "rows above the header are passed over: 'Report / Shop 7'" in made.notes
    assert try_out(made.dataset, made.files, dt.datetime(2026, 1, 1, tzinfo=dt.UTC)).taken == 8


def test_a_file_that_is_only_a_header_names_the_columns_of_those_without(tmp_path: Path) -> None:
    rows = [f"{n}\t2025-01-06 08:{n:02d}:00\tv{n % 3}\thttps://x/{n % 2}" for n in range(12)]
    made, trial = drafted(
        tmp_path, {"hits_20250106.tsv": csv(*rows), "column_headers.tsv": "hitid\tdate_time\tmcvisid\tpage_url\n"}
    )
    assert [(one.name, one.source) for one in made.dataset.columns if one.constant is None] == [
        ("hitid", "column_1"),
        ("user_id", "column_3"),
        ("page_url", "column_4"),
    ]
    assert "the columns have no header: they are called as in column_headers.tsv, by their place" in made.notes
    assert trial.taken == 12


def test_a_log_of_any_program_is_read_as_a_time_and_the_text_around_it(tmp_path: Path) -> None:
    lines = [f"web-{n % 2} [2025-01-06 08:{n:02d}:00,123] INFO Login of user {n % 3}, ok" for n in range(12)]
    made, trial = drafted(tmp_path, {"app.log": csv(*lines)})
    events = made.dataset.events[0]
    assert (events.format, events.time.source, trial.taken) == ("log", "time", 12)
    assert trial.rows["message"][0] == " INFO Login of user 0, ok".strip()
    assert events.files == ("app*.log",)  # the next file of the program, too
    for form in ("Mon, 06 Jan 2025 08:{n:02d}:00 +0000", "[06 Jan 2025 08:{n:02d}:00 GMT]"):
        mails = [f"{form.format(n=n)} INFO action={('view', 'buy')[n % 2]}" for n in range(12)]
        made, trial = drafted(tmp_path / form[:3], {"mail.log": csv(*mails)})
        assert made.dataset.events[0].time.formats == ("rfc2822",)
        assert (trial.taken, str(trial.rows["event_time"][0])) == (12, "2025-01-06 08:00:00+00:00")
    errors = [f"[Mon Jan 06 08:{n:02d}:00 2025] [error] child {n} in state 6" + ", again" * (n % 3) for n in range(12)]
    made, trial = drafted(tmp_path / "apache", {"error_log": csv(*errors)})
    assert made.dataset.events[0].time.formats == ("%a %b %d %H:%M:%S %Y",)
    assert (trial.taken, str(trial.first_date)) == (12, "2025-01-06")
    haproxy = (
        "Jan  6 08:00:%02d lb1 haproxy[14389]: 10.0.1.%d:33317 [06/Jan/2025:08:00:%02d.655] http-in static/srv1 "
        '10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 {1wt.eu} {} "GET /index.html HTTP/1.1"'
    )
    made, trial = drafted(tmp_path / "lb", {"haproxy.log": csv(*(haproxy % (n, n % 3, n) for n in range(12)))})
    assert roles(made) == ("time", "client_ip", "method")
    assert trial.taken == 12


@pytest.mark.parametrize(
    "line",
    [
        "{at} INFO user=u{n} action={kind}",
        'time={at} level=info msg="a, b" user=u{n} action={kind}',
        "[{at}] shop: {kind}ed (user=u{n}, action={kind}); took=3",
    ],
)
def test_names_with_values_in_the_lines_of_a_log_are_fields(tmp_path: Path, line: str) -> None:
    lines = [line.format(at=at, n=n % 3, kind=("view", "buy")[n % 2]) for n, at in enumerate(AT)]
    without = f"{AT[0]} restarted"
    made, trial = drafted(tmp_path, {"app.log": csv(*lines, without)})
    assert roles(made) == ("time", "user", "action")
    assert trial.rows.select("user_id", "event_type").row(0) == ("u0", "view")
    assert (trial.taken, [(one.reason, one.records) for one in trial.refused]) == (20, [("missing_user_id", 1)])


def test_values_of_a_log_without_one_order_stay_in_the_message(tmp_path: Path) -> None:
    lines = [f"{at} INFO " + " ".join([f"a={n % 4}", f"b={n % 2}"][:: (-1) ** n]) for n, at in enumerate(AT)]
    made, trial = drafted(tmp_path, {"app.log": csv(*lines)})
    assert [column.source for column in made.dataset.columns if column.constant is None] == ["before", "message", "a"]
    assert trial.rows.select("a", "message").row(1) == (1, "INFO b=1 a=1")


def test_profiles_are_the_file_with_the_users_of_the_events_and_no_pattern_takes_files_of_another_kind(
    tmp_path: Path,
) -> None:
    messages = [
        {"type": "message", "user": f"U0{n % 4}", "ts": f"{1736150400 + n}.00010{n}", "text": f"t{n}"}
        for n in range(12)
    ]
    users = [{"id": f"U0{n}", "profile": {"email": f"u{n}@example.org"}, "deleted": False} for n in range(5)]
    groups = [{"id": f"S{n}", "handle": "x", "prefs": {"a": 1}} for n in range(3)]
    files = {
        "general/2025-01-06.json": json.dumps(messages),
        "users.json": json.dumps(users),
        "groups.json": json.dumps(groups),
    }
    made, trial = drafted(tmp_path, files)
    [profiles] = made.dataset.profiles
    assert (profiles.files, profiles.column("user_id").source) == (("users*.json",), "id")
    assert made.dataset.events[0].files == ("**/*-*-*.json",)
    assert (trial.taken, trial.refused, trial.profiles) == (12, (), 5)


def test_records_of_another_shape_without_a_user_are_left_out_by_where_and_counted(tmp_path: Path) -> None:
    clicks = [
        {"type": ("view", "buy")[n % 2], "userId": f"u{n % 3}", "at": at, "page": "/a", "price": n}
        for n, at in enumerate(AT)
    ]
    beats = [{"type": "heartbeat", "at": at, "uptime": n} for n, at in enumerate(AT[:6])]
    made, trial = drafted(tmp_path, {"e.ndjson": ndjson(*clicks, *beats)})
    assert "    where: {event_type: {not: [heartbeat]}}\n" in made.text
    assert (
        "6 of 26 sampled records have no user and other fields: where leaves them out, and they are counted"
        in made.notes
    )
    assert made.dataset.column("user_id").required
    assert (trial.taken, trial.excluded, trial.refused) == (20, 6, ())
    anonymous = [{**one, "userId": None if n % 2 else one["userId"]} for n, one in enumerate(clicks)]
    made, _ = drafted(tmp_path / "b", {"e.ndjson": ndjson(*anonymous)})
    assert not made.dataset.events[0].where  # the same fields without a login are no other shape


def test_a_column_of_some_blocks_only_is_not_required(tmp_path: Path) -> None:
    first = ndjson(*({"uuid": f"{n}", "time": at, "user": "a", "type": "x"} for n, at in enumerate(AT)))
    second = csv("when,user,type,note,more", *(f"{at},b,y,N/A,1" for at in AT))
    made, trial = drafted(tmp_path, {"a.ndjson": first, "b.csv": second})
    assert len(made.dataset.events) == 2
    assert (trial.taken + trial.duplicates, trial.refused) == (40, ())


def test_a_record_without_a_user_is_no_shape_of_its_own(tmp_path: Path) -> None:
    """Neither its time nor its number, which no other record has, is a kind of records."""
    rides = [{"rider": f"r{n % 3}" if n else None, "at": at, "bike": n} for n, at in enumerate(AT[:8])]
    made, trial = drafted(tmp_path, {"rides.ndjson": ndjson(*rides)})
    assert not made.dataset.events[0].where
    assert trial.excluded == 0


def test_the_members_of_an_object_are_records_known_by_their_keys(tmp_path: Path) -> None:
    """As Firebase's Realtime Database exports them: by id, by user and id, or by user with arrays."""
    calls = {f"-Nx{n}": {"uid": f"u{n % 3}", "type": ("view", "buy")[n % 2], "at": at} for n, at in enumerate(AT)}
    for name, document, path in (
        ("a", calls, "*"),
        ("b", {"users": {"u1": {"x": 1}}, "v": {"ev.1": calls}}, 'v."ev.1".*'),
    ):
        made, trial = drafted(tmp_path / name, {"export.json": json.dumps(document, indent=2)})
        assert made.dataset.events[0].records == path
        assert (roles(made), made.dataset.event_id) == (("at", "uid", "type"), "record_id")
        assert "each member of an object is a record, and its name is the field ^.key" in made.notes
        assert (trial.taken, trial.refused, trial.rows["record_id"][0]) == (20, (), "-Nx0")
    users = [f"u{n}" for n in range(3)]
    by_user = {u: {k: {"type": c["type"], "at": c["at"]} for k, c in calls.items() if c["uid"] == u} for u in users}
    made, trial = drafted(tmp_path / "c", {"export.json": json.dumps({"events": by_user})})
    assert made.dataset.events[0].records == "events.*.*"
    assert (roles(made), trial.taken) == (("at", "^.^.key", "type"), 20)
    made, trial = drafted(
        tmp_path / "d", {"e.json": json.dumps({u: [*calls.values()] for u, calls in by_user.items()})}
    )
    assert (made.dataset.events[0].records, roles(made), trial.taken) == ("*", ("at", "^.key", "type"), 20)
    profiles = {u: {"name": u, "visits": [*calls.values()]} for u, calls in by_user.items()}
    made, trial = drafted(tmp_path / "e", {"e.json": json.dumps(profiles)})
    assert (made.dataset.events[0].records, made.dataset.events[0].explode) == ("*", "visits")
    assert (roles(made), trial.taken) == (("at", "^.^.key", "type"), 20)


def test_a_document_that_is_one_record_is_remarked_upon(tmp_path: Path) -> None:
    one = {"user": {"id": "a", "at": AT[0]}, "team": {"id": "b", "at": AT[1]}, "type": "join", "at": AT[2]}
    made, trial = drafted(tmp_path, {"e.json": json.dumps(one)})
    assert (made.dataset.events[0].format, roles(made), trial.taken) == ("ndjson", ("at", "user.id", "type"), 1)
    assert any(note.startswith("the file is one JSON object and so one record; if its records") for note in made.notes)

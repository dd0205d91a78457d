"""What the generator says of its files is what a plain reading of them finds."""

from __future__ import annotations

import csv
import datetime as dt
import ipaddress
import json
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from event_assets.synthetic import RECIPES, Generated, generate
from event_assets_tests.synthetic.plain import RULES, Count, activity_key, count, csv_records, json_records, lower

ROWS, DAYS = 4_000, 5
DAY = dt.date(2025, 1, 1)


def made(dataset: str, out: Path, **options: float) -> tuple[Generated, Count]:
    generated = generate(dataset, rows=ROWS, days=DAYS, seed=11, out=out, **options)  # type: ignore[arg-type]
    events = [path for path in generated.files if path.name.startswith(RECIPES[dataset].stem)]
    return generated, count(events, RULES[dataset])


@pytest.mark.parametrize("dataset", RECIPES)
@pytest.mark.parametrize("files", [1, 5, 12])
def test_every_kind_of_mess_is_counted_as_a_plain_reading_counts_it(dataset: str, files: int, tmp_path: Path) -> None:
    generated, found = made(dataset, tmp_path, files=files, mess=3)

    kinds = RECIPES[dataset].rejects
    told = {name: generated.truth[name] for name in ("records", "duplicates", "cleaned", "users", "late", *kinds)}
    assert told == {
        "records": found.records,
        "duplicates": found.duplicates,
        "cleaned": len(found.keys),
        "users": len(found.users),
        "late": found.late,
        **{kind: found.reasons[kind] for kind in kinds},
    }
    assert set(found.reasons) == set(kinds), "every kind occurs, and no other"
    assert told["records"] == ROWS
    assert told["duplicates"] > 0
    assert files == 1 or told["late"] > 0


@pytest.mark.parametrize("dataset", RECIPES)
def test_without_mess_every_record_is_clean_and_in_time(dataset: str, tmp_path: Path) -> None:
    generated, found = made(dataset, tmp_path, mess=0)

    assert (found.records, found.reasons.total(), found.late) == (ROWS, 0, 0)
    assert {kind: generated.truth[kind] for kind in RECIPES[dataset].rejects} == dict.fromkeys(
        RECIPES[dataset].rejects, 0
    )
    assert generated.truth["duplicates"] == found.duplicates
    shapes = {"".join("9" if c.isdigit() else c for c in record[RULES[dataset].time]) for record, _ in found.valid}
    assert len(shapes) == 1, "times are written in one way"


@pytest.mark.parametrize("dataset", RECIPES)
def test_dates_are_those_asked_for(dataset: str, tmp_path: Path) -> None:
    generated = generate(dataset, rows=ROWS, days=3, seed=1, out=tmp_path, start=dt.date(2024, 2, 28))
    events = [path for path in generated.files if path.name.startswith(RECIPES[dataset].stem)]

    dates = {moment.date() for _, moment in count(events, RULES[dataset]).valid}

    assert dates == {dt.date(2024, 2, 28), dt.date(2024, 2, 29), dt.date(2024, 3, 1)}


def test_sessions_have_pauses_on_both_sides_of_the_gap_and_cross_midnight(tmp_path: Path) -> None:
    generated = generate("shop", rows=10_000, days=DAYS, seed=11, out=tmp_path, mess=0)
    found = count(generated.files, RULES["shop"])
    visits: dict[str, list[dt.datetime]] = {}
    for record, moment in found.valid:
        visits.setdefault(record["user_session"], []).append(moment)

    pauses = {int((b - a).total_seconds()) for times in visits.values() for a, b in pairwise(times)}
    across_midnight = sum(times[0].date() != times[-1].date() for times in visits.values())

    assert {1_799, 1_800, 1_801} <= pauses
    assert max(pauses) > 3_600
    assert across_midnight > 5


def test_streaming_knows_its_addresses_and_minutes(tmp_path: Path) -> None:
    generated, found = made("streaming", tmp_path, mess=2)
    first: dict[str, tuple[dt.datetime, Decimal, str]] = {}
    for record, moment in found.valid:
        log = (moment, Decimal(record["watch_time(min)"]), record["ip_address"])
        first[record["log_id"]] = min(log, first.get(record["log_id"], log))

    kinds = dict.fromkeys(("ipv4", "ipv6", "private", "malformed", "missing"), 0)
    for _, _, address in first.values():
        kinds[kind_of(address)] += 1

    assert {kind: generated.truth[f"{kind}_addresses"] for kind in kinds} == kinds
    assert min(kinds.values()) > 0
    assert generated.truth["watched_hundredths"] == 100 * sum(minutes for _, minutes, _ in first.values())


def kind_of(address: str) -> str:
    if not address:
        return "missing"
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "malformed"
    return "private" if not parsed.is_global else f"ipv{parsed.version}"


def test_streaming_repeats_log_ids_that_disagree_over_files_and_dates(tmp_path: Path) -> None:
    _, found = made("streaming", tmp_path, mess=2)
    logs: dict[str, list[tuple[dt.date, str]]] = {}
    for record, moment in found.valid:
        logs.setdefault(record["log_id"], []).append((moment.date(), record["watch_time(min)"]))
    repeated = [values for values in logs.values() if len(values) > 1]

    assert any(len(set(values)) == 1 for values in repeated), "some agree"
    assert any(len({minutes for _, minutes in values}) > 1 for values in repeated), "some disagree in minutes"
    assert any(len({date for date, _ in values}) > 1 for values in repeated), "some are of another date"


def test_activity_knows_what_is_lacking_and_the_sessions_that_count(tmp_path: Path) -> None:
    generated, found = made("activity", tmp_path)
    keys = [activity_key(record, moment) for record, moment in found.valid]

    assert {
        name: generated.truth[name] for name in ("time_assumed", "no_session", "no_platform", "platform_sessions")
    } == {
        "time_assumed": sum(not record["activity_time"] for record, _ in found.valid),
        "no_session": sum(not session for _, session, *_ in keys),
        "no_platform": sum(not platform for _, _, platform, *_ in keys),
        "platform_sessions": len(
            {(user, session, platform) for user, session, platform, *_ in keys if session and platform}
        ),
    }
    assert 0.08 < generated.truth["time_assumed"] / ROWS < 0.12
    assert {"iOS", "ios", " iOS ", "Unknown", ""} <= {record["platform"] for record, _ in found.valid}


def test_benefits_knows_which_events_remain_for_the_united_states(tmp_path: Path) -> None:
    generated, found = made("benefits", tmp_path, mess=2)
    with (tmp_path / "users.csv").open(newline="", encoding="utf-8") as stream:
        country = {row["user_id"]: row["country"].upper() for row in csv.DictReader(stream)}
    users = [user for user, *_ in found.keys]

    names = ("facts", "filtered", "orphan_events", "profiles", "drift_records")
    assert {name: generated.truth[name] for name in names} == {
        "facts": sum(country.get(user) == "US" for user in users),
        "filtered": sum(country.get(user) != "US" for user in users),
        "orphan_events": sum(user not in country for user in users),
        "profiles": len(country),
        "drift_records": sum("app_version" in record for record, _ in found.valid),
    }
    assert generated.truth["orphan_events"] > 0


def test_app_profiles_are_wrapped_line_by_line(tmp_path: Path) -> None:
    generated, _ = made("app_events", tmp_path, mess=2)
    content = (tmp_path / "user_profiles.csv").read_bytes()
    lines = content.removeprefix(b"\xef\xbb\xbf").decode().split("\r\n")

    assert content.startswith(b"\xef\xbb\xbf")
    assert lines.pop() == ""
    assert all(line[0] == line[-1] == '"' and line.count('"') == 2 for line in lines)
    header, *rows = [line[1:-1].split(",") for line in lines]
    assert header == ["user_id", "name", "registration_date", "location"]
    told = {name: value for name, value in generated.truth.items() if name.startswith("profile")}
    assert told == {
        "profile_records": len(rows),
        "profile_missing_user_id": sum(not user for user, *_ in rows),
        "profile_invalid_registration_date": sum(date == "2022-13-45" for _, _, date, _ in rows),
        "profiles": len({user for user, _, date, _ in rows if user and date != "2022-13-45"}),
    }
    assert min(told.values()) > 0


def test_app_details_vary_by_type_and_by_file(tmp_path: Path) -> None:
    generated, found = made("app_events", tmp_path, mess=2)
    purchases = [record for record, _ in found.valid if record["event_type"] == "purchase"]
    prices = [record["details.price"] for record in purchases]
    bought_on = {path.name for path in generated.files if b'"event_type": "purchase"' in path.read_bytes()}

    assert generated.truth["purchases"] == len(purchases) > 0
    assert any(price.isdigit() for price in prices)
    assert any(price.endswith(".5") for price in prices)
    assert {"user_events_20250102.json", "user_events_20250103.json"} <= bought_on
    assert sum("details.campaign" in record for record, _ in found.valid) == generated.truth["new_key_records"] > 0
    opened = [record for record, _ in found.valid if record["event_type"] == "app_open"]
    apart = {"anonymous_id", "user_agent", "ip"}  # fields of persons and traffic
    assert {frozenset(json.loads(record["details"]).keys() - apart) for record in opened} == {
        frozenset(),
        frozenset({"campaign"}),
    }


def test_shop_has_quoted_fields_drift_and_types_under_other_names(tmp_path: Path) -> None:
    _, found = made("shop", tmp_path, mess=2)
    brands = {record["brand"] for record, _ in found.valid}
    types = {record["event_type"] for record, _ in found.valid}

    assert {"black, decker", "house\nwares", 'dr. "q"', '15" screen'} <= brands
    assert {"view", "product_view", "add-to-cart", "buy", " view "} <= types
    assert {lower(record, "campaign") for record, _ in found.valid if "campaign" in record} == {
        "",
        "autumn",
        "sale, 20%",
    }


@pytest.mark.parametrize("dataset", RECIPES)
def test_rejected_records_stand_among_the_others(dataset: str, tmp_path: Path) -> None:
    generated = generate(dataset, rows=ROWS, days=1, seed=11, out=tmp_path, mess=3)
    path = generated.files[0]
    records = list(csv_records(path) if path.suffix == ".csv" else json_records(path))

    rejected = [place for place, record in enumerate(records) if isinstance(RULES[dataset].judge(record, DAY), str)]

    assert 0.4 < sum(rejected) / len(rejected) / len(records) < 0.6

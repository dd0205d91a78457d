"""Document 001, benefits engagement: cleaning with counted reasons, employees of the United States only."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from event_assets_tests.documents.shipped import CLEANED, array, csv, landed, quarantined, rejects, rows
from event_assets_tests.world import World

EVENTS = "raw_events.json"
USERS = csv("user_id,signup_date,country", "u1,2024-01-26,US", "u2,2023-05-01,us", "u3,2024-02-02,CA")
NOON = "2025-03-10T12:00:00"


def event(user: object = "u1", kind: str = "login", time: object = NOON, value: object = 1, device: str = "tv") -> str:
    metadata = {"device": device, "page": "/p"}
    return json.dumps(
        {"user_id": user, "event_type": kind, "timestamp": time, "value": value, "metadata": metadata},
        separators=(",", ":"),
    )


RECORDS = (
    event(),
    event(),  # a duplicate
    event(time="2025-03-10T12:05:00Z", kind="View_Benefits", value=None),
    event(time="2025-03-11T09:00:00", value=2.5),
    event("u2"),
    event("u3"),  # of another country
    event("u4"),  # of no country: there is no such user
    event(None),
    event("  "),
    event(time="invalid-date5T12:33:00"),
    event(time=None),
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return landed(tmp_path_factory.mktemp("001"), "benefits", {EVENTS: array(RECORDS), "users.csv": USERS})


def test_the_clean_events_have_the_documents_columns_and_the_text_of_the_time(world: World) -> None:
    columns = ("user_id", "event_type", "timestamp", "event_time", "event_date", "value", "device", "page")
    assert rows(world, "joined_facts", *columns, "signup_date", "country") == [
        ("u1", "login", NOON, "2025-03-10 12:00:00+00:00", "2025-03-10", "1.000000", "tv", "/p", "2024-01-26", "US"),
        (
            *("u1", "view_benefits", "2025-03-10T12:05:00Z", "2025-03-10 12:05:00+00:00", "2025-03-10", None),
            *("tv", "/p", "2024-01-26", "US"),
        ),
        ("u2", "login", NOON, "2025-03-10 12:00:00+00:00", "2025-03-10", "1.000000", "tv", "/p", "2023-05-01", "US"),
        (
            *("u1", "login", "2025-03-11T09:00:00", "2025-03-11 09:00:00+00:00", "2025-03-11", "2.500000"),
            *("tv", "/p", "2024-01-26", "US"),
        ),
    ]


def test_the_daily_summary_counts_each_users_events_on_each_date(world: World) -> None:
    assert rows(world, "daily_summary", "user_id", "event_date", "event_count") == [
        ("u1", "2025-03-10", 2),
        ("u2", "2025-03-10", 1),
        ("u1", "2025-03-11", 1),
    ]


def test_every_stage_is_counted_and_every_dropped_row_has_its_reason(world: World) -> None:
    found = world.reconciled()
    assert found.holds
    assert found.records - found.rows["raw_profiles"] == 11
    assert found.rejected_by_reason == {"invalid_timestamp": 1, "missing_timestamp": 1}
    assert found.quarantined_by_reason == {"missing_user_id": 2}
    stages = (found.raw, found.duplicates, found.cleaned, found.filtered, found.orphans, found.facts)
    assert stages == (9, 1, 6, 2, 1, 4)


def test_a_dropped_row_can_be_read_again_as_it_was(world: World) -> None:
    assert rejects(world) == [(10, "invalid_timestamp", "timestamp"), (11, "missing_timestamp", "timestamp")]
    assert quarantined(world) == [(8, "missing_user_id", "user_id"), (9, "missing_user_id", "user_id")]
    assert rows(world, "landing_rejects", "raw") == [(RECORDS[9],), (RECORDS[10],)]
    refused = json.loads(rows(world, "quarantine", "raw")[1][0])
    assert (refused["user_id"], refused["timestamp"], refused["metadata"]["device"]) == ("  ", NOON, "tv")


def test_both_results_are_snappy_parquet(world: World) -> None:
    folder = world.settings.lake / "benefits"
    files = [*folder.glob("joined_facts/event_date=*/*.parquet"), *folder.glob("daily_summary/event_date=*/*.parquet")]
    assert len(files) == 4
    assert {pq.ParquetFile(path).metadata.row_group(0).column(0).compression for path in files} == {"SNAPPY"}


def test_valid_iso_variants_are_kept_and_only_what_is_no_time_is_dropped(tmp_path: Path) -> None:
    times = [
        "2025-03-10T12:00:00Z",
        "2025-03-10T12:00:00.25",
        "2025-03-10T14:00:00+02:00",
        "2025-03-10",
        "2025-03-10 12:00:00",
        "2025-03-10T24:00:00",
        "2025-02-29",
        "03/10/2025",
        1741608000,
    ]
    world = landed(tmp_path, "benefits", {EVENTS: array(event(time=time) for time in times)}, CLEANED)
    assert sorted(rows(world, "cleaned_events", "row_number", "event_time")) == [
        (1, "2025-03-10 12:00:00+00:00"),
        (2, "2025-03-10 12:00:00.250000+00:00"),
        (3, "2025-03-10 12:00:00+00:00"),
        (4, "2025-03-10 00:00:00+00:00"),
        (5, "2025-03-10 12:00:00+00:00"),
    ]
    assert rejects(world) == [(n, "invalid_timestamp", "timestamp") for n in (6, 7, 8, 9)]


def test_an_empty_or_absent_user_id_is_a_missing_one(tmp_path: Path) -> None:
    absent = '{"event_type":"login","timestamp":"2025-03-10"}'
    world = landed(tmp_path, "benefits", {EVENTS: array([event(""), event("\t"), absent, event("0")])}, CLEANED)
    assert rows(world, "cleaned_events", "user_id") == [("0",)]
    assert quarantined(world) == [(number, "missing_user_id", "user_id") for number in (1, 2, 3)]


def test_duplicates_share_user_type_time_and_value_where_no_value_equals_no_value(tmp_path: Path) -> None:
    records = [event(value=None), event(value=None), event(value=1), event(value="1.0"), event(time=NOON + "Z")]
    world = landed(tmp_path, "benefits", {EVENTS: array(records)}, CLEANED)
    kept = sorted(rows(world, "cleaned_events", "timestamp", "value"), key=str)
    assert kept == [(NOON, "1.000000"), (NOON, None), (NOON + "Z", "1.000000")]
    assert world.reconciled().duplicates == 2


def test_which_of_two_duplicates_that_disagree_stays_does_not_depend_on_the_order_of_files(tmp_path: Path) -> None:
    parts = [event(device=device) for device in ("tablet", "mobile", "desktop", "phone")]
    for number, order in enumerate([parts, parts[::-1], parts[2:] + parts[:2]]):
        files = {f"raw_events_{place}.json": array([record]) for place, record in enumerate(order)}
        world = landed(tmp_path / str(number), "benefits", files, CLEANED)
        assert rows(world, "cleaned_events", "device") == [("desktop",)]
    together = landed(tmp_path / "together", "benefits", {EVENTS: array(parts)}, CLEANED)
    assert rows(together, "cleaned_events", "device") == [("desktop",)]


def test_a_value_that_is_no_number_is_refused_by_name(tmp_path: Path) -> None:
    records = [event(value="many"), event(value=True), event(value=-3), event(value=0.1234567)]
    world = landed(tmp_path, "benefits", {EVENTS: array(records)}, CLEANED)
    assert rows(world, "cleaned_events", "value") == [("-3.000000",)]
    assert quarantined(world) == [(n, "invalid_value", "value") for n in (1, 2, 4)]

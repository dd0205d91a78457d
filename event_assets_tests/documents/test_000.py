"""Document 000, user event processing: broken profile lines, nested JSON, joined facts by date."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest

from event_assets_tests.documents import shipped
from event_assets_tests.documents.shipped import CLEANED, array, declared, landed, quarantined, rejects, rows
from event_assets_tests.world import World

EVENTS = "user_events_20231026.json"
FACTS = ("identity_links", "identities", *shipped.FACTS)
HEADER = '\ufeff"user_id,name,registration_date,location"\r\n'
PROFILES = HEADER + '"1,Ali Ahmadi,2022-01-15,Tehran"\r\n"2,Sara,2022-03-10,Isfahan"\r\n'


def event(user: int = 1, kind: str = "page_view", time: str = "2023-10-26T10:00:00Z", details: object = None) -> str:
    record = {"user_id": user, "event_type": kind, "timestamp": time, "details": details}
    return json.dumps(record, separators=(",", ":"), ensure_ascii=False)


VIEW = event(details={"page_url": "/home", "referrer": None, "duration_ms": 5000})
PRESS = event(kind="button_click", time="2023-10-26T10:06:45Z", details={"button_id": "buy", "page_url": "/xyz"})
BUY = event(2, "purchase", "2023-10-27T09:00:00Z", {"item_id": "a", "price": 1200000, "quantity": 1, "currency": "irr"})
OPEN = event(9, "app_open", "2023-10-27T09:30:00Z", {})


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return landed(
        tmp_path_factory.mktemp("000"),
        "app_events",
        {EVENTS: array([VIEW, PRESS, BUY, OPEN]), "user_profiles.csv": PROFILES},
    )


def test_profile_lines_wrapped_in_quotes_with_a_mark_and_carriage_returns_become_typed_profiles(world: World) -> None:
    assert rows(world, "profiles", "user_id", "name", "registration_date", "location", "valid_from", "valid_to") == [
        (1, "Ali Ahmadi", "2022-01-15", "Tehran", "1970-01-01", None),
        (2, "Sara", "2022-03-10", "Isfahan", "1970-01-01", None),
    ]
    assert world.table("profiles").schema["registration_date"] == pl.Date()


def test_events_are_joined_with_profiles_and_one_without_stays_and_is_counted(world: World) -> None:
    columns = ("event_date", "user_id", "event_type", "page_url", "button_id", "price", "currency", "name", "location")
    assert rows(world, "joined_facts", *columns, "has_profile") == [
        ("2023-10-26", 1, "page_view", "/home", None, None, None, "Ali Ahmadi", "Tehran", True),
        ("2023-10-26", 1, "button_click", "/xyz", "buy", None, None, "Ali Ahmadi", "Tehran", True),
        ("2023-10-27", 2, "purchase", None, None, "1200000.00", "IRR", "Sara", "Isfahan", True),
        ("2023-10-27", 9, "app_open", None, None, None, None, None, None, False),
    ]
    assert world.reconciled().orphans == 1


def test_details_are_kept_whole_as_json_beside_the_fields_taken_out_of_them(world: World) -> None:
    assert rows(world, "joined_facts", "duration_ms", "referrer", "quantity", "details") == [
        (5000, None, None, '{"page_url":"/home","referrer":null,"duration_ms":5000}'),
        (None, None, None, '{"button_id":"buy","page_url":"/xyz"}'),
        (None, None, 1, '{"item_id":"a","price":1200000,"quantity":1,"currency":"irr"}'),
        (None, None, None, "{}"),
    ]


def test_the_result_is_snappy_parquet_in_a_folder_for_each_event_date(world: World) -> None:
    folder = world.settings.lake / "app_events" / "joined_facts"
    files = sorted(folder.glob("event_date=*/*.parquet"))
    assert [path.parent.name for path in files] == ["event_date=2023-10-26", "event_date=2023-10-27"]
    chunks = [pq.ParquetFile(path).metadata.row_group(0).column(n) for path in files for n in range(3)]
    assert {chunk.compression for chunk in chunks} == {"SNAPPY"}
    assert pl.scan_parquet(folder / "event_date=*" / "*.parquet").collect().height == 4


def test_event_ids_are_unique_uuids_that_no_rerun_nor_another_cut_into_files_changes(
    world: World, tmp_path: Path
) -> None:
    ids = world.table("joined_facts").select("event_id", "user_id", "event_time")
    assert {uuid.UUID(text).version for text in ids["event_id"]} == {5}
    assert ids["event_id"].n_unique() == 4
    files = {
        "user_events_20231028.json": array([PRESS]),
        "user_events_1.json": array([OPEN, BUY, VIEW]),
        "user_profiles.csv": PROFILES,
    }
    again = landed(tmp_path, "app_events", files, FACTS)
    assert again.table("joined_facts").select("event_id", "user_id", "event_time").equals(ids)
    again.make(["2023-10-27", "2023-10-26"], FACTS)
    assert again.table("joined_facts").select("event_id", "user_id", "event_time").equals(ids)


def test_an_odd_timestamp_costs_its_own_record_and_valid_variants_cost_none(tmp_path: Path) -> None:
    times = ["2023-10-26T13:30:00.5+03:30", "2023-10-26 10:01", "26/10/2023 10:02", "", "2023-10-26T10:03:00.123456789"]
    world = landed(
        tmp_path, "app_events", {EVENTS: array([*(event(time=time) for time in times), event(time="x")])}, CLEANED
    )
    assert rows(world, "cleaned_events", "row_number", "event_time") == [
        (1, "2023-10-26 10:00:00.500000+00:00"),
        (2, "2023-10-26 10:01:00+00:00"),
        (5, "2023-10-26 10:03:00.123456+00:00"),
    ]
    assert rejects(world) == [
        (3, "invalid_timestamp", "timestamp"),
        (4, "missing_timestamp", "timestamp"),
        (6, "invalid_timestamp", "timestamp"),
    ]


def test_a_key_that_details_never_had_is_kept_and_so_is_a_field_beside_them(tmp_path: Path) -> None:
    record = event(details={"page_url": "/a", "ab": {"v": 2}})[:-1] + ',"app":"4.1"}'
    plain = '{"user_id":2,"event_type":"page_view","timestamp":"2023-10-26"}'
    world = landed(tmp_path, "app_events", {EVENTS: array([record, plain])}, CLEANED)
    assert rows(world, "cleaned_events", "user_id", "page_url", "details") == [
        (1, "/a", '{"page_url":"/a","ab":{"v":2}}'),
        (2, None, None),
    ]
    assert rows(world, "raw_events", "user_id", "extra") == [("1", '{"app":"4.1"}'), ("2", None)]


def test_a_late_price_with_a_fraction_after_a_thousand_whole_ones_stays_exact(tmp_path: Path) -> None:
    prices: list[object] = [*range(1000), 12.5]
    records = [event(kind="purchase", details={"price": price}) for price in prices]
    world = landed(tmp_path, "app_events", {EVENTS: array(records)}, CLEANED)
    made = world.table("cleaned_events")["price"]
    assert (made.len(), str(made.sum()), str(made.filter(made < 13).max())) == (1001, "499512.50", "12.50")
    assert world.reconciled().quarantined == 0


def test_a_file_without_purchases_has_the_same_columns_and_types_as_one_with(world: World, tmp_path: Path) -> None:
    without = landed(tmp_path, "app_events", {EVENTS: array([VIEW])}, FACTS).table("joined_facts")
    assert without.schema == world.table("joined_facts").schema
    assert without.select("price", "quantity", "item_id").rows() == [(None, None, None)]


def test_repeated_profile_rows_multiply_no_event_and_the_last_one_stands(tmp_path: Path) -> None:
    profiles = PROFILES + '"1,Ali A.,2022-01-15,Karaj"\r\n"1,Ali Ahmadi,2022-01-15,Qom"\r\n'
    files = {EVENTS: array([VIEW, PRESS]), "user_profiles.csv": profiles}
    world = landed(tmp_path, "app_events", files, FACTS)
    assert rows(world, "joined_facts", "event_type", "location") == [("page_view", "Qom"), ("button_click", "Qom")]


def test_bytes_that_are_no_utf_8_cost_their_own_record_in_events_and_in_profiles(tmp_path: Path) -> None:
    bad = event(2, details={"page_url": "/é"}).encode("latin-1")
    files = {
        EVENTS: b"[" + VIEW.encode() + b",\n" + bad + b",\n" + PRESS.encode() + b"]",
        "user_profiles.csv": PROFILES.encode() + '"3,Zoë,2022-05-20,Shiraz"\r\n'.encode("cp1252"),
    }
    world = landed(tmp_path, "app_events", files, FACTS)
    assert rows(world, "cleaned_events", "row_number") == [(1,), (3,)]
    assert rows(world, "profiles", "name") == [("Ali Ahmadi",), ("Sara",)]
    assert rejects(world) == [(2, "not_utf8", None), (3, "not_utf8", None)]


def test_a_declared_encoding_reads_what_is_no_utf_8(tmp_path: Path) -> None:
    dataset = declared("app_events", {"profiles.encoding": "cp1252"})
    profiles = '"user_id,name,registration_date,location"\r\n"3,Zoë,2022-05-20,Shiraz"\r\n'.encode("cp1252")
    world = landed(tmp_path, dataset, {"user_profiles.csv": profiles}, FACTS)
    assert rows(world, "profiles", "user_id", "name") == [(3, "Zoë")]


def test_a_value_of_the_wrong_kind_is_refused_by_name_and_the_event_beside_it_stays(tmp_path: Path) -> None:
    records = [
        event(kind="purchase", details={"price": "free"}),
        event(kind="purchase", details={"quantity": 1.5}),
        event(kind="purchase", details={"price": "7.10", "quantity": "2"}),
    ]
    world = landed(tmp_path, "app_events", {EVENTS: array(records)}, CLEANED)
    assert quarantined(world) == [(1, "invalid_price", "price"), (2, "invalid_quantity", "quantity")]
    assert rows(world, "cleaned_events", "price", "quantity") == [("7.10", 2)]

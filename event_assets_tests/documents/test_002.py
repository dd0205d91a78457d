"""Document 002, watch time of a streaming service: many big files, one log each, minutes by user and region."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from event_assets.settings import load_settings
from event_assets_tests.documents.shipped import CLEANED, csv, declared, landed, quarantined, rejects, rows
from event_assets_tests.transforms.test_ports import write_mmdb
from event_assets_tests.world import World, made

HEADER = "log_id,user_id,timestamp,ip_address,watch_time(min)"
AMERICA, EUROPE, OCEANIA, GOOGLE_6 = "8.8.8.8", "193.0.6.139", "1.1.1.1", "2001:4860:4860::8888"

MONDAY = csv(
    HEADER,
    f"1,ann,2025-01-06T10:00:00,{AMERICA},0.10",
    f"1,ann,2025-01-06T10:00:00,{AMERICA},0.10",  # twice in one file
    f"2,ann,2025-01-06T11:00:00,{EUROPE},30",
    f"3,bob,2025-01-06T12:00:00,{EUROPE},5.5",
)
TUESDAY = csv(
    HEADER,
    f"3,bob,2025-01-07T08:00:00,{EUROPE},99",  # again, on another date and in another file
    f"4,ann,2025-01-07T09:00:00,{AMERICA},0.20",
    "5,bob,2025-01-07T10:00:00,10.0.0.7,1",
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    files = {"user_activity_1.csv": MONDAY, "user_activity_2.csv": TUESDAY}
    return landed(tmp_path_factory.mktemp("002"), "streaming", files)


def test_a_log_counts_once_in_its_file_and_over_all_files_and_dates(world: World) -> None:
    assert rows(world, "cleaned_events", "event_date", "event_id", "watch_time_min") == [
        ("2025-01-06", "1", "0.10"),
        ("2025-01-06", "2", "30.00"),
        ("2025-01-06", "3", "5.50"),
        ("2025-01-07", "4", "0.20"),
        ("2025-01-07", "5", "1.00"),
    ]
    assert world.reconciled().duplicates == 2
    assert world.reconciled().holds


def test_watch_time_is_an_exact_sum_for_each_user_and_region_of_a_date(world: World) -> None:
    assert rows(world, "watch_time", "event_date", "geo_region", "user_id", "total_watch_time_min", "log_count") == [
        ("2025-01-06", "EU", "ann", "30.00", 1),
        ("2025-01-06", "EU", "bob", "5.50", 1),
        ("2025-01-06", "NA", "ann", "0.10", 1),
        ("2025-01-07", "NA", "ann", "0.20", 1),
        ("2025-01-07", "Unknown", "bob", "1.00", 1),
    ]


def test_watch_time_over_all_dates_stands_by_region_and_adds_up_to_each_user(world: World) -> None:
    assert rows(world, "watch_time_overall", "geo_region", "user_id", "total_watch_time_min", "log_count") == [
        ("EU", "ann", "30.00", 1),
        ("EU", "bob", "5.50", 1),
        ("NA", "ann", "0.30", 2),
        ("Unknown", "bob", "1.00", 1),
    ]
    assert rows(world, "watch_time_by_user", "user_id", "total_watch_time_min", "log_count") == [
        ("ann", "30.30", 3),
        ("bob", "6.50", 2),
    ]


def test_the_final_result_is_one_file_for_each_region_and_a_date_is_one_file(world: World) -> None:
    folder = world.settings.lake / "streaming"
    assert sorted(path.parent.name for path in folder.glob("watch_time_overall/geo_region=*/*.parquet")) == [
        "geo_region=EU",
        "geo_region=NA",
        "geo_region=Unknown",
    ]
    for table in ("cleaned_events", "joined_facts", "watch_time"):
        assert len(list(folder.glob(f"{table}/event_date=*/*.parquet"))) == 2, table


def test_which_of_two_logs_that_disagree_stays_does_not_depend_on_when_its_file_came(tmp_path: Path) -> None:
    early = csv(HEADER, f"1,ann,2025-01-06T10:00:00,{AMERICA},1", f"2,bob,2025-01-07T10:00:00,{EUROPE},8")
    late = csv(HEADER, f"1,eve,2025-01-07T09:00:00,{EUROPE},2", f"2,bob,2025-01-07T10:00:00,{EUROPE},7")
    for name, order in {"early first": (early, late), "late first": (late, early)}.items():
        world = World(tmp_path / name, declared("streaming"))
        for place, content in enumerate(order):
            world.drop(f"user_activity_{place}.csv", content)
            world.land()
            world.make(tables=CLEANED)
        assert rows(world, "cleaned_events", "event_date", "event_id", "user_id", "watch_time_min") == [
            ("2025-01-06", "1", "ann", "1.00"),
            ("2025-01-07", "2", "bob", "7.00"),
        ], name


def test_the_region_is_that_of_the_address_in_an_offline_database(tmp_path: Path) -> None:
    addresses = {
        AMERICA: "NA",
        GOOGLE_6: "NA",
        EUROPE: "EU",
        "2001:67c:2e8:22::c100:68b": "EU",
        OCEANIA: "OC",
        "::ffff:1.1.1.1": "OC",
        "200.160.2.3": "SA",
        "192.168.1.1": "Unknown",
        "fe80::1": "Unknown",
        "999.1.1.1": "Unknown",
        "": "Unknown",
    }
    logs = [f"{n:02},ann,2025-01-06T10:00:{n:02},{address},1" for n, address in enumerate(addresses)]
    tables = (*CLEANED, "session_edges", "session_parts", "joined_facts")
    world = landed(tmp_path, "streaming", {"user_activity_1.csv": csv(HEADER, *logs)}, tables)
    assert rows(world, "joined_facts", "geo_region") == [(region,) for region in addresses.values()]
    assert re.fullmatch(r"iptocc \d+\..*", world.workspace.engine.ports.version)


def test_a_database_of_the_users_takes_the_built_in_ones_place_and_makes_what_used_that_anew(tmp_path: Path) -> None:
    world = landed(tmp_path, "streaming", {"user_activity_1.csv": csv(HEADER, f"1,ann,2025-01-06,{AMERICA},1")})
    assert rows(world, "watch_time", "geo_region") == [("NA",)]
    write_mmdb(tmp_path / "mine.mmdb", "00001000", {"country": {"iso_code": "BR"}})
    world.settings = dataclasses.replace(world.settings, geo_db=tmp_path / "mine.mmdb")
    world.use(world.dataset)
    outcomes = world.refresh()
    assert rows(world, "watch_time", "geo_region") == [("SA",)]
    assert rows(world, "watch_time_overall", "geo_region") == [("SA",)]
    assert "cleaned_events" not in {table for table, _ in made(outcomes)}


def test_minutes_below_nought_or_none_at_all_and_logs_without_an_id_are_refused_by_name(tmp_path: Path) -> None:
    logs = [
        f"1,ann,2025-01-06T10:00:00,{AMERICA},-1",
        f"2,ann,2025-01-06T10:00:00,{AMERICA},",
        f"3,ann,2025-01-06T10:00:00,{AMERICA},1.005",
        f",ann,2025-01-06T10:00:00,{AMERICA},1",
        f"5,,2025-01-06T10:00:00,{AMERICA},1",
        f"6,ann,soon,{AMERICA},1",
        f"7,ann,2025-01-06T10:00:00,{AMERICA}",
        f"8,ann,2025-01-06T10:00:00,{AMERICA},0",
    ]
    world = landed(tmp_path, "streaming", {"user_activity_1.csv": csv(HEADER, *logs)}, CLEANED)
    assert rows(world, "cleaned_events", "event_id", "watch_time_min") == [("8", "0.00")]
    assert quarantined(world) == [
        (1, "invalid_watch_time_min", "watch_time_min"),
        (2, "missing_watch_time_min", "watch_time_min"),
        (3, "invalid_watch_time_min", "watch_time_min"),
        (4, "missing_log_id", "log_id"),
        (5, "missing_user_id", "user_id"),
    ]
    assert rejects(world) == [(6, "invalid_timestamp", "timestamp"), (7, "malformed_record", None)]


def test_a_new_file_makes_its_dates_and_the_overall_tables_without_a_look_at_other_dates(tmp_path: Path) -> None:
    world = landed(tmp_path, "streaming", {"user_activity_1.csv": MONDAY})
    for name in ("cleaned_events", "sessions", "joined_facts"):  # whoever read the history again would miss it
        for path in world.workspace.stores[name].folder.glob("event_date=*/*.parquet"):
            path.rename(path.with_suffix(".away"))
    world.drop("user_activity_3.csv", csv(HEADER, f"9,bob,2025-03-01T12:00:00,{OCEANIA},2"))
    world.refresh()
    assert rows(world, "watch_time_overall", "geo_region", "user_id", "total_watch_time_min") == [
        ("EU", "ann", "30.00"),
        ("EU", "bob", "5.50"),
        ("NA", "ann", "0.10"),
        ("OC", "bob", "2.00"),
    ]


def test_paths_workers_memory_and_database_are_settings_of_the_environment(tmp_path: Path) -> None:
    found = load_settings(
        {
            "EVENT_ASSETS_INBOX": str(tmp_path / "in"),
            "EVENT_ASSETS_LAKE": str(tmp_path / "out"),
            "EVENT_ASSETS_WORKERS": "3",
            "EVENT_ASSETS_MEMORY": "1.5GB",
            "EVENT_ASSETS_GEO_DB": str(tmp_path / "my.mmdb"),
        }
    )
    assert (found.inbox, found.lake, found.geo_db) == (tmp_path / "in", tmp_path / "out", tmp_path / "my.mmdb")
    assert (found.workers, found.memory_bytes) == (3, 1_500_000_000)


def test_a_run_tells_how_many_bytes_records_and_rows_it_handled_and_how_long_each_phase_took(tmp_path: Path) -> None:
    world = World(tmp_path, declared("streaming"))
    world.drop("user_activity_1.csv", MONDAY)
    summary = world.land()
    outcomes = {(outcome.table, str(outcome.date)): outcome for outcome in world.make()}
    assert [(file.records, file.landed, file.bytes) for file in summary.landed] == [(4, 4, len(MONDAY))]
    cleaned = outcomes["cleaned_events", "2025-01-06"]
    assert (cleaned.rows, cleaned.figures) == (3, {"raw": 4, "duplicates": 1, "quarantined": 0, "cleaned": 3})
    assert summary.seconds > 0
    assert all(outcome.seconds > 0 for outcome in outcomes.values())

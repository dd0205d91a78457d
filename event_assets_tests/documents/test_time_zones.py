"""Dates of a dataset's own calendar, and naive times of a source's own zone, with clock changes."""

from __future__ import annotations

from pathlib import Path

from event_assets_tests.documents.shipped import rows
from event_assets_tests.world import World, clicks, lines


def berlin(folder: Path, *records: str) -> World:
    """A shop whose times are written, and whose dates are read, in Berlin."""
    world = World(folder, clicks(timezone="Europe/Berlin", source_timezone="Europe/Berlin"))
    world.drop("clicks_1.csv", lines(*records))
    world.refresh()
    return world


def test_a_date_is_the_datasets_own_and_a_minute_is_utc(tmp_path: Path) -> None:
    world = berlin(tmp_path, "ann,view,2024-01-09T23:30:00Z,/a,", "ann,view,2024-01-10T23:30:00,/b,")
    assert rows(world, "events_by_minute", "event_date", "minute", "event_count") == [
        ("2024-01-10", "2024-01-09 23:30:00+00:00", 1),
        ("2024-01-10", "2024-01-10 22:30:00+00:00", 1),
    ]


def test_in_the_gap_of_spring_a_time_goes_by_the_offset_before_and_the_date_has_23_hours(tmp_path: Path) -> None:
    world = berlin(
        tmp_path,
        "ann,view,2024-03-31T00:00:00,/first,",
        "ann,view,2024-03-31T01:59:00,/before,",
        "ann,view,2024-03-31T02:30:00,/never,",
        "ann,view,2024-03-31T03:00:00,/after,",
        "ann,view,2024-03-31T23:59:59,/last,",
        "ann,view,2024-04-01T00:00:00,/next,",
    )
    assert rows(world, "cleaned_events", "event_date", "page", "event_time") == [
        ("2024-03-31", "/first", "2024-03-30 23:00:00+00:00"),
        ("2024-03-31", "/before", "2024-03-31 00:59:00+00:00"),
        ("2024-03-31", "/after", "2024-03-31 01:00:00+00:00"),
        ("2024-03-31", "/never", "2024-03-31 01:30:00+00:00"),
        ("2024-03-31", "/last", "2024-03-31 21:59:59+00:00"),
        ("2024-04-01", "/next", "2024-03-31 22:00:00+00:00"),
    ]


def test_in_the_fold_of_autumn_a_naive_time_is_the_first_of_the_two_and_an_offset_says_which(tmp_path: Path) -> None:
    world = berlin(
        tmp_path,
        "ann,view,2024-10-27T02:30:00,/naive,",
        "ann,view,2024-10-27T02:30:00+02:00,/first,",
        "ann,view,2024-10-27T02:30:00+01:00,/second,",
    )
    assert sorted(rows(world, "cleaned_events", "event_time", "page")) == [
        ("2024-10-27 00:30:00+00:00", "/first"),
        ("2024-10-27 00:30:00+00:00", "/naive"),
        ("2024-10-27 01:30:00+00:00", "/second"),
    ]


def test_a_session_measures_real_time_over_a_clock_change_and_over_local_midnight(tmp_path: Path) -> None:
    world = berlin(
        tmp_path,
        "ann,view,2024-03-31T01:50:00,/a,",
        "ann,view,2024-03-31T03:10:00,/b,",  # 20 minutes later
        "bob,view,2024-10-27T02:50:00+02:00,/a,",
        "bob,view,2024-10-27T02:50:00+01:00,/b,",  # 60 minutes later
        "cat,view,2024-07-01T23:50:00,/a,",
        "cat,view,2024-07-02T00:10:00,/b,",
    )
    assert sorted(rows(world, "sessions", "user_id", "event_date", "duration_seconds", "event_count")) == [
        ("ann", "2024-03-31", "1200.000000", 2),
        ("bob", "2024-10-27", "0.000000", 1),
        ("bob", "2024-10-27", "0.000000", 1),
        ("cat", "2024-07-01", "1200.000000", 2),
    ]


def test_the_sources_zone_and_the_datasets_zone_may_differ(tmp_path: Path) -> None:
    world = World(tmp_path, clicks(timezone="Asia/Tokyo", source_timezone="America/New_York"))
    world.drop("clicks_1.csv", lines("ann,view,2024-01-10T09:59:00,/a,", "ann,view,2024-01-10T10:00:00,/b,"))
    world.refresh()
    assert rows(world, "daily_summary", "event_date", "first_event_time", "event_count", "session_count") == [
        ("2024-01-10", "2024-01-10 14:59:00+00:00", 1, 1),
        ("2024-01-11", "2024-01-10 15:00:00+00:00", 1, 1),
    ]
    assert world.table("sessions")["event_count"].to_list() == [2]


def test_the_same_file_read_in_another_zone_moves_its_records_to_their_dates_once(tmp_path: Path) -> None:
    world = World(tmp_path, clicks())
    world.drop("clicks_1.csv", lines("ann,view,2024-01-10T23:30:00,/a,"))
    world.refresh()
    assert world.table("joined_facts")["event_date"].to_list() == ["2024-01-10"]
    world.use(clicks(source_timezone="America/New_York"))
    world.refresh()
    assert world.table("joined_facts")["event_date"].to_list() == ["2024-01-11"]
    assert world.reconciled().holds

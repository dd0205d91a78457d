"""Document 003, the most active users of each platform, by their distinct sessions."""

from __future__ import annotations

from pathlib import Path

import pytest

from event_assets.errors import LandingError
from event_assets_tests.documents.shipped import CLEANED, csv, declared, landed, quarantined, rejects, rows
from event_assets_tests.world import World

HEADER = "user_id,session_id,platform,activity_time,activity_type"
RANKED = ("platform", "rank", "user_id", "session_count")
TOP = (
    *CLEANED,
    "session_edges",
    "session_parts",
    "joined_facts",
    "platform_sessions",
    "top_users",
    "top_users_overall",
)

TUESDAY = csv(
    HEADER,
    "ann,s1,iOS,2025-01-07 10:00:00,login",
    "ann,s1,iOS,2025-01-07 10:05:00,click",  # one session, however many events
    "ann,s2, ios ,2025-01-07 11:00:00,login",
    "bob,s3,IOS,2025-01-07 10:00:00,login",
    "bob,s4,ios,2025-01-07 12:00:00,login",
    "cat,s5,iOS,2025-01-07 10:00:00,login",
    "cat,s6,android,2025-01-07 10:00:00,login",
    "dan,invalid_session,iOS,2025-01-07 10:00:00,login",
    "dan,,iOS,2025-01-07 10:30:00,login",
    "eve,s7,Unknown,2025-01-07 10:00:00,login",
    "eve,s8,,2025-01-07 10:00:00,login",
    "eve,s9, WEB,,login",  # no time: that of the file's name
)
WEDNESDAY = csv(
    HEADER,
    "cat,s5,iOS,2025-01-08 00:10:00,click",  # the session of the day before goes on
    "cat,s10,iOS,2025-01-08 09:00:00,login",
    "cat,s11,iOS,2025-01-08 09:00:00,login",
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    files = {"Dataset_20250107.csv": TUESDAY, "Dataset_20250108.csv": WEDNESDAY}
    return landed(tmp_path_factory.mktemp("003"), "activity", files)


def test_the_top_users_of_a_date_are_ranked_by_distinct_sessions_and_ties_by_user_id(world: World) -> None:
    assert rows(world, "top_users", "event_date", *RANKED) == [
        ("2025-01-07", "Android", 1, "cat", 1),
        ("2025-01-07", "Web", 1, "eve", 1),
        ("2025-01-07", "iOS", 1, "ann", 2),
        ("2025-01-07", "iOS", 2, "bob", 2),
        ("2025-01-07", "iOS", 3, "cat", 1),
        ("2025-01-08", "iOS", 1, "cat", 3),
    ]


def test_over_all_dates_a_session_of_two_dates_counts_once(world: World) -> None:
    assert rows(world, "top_users_overall", *RANKED) == [
        ("Android", 1, "cat", 1),
        ("Web", 1, "eve", 1),
        ("iOS", 1, "cat", 3),
        ("iOS", 2, "ann", 2),
        ("iOS", 3, "bob", 2),
    ]


def test_spellings_of_a_platform_become_one_and_what_names_none_is_null(world: World) -> None:
    given = {
        (raw, cleaned)
        for (raw, number, file) in rows(world, "raw_events", "platform", "row_number", "file_id")
        for (cleaned, same, also) in rows(world, "cleaned_events", "platform", "row_number", "file_id")
        if (number, file) == (same, also)
    }
    assert given == {
        *((spelling, "iOS") for spelling in ("iOS", " ios ", "IOS", "ios")),
        ("android", "Android"),
        (" WEB", "Web"),
        ("Unknown", None),
        (None, None),
    }


def test_events_without_platform_or_session_are_kept_and_counted_but_rank_nobody(world: World) -> None:
    found = world.reconciled()
    assert found.holds
    assert (found.raw, found.cleaned, found.rejected) == (15, 15, 0)
    assert rows(world, "daily_summary", "event_date", "user_id", "event_count")[3:5] == [
        ("2025-01-07", "dan", 2),
        ("2025-01-07", "eve", 3),
    ]
    assert "dan" not in set(world.table("top_users_overall")["user_id"])


def test_a_record_without_a_time_takes_the_date_in_its_files_name_and_says_so(world: World) -> None:
    assumed = world.table("raw_events").filter(time_assumed=True).select("user_id", "event_time")
    assert [(user, str(time)) for user, time in assumed.rows()] == [("eve", "2025-01-07 00:00:00+00:00")]


def test_n_cuts_ties_by_user_id_as_text(tmp_path: Path) -> None:
    users = ["10", "9", "b", "A"]
    records = [f"{user},s{user},iOS,2025-01-07 10:00:00,login" for user in users]
    dataset = declared("activity", {"gold.top_users.n": 3})
    world = landed(tmp_path, dataset, {"Dataset_1.csv": csv(HEADER, *records)}, TOP)
    assert rows(world, "top_users", *RANKED) == [("iOS", 1, "10", 1), ("iOS", 2, "9", 1), ("iOS", 3, "A", 1)]


BROKEN = csv(
    HEADER,
    "ann,s1,iOS,2025-01-07 10:00:00,login",
    "ann,s1,iOS",
    "ann,s1,iOS,2025-01-07 10:00:00,login,more",
    "ann,s1,iOS,sometime,login",
    ",s1,iOS,2025-01-07 10:00:00,login",
)


def test_in_lenient_mode_each_broken_record_is_set_apart_and_counted_with_its_text(tmp_path: Path) -> None:
    world = landed(tmp_path, "activity", {"Dataset_1.csv": BROKEN}, CLEANED)
    assert rejects(world) == [
        (2, "malformed_record", None),
        (3, "malformed_record", None),
        (4, "invalid_timestamp", "activity_time"),
    ]
    assert rows(world, "landing_rejects", "raw") == [
        ("ann,s1,iOS",),
        ("ann,s1,iOS,2025-01-07 10:00:00,login,more",),
        ("ann,s1,iOS,sometime,login",),
    ]
    assert quarantined(world) == [(5, "missing_user_id", "user_id")]
    found = world.reconciled()
    assert found.rejected_by_reason == {"invalid_timestamp": 1, "malformed_record": 2}
    assert (found.records, found.cleaned, found.quarantined) == (5, 1, 1)


def test_in_fail_fast_mode_the_first_broken_record_stops_and_nothing_of_its_file_is_published(tmp_path: Path) -> None:
    world = World(tmp_path, declared("activity", {"mode": "fail_fast"}))
    world.drop("Dataset_1.csv", BROKEN)
    with pytest.raises(LandingError, match=r"Dataset_1\.csv: record 2 is refused \(malformed_record\)"):
        world.land()
    assert world.table("raw_events").is_empty()


@pytest.mark.parametrize("lacking", HEADER.split(","))
def test_a_file_without_a_required_column_is_one_rejected_file_that_says_which(tmp_path: Path, lacking: str) -> None:
    header = HEADER.replace(lacking, "other")
    files = {"Dataset_1.csv": csv(header, "ann,s1,iOS,2025-01-07,login"), "Dataset_2.csv": WEDNESDAY}
    world = landed(tmp_path, "activity", files, ())
    assert sorted(rows(world, "source_files", "names", "state", "landed", "reason")) == [
        ('["Dataset_1.csv"]', "rejected", 0, f"missing_column: {lacking} (found {header.replace(',', ', ')})"),
        ('["Dataset_2.csv"]', "active", 3, None),
    ]

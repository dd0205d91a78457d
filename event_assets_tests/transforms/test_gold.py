"""The gold tables that count facts: whole tables of tiny inputs."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from event_assets.transforms.daily_summary import daily_summary
from event_assets.transforms.event_counts import events_by_minute, events_by_type
from event_assets.transforms.joined_facts import joined_facts
from event_assets.transforms.top_users import platform_sessions, top_users, top_users_overall
from event_assets.transforms.watch_time import watch_time, watch_time_overall
from event_assets_tests.transforms.bench import DAY, Bench, at, declared, only

NEXT = DAY + dt.timedelta(days=1)


def fact(user: str, time: str = "10:00:00", event_type: str | None = "view", **columns: Any) -> dict[str, Any]:
    fixed = {"event_id": f"{user}{time}", "file_id": "f", "row_number": 1, "has_profile": False}
    return {**fixed, "user_id": user, "event_type": event_type, "event_time": at(time), "session_id": "s", **columns}


def test_a_daily_summary_counts_events_and_sessions_of_each_user(bench: Bench) -> None:
    dataset = declared(gold={"daily_summary": {}})
    facts = [fact("u", "10:00:00"), fact("u", "09:00:00", session_id="t"), fact("u", "11:00:00"), fact("v", "12:00:00")]
    assert bench.table(daily_summary, dataset, {"joined_facts": facts}) == [
        {
            "user_id": "u",
            "event_count": 3,
            "session_count": 2,
            "first_event_time": at("09:00:00"),
            "last_event_time": at("11:00:00"),
        },
        {
            "user_id": "v",
            "event_count": 1,
            "session_count": 1,
            "first_event_time": at("12:00:00"),
            "last_event_time": at("12:00:00"),
        },
    ]


def test_events_are_counted_by_minute_and_type_with_none_under_null(bench: Bench) -> None:
    dataset = declared(gold={"events_by_minute": {}, "events_by_type": {}})
    facts = [fact("u", "10:00:00"), fact("v", "10:00:59.999999"), fact("u", "10:01:00"), fact("u", "10:01:30", None)]
    by_minute = bench.table(events_by_minute, dataset, {"joined_facts": facts})
    assert only(by_minute, "minute", "event_type", "event_count") == [
        (at("10:00"), "view", 2),
        (at("10:01"), None, 1),
        (at("10:01"), "view", 1),
    ]
    by_type = bench.table(events_by_type, dataset, {"joined_facts": facts})
    assert only(by_type, "event_type", "event_count", "user_count") == [(None, 1, 1), ("view", 3, 2)]


PLATFORM = [{"name": "platform"}, {"name": "source_session_id"}]


def test_platform_sessions_are_the_sources_own_where_both_are_given(bench: Bench) -> None:
    dataset = declared(PLATFORM, gold={"top_users": {}})
    given = [("ios", "a"), ("ios", "a"), ("web", "a"), (None, "b"), ("ios", None)]
    facts = [fact("u", platform=platform, source_session_id=session) for platform, session in given]
    rows = bench.table(platform_sessions, dataset, {"joined_facts": facts})
    assert only(rows, "platform", "user_id", "session_id") == [("ios", "u", "a"), ("web", "u", "a")]


def test_platform_sessions_are_computed_ones_where_the_source_gives_none(bench: Bench) -> None:
    dataset = declared(gold={"top_users": {"by": None}})
    rows = bench.table(platform_sessions, dataset, {"joined_facts": [fact("u"), fact("u", "11:00:00", session_id="t")]})
    assert only(rows, "user_id", "session_id") == [("u", "s"), ("u", "t")]


def session(platform: str, user: int, number: int, date: dt.date = DAY) -> dict[str, Any]:
    return {"platform": platform, "user_id": user, "session_id": str(number), "event_date": date}


def test_ties_are_ranked_by_user_as_text_and_cut_at_n(bench: Bench) -> None:
    dataset = declared([*PLATFORM, {"name": "user_id", "type": "int64"}], gold={"top_users": {"n": 3}})
    rows = [session("ios", user, n) for user, most in [(9, 1), (10, 1), (100, 1), (2, 1), (7, 2)] for n in range(most)]
    rows += [session("web", 9, 1)]
    ranked = bench.table(top_users, dataset, {"platform_sessions": rows})
    assert only(ranked, "platform", "rank", "user_id", "session_count") == [
        ("ios", 1, 7, 2),
        ("ios", 2, 10, 1),
        ("ios", 3, 100, 1),
        ("web", 1, 9, 1),
    ]


def test_a_session_of_two_dates_counts_once_overall(bench: Bench) -> None:
    dataset = declared([*PLATFORM, {"name": "user_id", "type": "int64"}], gold={"top_users": {}})
    rows = [session("ios", 1, 1), session("ios", 1, 1, NEXT), session("ios", 2, 1), session("ios", 2, 2, NEXT)]
    ranked = bench.table(top_users_overall, dataset, {"platform_sessions": rows}, None)
    assert only(ranked, "rank", "user_id", "session_count") == [(1, 2, 2), (2, 1, 1)]


WATCH = [{"name": "ip"}, {"name": "minutes", "type": "decimal(10,2)"}]
WATCHED = declared(WATCH, geo="ip", gold={"watch_time": {"column": "minutes"}})


def test_watch_time_is_an_exact_sum_by_region_and_user(bench: Bench) -> None:
    ten_cents = [fact("u", geo_region="EU", minutes=Decimal("0.10")) for _ in range(3)]
    others = [fact("u", geo_region="NA", minutes=None), fact("v", geo_region="EU", minutes=Decimal("99999999.99"))]
    rows = bench.table(watch_time, WATCHED, {"joined_facts": ten_cents + others})
    assert only(rows, "geo_region", "user_id", "total_watch_time_min", "log_count") == [
        ("EU", "u", Decimal("0.30"), 3),
        ("EU", "v", Decimal("99999999.99"), 1),
        ("NA", "u", Decimal("0.00"), 1),
    ]


def test_watch_time_overall_adds_the_dates_by_region_and_by_user(bench: Bench) -> None:
    def day(region: str, minutes: str, date: dt.date) -> dict[str, Any]:
        total = {"total_watch_time_min": Decimal(minutes), "log_count": 2}
        return {"geo_region": region, "user_id": "u", "event_date": date, **total}

    days = [day("EU", "0.10", DAY), day("EU", "0.20", NEXT), day("Unknown", "1", DAY)]
    made, _ = bench.run(watch_time_overall, WATCHED, {"watch_time": days}, None)
    rows = made["watch_time_overall"]
    assert only(rows, "geo_region", "user_id", "total_watch_time_min", "log_count") == [
        ("EU", "u", Decimal("0.30"), 4),
        ("Unknown", "u", Decimal("1.00"), 2),
    ]
    users = made["watch_time_by_user"]
    assert only(users, "user_id", "total_watch_time_min", "log_count") == [("u", Decimal("1.30"), 6)]


def test_a_fact_knows_the_region_of_its_address(bench: Bench) -> None:
    events = [fact(str(number), ip=ip) for number, ip in enumerate(["8.8.8.8", None, "8.8.8.8", "10.0.0.1"])]
    made, _ = bench.run(joined_facts, WATCHED, {"cleaned_events": events, "session_parts": []})
    regions = [("0", "NA"), ("1", "Unknown"), ("2", "NA"), ("3", "Unknown")]
    assert only(made["joined_facts"], "user_id", "geo_region") == regions

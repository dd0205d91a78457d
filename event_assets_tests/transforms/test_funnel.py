"""The funnel: how far, when, and what of it counts overall."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from event_assets.transforms.funnel import funnel_days, funnel_summary, user_funnel
from event_assets_tests.transforms.bench import DAY, Bench, Rows, at, declared, only

STEPS = ("view", "cart", "buy")
DATASET = declared(gold={"user_funnel": {"steps": list(STEPS), "window": "1d"}})
NEXT = DAY + dt.timedelta(days=1)


def fact(event_type: str | None, time: dt.datetime | str, user: str = "u") -> dict[str, Any]:
    time = at(time) if isinstance(time, str) else time
    fixed = {"event_id": "e", "file_id": "f", "row_number": 1, "session_id": "s", "has_profile": False}
    return {**fixed, "user_id": user, "event_type": event_type, "event_time": time, "event_date": time.date()}


def funnel(bench: Bench, facts: Rows) -> list[tuple[Any, ...]]:
    """furthest_step and the steps' times of each user."""
    rows = bench.table(user_funnel, DATASET, {"joined_facts": facts})
    return only(rows, "furthest_step", *(f"{step}_time" for step in STEPS))


def test_steps_count_in_order_of_time_and_others_between_do_no_harm(bench: Bench) -> None:
    facts = [
        fact("cart", "09:00"),
        fact("view", "10:00"),
        fact("buy", "10:05"),
        fact("cart", "10:10"),
        fact(None, "10:11"),
    ]
    facts += [fact("view", "10:12"), fact("buy", "10:20"), fact("cart", "08:00", "v")]
    assert bench.table(user_funnel, DATASET, {"joined_facts": facts}) == [
        {
            "user_id": "u",
            "view_count": 2,
            "cart_count": 2,
            "buy_count": 2,
            "furthest_step": 3,
            "view_time": at("10:00"),
            "cart_time": at("10:10"),
            "buy_time": at("10:20"),
        },
        {
            "user_id": "v",
            "view_count": 0,
            "cart_count": 1,
            "buy_count": 0,
            "furthest_step": 0,
            "view_time": None,
            "cart_time": None,
            "buy_time": None,
        },
    ]


def test_events_at_one_instant_stand_in_step_order(bench: Bench) -> None:
    facts = [fact(step, "10:00") for step in reversed(STEPS)]
    assert funnel(bench, facts) == [(3, at("10:00"), at("10:00"), at("10:00"))]


def test_the_window_runs_from_the_attempts_start_and_includes_its_end(bench: Bench) -> None:
    start, end = at("10:00"), at("10:00", NEXT)
    facts = [fact("view", start), fact("cart", at("09:00", NEXT)), fact("buy", end)]
    assert funnel(bench, facts) == [(3, start, at("09:00", NEXT), end)]
    late = [*facts[:2], fact("buy", end + dt.timedelta(microseconds=1))]
    assert funnel(bench, late) == [(2, start, at("09:00", NEXT), None)]


def test_a_later_attempt_counts_where_it_gets_further(bench: Bench) -> None:
    facts = [fact("view", "08:00"), fact("view", "10:00"), fact("cart", "11:00"), fact("buy", at("09:00", NEXT))]
    assert funnel(bench, facts) == [(3, at("10:00"), at("11:00"), at("09:00", NEXT))]


def test_of_attempts_that_get_equally_far_the_earliest_tells_the_times(bench: Bench) -> None:
    facts = [fact("view", "10:00"), fact("view", "10:30"), fact("cart", "11:00")]
    assert funnel(bench, facts) == [(2, at("10:00"), at("11:00"), None)]


def test_an_attempt_begins_on_the_date_and_only_that_dates_events_and_users_count(bench: Bench) -> None:
    facts = [fact("view", at("08:00", NEXT)), fact("cart", at("09:00", NEXT)), fact("cart", "09:00")]
    facts += [fact("view", at("08:00", NEXT), "tomorrow")]
    rows = bench.table(user_funnel, DATASET, {"joined_facts": facts})
    assert only(rows, "user_id", "view_count", "cart_count", "furthest_step") == [("u", 0, 1, 0)]


def test_one_users_next_step_is_no_other_users(bench: Bench) -> None:
    facts = [
        fact("view", "10:00", "a"),
        fact("view", "12:00", "b"),
        fact("cart", "11:00", "b"),
        fact("cart", "09:00", "a"),
    ]
    assert funnel(bench, facts) == [(1, at("10:00"), None, None), (1, at("12:00"), None, None)]


@pytest.mark.parametrize(
    ("window", "timezone", "days"), [("1d", "UTC", 1), ("30m", "UTC", 1), ("25h", "UTC", 2), ("1d", "Europe/Berlin", 2)]
)
def test_the_window_reaches_so_many_dates_ahead(window: str, timezone: str, days: int) -> None:
    gold = {"user_funnel": {"steps": ["a", "b"], "window": window}}
    assert funnel_days(declared(gold=gold, timezone=timezone)) == days


def reached(user: str, furthest: int, *times: str, date: dt.date = DAY) -> dict[str, Any]:
    named = {f"{step}_time": at(time, date) for step, time in zip(STEPS, times, strict=False)}
    counts = {f"{step}_count": 0 for step in STEPS}
    return {"user_id": user, "furthest_step": furthest, "event_date": date, **counts, **named}


def summary(bench: Bench, rows: Rows) -> list[tuple[Any, ...]]:
    found = bench.table(funnel_summary, DATASET, {"user_funnel": rows}, None)
    assert only(found, "step_number", "step") == [(1, "view"), (2, "cart"), (3, "buy")]
    shares = ("conversion_from_previous", "conversion_from_first", "median_seconds_from_previous")
    return only(found, "users", *shares)


def test_a_user_counts_overall_for_the_furthest_of_its_dates(bench: Bench) -> None:
    rows = [
        reached("u", 1, "10:00"),
        reached("u", 2, "10:00", "10:01", date=NEXT),
        reached("v", 2, "10:00", "10:00:00.000003"),
        reached("w", 3, "10:00", "10:02", "10:05"),
        reached("x", 1, "10:00"),
        reached("y", 1, "10:00"),
        reached("z", 1, "10:00"),
        reached("zero", 0),
    ]
    assert summary(bench, rows) == [
        (6, None, Decimal("1.000000"), None),
        (3, Decimal("0.500000"), Decimal("0.500000"), Decimal("60.000000")),
        (1, Decimal("0.333333"), Decimal("0.166667"), Decimal("180.000000")),
    ]


def test_the_median_of_an_even_count_is_rounded_down_to_the_microsecond(bench: Bench) -> None:
    rows = [reached("u", 2, "10:00", "10:00:00.000001"), reached("v", 2, "10:00", "10:00:00.000004")]
    assert summary(bench, rows)[1] == (2, Decimal(1), Decimal(1), Decimal("0.000002"))


def test_a_funnel_that_nobody_entered_has_its_steps_without_shares(bench: Bench) -> None:
    assert summary(bench, []) == [(0, None, None, None)] * 3


def best(facts: Rows) -> list[tuple[Any, ...]]:
    """The rule of the funnel by trying every attempt."""
    users: dict[str, Rows] = defaultdict(list)
    for row in facts:
        users[row["user_id"]].append(row)
    expected = []
    for _, rows in sorted(users.items()):
        chains = [()]
        for start in (row["event_time"] for row in rows if row["event_type"] == "view" and row["event_date"] == DAY):
            chain = (start,)
            for step in STEPS[1:]:
                times = [row["event_time"] for row in rows if row["event_type"] == step]
                later = [t for t in times if chain[-1] <= t <= start + dt.timedelta(days=1)]
                if not later:
                    break
                chain += (min(later),)
            chains.append(chain)
        longest = min((c for c in chains if len(c) == max(map(len, chains))), default=())
        expected.append((len(longest), *longest, *[None] * (3 - len(longest))))
    return expected


@st.composite
def days_of_facts(draw: st.DrawFn) -> Rows:
    hour = st.integers(0, 47).map(lambda n: at("00:00") + dt.timedelta(hours=n))
    drawn = draw(st.lists(st.tuples(st.sampled_from([*STEPS, "x"]), hour, st.sampled_from("ab")), max_size=14))
    on_day = [fact("x", "12:00", user) for user in "ab"]
    return [fact(step, time, user) for step, time, user in drawn] + on_day


@given(facts=days_of_facts())
def test_a_funnel_equals_trying_every_attempt(facts: Rows) -> None:
    assert funnel(Bench("polars"), facts) == best(facts)


@settings(max_examples=5)
@given(facts=days_of_facts())
def test_a_funnel_equals_trying_every_attempt_on_duckdb(facts: Rows) -> None:
    assert funnel(Bench("duckdb"), facts) == best(facts)


def test_each_user_counts_once_in_a_median_by_its_best_date(bench: Bench) -> None:
    rows = [
        reached("u", 2, "10:00", "10:01"),
        reached("u", 3, "10:00", "10:03", "10:04", date=NEXT),
        reached("u", 3, "10:00", "10:20", "10:50", date=NEXT + dt.timedelta(days=1)),
        reached("v", 2, "10:00", "10:09"),
        reached("v", 2, "10:00", "10:59", date=NEXT),
    ]
    assert [row[3] for row in summary(bench, rows)] == [None, Decimal("360.000000"), Decimal("60.000000")]


CONDITIONS = declared(
    [{"name": "page"}, {"name": "price", "type": "decimal(6,2)"}],
    gold={
        "user_funnel": {
            "steps": [
                {"name": "Landing", "where": {"page": ["/a", None]}},
                "Add to Cart",
                {"name": "checkout", "event_type": ["Begin Checkout", "pay"], "where": {"page": {"not": ["/test"]}}},
                {"name": "big", "event_type": "pay", "where": {"price": [100]}},
            ]
        }
    },
)


def test_steps_are_met_by_type_and_condition_and_one_event_fills_one_step(bench: Bench) -> None:
    facts = [
        {**fact("view", "10:00"), "page": "/a", "event_id": "1"},
        {**fact("Add to Cart", "10:01"), "page": "/b", "event_id": "2"},
        {**fact("add to cart", "10:02"), "page": "/b", "event_id": "3"},
        {**fact("pay", "10:03"), "page": "/test", "price": Decimal("100.00"), "event_id": "4"},
        {**fact("pay", "10:04"), "page": None, "price": Decimal("100.00"), "event_id": "5"},
        {**fact("pay", "10:05"), "page": "/c", "price": Decimal("7.00"), "event_id": "6"},
    ]
    (row,) = bench.table(user_funnel, CONDITIONS, {"joined_facts": facts})
    assert {name: row[name] for name in row if name.endswith("_count")} == {
        "Landing_count": 2,  # the page is /a, or there is none
        "Add to Cart_count": 1,
        "checkout_count": 2,
        "big_count": 2,
    }
    # 10:04 fills `checkout`, so `big` has none left: 10:03 is before it.
    assert (row["furthest_step"], row["checkout_time"], row["big_time"]) == (3, at("10:04"), None)
    more = [*facts, {**fact("pay", "10:04"), "page": "/test", "price": Decimal(100), "event_id": "7"}]
    (row,) = bench.table(user_funnel, CONDITIONS, {"joined_facts": more})
    assert (row["furthest_step"], row["big_time"]) == (4, at("10:04"))

"""Document 004, event stream medallion: raw, cleaned and sessionized events, and what is counted of them."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from event_assets.tables.contract import violations
from event_assets_tests.documents.shipped import CLEANED, csv, landed, quarantined, rows
from event_assets_tests.world import World

HEADER = "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session"


def line(time: str, kind: str = "view", product: object = 7, user: object = 1, price: object = "31.9") -> str:
    return f"{time},{kind},{product},2144415922528452715,electronics.telephone,Apple,{price},{user},abc"


FILE = csv(
    HEADER,
    line("2020-09-24 10:00:00+00:00", "product_view", 7),
    line("2020-09-24 10:00:30+00:00", " Add-To-Cart", 8),
    line("2020-09-24 10:30:30+00:00", "BUY", 8),  # 30:00 after: the same session
    line("2020-09-24 11:00:31+00:00"),  # 30:01 after: the next one
    line("2020-09-24 10:00:10+00:00", "buy", 9, user=2),  # before its cart: counted, but no funnel
    line("2020-09-24 10:00:20+00:00", "cart", 9, user=2),
    line("2020-09-24 23:50:00+00:00", "view", 5, user=3),
    line("2020-09-25 00:10:00+00:00", "cart", 6, user=3),  # over midnight
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return landed(tmp_path_factory.mktemp("004"), "shop", {"events_raw.csv": FILE})


def test_raw_events_stand_by_date_as_they_came(world: World) -> None:
    assert rows(world, "raw_events", "event_date", "row_number", "event_type", "price", "event_time")[:3] == [
        ("2020-09-24", 1, "product_view", "31.9", "2020-09-24 10:00:00+00:00"),
        ("2020-09-24", 2, " Add-To-Cart", "31.9", "2020-09-24 10:00:30+00:00"),
        ("2020-09-24", 3, "BUY", "31.9", "2020-09-24 10:30:30+00:00"),
    ]
    dates = world.table("raw_events")["event_date"].value_counts(sort=True)
    assert dates.rows() == [("2020-09-24", 7), ("2020-09-25", 1)]


def test_cleaned_events_have_one_spelling_of_each_type_and_exact_numbers(world: World) -> None:
    assert rows(world, "cleaned_events", "user_id", "event_type", "product_id", "category_id", "brand", "price") == [
        (user, kind, product, 2144415922528452715, "apple", "31.90")
        for user, kind, product in [
            (1, "view", 7),
            (1, "cart", 8),
            (1, "purchase", 8),
            (1, "view", 7),
            (2, "purchase", 9),
            (2, "cart", 9),
            (3, "view", 5),
            (3, "cart", 6),
        ]
    ]


def test_a_session_ends_with_a_pause_of_more_than_30_minutes_and_not_with_the_day(world: World) -> None:
    columns = ("event_date", "user_id", "session_start", "session_end", "duration_seconds", "event_count")
    assert rows(world, "sessions", *columns) == [
        ("2020-09-24", 1, "2020-09-24 10:00:00+00:00", "2020-09-24 10:30:30+00:00", "1830.000000", 3),
        ("2020-09-24", 1, "2020-09-24 11:00:31+00:00", "2020-09-24 11:00:31+00:00", "0.000000", 1),
        ("2020-09-24", 2, "2020-09-24 10:00:10+00:00", "2020-09-24 10:00:20+00:00", "10.000000", 2),
        ("2020-09-24", 3, "2020-09-24 23:50:00+00:00", "2020-09-25 00:10:00+00:00", "1200.000000", 2),
    ]
    assert rows(world, "sessions", "event_types", "first_product_id", "last_product_id") == [
        ("cart,purchase,view", 7, 8),
        ("view", 7, 7),
        ("cart,purchase", 9, 9),
        ("cart,view", 5, 6),
    ]


def test_events_are_counted_by_minute_and_by_type(world: World) -> None:
    assert rows(world, "events_by_minute", "event_date", "minute", "event_type", "event_count") == [
        ("2020-09-24", "2020-09-24 10:00:00+00:00", "cart", 2),
        ("2020-09-24", "2020-09-24 10:00:00+00:00", "purchase", 1),
        ("2020-09-24", "2020-09-24 10:00:00+00:00", "view", 1),
        ("2020-09-24", "2020-09-24 10:30:00+00:00", "purchase", 1),
        ("2020-09-24", "2020-09-24 11:00:00+00:00", "view", 1),
        ("2020-09-24", "2020-09-24 23:50:00+00:00", "view", 1),
        ("2020-09-25", "2020-09-25 00:10:00+00:00", "cart", 1),
    ]
    assert rows(world, "events_by_type", "event_date", "event_type", "event_count", "user_count") == [
        ("2020-09-24", "cart", 2, 2),
        ("2020-09-24", "purchase", 2, 2),
        ("2020-09-24", "view", 3, 2),
        ("2020-09-25", "cart", 1, 1),
    ]


def test_the_funnel_has_plain_counts_and_how_far_each_user_got_in_order(world: World) -> None:
    counts = ("view_count", "cart_count", "purchase_count")
    times = ("view_time", "cart_time", "purchase_time")
    assert rows(world, "user_funnel", "event_date", "user_id", *counts, "furthest_step", *times) == [
        (
            *("2020-09-24", 1, 2, 1, 1, 3),
            *("2020-09-24 10:00:00+00:00", "2020-09-24 10:00:30+00:00", "2020-09-24 10:30:30+00:00"),
        ),
        ("2020-09-24", 2, 0, 1, 1, 0, None, None, None),
        ("2020-09-24", 3, 1, 0, 0, 2, "2020-09-24 23:50:00+00:00", "2020-09-25 00:10:00+00:00", None),
        ("2020-09-25", 3, 0, 1, 0, 0, None, None, None),
    ]


def test_the_funnel_over_all_dates_gives_users_conversion_and_time_between_steps(world: World) -> None:
    columns = ("step_number", "step", "users", "conversion_from_previous", "conversion_from_first")
    assert rows(world, "funnel_summary", *columns, "median_seconds_from_previous") == [
        (1, "view", 2, None, "1.000000", None),
        (2, "cart", 2, "1.000000", "1.000000", "615.000000"),
        (3, "purchase", 1, "0.500000", "0.500000", "1800.000000"),
    ]


@pytest.mark.parametrize(
    ("table", "column", "value", "rule"),
    [
        ("sessions", "session_start", None, "session_start is never null"),
        ("sessions", "session_end", None, "session_end is never null"),
        ("sessions", "duration_seconds", "-1", "duration_seconds greater than or equal to"),
        ("events_by_minute", "event_count", "0", "event_count greater than or equal to"),
        ("events_by_type", "event_count", "0", "event_count greater than or equal to"),
        ("user_funnel", "user_id", None, "user_id is never null"),
        ("user_funnel", "view_count", "-1", "view_count greater than or equal to"),
    ],
)
def test_each_data_quality_test_of_the_document_is_a_rule_that_a_partition_must_keep(
    world: World, table: str, column: str, value: str | None, rule: str
) -> None:
    contract = world.workspace.tables[table]
    frame = world.table(table).filter(event_date="2020-09-24").select(contract.names)
    assert violations(contract, frame) == []
    broken = frame.with_columns(pl.lit(value).cast(frame.schema[column]).alias(column))
    assert str(violations(contract, broken)[0]).startswith(rule)


def test_a_price_below_nought_and_a_user_that_is_no_number_are_quarantined_and_the_rest_goes_on(tmp_path: Path) -> None:
    time = "2020-09-24 10:00:00+00:00"
    broken = [line(time, price="-1"), line(time, user="x"), line(time, kind=""), line(time, user=2**53 + 1)]
    world = landed(tmp_path, "shop", {"events_raw.csv": csv(HEADER, *broken)}, CLEANED)
    assert quarantined(world) == [
        (1, "invalid_price", "price"),
        (2, "invalid_user_id", "user_id"),
        (3, "missing_event_type", "event_type"),
    ]
    assert rows(world, "cleaned_events", "user_id") == [(2**53 + 1,)]

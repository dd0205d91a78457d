"""The exact figures of real input, to the row. Skipped, with the reason, where there is none."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import polars as pl
import pytest

from event_assets.declaration import load_datasets
from event_assets.pipeline.staleness.schedule import between
from event_assets_tests.world import World

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)

pytestmark = pytest.mark.timeout(900)


def whole(name: str, folder: Path, realdata: Path) -> World:
    world = World(folder, load_datasets()[name], inbox=realdata)
    world.land(lambda: NOW)
    world.make()
    return world


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, realdata: Path) -> World:
    return whole("shop", tmp_path_factory.mktemp("shop"), realdata)


def test_benefits(tmp_path: Path, realdata: Path) -> None:
    world = whole("benefits", tmp_path, realdata)
    found = world.reconciled()
    assert found.holds
    assert found.records - found.rows["raw_profiles"] == 10_050
    assert found.rejected_by_reason == {"invalid_timestamp": 93}
    assert found.raw == 9_957
    assert found.quarantined_by_reason == {"missing_user_id": 57}
    assert (found.duplicates, found.cleaned, found.filtered, found.facts) == (50, 9_850, 9_010, 840)
    assert found.rows["daily_summary"] == 830
    assert (str(found.first_date), str(found.last_date)) == ("2025-01-01", "2025-12-17")
    facts = world.table("joined_facts")
    assert set(facts["country"]) == {"US"}
    # The original text of the time is kept beside the time.
    assert facts["timestamp"].str.slice(0, 10).to_list() == facts["event_date"].to_list()


def test_app_events(tmp_path: Path, realdata: Path) -> None:
    world = whole("app_events", tmp_path, realdata)
    found = world.reconciled()
    assert (found.rows["raw_profiles"], found.raw, found.facts, found.orphans) == (5, 10, 10, 0)
    facts = world.table("joined_facts")
    assert set(facts["event_date"]) == {"2023-10-26"}
    purchase = facts.filter(event_type="purchase").row(0, named=True)
    assert (str(purchase["price"]), purchase["quantity"], purchase["name"]) == ("1200000.00", 1, "Sara Mohammadi")
    text = (realdata / "app_events" / "user_events_20231026.json").read_bytes().decode()
    assert purchase["details"] in text, "JSON is kept as the source wrote it"
    assert json.loads(purchase["details"]) == {
        "item_id": "item_abc",
        "price": 1200000,
        "quantity": 1,
        "currency": "IRR",
    }


def test_shop_loses_nothing(shop: World) -> None:
    found = shop.reconciled()
    assert found.holds
    assert (found.raw, found.duplicates, found.cleaned) == (100_000, 71, 99_929)
    assert found.first_date == dt.date(2020, 9, 24)
    assert found.last_date == dt.date(2020, 10, 16)


def test_shop_has_exact_sessions_over_midnight(shop: World) -> None:
    sessions = shop.table("sessions")
    assert sessions.height == 61_860
    over = sessions.filter(pl.col("session_start").dt.date() != pl.col("session_end").dt.date())
    assert over.height == 29
    assert str(sessions["duration_seconds"].max()) == "10135.000000"  # 2:48:55
    assert sessions["event_count"].max() == 79
    assert sessions["event_count"].sum() == 99_929


def test_shop_counts_by_minute_type_and_user(shop: World) -> None:
    assert shop.table("events_by_minute")["minute"].n_unique() == 27_260
    types = shop.table("events_by_type").group_by("event_type").agg(pl.col("event_count").sum())
    assert dict(types.iter_rows()) == {"view": 90_694, "cart": 5_380, "purchase": 3_855}
    assert shop.table("daily_summary")["user_id"].n_unique() == 53_032
    assert shop.table("daily_summary")["event_count"].sum() == 99_929


def test_every_fact_stands_in_the_session_that_counts_it(shop: World) -> None:
    counted = shop.table("joined_facts").group_by("session_id").len().sort("session_id")
    stated = shop.table("sessions").select("session_id", "event_count").sort("session_id")
    assert counted["session_id"].equals(stated["session_id"])
    assert counted["len"].cast(pl.Int64).to_list() == stated["event_count"].to_list()


def test_shop_date_by_date_backwards_gives_the_same_tables(shop: World, tmp_path: Path) -> None:
    world = World(tmp_path, shop.dataset, inbox=shop.settings.inbox)
    world.land(lambda: NOW)
    last = dt.date(2020, 9, 28)
    for date in sorted(between(dt.date(2020, 9, 24), last), reverse=True):
        world.make([date.isoformat()])
    expected, found = shop.tables(), world.tables()
    for name in ("cleaned_events", "joined_facts", "daily_summary", "user_funnel"):
        early = pl.col("event_date") < last.isoformat()
        assert expected[name].filter(early).equals(found[name].filter(early)), name

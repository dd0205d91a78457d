"""What a user of `make ui` meets: the real web server, daemon and code server, and a real browser."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from event_assets_tests.browser.dagster_dev import DagsterDev, wait_for
from event_assets_tests.browser.pages import asset_graph, materialize

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

HEADER = "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session"
GROUPS = ["activity", "app_events", "benefits", "shop", "streaming", "warehouse"]


def shop_file(*dates: str, user: int = 1) -> str:
    """A file of the shop with a view and a cart of one user on each date."""
    records = [
        f"{date} 10:0{minute}:00 UTC,{kind},1,2,a.b,acme,9.99,{user},s{user}"
        for date in dates
        for minute, kind in enumerate(("view", "cart"))
    ]
    return "\n".join([HEADER, *records]) + "\n"


def test_the_code_location_loads_and_nothing_runs_by_itself(dev: DagsterDev) -> None:
    answer = dev.ask(
        """{repositoryOrError(repositorySelector:
            {repositoryLocationName:"event_assets", repositoryName:"__repository__"}){... on Repository{
            assetGroups{groupName} sensors{sensorState{status}} schedules{name}}}}"""
    )
    found = answer["repositoryOrError"]
    assert [group["groupName"] for group in found["assetGroups"]] == GROUPS
    assert {sensor["sensorState"]["status"] for sensor in found["sensors"]} == {"STOPPED"}
    assert found["schedules"] == []
    assert re.findall(r"^.*(?:warning|error|traceback|superseded).*$", dev.log.read_text(), re.I | re.M) == []


def test_a_dropped_file_reaches_the_last_table(dev: DagsterDev) -> None:
    dev.switch("shop_new_files", on=True)
    dev.drop("shop", "events_1.csv", shop_file("2024-03-01", "2024-03-03"))
    last = dev.lake / "shop" / "top_users_overall"
    wait_for(lambda: list(last.glob("*.parquet")), 100)
    [run] = dev.finished_runs()
    dev.switch("shop_new_files", on=False)
    assert (run["jobName"], run["status"]) == ("shop", "SUCCESS")
    # The 2nd has no rows: it is materialized, and empty.
    dates = ["2024-03-01", "2024-03-02", "2024-03-03"]
    assert dev.materialized("shop/daily_summary") == dates
    assert dev.checks("shop/cleaned_events", "contract") == dict.fromkeys(dates, "SUCCEEDED")
    # Before it went from `start_date` on. Nobody reloaded the definitions, so nobody sees grey dates.
    wait_for(lambda: dev.calendar("shop/daily_summary") == dates, 60)


@pytest.mark.long
def test_a_range_is_materialized_and_its_checks_are_executed_from_the_page_of_an_asset(
    dev: DagsterDev, browser: Browser, tmp_path: Path
) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    asset_graph(page, dev.url, "shop")
    assert page.get_by_text("top_users_overall").first.is_visible()
    assert page.screenshot(path=tmp_path / "graph.png")
    before = len(dev.runs())
    backfill = materialize(page, f"{dev.url}/assets/shop/daily_summary", "2024-03-01", "2024-03-03")
    wait_for(lambda: dev.backfill_status(backfill) not in ("REQUESTED", "COMPLETING"), 200)
    assert dev.backfill_status(backfill) == "COMPLETED_SUCCESS"
    assert len(dev.runs()) == before + 1
    assert dev.materialized("shop/daily_summary") == ["2024-03-01", "2024-03-02", "2024-03-03"]
    assert set(dev.checks("shop/daily_summary", "contract").values()) == {"SUCCEEDED"}
    page.goto(f"{dev.url}/assets/shop/daily_summary?view=checks")
    page.get_by_role("button", name="Execute all").click()
    wait_for(lambda: len(dev.runs()) == before + 2)
    page.close()
    assert dev.finished_runs()[0]["status"] == "SUCCESS"
    assert set(dev.checks("shop/daily_summary", "contract").values()) == {"SUCCEEDED"}


@pytest.mark.long
@pytest.mark.timeout(400)
def test_a_backfill_of_everything_is_one_run_for_the_range(dev: DagsterDev) -> None:
    header = "user_id,session_id,platform,activity_time,activity_type\n"
    for date in ("2024-03-01", "2024-03-03"):
        dev.drop("activity", f"Dataset_{date}.csv", f"{header}u1,s1,iOS,{date} 10:00:00,login\n")
    group = {"groupName": "activity", "repositoryLocationName": "event_assets", "repositoryName": "__repository__"}
    nodes = dev.ask("query($g: AssetGroupSelector){assetNodes(group:$g){assetKey{path} isPartitioned}}", g=group)
    assets = {"/".join(node["assetKey"]["path"]): node["isPartitioned"] for node in nodes["assetNodes"]}
    dates = ["2024-03-01", "2024-03-02", "2024-03-03"]
    backfill = dev.backfill(dates, *assets)
    wait_for(lambda: dev.backfill_status(backfill) not in ("REQUESTED", "COMPLETING"), 350)
    assert dev.backfill_status(backfill) == "COMPLETED_SUCCESS"
    runs = [run for run in dev.runs() if run["tags"].get("dagster/backfill") == backfill]
    assert len([run for run in runs if "dagster/asset_partition_range_start" in run["tags"]]) == 1
    assert {asset: dev.materialized(asset) for asset, dated in assets.items() if dated} == {
        asset: dates for asset, dated in assets.items() if dated
    }

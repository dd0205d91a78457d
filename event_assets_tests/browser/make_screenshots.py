"""Makes the pictures of docs/img anew: `python -m event_assets_tests.browser.make_screenshots`.

Synthetic files of the shop are dropped into the inbox of a temporary Dagster; the pictures show what its sensor made.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from event_assets.generate.make import generate
from event_assets_tests.browser.dagster_dev import DagsterDev, dagster_dev
from event_assets_tests.browser.pages import asset_graph

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "img"
#: Long enough for the page to ask for what stands in its tiles.
_DRAWN = 6000


def main() -> None:
    with (
        tempfile.TemporaryDirectory(prefix="event_assets_") as folder,
        dagster_dev(Path(folder)) as dev,
        sync_playwright() as playwright,
    ):
        generate("shop", rows=20_000, days=14, seed=7, out=dev.inbox / "shop")
        dev.switch("shop_new_files", on=True)
        assert {run["status"] for run in dev.finished_runs(300)} == {"SUCCESS"}
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        IMAGES.mkdir(exist_ok=True)
        _asset_graph(page, dev)
        _asset_page(page, dev)
        browser.close()


def _asset_graph(page: Page, dev: DagsterDev) -> None:
    asset_graph(page, dev.url, "shop")
    page.wait_for_timeout(_DRAWN)
    page.screenshot(path=IMAGES / "asset-graph.png")


def _asset_page(page: Page, dev: DagsterDev) -> None:
    page.goto(f"{dev.url}/assets/shop/user_funnel")
    page.get_by_text("partition_row_count").first.scroll_into_view_if_needed()
    page.get_by_text("Columns", exact=True).first.click()  # folds them away
    page.wait_for_timeout(_DRAWN)
    page.screenshot(path=IMAGES / "asset-page.png")


if __name__ == "__main__":
    main()

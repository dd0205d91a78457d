"""Makes the pictures of the dashboard again: `python -m event_assets_tests.dashboard.make_screenshots`.

Synthetic files of the shop and of streaming are landed in a temporary lake and shown as a person would see them.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from event_assets.declaration import load_datasets
from event_assets.synthetic.generate import generate
from event_assets_tests.dashboard.conftest import served
from event_assets_tests.world import World

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "img"
PICTURES = (
    ("dashboard-light", "/shop", "light", 1440, 1000),
    ("dashboard-top", "/shop", "light", 1440, 712),
    ("dashboard-dark", "/streaming", "dark", 1440, 1000),
    ("dashboard-phone", "/shop", "light", 375, 812),
)
#: Shown to their end, the others as far as a screen goes.
WHOLE = ("dashboard-light", "dashboard-dark")


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="event_assets_") as folder, sync_playwright() as playwright:
        worlds = [World(Path(folder), load_datasets()[name]) for name in ("shop", "streaming")]
        for world in worlds:
            generate(world.dataset.name, rows=20_000, days=21, seed=7, out=world.settings.inbox / world.dataset.name)
            world.refresh()
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        IMAGES.mkdir(exist_ok=True)
        with served({world.dataset.name: world.dataset for world in worlds}, worlds[0].settings) as address:
            for name, path, theme, width, height in PICTURES:
                _picture(browser, address + path, theme, width, height, IMAGES / f"{name}.png")
        browser.close()


def _picture(browser: Browser, address: str, theme: str, width: int, height: int, to: Path) -> None:
    page = browser.new_page(viewport={"width": width, "height": height})
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    page.goto(address)
    page.locator("[data-chart] svg").first.wait_for(state="attached")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.screenshot(path=to, full_page=to.stem in WHOLE)
    page.close()


if __name__ == "__main__":
    main()

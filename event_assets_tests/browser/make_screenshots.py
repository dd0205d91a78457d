"""Makes the pictures of Dagster and of the terminal in docs/img again: `make pictures`, in some minutes.

Synthetic files of all datasets are dropped into the inbox of a temporary Dagster, and of one more dataset that stops at
what is broken; the pictures show what its sensors made, a backfill and a run that failed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import dagster
from playwright.sync_api import Page, expect, sync_playwright
from rich.console import Console
from rich.text import Text

from event_assets.declaration import SHIPPED, load_datasets
from event_assets.synthetic.generate import generate
from event_assets_tests.browser.dagster_dev import FINISHED, DagsterDev, dagster_dev, wait_for
from event_assets_tests.browser.pages import asset_graph

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "img"
#: Long enough for a page to ask for what stands in its tiles.
_DRAWN = 8000
_DATE = "2020-09-25"
_PACKAGES = str(Path(dagster.__file__).parents[1])
#: A picture tells nothing of the machine that it was taken on.
_SHORTEN = """pairs => {
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
    while (texts.nextNode())
        for (const [path, short] of pairs)
            texts.currentNode.data = texts.currentNode.data.replaceAll(path, short)
}"""


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="event_assets_") as folder:
        declare(Path(folder))
        terminal(Path(folder) / "terminal")
        with dagster_dev(Path(folder)) as dev, sync_playwright() as playwright:
            prepare(dev)
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.set_default_timeout(60_000)
            for name, show in PICTURES.items():
                show(page, dev)
                page.wait_for_timeout(_DRAWN)
                expect(page.get_by_text("fetching statuses")).to_have_count(0, timeout=120_000)
                page.evaluate(
                    _SHORTEN, [[_PACKAGES, "site-packages"], [sys.prefix, ".venv"], [str(dev.folder), "data"]]
                )
                page.screenshot(path=IMAGES / f"{name}.png")
            browser.close()


def declare(folder: Path) -> None:
    """A sixth dataset, which stops at the first broken record."""
    strict = (SHIPPED / "shop" / "defs.yaml").read_text().replace("name: shop", "name: orders\n  mode: fail_fast", 1)
    declaration = folder / "datasets" / "orders" / "defs.yaml"
    declaration.parent.mkdir(parents=True)
    declaration.write_text(strict)


def prepare(dev: DagsterDev) -> None:
    """Two weeks of the shop, some days of each other dataset, a file that is refused, and a backfill."""
    for name in load_datasets():
        rows, days = (20_000, 14) if name == "shop" else (3_000, 4)
        generate(name, rows=rows, days=days, seed=7, out=dev.inbox / name)
        dev.switch(f"{name}_new_files", on=True)
    landed = set(load_datasets())
    wait_for(lambda: landed <= {run["jobName"] for run in dev.runs() if run["status"] in FINISHED}, 900)
    generate("shop", rows=500, days=1, seed=7, out=dev.inbox / "orders")
    dev.switch("orders_new_files", on=True)
    wait_for(lambda: any(run["status"] == "FAILURE" for run in dev.runs()), 300)
    dev.switch("orders_new_files", on=False)
    made = dev.materialized("shop/joined_facts")
    backfill = dev.backfill(made, "shop/joined_facts", "shop/events_by_type", "shop/user_funnel")
    wait_for(lambda: dev.backfill_status(backfill).startswith("COMPLETED"), 600)
    dev.reload()  # a dataset without records had the calendar of its declaration


def terminal(folder: Path) -> None:
    """What `event-assets run shop` prints on a terminal, as an SVG that asks no server for its letters."""
    generate("shop", rows=20_000, days=14, seed=7, out=folder / "data" / "inbox" / "shop")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("EVENT_ASSETS_")}
    environment |= {"COLUMNS": "84", "FORCE_COLOR": "1", "PYTHONPATH": str(IMAGES.parents[1])}
    command = [sys.executable, "-m", "event_assets", "run", "shop"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    console = Console(record=True, width=84, file=open(os.devnull, "w"))  # noqa: SIM115
    console.print("$ event-assets run shop", style="bold")
    console.print(Text.from_ansi(done.stdout.replace(str(folder) + "/", "")))
    svg = re.sub(r"@font-face \{.*?\}", "", console.export_svg(title="event_assets"), flags=re.DOTALL)
    (IMAGES / "terminal.svg").write_text(svg.replace("Fira Code", "ui-monospace"), encoding="utf-8")


def _at(path: str) -> Callable[[Page, DagsterDev], None]:
    return lambda page, dev: _go(page, dev.url + path)


def _go(page: Page, address: str) -> None:
    page.goto(address, wait_until="domcontentloaded")


def _graph(page: Page, dev: DagsterDev) -> None:
    asset_graph(page, dev.url, "shop")


def _asset(page: Page, dev: DagsterDev) -> None:
    _go(page, f"{dev.url}/assets/shop/user_funnel")
    page.get_by_text("partition_row_count").first.scroll_into_view_if_needed()
    page.get_by_text("Columns", exact=True).first.click()  # folds them away


def _run(status: str) -> Callable[[Page, DagsterDev], None]:
    def show(page: Page, dev: DagsterDev) -> None:
        run = next(run for run in dev.runs() if run["status"] == status)
        _go(page, f"{dev.url}/runs/{run['runId']}")
        page.get_by_text("RUN_FAILURE" if status == "FAILURE" else "RUN_SUCCESS").first.wait_for()

    return show


def _backfill(page: Page, dev: DagsterDev) -> None:
    answer = dev.ask("{partitionBackfillsOrError{... on PartitionBackfills{results{id}}}}")
    _go(page, f"{dev.url}/runs/b/{answer['partitionBackfillsOrError']['results'][0]['id']}")


PICTURES: dict[str, Callable[[Page, DagsterDev], None]] = {
    "asset-graph": _graph,
    "datasets": _at("/asset-groups"),
    "asset-page": _asset,
    "partition": _at(f"/assets/shop/cleaned_events?view=partitions&partition={_DATE}"),
    "check": _at("/assets/shop/source_files?view=checks&checkDetail=drift"),
    "backfill": _backfill,
    "failed-run": _run("FAILURE"),
}


if __name__ == "__main__":
    main()

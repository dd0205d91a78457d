"""Walks through Dagster's pages, as a person does."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

_PATIENCE = 60_000


def asset_graph(page: Page, url: str, group: str) -> None:
    """Open a group's asset graph, and wait until it is drawn."""
    page.set_default_timeout(_PATIENCE)
    page.goto(f"{url}/locations/event_assets/asset-groups/{group}/lineage")
    page.get_by_role("button", name="Materialize all").wait_for()
    page.get_by_text("source_files").first.wait_for()


def materialize(page: Page, address: str, first: str, last: str) -> str:
    """Press Materialize on a page, choose a range of dates, launch it; returns the backfill's id."""
    page.set_default_timeout(_PATIENCE)
    page.goto(address)
    page.get_by_role("button", name="Materialize").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("Partition selection").wait_for()
    box = dialog.get_by_placeholder(re.compile("^ex:"))
    box.wait_for()
    older = page.get_by_text("Show all partitions")
    if older.count():  # not for a history that ended months ago: Dagster shows all of it
        older.click()
    box.fill(f"[{first}...{last}]")
    box.press("Enter")
    dialog.get_by_text(re.compile(r"^\d+ partitions$")).wait_for()
    dialog.get_by_role("button", name="Launch backfill").click()
    created = page.get_by_text(re.compile("Created backfill")).first
    created.wait_for()
    found = re.search(r"Created backfill\s+(\w+)", created.inner_text())
    assert found, created.inner_text()
    return found[1]

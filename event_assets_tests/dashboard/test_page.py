"""The page in a real browser: the numbers that its charts show, and that everybody can use it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from event_assets.dashboard.queries import Query
from event_assets.dashboard.query_cache import fetch
from event_assets.declaration import load_datasets
from event_assets.pipeline.workspace import Workspace
from event_assets_tests.dashboard.conftest import served
from event_assets_tests.world import World, lines

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

ATTACK = "<img src=x onerror=document.title='owned'>"


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that fails the test where its console holds an error or it asks another server for anything."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: None if "//127.0.0.1:" in request.url else said.append(request.url))
    yield page
    page.close()
    assert said == []


def opened(page: Page, address: str) -> Page:
    """The page at an address, with all its charts."""
    page.goto(address)
    # By locators: a function that the page itself would have to poll is forbidden by its policy.
    page.locator("[data-chart] svg").first.wait_for(state="attached")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    for chart in page.locator("[data-chart]").all():
        chart.locator("svg").first.wait_for(state="attached")
    return page


def marks(page: Page, panel: str) -> list[dict[str, str]]:
    """The fields of each mark of a chart, as it says them to those who ask."""
    labels = page.locator(f"#{panel} .chart svg path[aria-label]").evaluate_all(
        "all => all.map((mark) => mark.getAttribute('aria-label'))"
    )
    return [dict(field.split(": ", 1) for field in label.split("; ")) for label in labels]


def figures(page: Page, panel: str, field: str) -> list[int]:
    """One field of all marks of a chart, in order of size."""
    return sorted(int(mark[field].replace(",", "")) for mark in marks(page, panel))


def asked(world: World, table: str, sql: str) -> list[tuple[object, ...]]:
    """What DuckDB gives."""
    return fetch(Query(table, sql), world.dataset, world.settings).rows()


@pytest.mark.parametrize(
    ("panel", "field", "table", "sql"),
    [
        ("events", "events", "events_by_type", "SELECT event_count FROM clicks.events_by_type ORDER BY 1"),
        ("sessions", "sessions", "sessions", "SELECT count(*) FROM clicks.sessions GROUP BY event_date ORDER BY 1"),
        ("funnel", "users", "funnel_summary", "SELECT users FROM clicks.funnel_summary ORDER BY 1"),
        (
            "heat-map",
            "Events",
            "events_by_minute",
            """SELECT sum(event_count)::BIGINT FROM clicks.events_by_minute
            GROUP BY event_date, hour(minute) ORDER BY 1""",
        ),
        (
            "refused",
            "records",
            "rejected_records",
            "SELECT count(*) FROM clicks.rejected_records GROUP BY reason ORDER BY 1",
        ),
    ],
)
def test_a_chart_shows_the_numbers_of_its_table(
    page: Page, address: str, world: World, panel: str, field: str, table: str, sql: str
) -> None:
    opened(page, address)
    expected = [row[0] for row in asked(world, table, sql)]
    assert expected
    assert figures(page, panel, field) == expected


def test_lines_of_users_show_any_type_and_each(page: Page, address: str) -> None:
    opened(page, address)
    assert {(mark["event_date"], mark["event_type"], mark["users"]) for mark in marks(page, "users")} == {
        ("2024-03-01", "any type", "2"),
        ("2024-03-02", "any type", "1"),
        ("2024-03-01", "view", "2"),
        ("2024-03-02", "view", "1"),
        ("2024-03-01", "buy", "1"),
        ("2024-03-02", "buy", "0"),
    }


def test_the_map_and_its_table_show_the_minutes_of_each_region(browser: Browser, page: Page, tmp_path: Path) -> None:
    streaming = World(tmp_path, load_datasets()["streaming"])
    logs = ["log_id,user_id,timestamp,ip_address,watch_time(min)", "1,ann,2024-03-01T10:00:00Z,8.8.8.8,12.50"]
    streaming.drop("user_activity_1.csv", "\n".join([*logs, "2,bob,2024-03-01T11:00:00Z,193.0.6.139,7.25"]) + "\n")
    streaming.refresh()
    with served({"streaming": streaming.dataset}, streaming.settings) as address:
        opened(page, address)
        assert {float(mark["Minutes"]) for mark in marks(page, "watch-time")} == {12.5, 7.25}
        body = page.locator("#watch-time tbody tr").all_inner_texts()
    regions = fetch(
        Query("watch_time", "SELECT geo_region, total_watch_time_min FROM streaming.watch_time ORDER BY 2 DESC"),
        streaming.dataset,
        streaming.settings,
    )
    assert regions["geo_region"].to_list() == ["NA", "EU"]
    assert [row.split("\t")[:2] for row in body] == [["North America", "12.50"], ["Europe", "7.25"]]


def test_a_bar_and_its_row_lead_to_the_same_rows(page: Page, address: str) -> None:
    opened(page, address)
    page.locator("#events .chart svg path[aria-label*='buy']").click()
    page.wait_for_url("**/rows/joined_facts?**")
    by_mouse = page.locator("tbody tr").all_inner_texts()
    opened(page, address)
    page.locator("#events summary").press("Enter")
    page.locator("#events tbody tr", has_text="buy").get_by_role("link").press("Enter")
    page.wait_for_url("**/rows/joined_facts?**")
    assert page.locator("tbody tr").all_inner_texts() == by_mouse
    assert len(by_mouse) == 1
    assert "cart" in by_mouse[0]


def test_dates_are_chosen_by_keyboard_alone(page: Page, address: str) -> None:
    opened(page, address)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    outlines = set()
    while not (focused := page.evaluate("document.activeElement.name ?? ''")):
        outlines.add(page.evaluate("getComputedStyle(document.activeElement).outlineStyle"))
        page.keyboard.press("Tab")
    assert outlines == {"solid"}
    while page.evaluate("document.activeElement.name") == focused == "from":
        page.keyboard.press("Tab")
    page.keyboard.type("03012024")
    page.keyboard.press("Enter")
    page.wait_for_url("**from=2024-03-01&to=2024-03-01")
    assert page.locator(".tiles dd").first.inner_text() == "3"


def test_the_theme_follows_the_system_until_somebody_chooses(browser: Browser, address: str) -> None:
    page = browser.new_page(color_scheme="dark")
    opened(page, address)
    background = "getComputedStyle(document.body).backgroundColor"
    label = "getComputedStyle(document.querySelector('#events svg text')).fill"
    dark = page.evaluate(background), page.evaluate(label)
    page.get_by_role("button", name="Light theme").press("Enter")
    light = page.evaluate(background), page.evaluate(label)
    assert dark[0] != light[0]
    assert dark[1] != light[1]
    opened(page, address)
    assert page.evaluate(background) == light[0]
    page.close()


@pytest.mark.parametrize("path", ["/clicks", "/clicks/rows/joined_facts", "/clicks?from=2024-03-01&to=2024-03-01"])
def test_a_phone_shows_all_without_scrolling_sideways(browser: Browser, address: str, path: str) -> None:
    page = browser.new_page(viewport={"width": 375, "height": 800})
    page.goto(address + path)
    page.wait_for_load_state("networkidle")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    # An error of a panel names a file.
    page.evaluate("document.querySelectorAll('.nothing p').forEach(it => it.textContent = '/lake/'.repeat(40))")
    assert page.evaluate("document.documentElement.scrollWidth") == 375
    page.close()


@pytest.mark.parametrize("media", ["screen", "print"])
def test_cards_are_equally_wide_on_a_phone_and_in_print(browser: Browser, address: str, media: str) -> None:
    page = browser.new_page(viewport={"width": 375 if media == "screen" else 1100, "height": 800})
    page.goto(f"{address}/clicks")
    page.wait_for_load_state("networkidle")
    page.emulate_media(media=media)  # type: ignore[arg-type]
    widths = page.evaluate("[...document.querySelectorAll('.grid > .card')].map(card => card.offsetWidth)")
    assert len(widths) > 5
    assert len(set(widths)) == 1
    page.close()


def test_active_users_and_cohorts_are_drawn(page: Page, address: str) -> None:
    opened(page, f"{address}/clicks")
    assert sorted(tuple(mark.values())[-3:] for mark in marks(page, "active-users")) == sorted(
        [
            *(("2024-03-01", span, "2") for span in ("the day", "7 days", "28 days")),
            *(("2024-03-02", span, users) for span, users in (("the day", "1"), ("7 days", "2"), ("28 days", "2"))),
        ]
    )
    assert [tuple(mark.values())[-4:] for mark in marks(page, "cohorts")] == [("2024-02-26", "0", "2", "100.0%")]


def test_no_label_of_a_chart_is_cut_off(page: Page, address: str) -> None:
    opened(page, f"{address}/clicks")
    outside = """[...document.querySelectorAll('.chart svg')].flatMap(svg => {
        const box = svg.getBoundingClientRect();
        return [...svg.querySelectorAll('text')].filter(text => {
            const { left, right } = text.getBoundingClientRect();
            return left < box.left - 1 || right > box.right + 1;
        }).map(text => text.textContent);
    })"""
    assert page.locator("#cohorts .chart svg text").count() > 0
    assert page.evaluate(outside) == []


def test_the_page_has_landmarks_headings_and_a_table_behind_each_chart(page: Page, address: str) -> None:
    opened(page, address)
    for landmark in ("banner", "main", "contentinfo"):
        assert page.get_by_role(landmark).count() == 1  # type: ignore[arg-type]
    charts = page.get_by_role("img", name=re.compile("chart"))
    assert charts.count() == 10
    for chart in charts.all():
        card = chart.locator("xpath=ancestor::section[1]")
        assert card.locator("table caption").count() == 1
        assert card.locator("th:not([scope=col])").count() == 0


def test_values_are_never_read_as_html(page: Page, tmp_path: Path) -> None:
    world = World(tmp_path)
    world.drop("clicks_1.csv", lines(f"{ATTACK},{ATTACK},2024-03-01T10:00:00Z,{ATTACK},", f"bob,view,{ATTACK},,"))
    world.refresh()
    with served({"clicks": world.dataset}, world.settings) as address:
        opened(page, address)
        page.locator("#events .chart svg path[aria-label]").first.hover()
        page.locator(".tip").wait_for()
        assert "<img" in page.locator(".tip").inner_text()
        assert page.locator("img[src=x]").count() == 0
        for table in ("joined_facts", "rejected_records"):
            page.goto(
                f"{address}/clicks/rows/{table}?page={ATTACK}"
                if table == "joined_facts"
                else f"{address}/clicks/rows/{table}"
            )
            assert "<img" in page.locator("tbody").inner_text()
            assert page.locator("img[src=x]").count() == 0
        assert page.title() != "owned"


def test_an_empty_lake_says_what_to_run(page: Page, tmp_path: Path) -> None:
    world = World(tmp_path)
    with served({"clicks": world.dataset}, world.settings) as address:
        page.goto(address)
        assert page.get_by_role("heading", name="Nothing has landed yet").is_visible()
        assert page.locator("code").all_inner_texts() == [
            "clicks_*.csv",
            str(world.settings.inbox / "clicks"),
            "event-assets run clicks",
            "event-assets demo",
        ]


def test_a_missing_table_says_what_to_run_and_the_others_are_shown(page: Page, tmp_path: Path) -> None:
    world = World(tmp_path)
    world.drop("clicks_1.csv", lines("ann,view,2024-03-01T10:00:00Z,,"))
    world.refresh()
    sessions = Workspace(world.dataset, world.settings).stores["sessions"].folder
    sessions.rename(tmp_path / "gone")
    with served({"clicks": world.dataset}, world.settings) as address:
        opened(page, address)
        for panel in ("sessions", "session-lengths"):
            assert "clicks.sessions has not been made yet" in page.locator(f"#{panel}").inner_text()
            assert page.locator(f"#{panel} code").inner_text() == "event-assets run clicks"
        assert figures(page, "events", "events") == [1]

"""What every test gets: an environment of its own, the real input where there is any, bounded properties."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

# Before anything imports Polars: our test tables fit on the screen, where threads cost more than they give.
os.environ.setdefault("POLARS_MAX_THREADS", "1")
# A shell lets what it starts in the background ignore Ctrl-C, which the programs that tests start would inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)

if TYPE_CHECKING:
    from playwright.sync_api import Browser

#: Read before `own_environment` clears it.
REALDATA = os.environ.get("EVENT_ASSETS_REALDATA")

# The same examples in every run, so that a change is what broke a test; `make test-long` draws new ones
# (--hypothesis-profile=long) and prints how to repeat what failed.
_SLOW_IS_FINE = [HealthCheck.too_slow, HealthCheck.data_too_large]
settings.register_profile(
    "default", max_examples=30, deadline=None, derandomize=True, database=None, suppress_health_check=_SLOW_IS_FINE
)
settings.register_profile(
    "long", max_examples=1000, deadline=None, database=None, print_blob=True, suppress_health_check=_SLOW_IS_FINE
)
settings.load_profile("default")


#: Folders and files whose tests start servers, kill processes, run many whole commands or runs, or compute many
#: random histories.
SLOW = (
    *("browser/", "deployment/", "faults/", "object_stores/"),
    *("cli/test_demo.py", "cli/test_erase_and_retention.py", "cli/test_plan.py", "cli/test_quarantine.py"),
    *("cli/test_retract.py", "cli/test_run.py", "docs/test_examples.py", "docs/test_notebooks.py"),
    *("documents/test_how_tos.py", "draft/test_odd_samples.py", "engines/test_laws.py"),
    *("engines/test_persons_and_traffic.py", "orchestration/test_records.py", "orchestration/test_sensors.py"),
    *("pipeline/test_channels.py", "pipeline/test_deduplication.py", "pipeline/test_erasure.py"),
    *("pipeline/test_exports_laws.py", "pipeline/test_lateness.py", "pipeline/test_persons_and_cohorts.py"),
    *("pipeline/test_plan.py", "pipeline/test_retention.py", "pipeline/test_retract.py"),
    *("pipeline/test_source_sessions.py", "pipeline/test_visitor_laws.py", "transforms/test_laws.py"),
    "transforms/test_visitors.py",
    *("security/test_loopback.py", "security/test_secrets.py"),
)


@pytest.hookimpl(tryfirst=True)  # before pytest leaves out what -m excludes
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow what starts Spark or a browser, and what is in one of the slow places."""
    here = Path(__file__).parent
    for item in items:
        place = item.path.relative_to(here).as_posix()
        if place.startswith(SLOW) or any(item.iter_markers("spark")) or any(item.iter_markers("browser")):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test sees or touches the inbox, lake, warehouse or Dagster home of the machine, nor another test's."""
    for name in list(os.environ):
        if name.startswith(("EVENT_ASSETS_", "DAGSTER_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("EVENT_ASSETS_INBOX", str(tmp_path / "inbox"))
    monkeypatch.setenv("EVENT_ASSETS_LAKE", str(tmp_path / "lake"))
    monkeypatch.setenv("EVENT_ASSETS_WAREHOUSE", str(tmp_path / "warehouse.duckdb"))
    home = tmp_path / "dagster"
    home.mkdir()
    home.joinpath("dagster.yaml").write_text("telemetry: {enabled: false}\nnux: {enabled: false}\n")
    monkeypatch.setenv("DAGSTER_HOME", str(home))


@pytest.fixture(scope="session")
def repository() -> Path:
    """The checkout: the folder of pyproject.toml and workspace.yaml."""
    return Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def realdata() -> Path:
    """The folder of real input: app_events/, benefits/, shop/. Read in place; nobody writes there."""
    if not REALDATA:
        pytest.skip("EVENT_ASSETS_REALDATA names no folder of real input")
    folder = Path(REALDATA)
    # Set but wrong is a mistake, and a skip would hide it.
    assert folder.is_dir(), f"EVENT_ASSETS_REALDATA is {REALDATA}, which is not a folder"
    return folder


@pytest.fixture(scope="module")  # its event loop would be in the way of later tests
def browser() -> Iterator[Browser]:
    """The system's Chromium, driven by Playwright. Mark the tests that use it `browser`."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        pytest.skip("there is no chromium on this machine")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # Root, as in containers, gets no sandbox; the pages are our own.
        opened = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield opened
        opened.close()

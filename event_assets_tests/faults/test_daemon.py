"""Dagster's processes killed in the middle of a backfill and started again: the asked partitions, once."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from event_assets.storage.lake import INTERNAL
from event_assets_tests.browser.dagster_dev import DagsterDev, dagster_dev, wait_for

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

HEADER = "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session"
DATES = [f"2024-03-{day:02d}" for day in range(1, 24)]
ASKED = DATES[3:20]


def processes_of(parent: int) -> list[int]:
    """The process and all below it, as Linux tells."""
    parents = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                state = (folder / "stat").read_text()
            except OSError:  # gone meanwhile
                continue
            parents[int(folder.name)] = int(state.rpartition(")")[2].split()[1])
    found = [parent]
    for process in found:
        found.extend(child for child, of in parents.items() if of == process)
    return found


def kill(dev: DagsterDev) -> None:
    """End web server, daemon, code server and runs at once, as a power cut does."""
    children = processes_of(os.getpid())
    ours = [pid for pid in children if _home(pid) == str(dev.folder / "dagster")]
    for pid in ours:
        os.kill(pid, signal.SIGKILL)


def _home(pid: int) -> str | None:
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return None
    return next((entry.partition("=")[2] for entry in environment if entry.startswith("DAGSTER_HOME=")), None)


def started(dev: DagsterDev) -> bool:
    """Whether the backfill's run has published its first dates."""
    return len(list((dev.lake / "shop" / "cleaned_events").glob("event_date=*/*.parquet"))) > 2


def test_a_backfill_whose_daemon_was_killed_makes_exactly_the_asked_partitions_once(tmp_path: Path) -> None:
    with dagster_dev(tmp_path) as dev:
        records = [
            f"{date} 10:{n // 60:02d}:{n % 60:02d} UTC,view,1,2,a.b,acme,9.99,{n},s{n}"
            for date in DATES
            for n in range(900)
        ]
        dev.drop("shop", "events_1.csv", "\n".join([HEADER, *records]) + "\n")
        landing = dev.backfill(DATES, "shop/raw_events")
        wait_for(lambda: dev.backfill_status(landing) == "COMPLETED_SUCCESS", 200)
        backfill = dev.backfill(ASKED, "shop/cleaned_events", "shop/sessions")
        wait_for(lambda: started(dev), 120)
        kill(dev)
    with dagster_dev(tmp_path) as dev:
        wait_for(lambda: dev.backfill_status(backfill) not in ("REQUESTED", "COMPLETING", "STARTED"), 400)
        if dev.backfill_status(backfill) != "COMPLETED_SUCCESS":
            again = dev.backfill(ASKED, "shop/cleaned_events", "shop/sessions")
            wait_for(lambda: dev.backfill_status(again) == "COMPLETED_SUCCESS", 400)
        assert dev.materialized("shop/cleaned_events") == ASKED
        assert dev.materialized("shop/sessions") == ASKED
        for table in ("cleaned_events", f"{INTERNAL}/session_edges"):
            files = sorted(path.parent.name for path in (dev.lake / "shop" / table).glob("event_date=*/*.parquet"))
            assert files == [f"event_date={date}" for date in ASKED]

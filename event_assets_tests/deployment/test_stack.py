"""The services of compose.yaml over a real PostgreSQL: backfill, sensor, and services that die on the way.

The tests of this file share services and lake, and take dates of their own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import polars as pl
import pytest
import yaml

from event_assets_tests.browser.dagster_dev import days, wait_for
from event_assets_tests.deployment.conftest import RECOGNISED
from event_assets_tests.deployment.stack import Stack

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


def shop_file(dates: list[str]) -> str:
    """A file of `shop`: on each date one user views and buys within one session."""
    lines = ["event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session"]
    for date in dates:
        lines += [f"{date} 10:0{n}:00 UTC,{kind},1,2,a.b,c,9.50,7,s" for n, kind in enumerate(("view", "purchase"))]
    return "\n".join(lines) + "\n"


def summary(services: Stack, dates: list[str]) -> list[tuple[Any, ...]]:
    """(date, user_id, event_count, session_count) of those dates' daily_summary, as any Parquet reader has them."""
    table = pl.read_parquet(f"{services.lake}/shop/daily_summary/event_date=*/*.parquet", hive_partitioning=True)
    found = table.filter(pl.col("event_date").cast(pl.String).is_in(dates)).sort("event_date")
    columns = [pl.col("event_date").cast(pl.String), "user_id", "event_count", "session_count"]
    return found.select(*columns).rows()


def expected(dates: list[str]) -> list[tuple[Any, ...]]:
    return [(date, 7, 2, 1) for date in dates]


def finished(services: Stack, backfill: str) -> str:
    """The backfill's status once it is over."""
    over = ("COMPLETED_SUCCESS", "COMPLETED_FAILED", "COMPLETED", "FAILED", "CANCELED")
    return str(wait_for(lambda: (found := services.backfill_status(backfill)) in over and found, 400))


def begun(services: Stack, backfill: str) -> dict[str, Any]:
    """The backfill's first run, once it has published something and goes on."""

    def look() -> dict[str, Any] | None:
        for run in services.runs():
            if run["tags"].get("dagster/backfill") == backfill and run["status"] == "STARTED":
                return run if services.database.materializations(run["runId"]) else None
        return None

    found: dict[str, Any] = wait_for(look, 200)
    return found


def test_a_backfill_is_one_run_for_its_range(services: Stack) -> None:
    dates = days("2021-03-01", "2021-03-03")
    services.drop("shop", "events_march.csv", shop_file(dates))
    backfill = services.backfill(dates, "shop/raw_events", *TABLES)
    assert finished(services, backfill) == "COMPLETED_SUCCESS"
    assert [run["status"] for run in services.runs()] == ["SUCCESS"]
    assert summary(services, dates) == expected(dates)
    assert services.checks("shop/joined_facts", "contract") == dict.fromkeys(dates, "SUCCEEDED")


def test_a_dropped_file_reaches_the_last_table_by_its_sensor(services: Stack) -> None:
    dates = ["2021-04-01"]
    services.switch("shop_new_files", on=True)
    try:
        services.drop("shop", "events_april.csv", shop_file(dates))
        wait_for(lambda: services.materialized("shop/daily_summary")[-1:] == dates, 300)
        services.finished_runs(300)
    finally:
        services.switch("shop_new_files", on=False)
    assert summary(services, dates) == expected(dates)


def test_a_backfill_outlives_its_daemon(services: Stack) -> None:
    dates = days("2021-05-01", "2021-05-31")
    services.drop("shop", "events_may.csv", shop_file(dates))
    backfill = services.backfill(dates, "shop/raw_events", *TABLES)
    begun(services, backfill)
    services.kill("daemon")
    services.finished_runs(300)
    assert services.backfill_status(backfill) == "REQUESTED"
    services.start("daemon")
    assert finished(services, backfill) == "COMPLETED_SUCCESS"
    assert summary(services, dates) == expected(dates)


def test_a_run_whose_process_is_lost_is_found_and_started_again(services: Stack) -> None:
    dates = days("2021-06-01", "2021-06-30")
    services.drop("shop", "events_june.csv", shop_file(dates))
    backfill = services.backfill(dates, "shop/raw_events", *TABLES)
    lost = begun(services, backfill)["runId"]
    services.kill("code")
    services.start("code")
    assert finished(services, backfill) == "COMPLETED_SUCCESS"
    statuses = {run["runId"]: run["status"] for run in services.runs() if lost in (run["runId"], root(run))}
    assert (statuses.pop(lost), list(statuses.values())) == ("FAILURE", ["SUCCESS"])
    assert summary(services, dates) == expected(dates)


def test_the_password_of_the_database_is_nowhere_to_be_seen(services: Stack) -> None:
    """Of what the tests before left: events and runs, what was printed, the commands of processes, the page itself."""
    database = services.database
    seen = {
        "database": database.run("pg_dump", "--data-only", database.database),
        "page": str(
            services.ask(
                "{instance{info} workspaceOrError{__typename} runsOrError{... on Runs{results{tags{key value}}}}}"
            )
        ),
        "commands": "".join(path.read_text() for path in Path("/proc").glob("[0-9]*/cmdline") if readable(path)),
    }
    seen |= {str(path): path.read_text(errors="replace") for path in services.folder.rglob("*") if path.is_file()}
    assert "event_assets.orchestration.private.run_launcher" in seen["page"]
    secrets = (database.password, quote(database.password), RECOGNISED)
    assert [place for place, text in seen.items() if any(secret in text for secret in secrets)] == []


def test_services_write_into_dagsters_home_only_where_compose_lets_them(services: Stack, repository: Path) -> None:
    compose = yaml.safe_load((repository / "compose.yaml").read_text())
    writable = {mount.split(":")[0] for mount in compose["x-dagster"]["tmpfs"]}
    made = {path for path in services.home.iterdir() if path.name not in ("dagster.yaml", "workspace.yaml")}
    assert {f"/home/dagster/{path.name}" for path in made} <= writable


def readable(path: Path) -> bool:
    try:
        return bool(path.read_bytes())
    except OSError:  # the process has ended
        return False


def root(run: dict[str, Any]) -> str | None:
    """The run that a run tries again."""
    tag: str | None = run["tags"].get("dagster/root_run_id")
    return tag


#: What the backfills ask for.
TABLES = tuple(
    f"shop/{table}" for table in ("cleaned_events", "session_edges", "session_parts", "joined_facts", "daily_summary")
)

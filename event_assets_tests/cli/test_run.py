"""`event-assets run`, as a user types it: through Dagster, in one process."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest
import yaml

from event_assets_tests.world import CLICKS, lines

GOOD = lines(
    "ann,view,2025-01-06T10:00:00,/a,", "ann,buy,2025-01-06T10:10:00,/b,5.00", "bob,view,2025-01-07T09:00:00,/a,"
)


@pytest.fixture
def inbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The inbox of a dataset `clicks` that is declared outside of the package."""
    declared = tmp_path / "datasets" / "clicks"
    declared.mkdir(parents=True)
    text = yaml.safe_dump({"type": "event_assets.EventDataset", "attributes": yaml.safe_load(CLICKS)})
    (declared / "defs.yaml").write_text(text)
    monkeypatch.setenv("EVENT_ASSETS_DATASETS", str(tmp_path / "datasets"))
    folder = tmp_path / "inbox" / "clicks"
    folder.mkdir(parents=True)
    return folder


def event_assets(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "event_assets", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=110, env=os.environ, check=False)


def test_a_run_lands_makes_and_accounts_and_says_so_as_json(inbox: Path, tmp_path: Path) -> None:
    (inbox / "clicks_1.csv").write_text(GOOD)
    (inbox / "notes.txt").write_text("no events")
    done = event_assets("run", "clicks", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["records"], found["raw"], found["facts"]) == (3, 3, 3)
    assert all(equation["holds"] for equation in found["equations"])
    sessions = pl.read_parquet(tmp_path / "lake" / "clicks" / "sessions" / "event_date=*" / "*.parquet")
    assert sessions.height == 2

    again = json.loads(event_assets("run", "clicks", "--json").stdout)
    assert again["made"] == []
    one = json.loads(event_assets("run", "clicks", "--from", "2025-01-07", "--to", "2025-01-07", "--json").stdout)
    assert {unit["date"] for unit in one["made"]} == {"2025-01-07", ""}
    assert not any(unit["changed"] for unit in one["made"])


def test_a_run_shows_where_every_record_went_and_what_each_phase_took(inbox: Path) -> None:
    (inbox / "clicks_1.csv").write_text(GOOD + "eve,view,soon,/a,\n")
    shown = event_assets("run", "clicks").stdout
    assert "invalid_timestamp" in shown
    assert re.search(r"landing: 1 file, 0\.0 MB, 4 records in \d+\.\d s \(\d+\.\d MB/s\)", shown)
    assert re.search(r"tables: \d+ partitions, \d+ rows in \d+\.\d s \([\d,]+ rows/s\)", shown)


def test_a_run_prints_the_quality_checks_that_failed_with_the_reason_seen_most_and_a_remedy(inbox: Path) -> None:
    users = ["ann", "", "", "bob"]
    kinds = ["view", "view", "view", "buy"]
    records = [f"{u},{k},2025-01-06T1{n}:00:00,/a," for n, (u, k) in enumerate(zip(users, kinds, strict=True))]
    (inbox / "clicks_1.csv").write_text(lines(*records))
    done = event_assets("run", "clicks", "--log")
    assert done.returncode == 0
    [failed] = [line for line in done.stdout.splitlines() if line.startswith("check ")]
    assert failed.startswith(
        "check quarantine.rejects failed: 2025-01-06: 2 of 4 records are quarantined, most of all for missing_user_id"
        " (2 in all). What to do: "
    )
    logged = [re.sub(r"^[\d-]{10} [\d:]{8},\d{3} - ", "", line) for line in done.stderr.splitlines()]
    assert logged[:2] == [
        "INFO - Loaded 4 events of 4 records from clicks_1.csv",
        "INFO - cleaned_events 2025-01-06: 4 raw_events -> 2 (dropped 2: quarantine 2)",
    ]
    assert "INFO - Totals of clicks: 4 records of 1 file, 4 raw events, 2 cleaned, 2 facts, 2 sessions" in logged
    assert "INFO - Dropped by reason: missing_user_id 2" in logged
    found = json.loads(event_assets("run", "clicks", "--json").stdout)
    assert found["failed_checks"] == []


def test_a_dry_run_says_what_would_be_touched_and_touches_nothing(inbox: Path, tmp_path: Path) -> None:
    (inbox / "clicks_1.csv").write_text(GOOD)
    done = event_assets("run", "clicks", "--dry-run")
    assert "would land clicks_1.csv" in done.stdout
    assert not (tmp_path / "lake" / "clicks" / "raw_events").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "click"), "no dataset is named 'click'; did you mean clicks?"),
        (("run", "clicks", "--from", "yesterday"), "--from 'yesterday' is not a valid date"),
        (("run", "clicks", "--from", "2025-01-02", "--to", "2025-01-01"), "is after --to"),
        (("run", "clicks", "--from", "2020-01-01"), "is before the dataset's start_date 2024-01-01"),
        (("fly",), "No such command 'fly'"),
    ],
)
def test_wrong_usage_exits_with_2_and_says_what_is_wrong(inbox: Path, arguments: tuple[str, ...], message: str) -> None:
    done = event_assets(*arguments)
    assert done.returncode == 2
    assert message in " ".join(done.stderr.replace("│", " ").split())


def test_an_error_is_one_line_and_exit_code_1(inbox: Path, tmp_path: Path) -> None:
    (tmp_path / "datasets" / "clicks" / "defs.yaml").write_text(
        "type: event_assets.EventDataset\nattributes: {nam: x}\n"
    )
    done = event_assets("run", "clicks")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "defs.yaml" in done.stderr
    assert "Traceback" not in done.stderr


def test_ctrl_c_says_that_nothing_is_broken_and_the_same_command_goes_on(inbox: Path, tmp_path: Path) -> None:
    for day in range(1, 6):
        (inbox / f"clicks_{day}.csv").write_text(lines(f"ann,view,2025-01-{day:02d}T10:00:00,/a,"))
    command = [sys.executable, "-m", "event_assets", "run", "clicks", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ)
    cleaned = tmp_path / "lake" / "clicks" / "cleaned_events" / "_delta_log"
    deadline = time.monotonic() + 60
    while not cleaned.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said.strip() == "stopped: what was published stays, the rest is made by the same command again"
    found = json.loads(event_assets("run", "clicks", "--json").stdout)
    assert found["facts"] == 5
    assert all(equation["holds"] for equation in found["equations"])


def test_fail_fast_stops_at_the_first_reject_in_one_line_and_publishes_nothing(inbox: Path, tmp_path: Path) -> None:
    declared = tmp_path / "datasets" / "clicks" / "defs.yaml"
    document = yaml.safe_load(declared.read_text())
    document["attributes"]["mode"] = "fail_fast"
    declared.write_text(yaml.safe_dump(document))
    (inbox / "clicks_1.csv").write_text(lines("ann,view,2025-01-06T10:00:00,/a,", "bob,view,soon,/a,"))
    done = event_assets("run", "clicks")
    assert done.returncode == 1
    assert "clicks_1.csv" in done.stderr
    assert "invalid_timestamp" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not list((tmp_path / "lake").rglob("raw_events/event_date=*"))


def test_a_run_names_the_steps_of_the_funnel_that_no_event_meets_and_the_commonest_types(inbox: Path) -> None:
    declared = inbox.parents[1] / "datasets" / "clicks" / "defs.yaml"
    declared.write_text(declared.read_text().replace("- buy\n", "- bought\n"))
    assert "bought" in declared.read_text()
    (inbox / "clicks_1.csv").write_text(GOOD)
    done = event_assets("run", "clicks")
    assert done.returncode == 0
    [failed] = [line for line in done.stdout.splitlines() if line.startswith("check ")]
    assert failed == (
        "check funnel_summary.steps failed: no event of a user meets step bought (event_type 'bought'); the commonest"
        " event types are 'view' (2), 'buy' (1). What to do: correct gold.user_funnel.steps in the declaration, or"
        " remove the step"
    )


def test_a_run_of_an_empty_inbox_says_which_files_it_looks_for(inbox: Path) -> None:
    done = event_assets("run", "clicks")
    assert done.returncode == 0
    assert done.stdout.startswith(f"no file in {inbox} matches clicks_*.csv; put files there and run again\n")
    (inbox / "clicks_1.csv").write_text(GOOD)
    assert "no file in" not in event_assets("run", "clicks").stdout


def test_new_fields_of_the_only_file_are_reported_as_such_by_the_run_that_landed_it(inbox: Path) -> None:
    def drift() -> list[str]:
        checks = json.loads(event_assets("run", "clicks", "--json").stdout)["failed_checks"]
        return [check["message"] for check in checks if check["check"] == "drift"]

    (inbox / "clicks_1.csv").write_text(GOOD.replace("price", "price,zorro").replace("/a,", "/a,,1"))
    [message] = drift()
    assert message.startswith("new fields (events): 2 records of 1 file so far, first in clicks_1.csv at ")
    assert drift() == []
    (inbox / "clicks_2.csv").write_text("user,kind,at,page,price,zorro\neve,view,2025-01-08T10:00:00,/a,,1\n")
    [message] = drift()
    assert message.startswith("new zorro (events): 3 records of 2 files, ")

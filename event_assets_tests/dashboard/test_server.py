"""What the server answers without a browser: addresses, headers, downloads, and its start and end as a command."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from email.message import Message
from pathlib import Path

import pytest

from event_assets.dashboard.formatting import percent
from event_assets.pipeline.compute_lateness import publish_lateness
from event_assets_tests.dashboard.conftest import served
from event_assets_tests.world import World, clicks, lines


def got(address: str, **headers: str) -> tuple[int, str, Message]:
    """Status, text and headers of an answer."""
    try:
        with urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=60) as answer:
            return answer.status, answer.read().decode(), answer.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode(), error.headers


@pytest.mark.parametrize(
    ("path", "rows"),
    [
        ("events.csv", ["event_date,event_type,events", "2024-03-01,buy,1", "2024-03-01,view,2", "2024-03-02,view,2"]),
        ("events.csv?from=2024-03-02", ["event_date,event_type,events", "2024-03-02,view,2"]),
        ("drift.csv", ["field,kind,found,records,files", "(found in one file only),events,undeclared,7,1"]),
    ],
)
def test_a_panel_is_downloaded_with_its_dates(address: str, path: str, rows: list[str]) -> None:
    status, text, headers = got(f"{address}/clicks/panels/{path}")
    assert (status, text.splitlines()) == (200, rows)
    assert headers["content-type"] == "text/csv; charset=utf-8"
    assert headers["content-disposition"] == f'attachment; filename="clicks-{path.split(".")[0]}.csv"'


def test_downloaded_rows_hold_no_formula(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.drop("clicks_1.csv", lines("ann,view,2024-03-01T10:00:00Z,=1+1,", "bob,view,2024-03-01T10:00:00Z,NA,"))
    world.refresh()
    with served({"clicks": world.dataset}, world.settings) as address:
        _, text, _ = got(f"{address}/clicks/rows/joined_facts.csv?event_type=view")
    assert [line.split(",")[5] for line in text.splitlines()] == ["page", "'=1+1", '"NA"']


def test_nothing_but_this_server_may_run_or_be_asked(address: str) -> None:
    for path in ("/clicks", "/clicks/rows/sessions", "/nowhere/at/all", "/-/static/charts.js", "/clicks/panels/x.csv"):
        headers = got(address + path)[2]
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
        assert headers["x-content-type-options"] == "nosniff"


def test_another_name_of_this_machine_is_refused(address: str) -> None:
    assert got(f"{address}/clicks", Host="evil.example")[0] == 400


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/clocks", 404, "clocks: is not a dataset; there are clicks"),
        ("/clicks/rows/nothing", 404, "nothing: is not a table of clicks; choose one on its page"),
        ("/clicks/panels/nothing.csv", 404, "nothing: is no panel of clicks; choose one on its page"),
        ("/clicks/rows/sessions?colour=red", 400, "colour: is not a column of clicks.sessions"),
        ("/clicks/rows/sessions?from=today", 400, "today: is not a valid date; write it as 2025-01-31"),
        ("/a/b/c/d", 404, "There is nothing at /a/b/c/d."),
    ],
)
def test_a_wrong_address_says_what_is_wrong_with_it(address: str, path: str, status: int, says: str) -> None:
    answer = got(address + path)
    assert answer[0] == status
    assert says in answer[1]


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("from=yesterday", "yesterday: is not a valid date; write it as 2025-01-31"),
        ("from=2024-03-02&amp;to=2024-03-01", "The range begins on 2024-03-02, after its end on 2024-03-01"),
    ],
)
def test_wrong_dates_are_told_and_all_dates_shown(address: str, query: str, says: str) -> None:
    status, text, _ = got(f"{address}/clicks?{query.replace('&amp;', '&')}")
    assert status == 200
    assert says in text
    assert "5 events on 2 days" in text


def test_dates_without_events_say_which_there_are(address: str) -> None:
    shown = got(address + "/clicks?from=2024-01-01&to=2024-01-02")[1]
    assert "Nothing on these dates; there are events from 2024-03-01 to 2024-03-02." in shown


def test_rows_name_their_file_and_hold_a_long_text_whole(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.drop("clicks_1.csv", lines(f"ann,view,never,{'<b>' * 200},"))
    world.refresh()
    with served({"clicks": world.dataset}, world.settings) as address:
        shown = got(address + "/clicks/rows/rejected_records")[1]
    [file_id] = {file_id for _, file_id in world.workspace.ledger.files}
    assert f'<span title="{file_id}">clicks_1.csv</span>' in shown
    assert "&lt;b&gt;" * 200 in shown
    assert "<details><summary>" in shown


def test_a_share_of_refused_records_over_the_limit_is_coloured_and_explained(address: str, tmp_path: Path) -> None:
    shown = got(address + "/clicks")[1]
    assert 'class="bad"' in shown
    assert f"{percent(2 / 7)} refused, over the declared limit of {percent(0.05)}" in shown
    world = World(tmp_path)
    world.drop("clicks_1.csv", lines("ann,view,2024-03-01T10:00:00Z,home,"))
    world.refresh()
    with served({"clicks": world.dataset}, world.settings) as other:
        assert 'class="bad"' not in got(other + "/clicks")[1]


def test_what_is_stale_is_told_with_the_way_to_dagster(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.drop("clicks_1.csv", lines("ann,view,2024-03-01T10:00:00Z,home,"))
    world.refresh()
    with served({"clicks": world.dataset}, world.settings) as address:
        assert "not up to date" not in got(address + "/clicks")[1]
    changed = clicks(sessions={"gap": "5m", "column": "page"})
    with served({"clicks": changed}, world.settings) as address:
        shown = got(address + "/clicks")[1]
    assert "not up to date (dates 2024-03-01 to 2024-03-01)" in shown
    assert 'href="http://127.0.0.1:3000/jobs/clicks/runs"' in shown


def test_the_front_leads_to_the_first_dataset_with_data(address: str) -> None:
    assert "<h1>clicks</h1>" in got(address)[1]


@pytest.mark.timeout(120)
def test_the_command_prints_its_address_and_ends_on_ctrl_c(repository: Path) -> None:
    command = [sys.executable, "-u", "-m", "event_assets", "dashboard", "--port", "0"]
    with subprocess.Popen(
        command, cwd=repository, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        address = re.match(r"http://127\.0\.0\.1:\d+", line)
        assert address, line
        assert "Nothing has landed yet" in got(address[0])[1]
        taken = subprocess.run(
            [*command[:-1], address[0].rpartition(":")[2]], cwd=repository, capture_output=True, text=True, timeout=60
        )
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (0, "stopped\n", "")
    assert taken.returncode == 1
    assert re.fullmatch(r"--port \d+: can't be served on \(.*\); choose another\n", taken.stderr)


def test_the_page_is_served_without_dagster(repository: Path) -> None:
    code = "import event_assets.dashboard.server, event_assets.cli.dashboard, sys; print('dagster' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=repository, capture_output=True, text=True, timeout=100)
    assert (done.stdout, done.stderr) == ("False\n", "")


def test_missing_files_and_late_records_have_panels_where_they_are_declared(tmp_path: Path) -> None:
    world = World(tmp_path, clicks(expect={"count": 2}, gold={"daily_summary": {}, "lateness": {}}))
    world.drop("clicks_2025-05-30.csv", lines("ann,view,2025-05-30T10:00:00,/a,"))
    world.refresh()
    with world.workspace.writing():
        publish_lateness(world.workspace)
    with served({"clicks": world.dataset}, world.settings) as address:
        shown = got(f"{address}/clicks")[1]
        assert "1 files are missing on 1 day." in shown
        assert "1 records of 1 day came late; they changed 1 sessions (1 added)." in shown
        assert "<code>user_funnel</code>" in shown
        rows = got(f"{address}/clicks/panels/completeness.csv")[1].splitlines()
    assert rows == ["event_date,expected,arrived,missing", "2025-05-30,2,1,1"]


def test_a_filter_on_profiles_is_named_and_persons_and_traffic_have_panels(tmp_path: Path) -> None:
    profiles = {
        "files": ["users_*.csv"],
        "format": "csv",
        "columns": [
            {"name": "user_id", "source": "user", "required": True, "description": "Who."},
            {"name": "country", "description": "Where."},
            {"name": "plan", "description": "What."},
        ],
        "filter": {"country": ["DE", "FR"], "plan": {"not": ["test"]}},
    }
    identity = {"links": [["page", "user_id"]]}
    dataset = clicks(profiles=profiles, identity=identity, traffic={"internal_users": ["bob"]})
    world = World(tmp_path, dataset)
    world.drop("users_1.csv", "user,country,plan\nann,DE,full\nbob,FR,full\n")
    world.drop("clicks_1.csv", lines("ann,view,2024-03-01T10:00:00Z,/a,", "bob,view,2024-03-01T10:00:00Z,/b,"))
    world.refresh()
    with served({"clicks": world.dataset}, world.settings) as address:
        status, page, _ = got(f"{address}/clicks")
        _, traffic, _ = got(f"{address}/clicks/panels/traffic.csv")
        _, persons, _ = got(f"{address}/clicks/panels/persons.csv")
    assert status == 200
    assert "Only users with country DE or FR and plan not test; sessions are of all users." in page
    assert traffic.splitlines() == ["traffic,events,share", "human,1,0.5", "internal,1,0.5"]
    assert persons.splitlines() == ["column,ids,persons", "all,4,2", "page,2,2", "user_id,2,2"]

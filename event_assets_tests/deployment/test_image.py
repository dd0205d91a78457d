"""The image as the Dockerfile makes it: who runs in it, what it lacks, and that its programs work there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator

import pytest

from event_assets_tests.browser.dagster_dev import wait_for
from event_assets_tests.deployment.image import IMAGE, build, buildah, in_container, reason_against
from event_assets_tests.deployment.ports import free_port
from event_assets_tests.deployment.postgres import Postgres

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(reason_against() is not None, reason=str(reason_against())),
]


@pytest.fixture(scope="module")
def container() -> Iterator[str]:
    build()
    container = buildah("from", IMAGE)
    yield container
    buildah("rm", container)


def said(container: str, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    line = in_container(container, environment, *command)
    return subprocess.run(line, capture_output=True, text=True, timeout=600)


def test_the_image_runs_as_nobody_in_particular(container: str) -> None:
    assert said(container, "id", "-u").stdout.strip() == "10001"
    assert said(container, "touch", "/opt/venv/mine").returncode != 0
    assert said(container, "touch", "/lake/mine").returncode == 0


def test_the_image_holds_no_build_tools_and_nothing_of_this_machine(container: str) -> None:
    for program in ("gcc", "make", "git", "hatchling", "pytest"):
        assert said(container, "sh", "-c", f"command -v {program}").stdout == ""
    config = json.loads(buildah("inspect", "--type", "image", IMAGE))["Docker"]["config"]
    names = {variable.split("=")[0] for variable in config["Env"]}
    assert {name for name in names if not name.startswith(("DAGSTER_", "EVENT_ASSETS_", "PYTHON"))} == {"PATH"}
    assert "DAGSTER_POSTGRES_PASSWORD" not in names
    assert config["Healthcheck"]["Test"] == ["CMD", "dagster", "api", "grpc-health-check", "-p", "4000"]


def test_a_command_makes_tables_in_the_image(container: str) -> None:
    script = (
        "export DAGSTER_HOME=/tmp/dagster && event-assets generate shop --rows 200 --days 2 --seed 1 --out /inbox/shop"
        " && event-assets run shop && ls -d /lake/shop/sessions/event_date=*"
    )
    done = said(container, "sh", "-c", script)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "/lake/shop/sessions/event_date=" in done.stdout


def test_the_code_location_answers_its_health_check(container: str, database: Postgres) -> None:
    port = str(free_port())
    serve = ["dagster", "api", "grpc", "-h", "127.0.0.1", "-p", port, "-m", "event_assets.definitions"]
    line = in_container(container, database.environment, *serve)
    server = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        check = ["dagster", "api", "grpc-health-check", "-p", port]
        wait_for(lambda: said(container, *check).returncode == 0, 600)
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait(30)

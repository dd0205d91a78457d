"""What the files of a deployment say: lock, image, services, settings; and that what the tests start is the same."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from event_assets_tests.deployment.postgres import Postgres
from event_assets_tests.deployment.stack import HOST, Stack

PIN = re.compile(r"(?m)^([a-z0-9-]+)(?:\[[\w,-]+\])?==(\S+)")


@pytest.fixture(scope="module")
def services(repository: Path) -> dict[str, Any]:
    """The services of compose.yaml."""
    found: dict[str, Any] = yaml.safe_load((repository / "compose.yaml").read_text())["services"]
    return found


def pins(lock: Path) -> dict[str, str]:
    return dict(PIN.findall(lock.read_text()))


def test_the_image_gets_the_versions_that_the_tests_run_with(repository: Path) -> None:
    image, tested = pins(repository / "requirements.production.lock"), pins(repository / "requirements.lock")
    assert {name: version for name, version in image.items() if tested.get(name, version) != version} == {}


def test_the_image_gets_no_tools_of_developers(repository: Path) -> None:
    image = pins(repository / "requirements.production.lock")
    assert {"dagster-postgres", "psycopg2-binary", "polars"} <= set(image)
    assert {"hatchling", "mypy", "playwright", "pyspark", "pytest", "ruff"}.isdisjoint(image)


def test_running_needs_no_tools_of_developers_and_the_versions_that_the_tests_run_with(repository: Path) -> None:
    running, tested = pins(repository / "requirements.runtime.lock"), pins(repository / "requirements.lock")
    assert {name: version for name, version in running.items() if tested.get(name) != version} == {}
    assert {"dagster-webserver", "polars", "hatchling"} <= set(running)
    assert {"mypy", "playwright", "pyspark", "pandas", "pytest", "ruff", "moto", "matplotlib"}.isdisjoint(running)


@pytest.mark.parametrize("name", ["requirements.production.lock", "requirements.runtime.lock", "requirements.lock"])
def test_every_package_of_a_lock_has_its_hashes_and_no_lock_names_an_index(repository: Path, name: str) -> None:
    lock = (repository / name).read_text()
    assert "index-url" not in lock
    packages = re.split(r"(?m)^(?=[a-z])", lock)[1:]
    assert [package.split()[0] for package in packages if "--hash=sha256:" not in package] == []


def test_a_build_is_given_what_the_dockerfile_copies_and_no_secrets(repository: Path) -> None:
    copied = set()
    for line in re.findall(r"(?m)^COPY (?!--from)(.*) \S+$", (repository / "Dockerfile").read_text()):
        copied.update(line.split())
    ignored, *given = (repository / ".dockerignore").read_text().split("\n", 1)[1].split()
    assert ignored == "*"
    allowed = [name[1:] for name in given if name.startswith("!")]
    assert {name for name in copied if not any(name == a or name.startswith(f"{a}/") for a in allowed)} == set()
    assert not any(name.startswith((".env", "data")) for name in allowed)


def test_the_image_runs_as_a_user_that_is_not_root(repository: Path) -> None:
    _, image, *others = re.split(r"(?m)^FROM ", (repository / "Dockerfile").read_text())[1:]
    assert image.startswith("${BASE} AS image\n")
    assert re.findall(r"(?m)^USER (.*)$", image) == ["dagster"]
    assert re.findall(r"(?m)^HEALTHCHECK", image) != []
    assert [stage.splitlines()[0] for stage in others] == ["image AS spark", "image"]
    assert re.findall(r"(?m)^USER (.*)$", others[0])[-1] == "dagster"


@pytest.mark.parametrize(
    ("given", "host", "started"),
    [
        ("demo", "", "event-assets demo alone"),
        ("run shop", "", "event-assets run shop alone"),
        ("dagster api grpc", "db", "dagster api grpc home"),
        ("dagster-webserver -p 3000", "db", "dagster-webserver -p 3000 home"),
        ("event-assets list", "db", "event-assets list home"),
    ],
)
def test_the_image_runs_a_command_of_event_assets_without_a_database(
    repository: Path, tmp_path: Path, given: str, host: str, started: str
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("event-assets", "dagster", "dagster-webserver"):
        program = programs / name
        program.write_text('#!/bin/sh\necho "${0##*/} $* ${DAGSTER_HOME##*/}"\n')
        program.chmod(0o755)
    line = [str(repository / "docs" / "deployment" / "entrypoint.sh"), *given.split()]
    environment = {"PATH": f"{programs}:/usr/bin:/bin", "DAGSTER_HOME": "/dagster/home", "DAGSTER_POSTGRES_HOST": host}
    done = subprocess.run(line, env=environment, capture_output=True, text=True, timeout=30)
    assert done.stdout.strip() == started


def test_the_services_are_shut_in(services: dict[str, Any]) -> None:
    for name in ("code", "webserver", "daemon"):
        service = services[name]
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
        assert service["security_opt"] == ["no-new-privileges:true"]


def test_the_tests_start_what_compose_starts(repository: Path, services: dict[str, Any], tmp_path: Path) -> None:
    stack = Stack(tmp_path, Postgres(0, "", tmp_path))
    dockerfile = (repository / "Dockerfile").read_text()
    [of_image] = re.findall(r"(?m)^CMD \[(.*)\]$", dockerfile)
    commands = {name: services[name].get("command") for name in ("code", "webserver", "daemon")}
    commands["code"] = re.findall(r'"([^"]*)"', of_image)
    assert {name: normal(stack, stack.command(name)[2:]) for name in commands} == {
        name: normal(stack, command) for name, command in commands.items()
    }


def normal(stack: Stack, command: list[str]) -> list[str]:
    """A command without what a machine of its own and a container's network make different."""
    same = {"dagster_webserver": "dagster-webserver", "dagster._daemon": "dagster-daemon", HOST: "0.0.0.0"}
    same |= {str(stack.ports["code"]): "4000", str(stack.ports["webserver"]): "3000"}
    same |= {str(stack.home / "workspace.yaml"): "/home/dagster/workspace.yaml"}
    return [same.get(word, word) for word in command]


def test_compose_gives_the_settings_what_they_ask_the_environment_for(
    repository: Path, services: dict[str, Any]
) -> None:
    asked = set()
    for name in ("dagster.yaml", "workspace.yaml"):
        asked |= set(re.findall(r"\{env: (\w+)\}", (repository / "docs" / "deployment" / name).read_text()))
    of_image = set(re.findall(r"(?m)^\s*(?:ENV )?([A-Z_]+)=", (repository / "Dockerfile").read_text()))
    for name in ("code", "webserver", "daemon"):
        assert asked - of_image - set(services[name]["environment"]) == set()

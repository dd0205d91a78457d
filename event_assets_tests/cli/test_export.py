"""`event-assets export`, and the events that a run sends to other tools."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from event_assets.declaration import load_datasets
from event_assets.exports.dbt import dbt_sources
from event_assets_tests.cli.conftest import Command
from event_assets_tests.world import World, lines

FILE = lines("ann,view,2025-01-06T10:00:00,/a,1.50", ",view,2025-01-07T09:00:00,,")


def test_a_run_adds_its_events_to_the_file_that_the_setting_names(
    command: Command,
    clicks_world: World,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    target = clicks_world.folder / "lineage" / "events.ndjson"
    monkeypatch.setenv("EVENT_ASSETS_OPENLINEAGE", str(target))
    clicks_world.drop("clicks_1.csv", FILE)
    run_id = json.loads(command("run", "clicks", "--json").out)["run_id"]
    events = [json.loads(line) for line in target.read_text().splitlines()]
    assert events[0]["run"]["runId"] == events[-1]["run"]["runId"] == run_id
    assert "clicks.sessions" in {event["job"]["name"] for event in events}
    monkeypatch.setenv("EVENT_ASSETS_OPENLINEAGE", "http://127.0.0.1:9")
    assert command("run", "clicks").code == 0


@pytest.mark.parametrize("name", ["app_events", "shop", "streaming"])
def test_the_command_writes_what_yaml_reads_back(command: Command, name: str) -> None:
    dataset = load_datasets()[name]
    exported = command("export", name, "--as", "dbt").out
    assert exported.startswith("# Attach ")
    assert "with alias: event_assets, read_only: true\nversion: 2" in exported
    assert yaml.safe_load(exported) == dbt_sources(dataset)
    assert command("export", name, "--as", "odcs", "--out", "c.yaml").code == 0
    assert yaml.safe_load(Path("c.yaml").read_text())["id"] == f"event_assets.{name}"
    assert command("export", name, "--as", "avro").code == 2

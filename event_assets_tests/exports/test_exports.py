"""What other tools are given: dbt's sources and a data contract."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import jinja2
import pytest
import yaml

from event_assets.declaration import Dataset, load_datasets
from event_assets.exports.dbt import dbt_sources
from event_assets.exports.odcs import data_contract
from event_assets.path_or_url import ObjectUrl
from event_assets.warehouse.database_file import refresh
from event_assets_tests.world import CLICKS, World, clicks, lines

FILE = lines(
    "ann,view,2025-01-06T10:00:00,/a,1.50", "bob,buy,2025-01-07T09:00:00,/b,2.00", ",view,2025-01-07T09:00:00,,"
)


def test_dbts_sources_have_every_view_with_types_keys_and_allowed_values() -> None:
    [source] = dbt_sources(clicks())["sources"]
    tables = {table["name"]: table for table in source["tables"]}
    assert (source["name"], source["database"], source["schema"]) == ("clicks", "event_assets", "clicks")
    assert {"sessions", "funnel_summary", "rejected_records"} <= set(tables)
    daily = tables["daily_summary"]
    assert daily["data_tests"] == [
        {
            "unique": {
                "name": "unique_clicks_daily_summary",
                "arguments": {"column_name": 'row("event_date", "user_id")'},
            }
        }
    ]
    columns = {column["name"]: column for column in daily["columns"]}
    assert columns["user_id"]["data_tests"] == ["not_null"]
    assert columns["event_count"]["data_type"] == "BIGINT"
    states = next(c for c in tables["source_files"]["columns"] if c["name"] == "state")
    allowed = {"values": ["active", "superseded", "retracted", "rejected"]}
    assert states["data_tests"][1] == {"accepted_values": {"arguments": allowed}}
    assert "data_tests" not in tables["rejected_records"]


def test_texts_that_dbt_would_read_as_jinja_or_as_sql_reach_it_as_they_are() -> None:
    described = odd_clicks("{{ doc('x') }}, {% raw %} and {# no comment #}")
    [source] = dbt_sources(described)["sources"]
    assert jinja2.Template(source["description"]).render() == described.description
    tables = {table["name"]: table for table in source["tables"]}
    [steps] = [column for column in tables["funnel_summary"]["columns"] if column["name"] == "step"]
    values = steps["data_tests"][-1]["accepted_values"]["arguments"]["values"]
    assert [jinja2.Template(value).render() for value in values] == ["it''s {{ x }}", "{% buy"]


def test_a_contract_has_keys_bounds_and_the_place_of_the_files() -> None:
    contract = data_contract(clicks(), Path("/lake"))
    sessions = next(one for one in contract["schema"] if one["name"] == "sessions")
    columns = {column["name"]: column for column in sessions["properties"]}
    assert columns["event_date"]["partitioned"]
    assert (columns["session_id"]["primaryKey"], columns["session_id"]["required"]) == (True, True)
    assert columns["duration_seconds"]["logicalTypeOptions"] == {"minimum": 0}
    assert contract["servers"][0]["path"] == "/lake/clicks/{model}"
    assert data_contract(clicks(), ObjectUrl("b", "k"))["servers"][0]["type"] == "s3"


def odd_clicks(description: str) -> Dataset:
    """Clicks whose funnel steps have quotes and braces in their names."""
    odd = {
        "user_funnel": {
            "steps": [{"name": "it's {{ x }}", "event_type": ["view"]}, {"name": "{% buy", "event_type": ["buy"]}]
        }
    }
    return clicks(description=description, gold={**yaml.safe_load(CLICKS)["gold"], **odd})


def tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed (docs/how-to/dbt.md says what to install)")
    return found


@pytest.mark.long
def test_dbt_builds_on_the_exported_sources(tmp_path: Path, repository: Path) -> None:
    dbt, world = tool("dbt"), World(tmp_path, odd_clicks("{{ doc('x') }}"))
    world.drop("clicks_1.csv", FILE)
    world.refresh()
    refresh({"clicks": world.dataset}, world.settings)
    project = tmp_path / "project"
    (project / "models").mkdir(parents=True)
    page = (repository / "docs" / "how-to" / "dbt.md").read_text()
    blocks = dict(_files(page))
    (project / "dbt_project.yml").write_text(blocks["dbt_project.yml"])
    profile = blocks["profiles.yml"].replace("data/warehouse.duckdb", str(world.settings.warehouse))
    (project / "profiles.yml").write_text(profile)
    (project / "models" / "clicks.yml").write_text(yaml.safe_dump(dbt_sources(world.dataset), sort_keys=False))
    model = "SELECT user_id, count(*) AS n FROM {{ source('clicks', 'sessions') }} GROUP BY 1"
    (project / "models" / "by_user.sql").write_text(model)
    environment = {**os.environ, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}
    for step in ("parse", "build"):
        done = subprocess.run(
            [dbt, "--no-partial-parse", step, "--profiles-dir", "."],
            cwd=project,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout
        assert "WARNING" not in done.stdout
    assert "WARN=0 ERROR=0" in done.stdout


@pytest.mark.long
def test_the_contract_passes_its_standards_linter(tmp_path: Path) -> None:
    linter = tool("datacontract")
    for name, dataset in {**load_datasets(), "clicks": clicks()}.items():
        path = tmp_path / f"{name}.odcs.yaml"
        path.write_text(yaml.safe_dump(data_contract(dataset, tmp_path / "lake"), sort_keys=False))
        done = subprocess.run([linter, "lint", str(path)], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout


def _files(page: str) -> list[tuple[str, str]]:
    """The files that a page shows: a fence whose title is a file's name."""
    parts = page.split("```yaml title=")[1:]
    return [(part.split('"')[1], part.split("\n", 1)[1].split("```")[0]) for part in parts]

"""The code location: what every asset tells about itself, and what a declaration that is wrong does to it."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import dagster as dg
import pytest

from event_assets.declaration import load_datasets
from event_assets.orchestration import warehouse_asset as warehouse
from event_assets.orchestration.asset_keys import asset_key
from event_assets.orchestration.code_location import location_definitions
from event_assets.orchestration.partition_dates import partitions
from event_assets.pipeline.steps import RECONCILIATION
from event_assets.settings import load_settings
from event_assets.tables.catalog import tables
from event_assets_tests.world import CLICKS, clicks

SHIPPED = ["activity", "app_events", "benefits", "shop", "streaming"]


@pytest.fixture(scope="module")
def shipped() -> list[dg.AssetSpec]:
    """The datasets' tables: every asset but the warehouse over them."""
    return [spec for spec in location_definitions().resolve_all_asset_specs() if spec.key != warehouse.KEY]


def declare(folder: Path, text: str, name: str = "datasets") -> Path:
    """A folder of further datasets, as EVENT_ASSETS_DATASETS names it, with one."""
    path = folder / name / "clicks" / "defs.yaml"
    path.parent.mkdir(parents=True)
    attributes = textwrap.indent(text.strip(), "  ")
    path.write_text(f"type: event_assets.EventDataset\nattributes:\n{attributes}\n")
    return path


def test_each_dataset_is_a_group_with_a_job_and_one_sensor() -> None:
    repository = location_definitions().get_repository_def()
    assert sorted(job.name for job in repository.get_all_jobs() if not job.name.startswith("__")) == SHIPPED
    assert sorted(s.name for s in repository.sensor_defs) == [f"{name}_new_files" for name in SHIPPED]
    assert repository.schedule_defs == []


def test_every_table_but_the_internal_ones_is_an_asset_and_nothing_else_is(shipped: list[dg.AssetSpec]) -> None:
    expected = {
        asset_key(name, table.name)
        for name, dataset in load_datasets().items()
        for table in tables(dataset).values()
        if not table.internal
    }
    assert {spec.key for spec in shipped} == expected


def test_every_asset_says_what_it_is_whose_it_is_and_what_its_columns_mean(shipped: list[dg.AssetSpec]) -> None:
    for spec in shipped:
        assert spec.description, spec.key
        assert spec.owners, spec.key
        assert spec.group_name == spec.key.path[0]
        assert spec.kinds & {"bronze", "silver", "gold"}, spec.key
        schema = spec.metadata["dagster/column_schema"]
        assert isinstance(schema, dg.TableSchema)
        assert schema.columns, spec.key
        assert [column.name for column in schema.columns if not column.description] == [], spec.key


def test_no_description_names_a_table_that_is_no_asset(shipped: list[dg.AssetSpec]) -> None:
    described = {spec.key: spec.description or "" for spec in shipped}
    for dataset in load_datasets().values():
        for table in tables(dataset).values():
            assert not table.internal or not [key for key, text in described.items() if f"{table.name} of" in text]
    reads = "Beside its own date it reads cleaned_events of the 2 dates before and the date after."
    assert reads in described[asset_key("shop", "sessions")]


def test_raw_events_are_stale_once_no_new_data_came_for_as_long_as_declared(shipped: list[dg.AssetSpec]) -> None:
    policies = {spec.key.path[0]: spec.freshness_policy for spec in shipped if spec.freshness_policy}
    expected = {
        name: dg.FreshnessPolicy.time_window(fail_window=dataset.quality.stale_after)
        for name, dataset in load_datasets().items()
    }
    assert policies == expected


def test_every_column_that_a_transform_makes_names_columns_that_exist(shipped: list[dg.AssetSpec]) -> None:
    columns = {(spec.key, c.name) for spec in shipped for c in spec.metadata["dagster/column_schema"].columns}
    for spec in shipped:
        lineage = spec.metadata["dagster/column_lineage"].deps_by_column
        if "bronze" in spec.kinds or spec.key.path[-1] == RECONCILIATION:
            assert lineage == {}, spec.key
        else:
            assert {column for key, column in columns if key == spec.key} == set(lineage)
            assert [column for column, deps in lineage.items() if not deps] == [], spec.key
            assert {(dep.asset_key, dep.column_name) for deps in lineage.values() for dep in deps} <= columns


def test_every_table_by_date_has_the_partitions_of_its_dataset(shipped: list[dg.AssetSpec]) -> None:
    for name, dataset in load_datasets().items():
        for table in tables(dataset).values():
            expected = partitions(dataset, load_settings()) if table.by_date else None
            found = [spec.partitions_def for spec in shipped if spec.key == asset_key(name, table.name)]
            assert found == ([] if table.internal else [expected]), table.name


def test_a_further_dataset_joins_those_that_ship(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = declare(tmp_path, CLICKS)
    monkeypatch.setenv("EVENT_ASSETS_DATASETS", str(path.parent.parent))
    groups = {spec.group_name for spec in location_definitions().resolve_all_asset_specs()}
    assert groups == {*SHIPPED, "clicks", "warehouse"}


def test_the_component_builds_the_same_definitions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = tmp_path / "some_project"
    path = declare(project, CLICKS, "defs")
    (project / "__init__.py").touch()
    (project / "defs" / "__init__.py").touch()
    settings = 'directory_type = "project"\nproject.root_module = "some_project"'
    (tmp_path / "pyproject.toml").write_text(f"[tool.dg]\n{settings}\n")
    monkeypatch.syspath_prepend(tmp_path)
    loaded = dg.load_from_defs_folder(path_within_project=path.parent)
    assert {spec.key for spec in loaded.resolve_all_asset_specs()} == {
        asset_key("clicks", table.name) for table in tables(clicks()).values() if not table.internal
    }


@pytest.mark.parametrize(
    ("wrong", "right", "line"),
    [
        ("gap: 30m", "gap: 30 minutes", "sessions.gap: write a duration as a number and s, m, h or d, such as 30m"),
        ("{gap: 30m", "{gapp: 30m", "sessions.gapp: is not a key of a dataset declaration; did you mean gap?"),
        ("start_date: 2024-01-01\n", "", "start_date: is missing; add it"),
        ("daily_summary: {}", "custom: [nowhere.tables:mine]", "gold.custom: nowhere.tables:mine"),
    ],
)
def test_a_wrong_declaration_stops_its_dataset_alone_by_one_line_that_names_file_key_and_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: str, right: str, line: str
) -> None:
    path = declare(tmp_path, CLICKS.replace(wrong, right))
    monkeypatch.setenv("EVENT_ASSETS_DATASETS", str(path.parent.parent))
    specs = location_definitions().resolve_all_asset_specs()
    [wrong_one] = [spec for spec in specs if spec.group_name == "clicks"]
    assert str(wrong_one.description).startswith(f"Not loaded: {path}: {line}")
    assert "\n" not in str(wrong_one.description)
    assert {spec.group_name for spec in specs} == {*SHIPPED, "clicks", "warehouse"}


def test_a_dataset_whose_column_is_named_like_a_tables_own_is_not_loaded_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = declare(tmp_path, CLICKS.replace("page", "rank").replace("by: null", "by: rank"))
    monkeypatch.setenv("EVENT_ASSETS_DATASETS", str(path.parent.parent))
    specs = location_definitions().resolve_all_asset_specs()
    line = "column rank: is also a column that top_users has of its own; choose another name"
    assert [spec.description for spec in specs if spec.group_name == "clicks"] == [f"Not loaded: {path}: {line}"]


def test_loading_the_definitions_loads_neither_a_database_nor_another_engine() -> None:
    # Each run is a process that loads them again.
    heavy = "{'sqlalchemy', 'alembic', 'numpy', 'pandas', 'pyspark'}"
    code = f"import sys, event_assets.definitions; print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"

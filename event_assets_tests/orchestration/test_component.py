"""The component in `dg`: found, described by a schema, scaffolded, and loaded in a project of somebody's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from jsonschema import Draft202012Validator

import event_assets
from event_assets.declaration import SHIPPED, load_dataset, parse_dataset
from event_assets.errors import DeclarationError
from event_assets.orchestration.asset_keys import asset_key
from event_assets.orchestration.component import EventDataset
from event_assets.orchestration.component_schema import attributes_schema
from event_assets.orchestration.scaffold import EventDatasetScaffolder, ScaffoldParameters
from event_assets_tests.world import CLICKS

SCHEMA = Draft202012Validator(attributes_schema())


def attributes(**changes: object) -> dict[str, Any]:
    """The attributes of `clicks` as `dg` reads them: dates are texts."""
    return {**yaml.safe_load(CLICKS), "start_date": "2024-01-01", **changes}


def with_price(**changes: object) -> dict[str, Any]:
    """The attributes with another declaration of the price."""
    found = attributes()
    found["events"]["columns"][-1] |= changes
    return found


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*/defs.yaml")), ids=lambda path: path.parent.name)
def test_the_schema_accepts_what_ships(path: Path) -> None:
    found = yaml.safe_load(path.read_text(encoding="utf-8"))["attributes"]
    SCHEMA.validate({**found, "start_date": str(found["start_date"])})


@pytest.mark.parametrize(
    "written",
    [
        with_price(min=0),
        with_price(min="0.50", max=1000.5),
        attributes(end_date="2030-01-01"),
        attributes(sessions={"gap": "12h"}),
        attributes(deduplicate={"days": "all"}),
        attributes(deduplicate={"days": 3}),
        attributes(gold={"user_funnel": {"steps": ["view", {"name": "paid", "event_type": ["buy"]}]}}),
    ],
)
def test_the_schema_accepts_what_the_parser_accepts(written: dict[str, Any]) -> None:
    parse_dataset(written, "clicks")
    SCHEMA.validate(written)


@pytest.mark.parametrize(
    "written",
    [
        attributes(gapp="30m"),
        attributes(sessions={"gapp": "30m"}),
        attributes(mode="strict"),
        with_price(requird=True),
        {key: value for key, value in attributes().items() if key != "events"},
    ],
)
def test_the_schema_refuses_a_wrong_key_or_value_as_the_parser_does(written: dict[str, Any]) -> None:
    with pytest.raises(DeclarationError):
        parse_dataset(written, "clicks")
    assert not SCHEMA.is_valid(written)


def test_the_schema_accepts_a_template_in_place_of_any_value() -> None:
    SCHEMA.validate(attributes(start_date="{{ env.START }}", mode="{{ env.MODE }}", gold="{{ env.GOLD }}"))
    SCHEMA.validate(attributes(gold={"top_users": {"n": "{{ env.N }}"}}))


def test_the_schema_describes_every_key() -> None:
    assert list(undescribed(attributes_schema(), "attributes")) == []


def undescribed(schema: Any, place: str) -> Iterator[str]:
    """The keys without a description, anywhere below a schema."""
    if isinstance(schema, list):
        for option in schema:
            yield from undescribed(option, place)
    if isinstance(schema, dict):
        for name, value in schema.get("properties", {}).items():
            if not value.get("description"):
                yield f"{place}.{name}"
        for name, value in schema.items():
            yield from undescribed(
                list(value.values()) if name in ("properties", "$defs") else value, f"{place}.{name}"
            )


def project(folder: Path, written: dict[str, Any], **more: object) -> Path:
    """A project as Dagster scaffolds it, with the component in `defs/clicks`; the folder of the latter."""
    root = folder / "src" / "my_project"
    path = root / "defs" / "clicks" / "defs.yaml"
    path.parent.mkdir(parents=True)
    for package in (root, root / "defs"):
        (package / "__init__.py").touch()
    (folder / "pyproject.toml").write_text(
        '[project]\nname = "my_project"\nversion = "0.1.0"\n'
        '[tool.dg]\ndirectory_type = "project"\n[tool.dg.project]\nroot_module = "my_project"\n'
    )
    (root / "definitions.py").write_text(
        "from pathlib import Path\n"
        "from dagster import definitions, load_from_defs_folder\n"
        "@definitions\n"
        "def defs():\n"
        "    return load_from_defs_folder(path_within_project=Path(__file__).parent)\n"
    )
    path.write_text(yaml.safe_dump({"type": "event_assets.EventDataset", "attributes": written, **more}))
    return path.parent


def test_templates_are_rendered_and_post_processing_reaches_the_assets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLICKS_TOP", "2")
    monkeypatch.setenv("CLICKS_START", "2025-01-01")
    written = attributes(
        start_date="{{ env.CLICKS_START }}", gold={"top_users": {"by": None, "n": "{{ env.CLICKS_TOP }}"}}
    )
    eager = {"automation_condition": "{{ automation_condition.eager() }}", "tags": {"team": "web"}}
    post = {"assets": [{"target": "key:clicks/top_users", "attributes": eager}]}
    folder = project(tmp_path, written, post_processing=post)
    monkeypatch.syspath_prepend(tmp_path / "src")
    loaded = dg.load_from_defs_folder(path_within_project=folder)
    [top] = [spec for spec in loaded.resolve_all_asset_specs() if spec.key == asset_key("clicks", "top_users")]
    assert top.automation_condition == dg.AutomationCondition.eager()
    assert top.tags["team"] == "web"
    assert isinstance(top.partitions_def, dg.DailyPartitionsDefinition)
    assert top.partitions_def.get_first_partition_key() == "2025-01-01"
    assert loaded.resolve_job_def("clicks").name == "clicks"


def test_the_package_lists_the_component_without_loading_dagster() -> None:
    assert set(event_assets.__all__) <= set(dir(event_assets))
    assert event_assets.EventDataset is EventDataset


def scaffold(folder: Path, name: str, sample: Path | None = None) -> Path:
    request = dg.ScaffoldRequest(
        type_name="event_assets.EventDataset",
        target_path=folder / name,
        scaffold_format="yaml",
        project_root=folder,
        params=ScaffoldParameters(sample=str(sample) if sample else None),
    )
    EventDatasetScaffolder().scaffold(request)
    return folder / name / "defs.yaml"


def test_a_dataset_is_scaffolded_complete(tmp_path: Path) -> None:
    path = scaffold(tmp_path, "web")
    assert path.read_text().startswith("# An example: no sample was given.")
    dataset = load_dataset(path)
    assert dataset.description == "Events of web."
    assert dataset.name == "web"
    assert {"user_id", "event_type", "page", "price"} <= {column.name for column in dataset.columns}


def test_a_dataset_is_scaffolded_from_a_sample(tmp_path: Path) -> None:
    sample = tmp_path / "rides_2025-03-01.csv"
    sample.write_text("rider,happened,at,city\nr1,start,2025-03-01T10:00:00Z,Bern\nr2,stop,2025-03-01T10:10:00Z,Bern\n")
    dataset = load_dataset(scaffold(tmp_path, "rides", sample))
    assert "city" in {column.name for column in dataset.columns}


def test_a_sample_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(dg.DagsterInvalidDefinitionError, match=r"nowhere\.csv"):
        scaffold(tmp_path, "rides", tmp_path / "nowhere.csv")

"""Settings: the file event_assets.toml, and the environment over it."""

from __future__ import annotations

from pathlib import Path

import pytest

from event_assets.errors import DeclarationError
from event_assets.path_or_url import ObjectUrl
from event_assets.settings import Settings, load_settings


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "project" / "deep" / "er").mkdir(parents=True)
    return tmp_path / "project"


def write(folder: Path, text: str) -> Path:
    file = folder / "event_assets.toml"
    file.write_text(text)
    return file


def test_a_file_above_sets_what_the_environment_leaves_open(project: Path) -> None:
    write(project, 'lake = "tables"\ninbox = "s3://bucket/in"\nmemory = "2GB"\nworkers = 3\ndagster_home = "/runs"\n')
    found = load_settings({"EVENT_ASSETS_WORKERS": "5", "EVENT_ASSETS_MEMORY": ""}, project / "deep" / "er")
    assert (found.lake, found.inbox) == (project / "tables", ObjectUrl("bucket", "in"))
    assert (found.workers, found.memory_bytes) == (5, 2 * 10**9)
    assert found.dagster_home == Path("/runs")
    assert found.datasets == Path("datasets").absolute()


def test_paths_of_the_environment_count_from_the_current_folder(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(project, 'lake = "tables"\n')
    monkeypatch.chdir(project / "deep")
    assert load_settings({"EVENT_ASSETS_LAKE": "mine"}).lake == project / "deep" / "mine"
    assert load_settings({}).lake == project / "tables"


def test_the_nearest_file_counts_alone(project: Path) -> None:
    write(project, 'lake = "far"\nworkers = 7\n')
    write(project / "deep", 'EVENT_ASSETS_LAKE = "near"\n')
    found = load_settings({}, project / "deep" / "er")
    assert found.lake == project / "deep" / "near"
    assert found.workers == load_settings({}, project.parent).workers


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('lak = "x"', "event_assets.toml: lak: is not a setting; did you mean lake?"),
        ('colour = "x"', "event_assets.toml: colour: is not a setting; remove it; known are cache,"),
        ("workers = 0", "event_assets.toml: workers: '0' is not a whole number from 1"),
        ("workers = true", "event_assets.toml: workers: is not a text or a whole number"),
        ('[event_assets]\nlake = "x"', "event_assets.toml: event_assets: is not a text or a whole number"),
        ('lake = "a"\nEVENT_ASSETS_LAKE = "b"', "event_assets.toml: EVENT_ASSETS_LAKE: sets lake a second time"),
        ('engine = "dask"', "event_assets.toml: engine: 'dask' is not an engine; set one of polars"),
        ('lake = "gs://bucket"', "event_assets.toml: lake: is no path and no plain URL"),
        ("lake = data/lake", "event_assets.toml: is not valid TOML"),
    ],
)
def test_what_is_wrong_in_the_file_is_one_line_that_names_it(project: Path, text: str, said: str) -> None:
    write(project, text)
    with pytest.raises(DeclarationError) as error:
        load_settings({}, project)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_value_of_the_environment_that_is_wrong_is_not_blamed_on_the_file(project: Path) -> None:
    write(project, "workers = 2\n")
    with pytest.raises(DeclarationError, match=r"^EVENT_ASSETS_WORKERS: 'many' is not"):
        load_settings({"EVENT_ASSETS_WORKERS": "many"}, project)


def test_without_any_setting_the_defaults_hold(project: Path) -> None:
    assert load_settings({}, project).lake == Settings().lake.absolute()  # type: ignore[union-attr]

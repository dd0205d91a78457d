"""workspace.yaml and [tool.dg] name the same code location, and Dagster can load it by either."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from dagster._core.workspace.load_target import PyProjectFileTarget, WorkspaceFileTarget

# Private, but the very loaders that `dagster dev` uses: what it would take from each file is the question.
TARGETS = {
    "workspace.yaml": lambda folder: WorkspaceFileTarget(paths=[str(folder / "workspace.yaml")]),
    "pyproject.toml": lambda folder: PyProjectFileTarget(str(folder / "pyproject.toml")),
}


def locations(folder: Path, file: str) -> list[tuple[str, str | None]]:
    """(name, module) of each code location that Dagster reads from one of a folder's files."""
    origins = TARGETS[file](folder).create_origins()
    return [(origin.location_name, origin.loadable_target_origin.module_name) for origin in origins]


@pytest.mark.parametrize("file", TARGETS)
def test_each_file_names_the_one_code_location(repository: Path, file: str) -> None:
    assert locations(repository, file) == [("event_assets", "event_assets.definitions")]


def test_a_file_that_says_something_else_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "workspace.yaml").write_text("load_from: [{python_module: {module_name: other.definitions}}]")
    (tmp_path / "pyproject.toml").write_text("[tool.dg.project]\nroot_module = 'another'\n")
    assert locations(tmp_path, "workspace.yaml") == [("other.definitions", "other.definitions")]
    assert locations(tmp_path, "pyproject.toml") == [("another.definitions", "another.definitions")]


def test_dagster_loads_all_definitions_from_a_bare_checkout(repository: Path) -> None:
    command = [sys.executable, "-m", "dagster", "definitions", "validate"]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Validation successful for code location event_assets." in done.stdout + done.stderr


def test_the_code_location_holds_every_dataset_that_ships(repository: Path) -> None:
    from event_assets.definitions import defs

    shipped = {path.parent.name for path in (repository / "event_assets" / "defs").glob("*/defs.yaml")}
    assert shipped >= {"app_events", "benefits", "shop"}
    assert {key.path[0] for key in defs.resolve_all_asset_keys()} >= shipped

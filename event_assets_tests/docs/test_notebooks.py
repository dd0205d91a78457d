"""The notebooks of docs/notebooks, run cell by cell over a small lake. No kernel and no marimo is needed for it: a
Jupyter notebook is JSON, and a marimo notebook is a module of functions whose arguments are what they read."""

from __future__ import annotations

import ast
import json
import re
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from event_assets.declaration import load_datasets
from event_assets.synthetic import generate
from event_assets_tests.world import World


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with some days of the shop."""
    folder = tmp_path_factory.mktemp("notebooks")
    generate("shop", rows=400, days=2, seed=1, out=folder / "inbox" / "shop")
    World(folder, load_datasets()["shop"]).refresh()
    return folder / "lake"


def run_jupyter(path: Path) -> dict[str, Any]:
    """The names that the code cells leave, run from top to bottom; the last line of each is evaluated."""
    names: dict[str, Any] = {}
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), f"{path.name} {cell['id']}", "exec"), names)
    return names


class _App:
    """As much of marimo as running the cells takes: a cell is run with the names that others returned."""

    def __init__(self) -> None:
        self.cells: list[Callable[..., Any]] = []

    def cell(self, function: Callable[..., Any]) -> Callable[..., Any]:
        self.cells.append(function)
        return function


def run_marimo(path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The names that the cells return. KeyError where one reads what no cell before it returns."""
    module = types.ModuleType("marimo")
    module.App, module.md = _App, lambda text: text  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "marimo", module)
    source, top = path.read_text(encoding="utf-8"), dict[str, Any](__name__="notebook")
    exec(compile(source, path.name, "exec"), top)
    bodies = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
    names: dict[str, Any] = {}
    for function, body in zip(top["app"].cells, bodies, strict=True):
        returned = body.body[-1]
        assert isinstance(returned, ast.Return)
        parts = getattr(returned.value, "elts", [])
        made = function(**{argument.arg: names[argument.arg] for argument in body.args.args})
        names |= dict(zip([part.id for part in parts], made or (), strict=True))
    return names


def test_both_notebooks_run_and_agree(repository: Path, lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENT_ASSETS_LAKE", str(lake))
    folder = repository / "docs" / "notebooks"
    jupyter, marimo = run_jupyter(folder / "sessions.ipynb"), run_marimo(folder / "sessions_marimo.py", monkeypatch)
    for name in ("by_day", "conversion"):
        assert isinstance(jupyter[name], pl.DataFrame)
        assert jupyter[name].equals(marimo[name])
    assert jupyter["by_day"].height == 2
    assert jupyter["conversion"]["share"].is_between(0, 1).all()


def test_the_examples_of_the_page_on_python_run(
    repository: Path, lake: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("EVENT_ASSETS_LAKE", str(lake))
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```", (repository / "docs/how-to/python.md").read_text(), re.M | re.S)
    names: dict[str, Any] = {}
    for block in blocks:
        exec(block, names)
    assert len(blocks) == 3
    assert names["by_day"].columns == ["event_date", "sessions", "events_each"]
    assert names["archive"].settings.lake == tmp_path / "data" / "lake-2024"


def test_the_mail_sensor_of_the_page_on_alerts_is_one_that_dagster_takes(repository: Path) -> None:
    import dagster as dg

    page = (repository / "docs/how-to/alerts.md").read_text()
    [block] = [block for block in re.findall(r"^```python\n(.*?)^```", page, re.M | re.S) if "smtplib" in block]
    names: dict[str, Any] = {}
    exec(block, names)
    defined = dg.Definitions(sensors=[names["failed_checks_by_mail"]])
    assert [sensor.name for sensor in defined.sensors or []] == ["failed_checks_by_mail"]


def test_a_committed_notebook_has_no_output(repository: Path) -> None:
    cells = json.loads((repository / "docs" / "notebooks" / "sessions.ipynb").read_text())["cells"]
    assert [cell.get("outputs", []) for cell in cells if cell.get("outputs")] == []

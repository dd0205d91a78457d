"""Imports that a command puts off: nothing that it doesn't use is loaded, and what is used is the real thing."""

from __future__ import annotations

import importlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from event_assets.cli import deferred_imports
from event_assets.cli.deferred_imports import defer_imports
from event_assets_tests.world import World, lines


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A package that is on Python's path, and whose import is put off by the test."""
    folder = tmp_path / "put_off"
    folder.mkdir()
    (folder / "__init__.py").write_text("LOADED = True\ndef double(n): return 2 * n\n")
    (folder / "parts.py").write_text(
        "class Base:\n    kind = 'base'\n    def __init__(self, n): self.n = n\nclass OddError(Exception): pass\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    return "put_off"


def test_stand_ins_are_called_derived_from_and_compared_like_what_they_stand_for(
    library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deferred_imports, "ON_USE", (library,))
    defer_imports()
    double = importlib.import_module(library).double
    parts = importlib.import_module(f"{library}.parts")
    base = parts.Base
    assert not hasattr(sys.modules[library], "__file__")
    assert double(4) == 8
    assert sys.modules[library].__file__ is not None

    class Derived(base):  # type: ignore[misc, valid-type]
        pass

    real = sys.modules[f"{library}.parts"]
    assert Derived(3).n == base(3).n == 3
    assert isinstance(Derived(3), base)
    assert issubclass(Derived, real.Base)
    assert base.kind == "base"
    with pytest.raises(parts.OddError):
        raise real.OddError


def test_an_init_runs_with_the_first_name_of_its_own_and_not_with_a_module(
    library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deferred_imports, "INIT_ON_USE", (library,))
    defer_imports()
    parts = importlib.import_module(f"{library}.parts")
    assert parts.Base(1).n == 1
    assert "LOADED" not in vars(sys.modules[library])
    assert importlib.import_module(library).double(4) == 8
    assert vars(sys.modules[library])["LOADED"]


def test_threads_that_use_a_package_first_at_the_same_time_wait_for_its_init(
    library: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    init = tmp_path / library / "__init__.py"
    init.write_text(
        f"import time, {library}\nassert not hasattr({library}, 'double')\ntime.sleep(0.2)\n{init.read_text()}"
    )
    monkeypatch.setattr(deferred_imports, "INIT_ON_USE", (library,))
    defer_imports()
    module = importlib.import_module(library)
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(lambda n: module.double(n), range(4))) == [0, 2, 4, 6]
    assert not hasattr(module, "other")


def modules_after(*arguments: str) -> set[str]:
    """The modules that a command has loaded at its end."""
    script = (
        "import atexit, sys; from event_assets.__main__ import program;"
        "atexit.register(lambda: print('', *(n for n, m in sys.modules.items() if getattr(m, '__file__', None))));"
        "program()"
    )
    line = [sys.executable, "-c", script, *arguments]
    done = subprocess.run(line, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split())


def test_a_run_loads_nothing_that_only_migrations_servers_or_terminals_need(clicks_world: World) -> None:
    clicks_world.drop("clicks_1.csv", lines("ann,view,2025-01-05T10:00:00,/a,1.00"))
    (clicks_world.folder / "dagster" / "dagster.yaml").unlink()  # so that the command copies its own
    first = modules_after("run", "clicks", "--json")
    assert {"polars", "_duckdb"} <= first  # it creates the warehouse file
    again = modules_after("run", "clicks", "--json")
    assert {"dagster._core.storage.runs", "polars"} <= again
    unused = {"alembic.command", "structlog", "rich", "upath", "tqdm", "coloredlogs.converter", "pandera"}
    assert (first | again) & unused == set()
    assert "_duckdb" not in again

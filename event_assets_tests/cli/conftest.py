"""Commands as a user types them, in this process: fast, and with their exit code and both streams."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from event_assets_tests.world import CLICKS, World

with warnings.catch_warnings():
    # Typer takes from click 8.5 what click 9 will no longer have.
    warnings.simplefilter("ignore", DeprecationWarning)
    from event_assets.cli.main import main


class Said(NamedTuple):
    """What a command came to."""

    code: int
    out: str
    err: str


Command = Callable[..., Said]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Command:
    """`command("top", "activity")` runs `event-assets top activity` in a folder of the test's own."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: object) -> Said:
        monkeypatch.setattr(sys, "argv", ["event-assets", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        code = ended.value.code
        return Said(code if isinstance(code, int) else int(code is not None), *capsys.readouterr())

    return run


@pytest.fixture
def clicks_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A small lake of the dataset `clicks`, which commands know as well."""
    declared = tmp_path / "datasets" / "clicks"
    declared.mkdir(parents=True)
    text = yaml.safe_dump({"type": "event_assets.EventDataset", "attributes": yaml.safe_load(CLICKS)})
    (declared / "defs.yaml").write_text(text)
    monkeypatch.setenv("EVENT_ASSETS_DATASETS", str(tmp_path / "datasets"))
    return World(tmp_path)

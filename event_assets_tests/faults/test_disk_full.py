"""A disk that is full, at twenty levels: the previous version is kept readable, one line says so, room heals it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from event_assets_tests.faults import children
from event_assets_tests.faults.lakes import at_rest, rows_of, same
from event_assets_tests.world import CLICKS, World, lines

pytestmark = pytest.mark.timeout(3600)

DATES = [f"2025-01-{day:02d}" for day in range(1, 6)]
#: Bytes of the small disk, and the steps in which it is filled.
DISK, LEVELS = 24 << 20, 20


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of our own, in memory."""
    folder = tmp_path / "disk"
    folder.mkdir()
    try:
        mounting = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(folder)]
        subprocess.run(mounting, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("only root may mount a disk: run this under `unshare --map-root-user --mount`")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def command_line(arguments: list[str], told: Path) -> None:
    """The program, in this process, with its standard error in a file."""
    with told.open("w") as file:
        sys.stdout = sys.stderr = file
        sys.argv = ["event-assets", *arguments]
        from event_assets.cli.main import main

        main()


def fill(disk: Path, free: int) -> None:
    """Leave so many bytes of the disk free."""
    with (disk / "ballast").open("wb") as file:
        room = shutil.disk_usage(disk).free - free
        block = b"\0" * (1 << 16)
        while room > 0:
            room -= file.write(block[:room])


@pytest.mark.parametrize(
    "levels",
    [pytest.param([0, 8], id="2 levels"), pytest.param(range(LEVELS), id="20 levels", marks=pytest.mark.long)],
)
def test_a_full_disk_leaves_what_was_there_and_is_told_in_one_line(
    disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, levels: list[int]
) -> None:
    (tmp_path / "datasets" / "clicks").mkdir(parents=True)
    declared = {"type": "event_assets.EventDataset", "attributes": yaml.safe_load(CLICKS)}
    (tmp_path / "datasets" / "clicks" / "defs.yaml").write_text(yaml.safe_dump(declared))
    monkeypatch.setenv("EVENT_ASSETS_DATASETS", str(tmp_path / "datasets"))
    monkeypatch.setenv("EVENT_ASSETS_LAKE", str(disk / "lake"))
    prepared = World(tmp_path / "prepared", inbox=tmp_path / "inbox")
    prepared.drop("clicks_1.csv", lines(*(record(date, "a") for date in DATES)))
    prepared.refresh()
    before = rows_of(prepared)
    prepared.drop("clicks_2.csv", lines(*(record(date, f"b{n}") for date in DATES for n in range(2000))))
    used = _needed(tmp_path)
    expected = rows_of(World(tmp_path / "clean", inbox=tmp_path / "inbox"))
    told = tmp_path / "told.txt"
    failed = 0
    for level in levels:
        shutil.rmtree(disk / "lake", ignore_errors=True)
        (disk / "ballast").unlink(missing_ok=True)
        shutil.copytree(prepared.settings.lake, disk / "lake")
        fill(disk, used * level // LEVELS)
        code = children.run(command_line, ["run", "clicks"], told)
        world = World(disk, inbox=tmp_path / "inbox")
        if code:
            failed += 1
            assert code == 1
            said = told.read_text().strip().splitlines()
            assert "space" in said[-1], said
            assert "Traceback" not in told.read_text()
            found = rows_of(world)
            assert before.keys() <= found.keys()
            for unit, frame in found.items():
                assert frame.equals(before.get(unit)) or frame.equals(expected.get(unit)), f"level {level}: {unit}"
        (disk / "ballast").unlink()
        assert children.run(command_line, ["run", "clicks"], told) == 0, told.read_text()
        same(rows_of(world), expected, f"level {level}")
        at_rest(world)
    assert failed > len(levels) / 2


def record(date: str, user: str) -> str:
    return f"{user},view,{date}T10:00:00,/a,1.00"


def _needed(tmp_path: Path) -> int:
    """Bytes that the change writes: with less than these the disk is full at some step."""
    clean = World(tmp_path / "clean", inbox=tmp_path / "inbox")
    shutil.copytree(tmp_path / "prepared" / "lake", clean.settings.lake)
    before = _bytes(clean.settings.lake)
    clean.refresh()
    return _bytes(clean.settings.lake) - before


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())

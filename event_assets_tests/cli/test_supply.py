"""`event-assets supply`: a live feed, and how it stops."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from event_assets_tests.cli.conftest import Command


def test_files_are_dropped_into_the_inbox_and_named(command: Command, tmp_path: Path) -> None:
    said = command("supply", "activity", "--rate", 50, "--every", 0.1, "--for", 0.25)
    assert said.code == 0
    files = [Path(line) for line in said.out.splitlines()]
    assert 1 <= len(files) <= 3  # fewer on a machine that is busy
    assert sorted((tmp_path / "inbox" / "activity").iterdir()) == sorted(files)
    assert all(len(file.read_bytes().splitlines()) > 1 for file in files)
    assert said.err.startswith(f"{len(files)} files dropped; event-assets run activity")


def test_scripts_are_told_each_file_and_their_number(command: Command, tmp_path: Path) -> None:
    said = command("supply", "shop", "--rate", 5, "--every", 60, "--for", 1, "--json")
    first, last = map(json.loads, said.out.splitlines())
    assert list((tmp_path / "inbox" / "shop").iterdir()) == [Path(first["file"])]
    assert (last, said.err) == ({"files": 1}, "")


def test_ctrl_c_stops_a_feed_cleanly_and_leaves_whole_files(tmp_path: Path) -> None:
    line = [sys.executable, "-m", "event_assets", "supply", "shop", "--rate", "20", "--every", "60"]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ) as feed:
        assert feed.stdout is not None
        first = Path(feed.stdout.readline().strip())
        feed.send_signal(signal.SIGINT)
        _, said = feed.communicate(timeout=60)
    assert (feed.returncode, said) == (
        0,
        "1 file dropped; event-assets run shop lands them, as the sensor in the UI does\n",
    )
    assert list((tmp_path / "inbox" / "shop").iterdir()) == [first]


def test_a_dataset_that_ships_no_generator_is_told(command: Command, clicks_world: object) -> None:
    said = command("supply", "clicks", "--for", 1)
    assert (said.code, said.err.startswith("dataset clicks: has no generator")) == (1, True)

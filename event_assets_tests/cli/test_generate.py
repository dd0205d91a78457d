"""`event-assets generate`: files and what is known of them."""

from __future__ import annotations

import json
from pathlib import Path

from event_assets_tests.cli.conftest import Command


def test_files_are_named_and_their_mess_is_told(command: Command) -> None:
    said = command("generate", "activity", "--rows", 1000, "--days", 2, "--seed", 7, "--out", "made")
    assert said.code == 0
    told = [line.split() for line in said.out.splitlines()]
    assert told[:3] == [["made/Dataset_20250101.csv"], ["made/Dataset_20250102.csv"], ["records", "1,000"]]
    assert sorted(path.name for path in Path("made").iterdir()) == ["Dataset_20250101.csv", "Dataset_20250102.csv"]


def test_the_same_seed_gives_the_same_bytes_and_another_one_others(command: Command) -> None:
    for out, seed in (("one", 7), ("two", 7), ("three", 8)):
        command("generate", "shop", "--rows", 200, "--days", 1, "--files", 1, "--seed", seed, "--out", out)
    (name,) = [path.name for path in Path("one").iterdir()]
    assert Path("one", name).read_bytes() == Path("two", name).read_bytes() != Path("three", name).read_bytes()


def test_json_tells_files_and_figures(command: Command) -> None:
    arguments = ("--rows", 100, "--days", 1, "--start", "2025-03-01", "--mess", 0, "--out", "made", "--json")
    found = json.loads(command("generate", "shop", *arguments).out)
    assert found["files"] == ["made/events_20250301.csv"]
    assert (found["truth"]["records"], found["truth"]["cleaned"]) == (100, 100)


def test_arguments_that_make_no_sense_are_told(command: Command) -> None:
    assert command("generate", "shop").code == 2
    assert command("generate", "shop", "--out", "x", "--rows", 0).code == 2
    assert "did you mean shop?" in command("generate", "shp", "--out", "x").err
    assert "is not a valid date" in command("generate", "shop", "--out", "x", "--start", "soon").err
    said = command("generate", "shop", "--out", "x", "--mess", 1000)
    assert (said.code, said.err.startswith("--mess: 1000.0 is out of range; take a number from 0 to ")) == (1, True)
    assert not Path("x").exists()

"""A lake and an inbox in an object store give what folders give."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from event_assets.path_or_url import ObjectUrl
from event_assets_tests.object_stores.world import ObjectWorld, from_scratch
from event_assets_tests.world import lines, made

FILES = {
    "clicks_1.csv": lines(
        "ann,view,2025-01-06T10:00:00Z,/home,",
        "ann,buy,2025-01-06T10:05:00Z,/shop,12.50",
        "bob,view,2025-01-06T23:50:00Z,/home,",
        "bob,view,2025-01-07T00:10:00Z,/shop,",
        "eve,view,never,/home,",
        ",view,2025-01-07T08:00:00Z,/home,",
    ),
    "clicks_2.csv": lines("ann,view,2025-01-08T09:00:00Z,/home,", "ann,view,2025-01-08T09:00:00Z,/home,"),
}


def same(found: dict[str, pl.DataFrame], expected: dict[str, pl.DataFrame]) -> None:
    assert found.keys() == expected.keys()
    for name, frame in expected.items():
        assert found[name].equals(frame), f"{name}\n{frame}\n{found[name]}"


@pytest.fixture
def world(bucket: ObjectUrl, tmp_path: Path) -> ObjectWorld:
    world = ObjectWorld(tmp_path / "here", bucket)
    for name, content in FILES.items():
        world.drop(name, content)
    world.refresh()
    return world


def test_the_tables_are_those_that_folders_give(world: ObjectWorld, tmp_path: Path) -> None:
    same(world.tables(), from_scratch(tmp_path / "disk", FILES))
    world.at_rest()
    assert world.refresh() == []


def test_another_machine_reads_and_goes_on_writing_what_this_one_wrote(world: ObjectWorld, tmp_path: Path) -> None:
    there = ObjectWorld(tmp_path / "there", world.bucket)
    same(there.tables(), world.tables())
    late = lines("bob,buy,2025-01-06T23:55:00Z,/shop,3.00")
    there.drop("clicks_3.csv", late)
    assert ("sessions", "2025-01-06") in made(there.refresh())
    same(world.tables(), from_scratch(tmp_path / "disk", {**FILES, "clicks_3.csv": late}))
    world.at_rest()
    assert world.refresh() == []

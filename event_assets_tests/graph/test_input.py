"""What comes in stays known: limits that are raised, and what landing records on a file."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

from event_assets.graph.workspace import Workspace
from event_assets_tests.world import World, lines


def test_a_file_that_was_too_large_is_read_again_once_the_limit_is_raised(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.settings = replace(world.settings, max_unpacked_bytes=50)
    world.workspace = Workspace(world.dataset, world.settings)
    world.drop("clicks_1.csv.gz", gzip.compress(lines("1,view,2024-01-02,/,", "2,view,2024-01-02,/,").encode()))
    assert [file.reason for file in world.land().landed] == ["too_large: unpacks to more than 50 bytes"]
    assert world.land().landed == ()
    world.settings = replace(world.settings, max_unpacked_bytes=10**9)
    world.workspace = Workspace(world.dataset, world.settings)
    assert [(file.reason, file.landed) for file in world.land().landed] == [(None, 2)]
    assert world.land().landed == ()

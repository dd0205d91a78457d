"""What a lake holds, unit by unit, and what must be true of it when nothing runs."""

from __future__ import annotations

import polars as pl

from event_assets_tests.world import World

Rows = dict[tuple[str, str], pl.DataFrame]
"""The rows of each unit, by (table, date)."""


def rows_of(world: World) -> Rows:
    """Every unit as a reader finds it now, by the tables' logs; of files all but when the clock saw them land."""
    world.workspace.refresh()
    found: Rows = {}
    for name, store in world.workspace.stores.items():
        for unit in sorted(store.entries()):
            frames = [pl.read_parquet(path, hive_partitioning=False, glob=False) for path in store.paths(unit)]
            frame = pl.concat(frames)
            found[name, unit] = frame.drop("landed_at").sort("file_id") if name == "source_files" else frame
    return found


def same(found: Rows, expected: Rows, when: str = "") -> None:
    """AssertionError where two lakes differ in any row of any unit."""
    assert found.keys() == expected.keys(), f"{when}: {found.keys() ^ expected.keys()}"
    for unit, frame in expected.items():
        assert found[unit].equals(frame), f"{when}: {unit}\n{frame}\n{found[unit]}"


def at_rest(world: World) -> None:
    """AssertionError where folders hold anything but the current files, or a writer left something behind."""
    for name, store in world.workspace.stores.items():
        counting = {store.folder / path for entry in store.entries(again=True).values() for path in entry.files}
        assert world.files_on_disk(name) == counting, name
    state = world.workspace.lake.state(world.dataset.name)
    assert not (state / "unfinished").exists()
    staging = state / "staging"
    assert not staging.exists() or not list(staging.iterdir())

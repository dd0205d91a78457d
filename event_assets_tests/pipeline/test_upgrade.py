"""A lake of the version before is brought over at the first run: no row changes, nothing is computed again."""

from __future__ import annotations

import dataclasses
import datetime as dt
import os
import shutil
from pathlib import Path

import polars as pl
import yaml
from deltalake import DeltaTable

from event_assets.pipeline.staleness.stale_partitions import stale_units
from event_assets_tests.world import CLICKS, HEADER, NOW, World, clicks, lines

CONTENT = lines("ann,view,2025-01-08T23:50:00,/a,1.00", "ann,buy,2025-01-09T00:10:00,/b,2.00", "bob,view,bad,/c,")


def test_internal_tables_are_stored_below_state_and_raw_events_have_no_number_of_their_time(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.drop("clicks_1.csv", CONTENT)
    world.refresh()
    lake = world.settings.lake / "clicks"
    assert sorted(path.name for path in (lake / "_state" / "tables").iterdir()) == ["session_edges", "session_parts"]
    assert not (lake / "session_edges").exists()
    assert "event_time_us" not in world.table("raw_events").columns


def test_a_lake_of_the_version_before_is_brought_over(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.drop("clicks_1.csv", CONTENT)
    world.refresh()
    expected = {name: world.table(name) for name in world.workspace.tables}
    make_old(world)
    shutil.rmtree(world.settings.inbox)  # nothing can be landed again
    world.use(world.dataset)
    assert world.refresh() == []
    assert {name: world.table(name) for name in world.workspace.tables}.keys() == expected.keys()
    for name, frame in expected.items():
        assert world.table(name).equals(frame), name
    assert list(stale_units(world.workspace)) == []
    lake = world.settings.lake / "clicks"
    assert not any((lake / table).exists() for table in ("session_edges", "session_parts"))
    assert "event_time_us" not in [field.name for field in DeltaTable(lake / "raw_events").schema().fields]


def make_old(world: World) -> None:
    """Lay the lake out as the version before did."""
    lake = world.settings.lake / "clicks"
    for table in ("session_edges", "session_parts"):
        (lake / "_state" / "tables" / table).rename(lake / table)
    world.workspace.refresh()
    store = world.workspace.stores["raw_events"]
    for file in world.files_on_disk("raw_events"):
        frame = pl.read_parquet(file, hive_partitioning=False)
        frame.with_columns(event_time_us=pl.col("event_time").dt.timestamp("us")).write_parquet(file)
    world.workspace.refresh()
    store.replace_files(store.listed())


def test_a_retracted_file_stays_retracted_where_its_identity_becomes_another(tmp_path: Path) -> None:
    world = World(tmp_path)
    path = world.drop("clicks_20250108.csv", CONTENT)
    world.drop("clicks_20250110.csv", lines("cat,view,2025-01-10T10:00:00,/a,1.00"))
    world.refresh()
    first = active_files(world)
    world.retract("clicks_20250108.csv")
    events = {**yaml.safe_load(CLICKS)["events"], "time": {"source": "at", "missing_time": "file_date"}}
    world.use(clicks(events=events))  # what is read of a name belongs to the file's identity
    os.utime(path, (1, 1))
    warnings = world.land(lambda: NOW + dt.timedelta(days=9)).warnings
    assert [warning for warning in warnings if "clicks_20250108.csv was retracted on 2025-06-01" in warning]
    world.make()
    assert world.table("cleaned_events")["user_id"].to_list() == ["cat"]
    assert active_files(world).items() <= first.items()
    world.restore("clicks_20250108.csv")
    world.refresh()
    assert sorted(world.table("cleaned_events")["user_id"]) == ["ann", "ann", "cat"]
    assert active_files(world) == first


def active_files(world: World) -> dict[str, dt.datetime]:
    """The names of active files and when they were landed first."""
    files = world.table("source_files").filter(pl.col("state") == "active")
    return dict(files.select("names", "landed_at").rows())


def test_a_ledger_without_a_key_that_names_new_fields_is_read(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.drop("clicks_1.csv", CONTENT)
    world.refresh()
    ledger = world.workspace.ledger
    [file] = ledger.files.values()
    ledger.append([dataclasses.replace(file, new_fields={"color": 3})])
    ledger.rewrite()
    ledger.salt = None
    ledger.rewrite()
    world.use(world.dataset)
    assert world.workspace.ledger.salt is None
    assert world.land().landed == ()
    world.drop("clicks_2.csv", f"{HEADER},color\ncat,view,2025-01-09T10:00:00,/a,1.00,red\n")
    world.refresh()
    assert [set(file.new_fields) for file in world.workspace.ledger.files.values()] == [{"color"}, {"color"}]

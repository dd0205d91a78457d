"""When records were landed, and which sessions late ones changed."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from event_assets.pipeline.compute_lateness import changed_last, publish_lateness
from event_assets.tables.gold_tables import SESSION_CHANGES
from event_assets_tests.pipeline.test_source_sessions import dataset as by_source
from event_assets_tests.world import World, clicks, lines

JANUARY = [dt.datetime(2025, 1, day, 12, tzinfo=dt.UTC) for day in range(1, 32)]


def late_world(folder: Path, **keys: Any) -> World:
    dataset = clicks()
    return World(folder, clicks(gold={**dataset.gold.model_dump(), "lateness": {}}, **keys))


def lateness(world: World) -> list[tuple[str, str, int, int]]:
    with world.workspace.writing():
        world.workspace.refresh()
        publish_lateness(world.workspace)
    table = world.table("lateness")
    by_date = Counter(dict(table.group_by("event_date").agg(pl.col("records").sum()).rows()))
    raw = Counter(dict(world.table("raw_events").group_by("event_date").len().rows()))
    assert {str(date): rows for date, rows in by_date.items() if rows} == dict(raw), "the records sum to raw"
    by_kind = table.select(pl.sum_horizontal(f"sessions_{kind}" for kind in SESSION_CHANGES)).to_series()
    assert by_kind.to_list() == table["sessions_changed"].to_list(), "each is of one kind"
    return [(str(date), str(day), *counts[:2]) for date, day, *counts in table.rows()]


def kinds(world: World) -> dict[str, dict[str, int]]:
    """`event_date landed_date` to the sessions that changed by kind, for what was landed last."""
    table = world.table("lateness").filter(pl.col("landed_date") == pl.col("landed_date").max())
    return {
        f"{row['event_date']} {row['landed_date']}": {
            kind: row[f"sessions_{kind}"] for kind in SESSION_CHANGES if row[f"sessions_{kind}"]
        }
        for row in table.iter_rows(named=True)
    }


def land(world: World, day: int, *records: str) -> None:
    world.drop(f"clicks_{day}.csv", lines(*records))
    world.land(lambda: JANUARY[day - 1])
    world.make()


def test_late_records_extend_merge_and_move_sessions(tmp_path: Path) -> None:
    world = late_world(tmp_path)
    land(
        world,
        7,
        "ann,view,2025-01-06T10:00:00,/a,",
        "ann,view,2025-01-06T10:50:00,/a,",
        "bob,view,2025-01-07T00:10:00,/a,",
    )
    assert lateness(world) == [("2025-01-06", "2025-01-07", 2, 2), ("2025-01-07", "2025-01-07", 1, 1)]
    assert kinds(world) == {"2025-01-06 2025-01-07": {"added": 2}, "2025-01-07 2025-01-07": {"added": 1}}
    assert changed_last(world.workspace)["records"] == 0, "the records of the day before are not late"
    land(world, 8, "ann,view,2025-01-06T10:25:00,/b,")  # merges two sessions: one is longer, one is gone
    lateness(world)
    assert kinds(world) == {"2025-01-06 2025-01-08": {"merged": 2}}
    land(world, 9, "bob,view,2025-01-06T23:50:00,/a,")  # the session begins on the date before
    lateness(world)
    assert kinds(world) == {"2025-01-06 2025-01-09": {"moved": 1}, "2025-01-07 2025-01-09": {"moved": 1}}
    changed = {"sessions_added": 0, "sessions_removed": 0, "sessions_extended": 0, "sessions_merged": 0}
    assert changed_last(world.workspace) == {
        **changed,
        "records": 1,
        "sessions_changed": 2,
        "sessions_split": 0,
        "sessions_moved": 2,
    }
    expected = [
        ("2025-01-06", "2025-01-07", 2, 2),
        ("2025-01-06", "2025-01-08", 1, 2),
        ("2025-01-06", "2025-01-09", 1, 1),
        ("2025-01-07", "2025-01-07", 1, 1),
        ("2025-01-07", "2025-01-09", 0, 1),
    ]
    assert lateness(world) == expected
    again = World(world.folder, world.dataset)
    (world.workspace.lake.state("clicks") / "history" / "lateness.json").unlink()
    assert lateness(again) == expected, "replayed from the beginning it is the same"


@pytest.mark.parametrize("days", [1, *(pytest.param(days, marks=pytest.mark.long) for days in (0, "all"))])
def test_what_is_replayed_in_part_is_what_a_whole_replay_gives(tmp_path: Path, days: int | str) -> None:
    world = late_world(tmp_path, deduplicate={"keys": ["user_id", "page"], "days": days})
    for day in (7, 9, 10, 12):
        records = [f"ann,view,2025-01-{date:02d}T{day:02d}:00:00,/{date % 3},1.00" for date in range(4, day)]
        land(world, day, *records)
        step = lateness(world)
        (world.workspace.lake.state("clicks") / "history" / "lateness.json").unlink()
        assert lateness(world) == step
    world.retract("clicks_9.csv")
    world.make()
    after = lateness(world)
    assert not [row for row in after if row[1] == "2025-01-09"]
    fresh = late_world(tmp_path / "fresh", deduplicate={"keys": ["user_id", "page"], "days": days})
    for day in (7, 10, 12):
        content = (world.settings.inbox / "clicks" / f"clicks_{day}.csv").read_text()
        fresh.drop(f"clicks_{day}.csv", content)
        fresh.land(lambda day=day: JANUARY[day - 1])
    fresh.make()
    assert lateness(fresh) == after


def test_the_landed_date_is_that_of_the_datasets_zone_and_of_the_first_landing(tmp_path: Path) -> None:
    world = late_world(tmp_path, timezone="Asia/Tokyo")
    world.drop("clicks_1.csv", lines("ann,view,2025-01-06T10:00:00,/a,"))
    world.land(lambda: dt.datetime(2025, 1, 6, 20, tzinfo=dt.UTC))
    world.drop("clicks_1_again.csv", lines("ann,view,2025-01-06T10:00:00,/a,"))
    world.land(lambda: dt.datetime(2025, 1, 9, 20, tzinfo=dt.UTC))
    world.make()
    assert lateness(world) == [("2025-01-06", "2025-01-07", 1, 1)]


def test_a_session_that_begins_on_another_date_or_goes_on_is_moved_or_extended(tmp_path: Path) -> None:
    """Sessions of the source may last for weeks, so that a late record reaches far beyond its own date."""
    world = late_world(
        tmp_path,
        events=by_source().model_dump(mode="json")["events"][0] | {"files": ["*.csv"]},
        sessions={"by": "source_session_id"},
    )
    header = "user,session,at,kind,page\n"
    world.drop("one.csv", header + "ann,s1,2025-01-20T10:00:00,view,/a\nann,s2,2025-01-20T10:10:00,view,/a\n")
    world.land(lambda: JANUARY[20])
    world.make()
    lateness(world)
    for day, at in ((25, "2025-01-24T10:00:00"), (26, "2025-01-02T10:00:00")):
        world.drop(f"{day}.csv", header + f"ann,s1,{at},view,/b\n")
        world.land(lambda day=day: JANUARY[day - 1])
        world.make()
        step = lateness(world)
        (world.workspace.lake.state("clicks") / "history" / "lateness.json").unlink()
        assert lateness(world) == step
        if day == 25:
            assert kinds(world) == {"2025-01-20 2025-01-25": {"extended": 1}, "2025-01-24 2025-01-25": {}}
    assert kinds(world) == {"2025-01-02 2025-01-26": {"moved": 1}, "2025-01-20 2025-01-26": {"moved": 1}}

"""Which files of each date arrived: the table, held dates, manifests, and what a run reports."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_assets.declaration.expected_files import Expect
from event_assets.errors import DeclarationError
from event_assets.pipeline.completeness import hours_of, named_for, shortages
from event_assets_tests.world import World, clicks, lines

UTC = dt.UTC


def world_of(folder: Path, engine: str = "polars", **expect: Any) -> World:
    return World(folder, clicks(expect=expect, engine=engine))


def file(*days: int, user: str = "ann") -> str:
    return lines(*(f"{user},view,2025-01-{day:02d}T10:00:00,/a,1.00" for day in days))


def table(world: World) -> list[tuple[Any, ...]]:
    return world.table("completeness").rows()


def test_a_dataset_that_expects_nothing_has_no_such_table(tmp_path: Path) -> None:
    assert "completeness" not in World(tmp_path).workspace.tables


def test_each_date_between_the_first_and_the_last_named_one_has_a_row_and_names_are_counted(tmp_path: Path) -> None:
    world = world_of(tmp_path, count=2)
    world.drop("clicks_2025-01-06_a.csv", file(6))
    world.drop("clicks_2025-01-06_b.csv", file(6))  # the same content under another name
    world.drop("clicks_2025-01-08_a.csv", file(8, 9))
    world.drop("clicks_undated.csv", file(6, user="bob"))
    world.refresh()
    assert table(world) == [
        (dt.date(2025, 1, 6), 2, 2, 0, True),
        (dt.date(2025, 1, 7), 2, 0, 2, False),
        (dt.date(2025, 1, 8), 2, 1, 1, False),
        (dt.date(2025, 1, 9), 2, 0, 2, False),
    ]
    world.retract("clicks_2025-01-08_a.csv")
    assert table(world) == [(dt.date(2025, 1, 6), 2, 2, 0, True)]


@pytest.mark.parametrize(
    ("expect", "name", "counts_for"),
    [
        ({}, "clicks_20250106.csv", (dt.date(2025, 1, 6), None)),
        ({}, "clicks.csv", None),
        ({"pattern": "web_*.csv"}, "clicks_20250106.csv", None),
        ({"pattern": "web_*.csv"}, "web_20250106.csv.gz", (dt.date(2025, 1, 6), None)),
        ({"pattern": r"of-([0-9-]+)"}, "made-2025-02-01-of-2025-01-06.csv", (dt.date(2025, 1, 6), None)),
        ({"files_per": "hour"}, "clicks_20250106.csv", None),
        ({"files_per": "hour"}, "2025-01-06-7.json.gz", (dt.date(2025, 1, 6), 7)),
        ({"files_per": "hour"}, "clicks_2025010623.csv", (dt.date(2025, 1, 6), 23)),
        ({"files_per": "hour"}, "clicks_20250106_0730.csv", (dt.date(2025, 1, 6), 7)),
        ({"files_per": "hour"}, "clicks_20250106T073059.csv", (dt.date(2025, 1, 6), 7)),
        ({"files_per": "hour"}, "dt=2025-01-06/hour=07/part.csv", (dt.date(2025, 1, 6), 7)),
        ({"files_per": "hour"}, "clicks_20250106_24.csv", None),
        ({"files_per": "hour", "pattern": r"(\d{8})-x-(\d\d)"}, "20250106-x-05.csv", (dt.date(2025, 1, 6), 5)),
    ],
)
def test_a_name_counts_for_the_date_and_hour_in_it(
    expect: dict[str, Any], name: str, counts_for: tuple[dt.date, int | None] | None
) -> None:
    assert named_for(Expect.model_validate(expect), name) == counts_for


def test_a_date_has_the_hours_that_its_zone_gives_it(tmp_path: Path) -> None:
    berlin = clicks(timezone="Europe/Berlin", expect={"files_per": "hour"})
    assert hours_of(berlin, dt.date(2025, 3, 29)).total() == 24
    assert hours_of(berlin, dt.date(2025, 3, 30)).total() == 23
    assert 2 not in hours_of(berlin, dt.date(2025, 3, 30))
    assert hours_of(berlin, dt.date(2024, 10, 27))[2] == 2
    world = World(tmp_path, berlin)
    for hour in range(23):
        world.drop(f"clicks_2025-03-30_{hour + (hour > 1):02d}.csv", file(6, user=f"user{hour}"))
    world.land()
    assert table(world)[-1] == (dt.date(2025, 3, 30), 23, 23, 0, True)


@given(st.dates(dt.date(1971, 1, 1), dt.date(2037, 1, 1)), st.sampled_from(["Europe/Berlin", "Pacific/Apia", "UTC"]))
def test_the_hours_of_following_dates_leave_no_gap(date: dt.date, zone: str) -> None:
    dataset = clicks(timezone=zone)
    assert 20 < hours_of(dataset, date).total() < 28 or (zone, date) == ("Pacific/Apia", dt.date(2011, 12, 30))


@pytest.mark.parametrize("engine", ["polars", "duckdb"])
def test_a_date_that_is_held_has_empty_gold_tables_until_it_is_complete(tmp_path: Path, engine: str) -> None:
    held = world_of(tmp_path / "held", engine, count=2, hold=True)
    plain = world_of(tmp_path / "plain", count=2)
    for world in (held, plain):
        world.drop("clicks_2025-01-06_a.csv", file(6))
        world.drop("clicks_2025-01-06_b.csv", file(6, user="bob"))
        world.drop("clicks_2025-01-07_a.csv", file(7))
        world.refresh()
    for name in ("daily_summary", "top_users", "events_by_type", "user_funnel", "platform_sessions"):
        assert set(held.table(name)["event_date"]) == {"2025-01-06"}, name
    assert held.table("joined_facts").equals(plain.table("joined_facts"))
    assert held.table("sessions").equals(plain.table("sessions"))
    assert held.table("top_users_overall")["session_count"].to_list() == [1, 1]
    assert held.reconciled().holds
    assert held.refresh() == []
    held.drop("clicks_2025-01-07_b.csv", file(7, user="cat"))
    plain.drop("clicks_2025-01-07_b.csv", file(7, user="cat"))
    outcomes = held.refresh()
    plain.refresh()
    assert {o.date for o in outcomes if o.table == "daily_summary"} == {dt.date(2025, 1, 7)}
    assert {name: frame.rows() for name, frame in held.tables().items()} == {
        name: frame.rows() for name, frame in plain.tables().items()
    }


def test_a_run_reports_what_is_held_and_what_is_overdue_by_the_clock(tmp_path: Path) -> None:
    world = world_of(tmp_path, count=2, hold=True, due="02:00")
    world.drop("clicks_2025-01-06_a.csv", file(6))
    early = world.land(lambda: dt.datetime(2025, 1, 7, 1, tzinfo=UTC))
    assert early.warnings == ("2025-01-06: 1 of 2 files; its gold tables are empty until the rest arrives",)
    late = world.land(lambda: dt.datetime(2025, 1, 8, 2, tzinfo=UTC))
    assert late.warnings == (
        "2025-01-06: 1 of 2 files; its gold tables are empty until the rest arrives",
        "2025-01-06: 1 of 2 files; overdue since 2025-01-07 02:00 UTC",
        "2025-01-07: 0 of 2 files (no row of completeness before a file arrives); overdue since 2025-01-08 02:00 UTC",
    )


def test_missing_files_are_named_where_that_is_known(tmp_path: Path) -> None:
    world = world_of(tmp_path, count=2, manifest="*.manifest.csv", due="02:00")
    named = [(6, "a"), (6, "b"), (7, "a"), (7, "b"), (8, "a"), (9, "b"), (10, "x"), (10, "y")]
    for number, (day, part) in enumerate(named):
        world.drop(f"clicks_2025-01-{day:02d}_{part}.csv", file(day, user=f"user{number}"))
    world.drop("day.manifest.csv", "file,records\nclicks_2025-01-10_z.csv,1\nclicks_2025-01-10_y.csv,9\n")
    world.land()
    assert [text for _, text in shortages(world.dataset, world.workspace.ledger)] == [
        "2025-01-08: 1 of 2 files, clicks_2025-01-08_b.csv is missing",
        "2025-01-09: 1 of 2 files, clicks_2025-01-09_a.csv is missing",
        "2025-01-10: 1 of 2 files, clicks_2025-01-10_y.csv is rejected, clicks_2025-01-10_z.csv is missing",
    ]
    world.retract("clicks_2025-01-06_a.csv")
    assert next(iter(shortages(world.dataset, world.workspace.ledger)))[1] == (
        "2025-01-06: 1 of 2 files, clicks_2025-01-06_a.csv is retracted"
    )


def test_names_that_come_on_one_date_alone_say_nothing_of_others(tmp_path: Path) -> None:
    world = world_of(tmp_path, count=2)
    for number, name in enumerate(["20250106_0f3a", "20250106_77b1", "20250107_c0de"]):
        world.drop(f"clicks_{name}.csv", file(6, user=f"user{number}"))
    world.land()
    assert [text for _, text in shortages(world.dataset, world.workspace.ledger)] == ["2025-01-07: 1 of 2 files"]


def test_missing_hours_are_named(tmp_path: Path) -> None:
    world = world_of(tmp_path, files_per="hour", due="01:30")
    for hour in set(range(24)) - {3, 17}:
        world.drop(f"clicks_2025-01-06_{hour:02d}.csv", file(6, user=f"user{hour}"))
    found = world.land(lambda: dt.datetime(2025, 1, 7, 2, tzinfo=UTC))
    assert found.warnings == ("2025-01-06: 22 of 24 files, hours 03, 17 lack some; overdue since 2025-01-07 01:30 UTC",)


MANIFEST = "file,records\nclicks_a.csv,{a}\nclicks_b.csv,1\n"


@pytest.mark.parametrize("first", ["manifest", "files"])
def test_a_file_whose_records_differ_from_its_manifest_is_rejected_whichever_comes_first(
    tmp_path: Path, first: str
) -> None:
    world = world_of(tmp_path, manifest="*.manifest.csv")
    drops = {
        "manifest": lambda: world.drop("day.manifest.csv", MANIFEST.format(a=3)),
        "files": lambda: (world.drop("clicks_a.csv", file(6, 7)), world.drop("clicks_b.csv", file(8))),
    }
    for what in sorted(drops, key=lambda name: name != first):
        drops[what]()
        assert world.land().warnings == ()
    world.refresh()
    found = world.table("source_files").sort("names").select("names", "state", "reason").rows()
    assert found == [('["clicks_a.csv"]', "rejected", "manifest_mismatch"), ('["clicks_b.csv"]', "active", None)]
    assert world.table("raw_events")["event_date"].to_list() == ["2025-01-08"]
    assert len(world.files_on_disk("raw_events")) == 1
    assert world.reconciled().files_rejected == {
        "clicks_a.csv": "manifest_mismatch: 2 records, 3 in day.manifest.csv; get the file and the manifest again"
    }
    assert world.refresh() == []
    world.drop("day.manifest.csv", MANIFEST.format(a=2))
    world.refresh()
    assert world.table("raw_events").height == 3
    assert world.reconciled().holds


def test_a_manifest_that_cannot_be_read_is_named_and_changes_nothing(tmp_path: Path) -> None:
    world = world_of(tmp_path, manifest="*.manifest.csv")
    world.drop("clicks_a.csv", file(6, 7))
    world.drop("day.manifest.csv", "name;rows\nclicks_a.csv;9\n")
    assert world.land().warnings == (
        "day.manifest.csv can't be read as a manifest (it is a CSV file with the columns file and records)",
    )
    assert world.table("raw_events").height == 2


def test_an_expression_that_cannot_be_read_is_refused_when_it_is_declared() -> None:
    with pytest.raises(DeclarationError, match=r"clicks: expect.pattern: .* is not a regular expression"):
        clicks(expect={"pattern": "of-([0-9"})


def test_the_table_depends_on_the_files_alone(tmp_path: Path) -> None:
    one, other = world_of(tmp_path / "one"), world_of(tmp_path / "other")
    names = ["clicks_2025-01-06.csv", "clicks_2025-01-08.csv"]
    for world, order in ((one, names), (other, names[::-1])):
        for name in order:
            world.drop(name, file(int(name[14:16])))
            world.refresh()
    assert one.table("completeness").equals(other.table("completeness"))
    assert one.table("completeness").schema == pl.Schema(
        {"event_date": pl.Date, "expected": pl.Int64, "arrived": pl.Int64, "missing": pl.Int64, "complete": pl.Boolean}
    )

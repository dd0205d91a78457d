"""What a run would do: in words, in units, and in rows; and that it does just that."""

from __future__ import annotations

import datetime as dt
import os
import random
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from event_assets.declaration import Dataset, load_datasets, parse_dataset
from event_assets.declaration.changes import changes, declaration_digest, normalised
from event_assets.pipeline.plan import preview
from event_assets.pipeline.planned_difference import PlannedDifference, planned_difference
from event_assets.pipeline.steps import steps
from event_assets_tests.pipeline.histories import RULES, History, histories
from event_assets_tests.world import NOW, World, clicks, lines

LONG = settings.default.max_examples >= 1000  # type: ignore[union-attr]
BOUNDED = settings(max_examples=1000 if LONG else 3)
MEMORY = "/dev/shm" if os.path.isdir("/dev/shm") else None

FILE = lines(
    "ann,view,2025-01-06T10:00:00,/a,1.00",
    "ann,buy,2025-01-06T10:25:00,/b,1.00",
    "bob,view,2025-01-07T23:50:00,/a,",
    "bob,buy,2025-01-08T00:15:00,/a,",
)


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    world.drop("clicks_1.csv", FILE)
    world.refresh()
    world.publish_reconciliation()
    return world


def difference(world: World) -> PlannedDifference:
    return planned_difference(world.workspace, now=lambda: NOW)


def changed(world: World, **keys: object) -> None:
    """Go on with some keys of the declaration changed."""
    declared = normalised(world.dataset)
    for key, value in keys.items():
        declared[key] = {**declared[key], **value} if isinstance(value, dict) else value
    world.use(parse_dataset(declared, "clicks"))
    world.workspace.refresh()


def everything(world: World) -> dict[str, dict[tuple[Any, ...], dict[str, Any]]]:
    """Rows by table, keyed by date and key; a column without a value is as good as none."""
    found = {}
    for name, table in world.workspace.tables.items():
        if table.internal:
            continue
        frame = world.table(name)
        key = [*([table.partitioned_by] if table.partitioned_by in frame.columns else []), *table.key]
        rows = [{n: value for n, value in row.items() if value is not None} for row in frame.iter_rows(named=True)]
        found[name] = dict(zip(frame.select(key).rows(), rows, strict=True))
    return found


def counted(before: Mapping[str, Any], after: Mapping[str, Any], world: World) -> dict[str, dict[str, dict[str, int]]]:
    """The difference of two states of all tables, by plain dictionaries."""
    found: dict[str, dict[str, dict[str, int]]] = {}
    for name, table in world.workspace.tables.items():
        old, new = before.get(name, {}), after.get(name, {})
        for key in old.keys() | new.keys():
            if key in old and key in new and old[key] == new[key]:
                continue
            kind = "changed" if key in old and key in new else "added" if key in new else "removed"
            date = key[0] if table.by_date else ""
            found.setdefault(name, {}).setdefault(date, {"added": 0, "removed": 0, "changed": 0})[kind] += 1
    return found


def lake_files(world: World) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in world.settings.lake.rglob("*") if path.is_file()}


def test_a_declaration_reads_back_as_it_was() -> None:
    for dataset in load_datasets().values():
        assert parse_dataset(normalised(dataset), dataset.name) == dataset


def test_keys_that_change_are_named_in_the_words_of_the_declaration() -> None:
    columns = [{**column, "description": "Otherwise."} for column in normalised(clicks())["events"]["columns"]]
    columns[3]["min"] = None
    new = clicks(
        owners=["team:web"],
        description="Other words.",
        quality={"volume_factor": 2},
        engine="duckdb",
        sessions={"gap": "20m", "column": "page"},
        events={**normalised(clicks())["events"], "columns": [columns[1], columns[0], *columns[2:]]},
        gold={"events_by_type": {}, "top_users": {"by": None, "n": 5}},
    )
    assert [(change.key, change.old, change.new) for change in changes(normalised(clicks()), normalised(new))] == [
        ("events.columns", *[["user_id", "event_type", "page", "price"], ["event_type", "user_id", "page", "price"]]),
        ("events.columns.price.min", "0", None),
        ("sessions.gap", "30m", "20m"),
        ("gold.daily_summary", {}, None),
        ("gold.top_users.n", 3, 5),
        ("gold.events_by_minute", {}, None),
        ("gold.user_funnel", normalised(clicks())["gold"]["user_funnel"], None),
    ]
    same = clicks(description="Other words.", quality={"volume_factor": 2}, owners=["team:web"])
    assert changes(normalised(clicks()), normalised(same)) == []
    assert declaration_digest(normalised(same)) == declaration_digest(normalised(clicks()))


def test_a_plan_names_files_changed_keys_and_the_units_that_they_make_stale(world: World) -> None:
    assert preview(world.workspace).is_empty
    changed(world, sessions={"gap": "20m"})
    world.drop("clicks_2.csv", lines("ann,view,2025-01-07T10:00:00,/a,"))
    assert list(preview(world.workspace).lines())[:6] == [
        "sessions.gap: 30m → 20m",
        "would land clicks_2.csv: new",
        "would materialize session_edges 2025-01-06 to 2025-01-08 (3 dates): its rules changed (sessions.gap)",
        "would materialize session_parts 2025-01-06 to 2025-01-08 (3 dates): its rules changed (sessions.gap)",
        "would materialize sessions 2025-01-06 to 2025-01-08 (3 dates): its rules changed (sessions.gap)",
        "would materialize joined_facts 2025-01-06 to 2025-01-08 (3 dates): its rules changed (sessions.gap)",
    ]
    world.land()
    found = preview(world.workspace)
    assert {unit.why for unit in found.stale if unit.step.name == "cleaned_events"} == {"its inputs changed"}
    assert found.units()["cleaned_events"] == ["2025-01-07"]
    assert found.units().keys().isdisjoint(found.internal)
    assert found.as_json()["at_most"].keys().isdisjoint(found.internal)


def causes(world: World, table: str = "daily_summary") -> set[str]:
    return {unit.why for unit in preview(world.workspace).stale if unit.step.name == table}


def test_a_hold_that_is_switched_on_is_named_as_the_cause(tmp_path: Path) -> None:
    world = World(tmp_path, clicks(expect={"hold": False}))
    world.drop("clicks_2025-01-06.csv", FILE)
    world.refresh()
    world.publish_reconciliation()
    changed(world, expect={"hold": True})
    assert causes(world) == {"its rules changed (expect.hold)"}
    world.refresh()
    world.publish_reconciliation()
    assert preview(world.workspace).is_empty
    changed(world, expect={"hold": False})
    assert "its rules changed (expect.hold)" in causes(world)


@pytest.fixture
def upgraded_world(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """The lake as a later version of the platform sees it."""
    with monkeypatch.context() as later:
        later.setattr("event_assets.pipeline.steps.VERSION", 2)
        steps.cache_clear()
        changed(world, description="Loaded by the new version.")
        yield world
    steps.cache_clear()


def test_an_upgrade_is_named_as_the_cause_and_new_rows_beside_it(upgraded_world: World) -> None:
    world = upgraded_world
    upgraded = "this version of event_assets computes it differently"
    assert causes(world, "cleaned_events") == {upgraded}
    world.drop("clicks_2.csv", lines("ann,view,2025-01-07T10:00:00,/a,"))
    world.land()
    assert causes(world, "cleaned_events") == {upgraded, f"{upgraded} and its inputs changed"}


def test_another_geo_database_is_named_as_the_cause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    columns = normalised(clicks())["events"]["columns"]
    ip = {"name": "ip", "description": "From where."}
    world = World(tmp_path, clicks(geo="ip", events={**normalised(clicks())["events"], "columns": [*columns, ip]}))
    world.drop("clicks_1.csv", FILE.replace("price\n", "price,ip\n").replace(",1.00\n", ",1.00,1.1.1.1\n"))
    world.refresh()
    world.publish_reconciliation()
    was = world.workspace.engine.ports.version
    world.use(world.dataset)
    monkeypatch.setattr(world.workspace.engine.ports, "version", "another 1")
    assert causes(world, "joined_facts") == {f"its geo database changed ({was} → another 1)"}


def test_keys_count_as_changed_until_every_table_is_made_by_them(world: World) -> None:
    changed(world, sessions={"gap": "20m"})
    world.make(["2025-01-06"])
    world.publish_reconciliation()
    assert [change.key for change in preview(world.workspace).changes] == ["sessions.gap"]
    world.make()
    world.publish_reconciliation()
    assert preview(world.workspace).changes == ()
    assert preview(world.workspace).is_empty


def test_a_difference_is_shown_by_key_with_the_columns_that_change(world: World) -> None:
    changed(world, sessions={"gap": "20m"})
    before = lake_files(world)
    found = difference(world)
    assert lake_files(world) == before, "nothing in the lake was touched"
    assert found.as_json()["tables"]["sessions"] == {
        "2025-01-06": {"added": 1, "removed": 0, "changed": 1},
        "2025-01-07": {"added": 0, "removed": 0, "changed": 1},
        "2025-01-08": {"added": 1, "removed": 0, "changed": 0},
    }
    sessions = found.tables["sessions"]["2025-01-07"]
    assert sessions.columns == {"session_end": 1, "duration_seconds": 1, "event_count": 1, "event_types": 1}
    [(change, key, columns)] = sessions.sample
    assert (change, list(key), columns) == ("changed", ["session_id"], tuple(sessions.columns))
    assert "reconciliation" not in found.tables
    assert found.made["sessions"] == ["2025-01-06", "2025-01-07", "2025-01-08"]


def test_a_manifest_that_comes_after_its_files_is_in_the_plan_with_what_it_rejects(tmp_path: Path) -> None:
    world = World(tmp_path, clicks(expect={"manifest": "*.manifest.csv"}))
    world.drop("clicks_1.csv", FILE)
    world.refresh()
    world.drop("bad.manifest.csv", "name;rows\n")
    found = preview(world.workspace)
    assert (found.files, len(found.warnings)) == ((), 1), "what can't be read changes nothing"
    world.drop("day.manifest.csv", "file,records\nclicks_1.csv,9\n")
    assert preview(world.workspace).files == (("day.manifest.csv", "a new manifest"),)
    planned = difference(world)
    assert planned.as_json()["tables"]["source_files"] == {"": {"added": 0, "removed": 0, "changed": 1}}
    assert planned.as_json()["tables"]["raw_events"]["2025-01-06"] == {"added": 0, "removed": 2, "changed": 0}
    world.refresh()
    assert preview(world.workspace).is_empty


def test_a_new_file_is_landed_aside_and_a_table_without_dates_has_the_empty_date(world: World) -> None:
    world.drop("clicks_2.csv", lines("cat,view,2025-01-09T10:00:00,/a,"))
    found = difference(world).as_json()
    assert found["files"] == [{"name": "clicks_2.csv", "why": "new"}]
    assert found["tables"]["raw_events"] == {"2025-01-09": {"added": 1, "removed": 0, "changed": 0}}
    assert found["tables"]["source_files"] == {"": {"added": 1, "removed": 0, "changed": 0}}
    assert found["tables"]["reconciliation"] == {"": {"added": 1, "removed": 0, "changed": 1}}
    assert found["tables"]["top_users_overall"] == {"": {"added": 1, "removed": 0, "changed": 0}}
    assert world.table("source_files").height == 1


def test_a_change_of_words_changes_nothing(world: World) -> None:
    changed(world, description="Other words.", owners=["team:web"])
    assert preview(world.workspace).is_empty
    found = difference(world).as_json()
    assert (found["changes"], found["units"], found["tables"]) == ([], {}, {})


def test_a_column_that_is_new_or_of_another_type_changes_the_rows_that_have_a_value_in_it(world: World) -> None:
    columns = normalised(world.dataset)["events"]["columns"]
    changed(world, events={"columns": [*columns, {**columns[2], "name": "again"}]}, deduplicate={"keys": ["page"]})
    found = difference(world).tables
    assert found["raw_events"]["2025-01-06"].columns == {"again": 2}
    assert sum(unit.changed for unit in found["raw_events"].values()) == 4


def test_a_lake_with_lost_and_damaged_files_is_repaired_aside(world: World) -> None:
    lost, broken = (world.workspace.stores[name].paths("2025-01-06")[0] for name in ("cleaned_events", "sessions"))
    lost.unlink()
    broken.write_bytes(b"half")
    before = lake_files(world)
    found = difference(world)
    assert lake_files(world) == before
    assert (found.made["cleaned_events"], found.made["sessions"]) == (["2025-01-06"], ["2025-01-06"])
    assert found.tables == {}, "the rows come out as they were published"


def test_a_column_that_is_dropped_changes_the_rows_that_had_a_value_in_it(world: World) -> None:
    changed(world, sessions={"gap": "30m", "column": None})
    found = difference(world).tables["sessions"]
    assert {date: (unit.changed, dict(unit.columns)) for date, unit in found.items()} == {
        "2025-01-06": (1, {"first_page": 1, "last_page": 1}),
        "2025-01-07": (1, {"first_page": 1, "last_page": 1}),
    }


RULE_CHANGES: list[dict[str, Any]] = [
    {},
    {"description": "Other words."},
    {"sessions": {"gap": "9m"}},
    {"sessions": {"gap": "20m", "column": None}},
    {"deduplicate": {"keys": ["page"], "days": 1}},
    {"deduplicate": {"keys": ["user_id", "page"], "days": "all"}},
    {"gold": {"top_users": {"by": None, "n": 1}, "events_by_type": {}}},
    {"start_date": "2025-01-07"},
    {"timezone": "Asia/Tokyo"},
    {"engine": "duckdb", "sessions": {"gap": "9m"}},
]


@pytest.mark.timeout(36000)
@pytest.mark.parametrize("rules", ["all columns as the key", "profiles that change"])
def test_what_a_run_does_is_what_was_planned(rules: str) -> None:
    @BOUNDED
    @given(histories(RULES[rules]), st.randoms(use_true_random=True))
    def law(history: History, chance: random.Random) -> None:
        with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
            check(World(Path(folder), history.rules.dataset), history, chance)

    law()


def check(world: World, history: History, chance: random.Random) -> None:
    late = chance.randint(0, len(history.files))
    for name, content in history.files[:late]:
        world.drop(name, content)
        if chance.random() < 1 / 2:
            world.refresh()
    world.refresh()
    if chance.random() < 3 / 4:
        world.publish_reconciliation()
    if late and chance.random() < 1 / 4:
        world.retract(history.files[0][0])
    for name, content in history.files[late:]:
        world.drop(chance.choice([name, history.files[0][0]]) if name.startswith("clicks") else name, content)
    world.use(redeclared(world.dataset, chance))
    before = everything(world)
    versions = lake_files(world)
    planned = difference(world)
    assert lake_files(world) == versions
    outcomes = world.refresh()
    world.publish_reconciliation()
    assert planned.as_json()["tables"] == counted(before, everything(world), world)
    made = {(o.table, str(o.date or "")) for o in outcomes if not world.workspace.tables[o.table].internal}
    assert {(table, date) for table, dates in planned.made.items() for date in dates} == made


def redeclared(dataset: Dataset, chance: random.Random) -> Dataset:
    """The dataset with some keys changed."""
    declared = normalised(dataset)
    for change in chance.sample(RULE_CHANGES, chance.choice([1, 1, 2])):
        declared |= change
    return parse_dataset(declared, "clicks")


def test_dates_are_shown_as_a_range() -> None:
    from event_assets.pipeline.plan import date_range

    days = [dt.date(2025, 1, day) for day in (1, 2, 5)]
    assert [date_range(days), date_range(days[:1]), date_range([None])] == [
        "2025-01-01 to 2025-01-05 (3 dates)",
        "2025-01-01",
        "",
    ]


def test_rows_are_compared_within_the_values_of_a_hive_column(tmp_path: Path) -> None:
    from event_assets.pipeline.compare_rows import compare
    from event_assets.tables.table import Column, Table

    columns = (Column("user_id", "string", "Who."), Column("n", "int64", "How many."))
    table = Table("totals", "Totals.", columns, ("user_id",), partitioned_by="geo_region")

    def written(version: str, **regions: list[tuple[str, int | None]]) -> list[Path]:
        paths = []
        for region, rows in regions.items():
            paths.append(tmp_path / version / f"geo_region={region}" / "part.parquet")
            paths[-1].parent.mkdir(parents=True)
            pl.DataFrame(rows, schema=table.polars_schema(), orient="row").write_parquet(paths[-1])
        return paths

    old = written("old", EU=[("ann", 1), ("bob", None)], NA=[("ann", 2)])
    new = written("new", EU=[("ann", 2), ("bob", None)], AS=[("ann", 2)])
    found = compare(table, old, new, rows=2)
    assert (found.added, found.removed, found.changed, found.columns) == (1, 1, 1, {"n": 1})
    assert found.sample == (
        ("added", {"geo_region": "AS", "user_id": "ann"}, ()),
        ("changed", {"geo_region": "EU", "user_id": "ann"}, ("n",)),
    )
    assert compare(table, [], []) == compare(table, old, old)

"""What comes in stays known: limits that are raised, and what landing records on a file."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from event_assets.pipeline.check_results import file_results
from event_assets.pipeline.count_refused_records import count_refused, refused_by_file
from event_assets.pipeline.schema_drift import drifts
from event_assets.pipeline.workspace import Workspace
from event_assets.storage.parquet import scan_parquet
from event_assets_tests.world import HEADER, NOW, World, clicks, lines


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


ROW = "1,view,2024-01-02,/,{}"


def test_drift_is_told_with_counts_and_first_sight(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.drop("clicks_1.csv", lines(ROW.format("1.5")))
    assert (drifts(world.workspace) if world.land() else None) == []
    later = NOW + dt.timedelta(hours=1)
    rows = "\n".join(["user,kind,at,price,colour", "1,view,2024-01-02,cheap,red", "2,view,2024-01-02,2.50 ,", ""])
    world.drop("clicks_2.csv", rows)
    world.land(now=lambda: later)
    world.drop("clicks_3.csv", rows.replace("2.50 ", "dear"))
    world.land(now=lambda: later + dt.timedelta(hours=1))
    world.workspace.refresh()
    assert [(d.change, d.field, d.records, d.files, d.first_seen, d.first_file) for d in drifts(world.workspace)] == [
        ("missing", "page", 4, 2, later, "clicks_2.csv"),
        ("new", "colour", 2, 2, later, "clicks_2.csv"),
        ("retyped", "price", 2, 1, later + dt.timedelta(hours=1), "clicks_3.csv"),
    ]


def test_by_its_policy_a_dataset_keeps_warns_of_or_refuses_what_differs(tmp_path: Path) -> None:
    content = "user,kind,at,page,price,colour\n1,view,2024-01-02,/,1.50,red\n"
    outcomes = {}
    for policy in ("keep", "warn", "fail"):
        world = World(tmp_path / policy, clicks(drift=policy))
        world.drop("clicks_1.csv", content)
        world.drop("clicks_2.csv", lines(ROW.format("1.5")))
        summary = world.land()
        outcomes[policy] = ([file.reason for file in summary.landed if file.reason], list(summary.warnings))
        world.make()
        assert world.reconciled().holds
    assert outcomes == {
        "keep": ([], []),
        "warn": ([], ["clicks_1.csv differs from its declaration: new field (found in one file only) in 1 records"]),
        "fail": (["schema_drift: new field (found in one file only) in 1 records"], []),
    }


def test_a_file_refused_for_its_drift_lands_once_the_policy_allows_it(tmp_path: Path) -> None:
    world = World(tmp_path, clicks(drift="fail"))
    world.drop("clicks_1.csv", lines(ROW.format("cheap")))
    assert [file.reason for file in world.land().landed] == ["schema_drift: 1 values of price are not of its type"]
    assert world.land().landed == ()
    world.use(clicks(drift="keep"))
    assert [(file.reason, file.landed) for file in world.land().landed] == [(None, 1)]


HOSTILE = [
    "clicks_new\nline.csv",
    "clicks_'quote\".csv",
    "clicks_😀.csv",
    "clicks_" + "x" * 244 + ".csv",
    "clicks_'); DROP TABLE sessions; --.csv",
    "clicks_<script>alert(1)</script>.csv".replace("/", ""),
    "clicks_..%2F..%2Fetc.csv",
    "clicks_..\\..\\etc.csv",
    "clicks_[red]$(reboot)`id`*?{}.csv",
    "clicks_=1+1.csv",
    "clicks_\x1b[31m\x07.csv",
    " clicks_ blank .csv",
    "clicks_\udcff\udcfe.csv",  # bytes that are no UTF-8
]


def test_whatever_a_file_is_called_its_records_land_under_its_name(tmp_path: Path) -> None:
    world = World(tmp_path / "own", clicks(events={**clicks().events[0].model_dump(by_alias=True), "files": ["*.csv"]}))
    for number, name in enumerate(HOSTILE):
        world.drop(name, lines(f"{number},view,2024-01-02T00:00:0{number % 10},/,", ",view,2024-01-02,/,"))
    assert len(world.land().landed) == len(HOSTILE)
    world.make()
    assert world.reconciled().holds
    shown = sorted(os.fsencode(name).decode("utf-8", "backslashreplace") for name in HOSTILE)
    assert sorted(name for names in world.table("source_files")["names"] for name in json.loads(names)) == shown
    assert world.table("cleaned_events").height == world.table("quarantine").height == len(HOSTILE)
    assert {path.name for path in (tmp_path / "own").iterdir()} == {"inbox", "lake"}, "nothing was written elsewhere"
    for name in ("clicks_new\nline.csv", "clicks_\\xff\\xfe.csv"):
        world.retract(name)
    world.make()
    assert world.table("cleaned_events").height == len(HOSTILE) - 2


def test_what_is_quarantined_stays_over_any_number_of_runs_and_moves_once_when_its_rule_is_mended(
    tmp_path: Path,
) -> None:
    world = World(tmp_path)
    world.drop("clicks_1.csv", lines("1,view,2024-01-02,/,-1", "2,view,2024-01-02,/,1", "3,view,never,/,1"))
    world.refresh()
    refused = [world.table(name).select("row_number", "reason", "raw") for name in ("quarantine", "landing_rejects")]
    for _ in range(3):
        assert world.refresh() == []
        world.make(["2024-01-02"])
        again = [world.table(name).select("row_number", "reason", "raw") for name in ("quarantine", "landing_rejects")]
        assert [frame.rows() for frame in again] == [frame.rows() for frame in refused]
    assert [frame.height for frame in refused] == [1, 1]

    declared = clicks().events[0].model_dump(by_alias=True)
    price = next(column for column in declared["columns"] if column["name"] == "price")
    price["min"] = "-5"
    world.use(clicks(events=declared))
    for _ in range(2):
        world.refresh()
        assert world.table("quarantine").height == 0
        assert sorted(world.table("cleaned_events")["user_id"]) == ["1", "2"]
        assert world.table("landing_rejects").height == 1
        assert world.reconciled().holds


@pytest.mark.parametrize("place", ["../outside.csv", "/etc/hostname"])
def test_a_link_out_of_the_inbox_is_named_and_left_alone(tmp_path: Path, place: str) -> None:
    world = World(tmp_path)
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / "outside.csv").write_text(lines("1,view,2024-01-02,/,"))
    world.drop("clicks_1.csv", lines("2,view,2024-01-02,/,"))
    (tmp_path / "inbox" / "clicks" / "clicks_2.csv").symlink_to(place)
    summary = world.land()
    assert [file.landed for file in summary.landed] == [1]
    assert list(summary.warnings) == ["clicks_2.csv is a link that leads out of the inbox and is left alone"]


def test_refused_records_are_counted_by_file_and_reason_with_the_first_of_them(tmp_path: Path) -> None:
    world = World(tmp_path)
    rows = [",view,2024-01-02,/,"] * 4 + ["1,view,2024-01-02,/,dear", "1,view,never,/,"]
    world.drop("clicks_1.csv", lines(*rows))
    world.refresh()
    world.workspace.refresh()
    stores = world.workspace.stores
    quarantined = count_refused(scan_parquet(*stores["quarantine"].paths("2024-01-02")))
    assert refused_by_file(world.workspace, quarantined).rows() == [
        ("clicks_1.csv", "missing_user_id", 4, "1, 2, 3"),
        ("clicks_1.csv", "invalid_price", 1, "5"),
    ]
    rejected = count_refused(scan_parquet(*stores["landing_rejects"].paths("")))
    assert refused_by_file(world.workspace, rejected).rows() == [("clicks_1.csv", "invalid_timestamp", 1, "6")]


def test_a_field_name_that_one_file_alone_has_is_not_kept(tmp_path: Path) -> None:
    world = World(tmp_path)
    for number, names in enumerate(["zorro7731,colour", "colour,size"], 1):
        world.drop(f"clicks_{number}.csv", f"user,kind,at,page,price,{names}\nann,view,2024-01-0{number},/,1,x,y\n")
    world.drop("clicks_3.csv", "user,kind,at,page,price,colour\nann,view,2024-01-03,/,1,x\n")
    world.refresh()
    found = {d.field: d.files for d in drifts(world.workspace) if d.change == "new"}
    assert found == {"(found in one file only)": 2, "colour": 3}
    ledger = [path.read_bytes() for path in world.settings.lake.rglob("*") if "ledger" in str(path) and path.is_file()]
    assert ledger
    assert not any(b"zorro7731" in content for content in ledger)


def test_of_many_new_fields_a_few_are_named_and_the_others_counted(tmp_path: Path) -> None:
    names = [f"member_{number}" for number in range(3_000)]
    header = ",".join([HEADER, *names])
    world = World(tmp_path, clicks(drift="warn"))
    for file, user in (("clicks_1.csv", "ann"), ("clicks_2.csv", "bob")):
        values = ",".join(["1"] * len(names))
        world.drop(file, f"{header}\n{user},view,2025-01-08T10:00:00,/a,1.00,{values}\n")
    warnings = world.land().warnings
    assert all(len(warning) < 2_500 for warning in warnings)
    assert any("and 2,980 more" in warning or "(2,980 more fields)" in warning for warning in warnings)
    assert all(len(file.new_fields) <= 21 for file in world.workspace.ledger.files.values())
    found = drifts(world.workspace)
    assert len(found) == 21
    assert [one.field for one in found if one.files == 2 and one.field.startswith("member_")]
    [check] = [result for result in file_results(world.workspace) if result.name == "drift"]
    assert len(check.message) < 5_000

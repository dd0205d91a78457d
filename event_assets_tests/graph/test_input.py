"""What comes in stays known: limits that are raised, and what landing records on a file."""

from __future__ import annotations

import datetime as dt
import gzip
from dataclasses import replace
from pathlib import Path

from event_assets.graph.drift import drifts
from event_assets.graph.workspace import Workspace
from event_assets_tests.world import NOW, World, clicks, lines


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
        intake = world.land()
        outcomes[policy] = ([file.reason for file in intake.landed if file.reason], list(intake.warnings))
        world.make()
        assert world.reconciled().holds
    assert outcomes == {
        "keep": ([], []),
        "warn": ([], ["clicks_1.csv differs from its declaration: new field colour in 1 records"]),
        "fail": (["schema_drift: new field colour in 1 records"], []),
    }


def test_a_file_refused_for_its_drift_lands_once_the_policy_allows_it(tmp_path: Path) -> None:
    world = World(tmp_path, clicks(drift="fail"))
    world.drop("clicks_1.csv", lines(ROW.format("cheap")))
    assert [file.reason for file in world.land().landed] == ["schema_drift: 1 values of price are not of its type"]
    assert world.land().landed == ()
    world.use(clicks(drift="keep"))
    assert [(file.reason, file.landed) for file in world.land().landed] == [(None, 1)]

"""Erasure where Dagster's storage is PostgreSQL, and lake and inbox (with the ledger) are in an object store."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from event_assets.path_or_url import ObjectUrl
from event_assets_tests.deployment.postgres import Postgres
from event_assets_tests.deployment.stack import SETTINGS
from event_assets_tests.object_stores.store import environment, make_bucket, s3_server
from event_assets_tests.object_stores.world import ObjectWorld
from event_assets_tests.world import CLICKS, lines, places_of

USER = "mnemo-7731"
HEAD = f"user,kind,at,page,price,{USER}"
OURS = f"clicks_{USER}.csv"


@pytest.fixture
def world(tmp_path: Path, database: Postgres, monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectWorld]:
    pytest.importorskip("moto.server", reason="moto[server] is not installed")
    pytest.importorskip("obstore", reason="event_assets[objects] is not installed")
    declared = tmp_path / "datasets" / "clicks" / "defs.yaml"
    declared.parent.mkdir(parents=True)
    declared.write_text(yaml.safe_dump({"type": "event_assets.EventDataset", "attributes": yaml.safe_load(CLICKS)}))
    (tmp_path / "home").mkdir()
    (tmp_path / "printed").mkdir()
    shutil.copyfile(SETTINGS / "dagster.yaml", tmp_path / "home" / "dagster.yaml")
    with s3_server() as endpoint:
        make_bucket(endpoint, "bucket")
        bucket = ObjectUrl("bucket")
        settings = {
            **environment(endpoint),
            **database.environment,
            "DAGSTER_HOME": tmp_path / "home",
            "DAGSTER_COMPUTE_LOGS": tmp_path / "printed",
            "EVENT_ASSETS_CODE_HOST": "127.0.0.1",
            "EVENT_ASSETS_DATASETS": tmp_path / "datasets",
            "EVENT_ASSETS_INBOX": bucket / "inbox",
            "EVENT_ASSETS_LAKE": bucket / "lake",
            "EVENT_ASSETS_CACHE": tmp_path / "cache",
            "EVENT_ASSETS_WAREHOUSE": tmp_path / "warehouse.duckdb",
        }
        for name, value in settings.items():
            monkeypatch.setenv(name, str(value))
        yield ObjectWorld(tmp_path, bucket)


def command(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "event_assets", *arguments], env=os.environ, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def everywhere(world: ObjectWorld, database: Postgres) -> set[str]:
    """Where the user's id is found: on this machine's disk, in the bucket, in the database and in its files."""
    import obstore
    from obstore.store import from_url

    store, copies = from_url(str(world.bucket)), world.folder / "copies"
    for listed in obstore.list(store).collect():
        copy = copies / listed["path"]
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(bytes(obstore.get(store, listed["path"]).bytes()))
    found = {place for place in places_of(world.folder, USER) if not place.startswith("copies/inbox")}
    shutil.rmtree(copies)
    if USER in database.run("pg_dump", database.database):
        found.add("database")
    database.run("psql", "-d", database.database, "-c", "CHECKPOINT")
    base = Path(database.run("psql", "-d", database.database, "-Atc", "SHOW data_directory").strip()) / "base"
    files = (path for path in base.rglob("*") if path.is_file())
    return found | {str(path.relative_to(base)) for path in files if USER.encode() in path.read_bytes()}


def test_nothing_names_the_user_in_postgresql_and_in_the_bucket(world: ObjectWorld, database: Postgres) -> None:
    world.drop(OURS, lines(f"{USER},view,2025-01-02T12:00:00,/a,1", f"{USER},view,never,/a,1"))
    for name in ("b", "c"):
        world.drop(f"clicks_{name}.csv", f"{HEAD}\nbob,view,2025-01-03T13:00:00,/{name},1,7\n")
    world.drop("clicks_headless.csv", f"{USER},view,2025-01-02T12:00:00\n")
    command("run", "clicks")
    (world.folder / "printed" / "stderr.err").write_text(f"landing {OURS}\n")  # as a run prints that the UI starts
    assert {"database", "printed/stderr.err"} <= everywhere(world, database)
    command("erase", "clicks", "--user-id", USER)
    assert everywhere(world, database) == set()

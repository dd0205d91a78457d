"""Attacks on the door for queries: whatever is asked, no file but the tables' is read, and none is written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from event_assets.errors import QueryError
from event_assets.warehouse.query import read
from event_assets_tests.world import World, lines

CANARY = "canary-5d1f"
#: `{file}`, `{parquet}`, `{csv}` are files with the canary, `{out}` one that shall not come to be, `{table}` a
#: file of the table that is read, and `{tables}` a view of it.
ATTACKS = {
    "reads a file as text": "SELECT content FROM read_text('{file}')",
    "reads a file as bytes": "SELECT content FROM read_blob('{file}')",
    "reads a file as CSV": "FROM read_csv('{csv}', columns = {{'a': 'VARCHAR'}})",
    "sniffs a file": "FROM sniff_csv('{csv}')",
    "reads a file as JSON": "FROM read_json_objects('{file}')",
    "reads Parquet": "FROM read_parquet('{parquet}')",
    "reads Parquet by its name alone": "FROM '{parquet}'",
    "reads Parquet's figures": "FROM parquet_metadata('{parquet}')",
    "reads Parquet's own keys": "FROM parquet_kv_metadata('{parquet}')",
    "reads beside a table's file": "SELECT content FROM {tables}, read_text('{table}/../../../../../{name}')",
    "reads through a query in a query": "FROM query('SELECT content FROM read_text(''{file}'')')",
    "reads through a table's name": "FROM query_table('{parquet}')",
    "reads through a serialized query": "FROM json_execute_serialized_sql(json_serialize_sql("
    "'SELECT content FROM read_text(''{file}'')'))",
    "reads within a scalar": "SELECT (SELECT content FROM read_text('{file}'))",
    "reads within a lateral join": "FROM (VALUES ('{file}')) AS t(p), LATERAL (FROM read_text(t.p))",
    "lists a folder": "FROM glob('{folder}/*')",
    "reads another database": "FROM read_duckdb('{out}')",
    "reads from the network": "FROM read_csv('http://127.0.0.1:9/x.csv')",
    "reads an object store": "FROM read_parquet('s3://bucket/x.parquet')",
    "reads another engine": "FROM sqlite_scan('{file}', 't')",
    "copies out": "COPY (SELECT 1) TO '{out}'",
    "copies out within a query": "WITH t AS (COPY (SELECT 1) TO '{out}') FROM t",
    "copies in": "COPY t FROM '{file}'",
    "exports": "EXPORT DATABASE '{out}'",
    "imports": "IMPORT DATABASE '{folder}'",
    "attaches": "ATTACH '{out}' AS x",
    "detaches": "DETACH memory",
    "uses": "USE memory",
    "creates": "CREATE TABLE t AS SELECT 1",
    "creates a secret": "CREATE SECRET (TYPE s3, KEY_ID 'a', SECRET 'b')",
    "creates a macro": "CREATE MACRO f() AS TABLE FROM read_text('{file}')",
    "inserts": "INSERT INTO {tables} SELECT * FROM {tables}",
    "inserts within a query": "WITH t AS (INSERT INTO {tables} SELECT * FROM {tables} RETURNING *) FROM t",
    "updates": "UPDATE {tables} SET event_count = 0",
    "deletes": "DELETE FROM {tables}",
    "drops": "DROP VIEW {tables}",
    "installs": "INSTALL httpfs",
    "installs from elsewhere": "INSTALL x FROM 'http://127.0.0.1:9'",
    "loads": "LOAD '{file}'",
    "sets": "SET enable_external_access = true",
    "sets globally": "SET GLOBAL allowed_directories = ['/']",
    "resets": "RESET enable_external_access",
    "unlocks": "SET lock_configuration = false",
    "asks a pragma": "PRAGMA database_list",
    "sets by a pragma": "PRAGMA enable_profiling = 'json'",
    "writes a profile": "PRAGMA profiling_output = '{out}'",
    "calls": "CALL enable_logging(storage = 'file', storage_path = '{out}')",
    "logs by a function": "FROM enable_logging(storage = 'file', storage_path = '{out}')",
    "checkpoints": "CHECKPOINT",
    "prepares": "PREPARE p AS SELECT 1",
    "explains a copy": "EXPLAIN ANALYZE COPY (SELECT 1) TO '{out}'",
    "asks twice": "SELECT 1; COPY (SELECT 1) TO '{out}'",
    "hides the second": "SELECT 1 /* ; */ ; SET threads = 1",
    "takes a Python variable": "FROM stolen",
    "asks the environment": "SELECT getenv('EVENT_ASSETS_CANARY')",
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    world = World(tmp_path_factory.mktemp("door"))
    world.drop("clicks_1.csv", lines("ann,view,2025-01-05T10:00:00Z,home,", "bob,view,2025-01-05T10:00:00Z,home,"))
    world.refresh()
    return world


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_is_refused_in_one_line_and_leaves_nothing(
    attack: str, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stolen = pl.DataFrame({"a": [CANARY]})
    stolen.write_parquet(tmp_path / "canary.parquet")
    for name in ("canary.txt", "canary.csv"):
        (tmp_path / name).write_text(f"a\n{CANARY}\n")
        (world.folder / name).write_text(CANARY)
    monkeypatch.setenv("EVENT_ASSETS_CANARY", CANARY)
    monkeypatch.chdir(tmp_path)
    before = state(tmp_path), state(world.folder)
    sql = ATTACKS[attack].format(
        file=tmp_path / "canary.txt",
        csv=tmp_path / "canary.csv",
        parquet=tmp_path / "canary.parquet",
        out=tmp_path / "stolen",
        folder=tmp_path,
        name="canary.txt",
        table=next((world.settings.lake / "clicks" / "sessions").rglob("event_date=*/*.parquet")),
        tables="clicks.sessions",
    )
    with pytest.raises(QueryError) as refused:
        read(sql, {"clicks": world.dataset}, world.settings, lambda frames: [frame.rows() for frame in frames])
    assert CANARY not in str(refused.value)
    assert "\n" not in str(refused.value)
    assert (state(tmp_path), state(world.folder)) == before


def test_the_door_opens_for_what_is_asked_honestly(world: World) -> None:
    """Without this, a door that refuses everything would pass."""

    def users(frames: Iterator[pl.DataFrame]) -> list[str]:
        return [user for frame in frames for user in frame["user_id"]]

    asked = "SELECT user_id FROM clicks.sessions ORDER BY 1"
    assert read(asked, {"clicks": world.dataset}, world.settings, users) == ["ann", "bob"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("enable_external_access", "false"), ("lock_configuration", "true"), ("autoload_known_extensions", "false")],
)
def test_the_door_is_locked_from_inside(world: World, name: str, value: str) -> None:
    sql = f"SELECT CAST(current_setting('{name}') AS VARCHAR) AS setting"
    found = read(sql, {"clicks": world.dataset}, world.settings, lambda frames: [f.rows() for f in frames if f.height])
    assert found == [[(value,)]]


def state(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file below a folder, with its size and time."""
    found = {path: path.stat() for path in folder.rglob("*") if path.is_file()}
    return {str(path): (stat.st_size, stat.st_mtime_ns) for path, stat in found.items()}

"""Events on PostgreSQL: a batch stores the rows that the stock storage stores, with far fewer connections."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from sqlalchemy import text

from event_assets.orchestration.private.postgres_batch import batch_of
from event_assets_tests.deployment.postgres import postgres, programs
from event_assets_tests.orchestration.test_event_log import _KINDS, _entry

pytestmark = pytest.mark.slow
dagster_postgres = pytest.importorskip("dagster_postgres")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    if programs() is None:
        pytest.skip("there is no PostgreSQL server on this machine")
    with postgres("secret") as server:
        yield f"postgresql+psycopg2://{server.user}:{server.password}@127.0.0.1:{server.port}/{server.database}"


def test_a_batch_stores_the_rows_that_the_stock_storage_stores(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    described = [
        (kind, run, table, partition, passed)
        for kind in _KINDS
        for run in ("run-1", "")
        for table in ("sessions", "top_users")
        for partition in (None, "2025-01-05", "2025-01-06")
        for passed in (True, False)
        # What Dagster never does, its tables refuse: two results of a check outside of runs on one partition.
        if kind not in ("evaluation planned", "evaluated")
        or (run and (kind == "evaluated" or (not partition and passed)))
    ]
    found, connections = [], []
    for in_batch in (True, False):
        storage = dagster_postgres.PostgresEventLogStorage.create_clean_storage(url)
        connect, opened = type(storage)._connect, [0]

        def counted(self: object, connect: object = connect, opened: list[int] = opened) -> object:
            opened[0] += 1
            return connect(self)  # type: ignore[operator]

        monkeypatch.setattr(type(storage), "_connect", counted)
        entries = [_entry(1_700_000_000 + number, *one) for number, one in enumerate(described)]
        if in_batch:
            with batch_of(storage):
                for entry in entries:
                    storage.store_event(entry)
                last = [number for number, _ in storage.reserved][-1]
            assert "store_event" not in vars(storage)
        else:
            for entry in entries:
                storage.store_event(entry)
        monkeypatch.undo()
        found.append(_rows(storage))
        connections.append(opened[0])
        storage.dispose()
    assert found[0] == found[1]
    assert last == max(row["id"] for row in found[0]["event_logs"] if row["dagster_event_type"] in _STORED)
    assert connections[0] * 3 < connections[1]


_STORED = ("ASSET_CHECK_EVALUATION", "ASSET_CHECK_EVALUATION_PLANNED", "ASSET_MATERIALIZATION", "ASSET_OBSERVATION")


def test_of_a_block_that_fails_nothing_is_stored(url: str) -> None:
    storage = dagster_postgres.PostgresEventLogStorage.create_clean_storage(url)
    with pytest.raises(ZeroDivisionError), batch_of(storage):
        storage.store_event(_entry(1, "materialized", "run-1", "sessions", None, True))
        raise ZeroDivisionError
    assert _rows(storage)["event_logs"] == []
    storage.store_event(_entry(2, "materialized", "run-1", "sessions", None, True))
    assert len(_rows(storage)["event_logs"]) == 1
    storage.dispose()


def _rows(storage: object) -> dict[str, Sequence[dict[str, object]]]:
    """All rows of the tables that hold events, but for the times at which they were stored, and the ids of assets:
    each update takes one."""
    found = {}
    with storage._connect() as connection:  # type: ignore[attr-defined]
        for table in ("event_logs", "asset_keys", "asset_event_tags", "asset_check_executions"):
            rows = connection.execute(text(f"SELECT * FROM {table} ORDER BY id")).mappings()
            left_out = {"create_timestamp", *(["id"] if table == "asset_keys" else [])}
            found[table] = [{name: value for name, value in row.items() if name not in left_out} for row in rows]
    return found

"""No declared name can collide with a name that is used inside: it works like any other, or is refused when loaded."""

from __future__ import annotations

import ast
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest
from dagster._core.definitions.utils import DISALLOWED_NAMES
from hypothesis import given, settings
from hypothesis import strategies as st

from event_assets.declaration import Dataset
from event_assets.declaration.dataset import RESERVED_NAMES
from event_assets.errors import DeclarationError
from event_assets.orchestration.dataset_definitions import dataset_definitions
from event_assets.tables.catalog import tables
from event_assets.warehouse.views import lasting_views
from event_assets_tests.test_layers import PACKAGE
from event_assets_tests.world import World, clicks

_NAME = re.compile(r"[a-z][a-z0-9_]*")


def internal_names() -> list[str]:
    """Every text in the rooms that compute which could be a declared name, all columns of tables, DuckDB's keywords."""
    found = {column for table in tables(clicks()).values() for column in table.names}
    for room in ("transforms", "engines", "tables", "storage", "pipeline", "warehouse"):
        for path in sorted((PACKAGE / room).rglob("*.py")):
            texts = (node.value for node in ast.walk(ast.parse(path.read_bytes())) if isinstance(node, ast.Constant))
            found |= {text for text in texts if isinstance(text, str)}
    keywords = duckdb.sql("SELECT keyword_name FROM duckdb_keywords()").fetchall()
    return sorted(name for name in found | {word for (word,) in keywords} if _NAME.fullmatch(name) and len(name) < 40)


NAMES = internal_names()


def declared(columns: Sequence[str], profile: Sequence[str] = (), **roles: str) -> Dataset:
    """Clicks whose further columns have these names; `page` (also shown by sessions), `by` and `step` name roles."""
    page, by, step = roles.get("page", "page"), roles.get("by", "device"), roles.get("step", "buy")
    events: dict[str, Any] = clicks().events[0].model_dump(mode="json", by_alias=True)
    plain = [{**c, "name": page} if c["name"] == "page" else c for c in events["columns"]]
    further = [{"name": name, "source": f"c{n}", "description": "It."} for n, name in enumerate([by, *columns])]
    described = [{"name": name, "source": f"p{n}", "description": "It."} for n, name in enumerate(profile)]
    user = {"name": "user_id", "source": "user", "description": "Who."}
    gold = {
        **clicks().gold.model_dump(mode="json", exclude_none=True),
        "top_users": {"by": by, "n": 2},
        "user_funnel": {"steps": ["view", {"name": step, "event_type": ["buy"]}], "window": "1h"},
    }
    return clicks(
        events={**events, "columns": [*plain, *further]},
        profiles={"files": ["users*.csv"], "format": "csv", "columns": [user, *described]},
        sessions={"gap": "30m", "column": page},
        gold=gold,
    )


def refused(dataset: Mapping[str, Any]) -> bool:
    try:
        tables(declared(**dataset))
    except DeclarationError:
        return True
    return False


def rows(dataset: Dataset) -> dict[str, list[tuple[Any, ...]]]:
    """All tables without their columns' names."""
    columns = len(dataset.columns) - 4
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), dataset)
        head = ["user", "kind", "at", "page", "price", *(f"c{n}" for n in range(columns))]
        records = [
            ["ann", "view", "2025-01-06T10:00:00", "/a", "1"],
            ["ann", "buy", "2025-01-06T10:05:00", "/b", "2"],
            ["ann", "view", "2025-01-06T23:50:00", "/a", "3"],
            ["ann", "view", "2025-01-07T00:10:00", "/c", "1.0"],
            ["bob", "view", "2025-01-07T00:10:00", "/a", "1"],
            ["bob", "view", "2025-01-07T00:10:00", "/a", "1.00"],
            ["bob", "buy", "2025-01-07T02:10:00", "/a", "-1"],
            ["cat", "view", "2025-01-07T02:10:00", "", ""],
        ]
        texts = [",".join([*r, *(f"v{(n + i) % 3}" for n in range(columns))]) for i, r in enumerate(records)]
        world.drop("clicks_1.csv", "\n".join([",".join(head), *texts]) + "\n")
        known = len(dataset.profile_columns)
        people = [",".join([user, *(f"{user}{n}" for n in range(known))]) for user in ("ann", "bob")]
        world.drop("users_2025-01-01.csv", "\n".join([",".join(["user", *(f"p{n}" for n in range(known))]), *people]))
        changed = [",".join(["ann", *(f"new{n}" for n in range(known))])]
        world.drop("users_2025-01-07.csv", "\n".join([",".join(["user", *(f"p{n}" for n in range(known))]), *changed]))
        outcomes = world.refresh()
        assert {outcome.state for outcome in outcomes} == {"materialized"}, [
            o for o in outcomes if o.state != "materialized"
        ]
        return {
            name: [tuple(str(value) for value in row) for row in frame.rows()]
            for name, frame in world.tables().items()
            if name not in ("quarantine", "funnel_summary", "event_keys")  # their rows tell names of columns or steps
        }


def chunks(names: Iterable[str], size: int) -> list[list[str]]:
    listed = list(names)
    return [listed[at : at + size] for at in range(0, len(listed), size)]


@pytest.mark.long
def test_columns_of_every_internal_name_work_like_any_other_or_are_refused() -> None:
    free = [
        name for name in NAMES if not refused({"columns": [name]}) and not refused({"columns": [], "profile": [name]})
    ]
    assert {"one", "place", "start", "us", "rank", "text", "mark", "found", "select"} <= {*free}
    for chunk in chunks(free, 1 + len(free) // 2):
        half = len(chunk) // 2
        expected = rows(declared([f"column{n}" for n in range(half)], [f"about{n}" for n in range(len(chunk) - half)]))
        assert rows(declared(chunk[:half], chunk[half:])) == expected


@settings(max_examples=6 if settings.default.max_examples < 1000 else 300)  # type: ignore[union-attr]
@given(*[st.sampled_from([*NAMES, "text", "rank", "us", "furthest_step"])] * 5)
def test_names_in_a_role_work_like_any_other_or_are_refused(
    page: str, by: str, step: str, column: str, profile: str
) -> None:
    chosen: dict[str, Any] = {"columns": [column], "profile": [profile], "page": page, "by": by, "step": step}
    if not refused(chosen):
        assert rows(declared(**chosen)) == EXPECTED


EXPECTED = rows(declared(["more"], ["about"]))


def test_a_name_that_a_table_has_for_itself_is_refused_by_name() -> None:
    with pytest.raises(DeclarationError, match="clicks: column rank: is also a column that top_users has"):
        tables(declared([], by="rank"))


@pytest.mark.parametrize("name", ["system", "memory", "main", "temp", "warehouse", "information_schema", "pg_catalog"])
def test_a_dataset_of_duckdbs_own_name_is_refused(name: str) -> None:
    with pytest.raises(DeclarationError, match=f"name: {name} is a name that DuckDB or Dagster uses itself"):
        clicks(name=name)


def test_what_dagster_refuses_is_refused_when_loaded() -> None:
    assert {name for name in DISALLOWED_NAMES if _NAME.fullmatch(name)} <= RESERVED_NAMES


@settings(max_examples=10 if settings.default.max_examples < 1000 else 400)  # type: ignore[union-attr]
@given(st.sampled_from(NAMES))
def test_a_dataset_of_any_other_name_has_views_and_definitions(name: str) -> None:
    if name in RESERVED_NAMES:
        return
    dataset = clicks(name=name)
    with duckdb.connect() as connection:
        for statement in lasting_views(dataset, Path("/nowhere")):
            connection.execute(statement)
        assert connection.execute(f'SELECT count(*) FROM "{name}".sessions').fetchone() == (0,)
    assert isinstance(dataset_definitions(dataset).get_repository_def(), dg.RepositoryDefinition)

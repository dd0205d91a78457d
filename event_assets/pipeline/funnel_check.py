"""The check of `funnel_summary`: a step that no event meets is most likely misspelt in the declaration."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from event_assets.declaration import FunnelStep
from event_assets.pipeline.published_tables import unit_of
from event_assets.pipeline.run_results import CheckResult
from event_assets.pipeline.workspace import Workspace
from event_assets.storage.parquet import read_parquet, scan_parquet
from event_assets.wording import first_of

FUNNEL_SUMMARY = "funnel_summary"
#: At most this number of event types is named, and of characters of each: a type may be a whole URL.
_SHOWN_TYPES, _SHOWN_CHARACTERS = 5, 40


def funnel_results(workspace: Workspace) -> Iterator[CheckResult]:
    """Which steps of the funnel no event of any date meets, and the commonest event types.

    It reads `funnel_summary`, and the counts by user and date only where that has a step without users.
    """
    unmet = _unmet(workspace)
    message = "each step of the funnel has events"
    if unmet:
        message = f"no event of a user meets {first_of([_shown(step) for step in unmet], between=', ')}"
        types = _commonest_types(workspace)
        message += f"; the commonest event types are {', '.join(types)}" if types else ""
    yield CheckResult(FUNNEL_SUMMARY, "steps", not unmet, message, {"steps without events": len(unmet)})


def _unmet(workspace: Workspace) -> list[FunnelStep]:
    funnel = workspace.dataset.gold.user_funnel
    assert funnel is not None
    paths = workspace.stores[FUNNEL_SUMMARY].paths(unit_of(None))
    users = {name: n for path in paths for name, n in read_parquet(path, ["step", "users"]).iter_rows()}
    perhaps = [step for step in funnel.steps if users.get(step.name) == 0]
    facts = _paths(workspace, "user_funnel") if perhaps else []
    if not facts:
        return []
    counts = [pl.col(f"{step.name}_count").sum() for step in perhaps]
    found = scan_parquet(*facts).select(pl.len(), *counts).collect().row(0)
    return [step for step, events in zip(perhaps, found[1:], strict=True) if not events] if found[0] else []


def _shown(step: FunnelStep) -> str:
    types = " or ".join(map(repr, step.event_type))
    conditions = [*([f"event_type {types}"] if types else []), *(["its where"] if step.where else [])]
    return f"step {step.name} ({' and '.join(conditions)})"


def _commonest_types(workspace: Workspace) -> list[str]:
    """The commonest event types with their counts, where a small table has them and they are not personal."""
    column = workspace.dataset.column("event_type")
    table = next((name for name in ("events_by_type", "events_by_minute") if name in workspace.stores), None)
    paths = _paths(workspace, table) if table and not column.personal else []
    if not paths:
        return []
    found = scan_parquet(*paths).group_by("event_type").agg(pl.col("event_count").sum()).drop_nulls()
    most = found.sort("event_count", "event_type", descending=[True, False]).head(_SHOWN_TYPES).collect()
    return [f"{_short(str(name))} ({count:,})" for name, count in most.iter_rows()]


def _short(text: str) -> str:
    return repr(text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…")


def _paths(workspace: Workspace, table: str) -> list[Path]:
    store = workspace.stores[table]
    return [path for unit, entry in store.entries().items() if entry.rows for path in store.paths(unit)]

"""Computes what a run would materialize, in a temporary lake over the same immutable files, and the difference.

Nothing is copied or published, and no log of the lake moves. It needs no lease, so runs go on meanwhile.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from event_assets.errors import LakeError
from event_assets.pipeline.compare_rows import SAMPLE_ROWS, Difference, compare
from event_assets.pipeline.compute_lateness import publish_lateness
from event_assets.pipeline.land_files import land_new_files
from event_assets.pipeline.plan import Plan, preview
from event_assets.pipeline.reconcile import publish_reconciliation
from event_assets.pipeline.run_steps import run
from event_assets.pipeline.staleness.schedule import Request, everything
from event_assets.pipeline.steps import LATENESS
from event_assets.pipeline.workspace import Workspace
from event_assets.storage.linked_copy import link_tree, temporary_folder

#: The work is tried at most this often, since a run may replace files that it is about to read.
_ATTEMPTS = 3


@dataclass(frozen=True)
class PlannedDifference:
    """The result of a run that was only computed: the partitions that it would materialize, and how rows differ."""

    plan: Plan
    made: dict[str, list[str]]
    """Table to its dates (`""` for a table without dates) that the run would materialize."""
    refused: dict[str, list[str]]
    """Those that it would not publish, since they break a check or wait for one that does."""
    tables: dict[str, dict[str, Difference]] = field(default_factory=dict)
    """Table to date to its difference, where there is one."""
    failures: tuple[str, ...] = ()
    """Files that would stop their own landing, and with it the run's success."""

    @property
    def is_empty(self) -> bool:
        """Whether a run would change nothing: it may look at a file that was only touched."""
        return not (self.made or self.refused or self.tables or self.failures)

    def as_json(self) -> dict[str, Any]:
        counts = {
            table: {d: {"added": x.added, "removed": x.removed, "changed": x.changed} for d, x in dates.items()}
            for table, dates in self.tables.items()
        }
        return {**self.plan.as_json(), "units": self.made, "refused": self.refused, "tables": counts}


def planned_difference(
    workspace: Workspace, *, now: Callable[[], dt.datetime], rows: int | None = SAMPLE_ROWS
) -> PlannedDifference:
    """What `run` would do now, and how each table would differ afterwards.

    `rows` bounds the differing rows that are kept of each unit (None: all of them). LakeError where other runs keep
    replacing the files that this one reads.
    """
    for _ in range(_ATTEMPTS):
        workspace.refresh()
        try:
            with _temporary_lake(workspace) as temporary:
                return _difference(workspace, temporary, now, rows)
        except FileNotFoundError:  # replaced by a run meanwhile
            continue
    raise LakeError(str(workspace.lake.root), "other runs keep writing it", "plan again once they are done")


@contextmanager
def _temporary_lake(workspace: Workspace) -> Iterator[Workspace]:
    """The same dataset in a temporary lake, with the published tables."""
    name = workspace.dataset.name
    with temporary_folder() as folder:
        temporary = Workspace(workspace.dataset, replace(workspace.settings, lake=folder))
        for table, store in temporary.stores.items():
            store.link_to(workspace.stores[table])
        temporary.ledger.link_to(workspace.ledger)
        for kept in ("history", "rules"):
            link_tree(workspace.lake.state(name) / kept, temporary.lake.state(name) / kept)
        yield temporary


def _difference(
    workspace: Workspace, temporary: Workspace, now: Callable[[], dt.datetime], rows: int | None
) -> PlannedDifference:
    found = PlannedDifference(preview(workspace), {}, {})
    with temporary.writing():
        temporary.refresh()
        summary = land_new_files(temporary, now=now)
        for outcomes in run(temporary, Request(everything(temporary))):
            for outcome in outcomes:
                by_table = found.made if outcome.state == "materialized" else found.refused
                by_table.setdefault(outcome.table, []).append(str(outcome.date or ""))
        if LATENESS in temporary.tables:
            publish_lateness(temporary)
        publish_reconciliation(temporary)
    failures = tuple(map(str, summary.failures))
    shown = {name: table for name, table in workspace.tables.items() if not table.internal}
    for name, table in shown.items():
        before, after = workspace.stores[name], temporary.stores[name]
        old, new = before.entries(), after.entries()
        for unit in sorted(old.keys() | new.keys()):
            if unit in old and unit in new and old[unit].content == new[unit].content:
                continue
            if difference := compare(table, before.paths(unit), after.paths(unit), rows):
                found.tables.setdefault(name, {})[unit] = difference
    return replace(
        found,
        plan=replace(found.plan, warnings=(*summary.warnings, *failures)),
        failures=failures,
        made={name: sorted(found.made[name]) for name in shown if name in found.made},
        refused={name: sorted(found.refused[name]) for name in shown if name in found.refused},
    )

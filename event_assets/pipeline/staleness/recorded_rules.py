"""Records a dataset's rules whenever all its tables are fresh, so that `plan` can name the rules that changed since."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from event_assets.declaration import parse_dataset
from event_assets.declaration.changes import Change, changes, declaration_digest, normalised
from event_assets.digest import digest
from event_assets.errors import DeclarationError
from event_assets.pipeline.staleness.input_digest import digest_by_rules
from event_assets.pipeline.staleness.stale_partitions import CHANGED, Stale
from event_assets.pipeline.step import Step
from event_assets.pipeline.steps import RECONCILIATION, steps
from event_assets.pipeline.workspace import Workspace
from event_assets.tables.custom_table_functions import custom_tables

#: At most this number of changed keys is named as the cause of a stale partition.
_SHOWN_KEYS = 3


def record_rules(workspace: Workspace) -> str:
    """Store the declaration, the digest of each step's rules and the geo database; the digest of all this.

    The caller holds `workspace.writing()`, and no table is stale.
    """
    declaration, name = normalised(workspace.dataset), workspace.dataset.name
    rules = {step.name: step.rules for step in workspace.steps}
    geo = workspace.engine.ports.version if any(step.uses_geo for step in workspace.steps) else None
    key = digest(declaration_digest(declaration), rules, geo)
    before = workspace.entry(RECONCILIATION, None)
    if before is None or before.made_from != key:
        recorded = {"declaration": declaration, "rules": rules, "geo": geo}
        with workspace.lake.staging(name) as staging:
            workspace.lake.declarations(name).keep(key, recorded, staging)
    return key


@dataclass(frozen=True)
class RecordedRules:
    """What differs between the rules of the last time that all tables were fresh, and today's."""

    changes: tuple[Change, ...] = ()
    """The keys of the declaration that changed."""
    _steps: dict[str, Step] = field(default_factory=dict)
    """The steps of that declaration, as today's code makes them."""
    _rules: dict[str, str] = field(default_factory=dict)
    """The digests that the code of that time gave the steps' rules."""
    _geo: str | None = None

    def cause(self, workspace: Workspace, unit: Stale) -> str:
        """Why a unit is stale, in detail where the rules of that time are known."""
        entry, old = workspace.entry(unit.step.name, unit.date), self._steps.get(unit.step.name)
        known = {*workspace.tables, "profile_snapshots"}
        if entry is None or old is None or unit.why != CHANGED or not {one.table for one in old.inputs} <= known:
            return unit.why
        then = replace(old, rules=self._rules.get(old.name, old.rules))
        causes = [*self._causes(workspace, old, unit.step)]
        if not causes or digest_by_rules(workspace, then, unit.date, self._geo) != entry.made_from:
            causes.append("its inputs changed")
        return " and ".join(causes)

    def _causes(self, workspace: Workspace, old: Step, new: Step) -> Iterator[str]:
        if (old.rules, old.inputs) != (new.rules, new.inputs):
            yield f"its rules changed{_named(self.changes)}"
        elif self._rules.get(old.name, old.rules) != old.rules:
            own = {custom.table.name for custom in custom_tables(workspace.dataset)}
            yield "its function changed" if old.name in own else "this version of event_assets computes it differently"
        if old.uses_geo and self._geo not in (None, workspace.engine.ports.version):
            yield f"its geo database changed ({self._geo} → {workspace.engine.ports.version})"


def recorded_rules(workspace: Workspace) -> RecordedRules:
    """What changed since all tables were last fresh; nothing where there was no such time or no record can be read."""
    entry = workspace.entry(RECONCILIATION, None)
    found = workspace.lake.declarations(workspace.dataset.name).find(entry.made_from) if entry else None
    if found is None:
        return RecordedRules()
    # Earlier versions stored the declaration alone.
    recorded: dict[str, Any] = found if "declaration" in found else {"declaration": found}
    declaration = recorded["declaration"]
    try:
        before = {step.name: step for step in steps(parse_dataset(declaration, "the declaration of before"))}
    except DeclarationError:  # of another version of the platform
        before = {}
    differing = tuple(changes(declaration, normalised(workspace.dataset)))
    return RecordedRules(differing, before, recorded.get("rules") or {}, recorded.get("geo"))


def _named(changed: Sequence[Change]) -> str:
    keys = ", ".join(change.key for change in changed[:_SHOWN_KEYS]) + (", ..." if len(changed) > _SHOWN_KEYS else "")
    return f" ({keys})" if keys else ""

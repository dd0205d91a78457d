"""The digest of the current inputs of a partition: the tables that it reads, its rules, the geo database."""

from __future__ import annotations

import datetime as dt

from event_assets.digest import digest
from event_assets.pipeline.published_tables import unit_of
from event_assets.pipeline.step import Input, Step
from event_assets.pipeline.workspace import Workspace
from event_assets.storage.published_partitions import EMPTY_CONTENT


def input_digest(workspace: Workspace, step: Step, date: dt.date | None) -> str:
    """The digest of all that a partition's content depends on: inputs, rules, geo database, version of the platform. A
    partition is fresh where its file's name has this digest (`made_from`)."""
    if date is None:
        return digest_by_rules(workspace, step, date)
    remembered, unit = workspace.digests.of(step), unit_of(date)
    if unit not in remembered:
        remembered[unit] = digest_by_rules(workspace, step, date)
    return remembered[unit]


def digest_by_rules(workspace: Workspace, step: Step, date: dt.date | None, geo: str | None = None) -> str:
    """The same, computed from the given step's rules (`input_digest` remembers today's), and another geo database
    where one is given."""
    parts: list[object] = [step.rules]
    if step.uses_geo:
        parts.append(geo or workspace.engine.ports.version)
    parts.extend([source.table, *_contents(workspace, step, source, date)] for source in step.inputs)
    return digest(parts)


def _contents(workspace: Workspace, step: Step, source: Input, date: dt.date | None) -> list[object]:
    if source.table == "profile_snapshots":
        return [[str(value) for value in row] for row in workspace.profile_snapshots().rows()]
    if source.holds:
        return [date in workspace.held_dates()]
    if source.key and date is not None:
        return [workspace.histories.keys(source).digest(date)]
    if source.users_of and date is not None:
        return [workspace.histories.validity_digest(source, date)]
    if source.first:
        return [workspace.histories.first_dates(source).digest()]
    if not workspace.by_date(source.table):
        return [workspace.content(source.table, None)]
    entries = workspace.stores[source.table].entries()
    alone = date and source.same_date and not (source.before or source.after)
    days = [date] if alone else (day for _, day in workspace.input_units(step, source, date))
    units = ((unit, entry) for unit in map(unit_of, days) if (entry := entries.get(unit)))
    return [(unit, entry.content) for unit, entry in units if entry.content != EMPTY_CONTENT]

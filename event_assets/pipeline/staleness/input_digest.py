"""The digest of the current inputs of a partition: the tables that it reads, its rules, the geo database."""

from __future__ import annotations

import datetime as dt

from event_assets.digest import digest
from event_assets.pipeline.dataset_tables import unit_of
from event_assets.pipeline.step import Input, Step
from event_assets.pipeline.workspace import Workspace
from event_assets.storage.partitions import EMPTY_CONTENT


def input_digest(workspace: Workspace, step: Step, date: dt.date | None, geo: str | None = None) -> str:
    """The digest of all that a partition's content depends on: inputs, rules, version of the platform, geo database
    (by default the current one). A partition is fresh where its file's name has this digest (`made_from`)."""
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
    if not workspace.by_date(source.table):
        return [workspace.content(source.table, None)]
    contents = (
        (unit_of(day), workspace.content(source.table, day)) for _, day in workspace.input_units(step, source, date)
    )
    return [pair for pair in contents if pair[1] != EMPTY_CONTENT]

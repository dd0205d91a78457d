"""What a run would do as things stand, and why; nothing is read but the ledger, the logs and the inbox's listing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from event_assets.landing.inbox import InboxFile
from event_assets.pipeline.land_files import pending
from event_assets.pipeline.staleness import Stale, reachable, stale_units
from event_assets.pipeline.workspace import Workspace
from event_assets.wording import counted


@dataclass(frozen=True)
class Preview:
    """Files that would be landed and partitions that would be made."""

    files: tuple[tuple[str, str], ...]
    """Name and why, by name."""
    warnings: tuple[str, ...]
    stale: tuple[Stale, ...]
    """What is known to be stale, upstream first."""
    at_most: dict[str, set[dt.date | None]]
    """By table, what could be touched with what lies downstream: a result that comes out the same stops there."""

    @property
    def is_empty(self) -> bool:
        return not self.files and not self.stale

    def lines(self) -> Iterator[str]:
        """One line a file and a partition, and a sum."""
        yield from (f"would land {name}: {why}" for name, why in self.files)
        yield from (f"would make {unit.step.name} {unit.date or ''}".rstrip() + f": {unit.why}" for unit in self.stale)
        total = sum(len(dates) for dates in self.at_most.values())
        files, stale = len(self.files), len(self.stale)
        yield (
            f"{counted(files, 'file')}, {counted(stale, 'stale partition')}, at most {total} touched with what lies"
            " downstream"
        )
        if self.files:
            yield "The dates of new files are known once they are landed."


def preview(workspace: Workspace) -> Preview:
    """What `run` would do now. The caller has called `workspace.refresh()`; nothing is written."""
    files, warnings = pending(workspace)
    stale = list(stale_units(workspace))
    named = tuple((file.name, _why(workspace, file)) for file in files)
    return Preview(named, tuple(warnings), tuple(stale), reachable(workspace, stale))


def _why(workspace: Workspace, dropped: InboxFile) -> str:
    binding = workspace.ledger.bindings.get((dropped.kind, dropped.name))
    if binding is None:
        return "new"
    if binding.signature != dropped.signature:
        return "changed or touched since it was landed"
    return "landed by other rules than today's"

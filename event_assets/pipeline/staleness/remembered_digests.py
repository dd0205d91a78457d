"""Input digests that were computed already, by step and date: a run needs each of them several times.

They are kept in memory only. `Workspace.refresh` forgets all of them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field

from event_assets.pipeline.published_tables import DatasetTables
from event_assets.pipeline.step import Input, Step


@dataclass
class _OfStep:
    state: object = None
    """The versions of the ledger and of the inputs' tables: equal as long as nothing was published or landed."""
    contents: dict[str, dict[str, str]] = field(default_factory=dict)
    """The content digests of the inputs' tables, by unit, from which `digests` were computed."""
    digests: dict[dt.date, str] = field(default_factory=dict)


class RememberedDigests:
    """The digests of each step's dates, except those that read what was published since they were computed."""

    def __init__(self, tables: DatasetTables) -> None:
        self._tables = tables
        self._steps: dict[str, _OfStep] = {}

    def of(self, step: Step) -> dict[dt.date, str]:
        """The digests of one step, by date, that are still valid. The caller adds those that it computes."""
        stores, known = self._tables.stores, self._steps.setdefault(step.name, _OfStep())
        state: list[object] = [self._tables.ledger.version]
        for source in step.inputs:
            for name in (source.table, source.users_of):
                if name in stores:
                    state.append(stores[name].state)
        if state != known.state:
            self._forget(step, known)
            known.state = state
        return known.digests

    def clear(self) -> None:
        self._steps.clear()

    def _forget(self, step: Step, known: _OfStep) -> None:
        """Forget the digests of the dates that read a unit with another content than before."""
        before, known.contents = known.contents, {}
        for source in step.inputs:
            if source.holds:
                known.digests.clear()
            for table, reach in self._reads(source):
                entries = self._tables.stores[table].entries()
                known.contents[table] = now = {unit: entry.content for unit, entry in entries.items()}
                changed = now.items() ^ before.get(table, {}).items()
                if reach is None and changed:
                    known.digests.clear()
                for day in map(dt.date.fromisoformat, {unit for unit, _ in changed} if known.digests else ()):
                    for number in reach or ():
                        known.digests.pop(day + dt.timedelta(days=number), None)

    def _reads(self, source: Input) -> Iterator[tuple[str, range | None]]:
        """The tables on which an input's part of a digest depends. For each: which dates depend on one of its units, as
        days after that; None where any can."""
        if source.users_of:
            yield source.users_of, range(1)
        if source.table in self._tables.stores:
            everywhere = source.key or source.before == "all" or not self._tables.by_date(source.table)
            yield source.table, None if everywhere else range(-source.after, int(source.before) + 1)

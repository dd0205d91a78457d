"""A cache of computed input digests by step and date. A run needs each digest several times, and the next run needs
it again.

A cache in `_state`: with the digests it has the contents of the inputs' partitions from which they were computed. Those
of dates that read another content now are forgotten.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from event_assets.digest import digest
from event_assets.pipeline.published_tables import DatasetTables
from event_assets.pipeline.step import Input, Step
from event_assets.storage.atomic_write import atomic_write


@dataclass
class _OfStep:
    digests: dict[str, str] = field(default_factory=dict)
    contents: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """The content digests of the inputs' tables, by unit, from which `digests` were computed."""
    state: object = None
    """The versions of the ledger and of the inputs' tables: equal as long as nothing was published or landed."""


class RememberedDigests:
    """The digests of each step's dates, except those that read what was published since they were computed.

    `geo` gives the version of the geo database.
    """

    def __init__(self, tables: DatasetTables, geo: Callable[[], str]) -> None:
        self._tables, self._geo = tables, geo
        self._path = tables.lake.state(tables.dataset.name) / "history" / "digests.json"
        self._steps: dict[str, _OfStep] = {}
        self._contents: dict[str, tuple[object, dict[str, str]]] = {}
        self._kept: dict[str, Any] | None = None

    def of(self, step: Step) -> dict[str, str]:
        """The digests of one step, by unit, that are still valid. The caller adds those that it computes."""
        known = self._steps.get(step.name)
        if known is None:
            known = self._steps[step.name] = self._load(step)
        stores = self._tables.stores
        state: list[object] = [self._tables.ledger.version]
        for source in step.inputs:
            for name in (source.table, source.users_of):
                if name in stores:
                    state.append(stores[name].state)
        if state != known.state:
            self._forget(step, known)
            known.state = state
        return known.digests

    def compare_again(self) -> None:
        """Compare all contents at the next use: another process may have written a table, or a new log."""
        self._contents.clear()
        for known in self._steps.values():
            known.state = None

    def save(self, steps: Iterable[Step]) -> None:
        """Keep the digests of a dataset's steps for the next process."""
        found = {step.name: {"rules": self._rules(step), "digests": self.of(step)} for step in steps if step.by_date}
        contents = {table: now for known in self._steps.values() for table, now in known.contents.items()}
        kept = {"contents": contents, "steps": found}
        if kept != self._read():
            with atomic_write(self._path) as file:
                file.write(json.dumps(kept, separators=(",", ":")).encode())

    def _load(self, step: Step) -> _OfStep:
        kept = self._read()
        found = kept["steps"].get(step.name, {})
        return (
            _OfStep(dict(found["digests"]), kept["contents"]) if found.get("rules") == self._rules(step) else _OfStep()
        )

    def _read(self) -> dict[str, Any]:
        if self._kept is None:
            self._kept = {"contents": {}, "steps": {}}
            try:
                found = json.loads(self._path.read_text(encoding="utf-8"))
                self._kept = {"contents": {**found["contents"]}, "steps": {**found["steps"]}}
            except (OSError, ValueError, TypeError, KeyError):
                pass
        return self._kept

    def _rules(self, step: Step) -> str:
        """What a step's digests depend on beside its inputs' contents."""
        return digest(step.rules, repr(step.inputs), self._geo() if step.uses_geo else "")

    def _forget(self, step: Step, known: _OfStep) -> None:
        """Forget the digests of the dates that read a unit with another content than before."""
        contents = {}
        for source in step.inputs:
            if source.holds:
                known.digests.clear()
            for table, reach in self._reads(source):
                before, now = known.contents.get(table, {}), self._contents_of(table)
                contents[table] = now
                if not known.digests or now == before:
                    continue
                if reach is None:
                    known.digests.clear()
                    continue
                for day in map(dt.date.fromisoformat, {unit for unit, _ in now.items() ^ before.items()}):
                    for number in reach:
                        known.digests.pop((day + dt.timedelta(days=number)).isoformat(), None)
        known.contents = contents

    def _contents_of(self, table: str) -> dict[str, str]:
        """The digest of the content of each unit of a table as it is now."""
        store = self._tables.stores[table]
        known = self._contents.get(table)
        if known is None or known[0] != store.state:
            contents = {unit: entry.content for unit, entry in store.entries().items()}
            known = self._contents[table] = store.state, contents
        return known[1]

    def _reads(self, source: Input) -> Iterator[tuple[str, range | None]]:
        """The tables on which an input's part of a digest depends. For each: which dates depend on one of its units, as
        days after that; None where any can."""
        if source.users_of:
            yield source.users_of, range(1)
        if source.table in self._tables.stores:
            everywhere = source.key or source.before == "all" or not self._tables.by_date(source.table)
            yield source.table, None if everywhere else range(-source.after, int(source.before) + 1)

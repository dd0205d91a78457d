"""A step as data: a transform, the tables that it makes, the tables and dates that it reads, its rules."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from event_assets.transforms.interface import Transform


@dataclass(frozen=True)
class Input:
    """A table that a step reads: on the same date, and on the number of dates `before` and `after` it.

    `before="all"` is every earlier date. A step without dates reads every date of a table that has them.

    With `key` the earlier dates matter only by which of the date's own keys they hold: a step then reads no other
    dates than those that hold one, and is stale only where these keys are others (docs/adr/0011).

    With `users_of` a table of users over time matters only by its values on the date for the users in that other
    input: a step is stale only where this is something else (docs/adr/0013).
    """

    table: str
    before: int | Literal["all"] = 0
    after: int = 0
    same_date: bool = True
    key: str | None = None
    users_of: str | None = None
    values: tuple[str, ...] = ()
    """Of a table with `users_of`: the columns that matter, where not all do."""
    first: bool = False
    """Whether of equal rows of several dates only the first date matters to a step without dates: it is then stale only
    where these rows are others."""
    holds: bool = False
    """Whether only the dates that it holds back matter to the step."""


@dataclass(frozen=True)
class Equation:
    """Nothing is lost: the rows of `whole` (an input, counted by the log) are those of `parts`. A part is a table's
    rows, the sum of a table's column (`table.column`) or, with a leading `#`, a figure that the transform counted.
    With `kinds` (figures as well), they are in turn the rows of the first part."""

    whole: str
    parts: tuple[str, ...]
    kinds: tuple[str, ...] = ()

    @property
    def sums(self) -> dict[str, tuple[str, ...]]:
        """What is the sum of what."""
        return {self.whole: self.parts, **({self.parts[0]: self.kinds} if self.kinds else {})}

    def __str__(self) -> str:
        sums = (f"{whole} = {' + '.join(part.lstrip('#') for part in parts)}" for whole, parts in self.sums.items())
        return ", ".join(sums)


@dataclass(frozen=True)
class Step:
    """One transform: the tables that it makes together."""

    tables: tuple[str, ...]
    inputs: tuple[Input, ...]
    transform: Transform
    rules: str
    """Digest of the parts of the declaration, the contracts and the version that the result depends on."""
    by_date: bool = True
    equation: Equation | None = None
    uses_geo: bool = False
    several_dates: bool = True
    """Whether the transform computes several dates at once."""

    @property
    def name(self) -> str:
        return self.tables[0]

    def window(self, source: Input, date: dt.date, known: Sequence[dt.date]) -> list[dt.date]:
        """The dates of an input that the step reads for a date; `known` are the dates that the input has."""
        if source.before == "all":
            return [d for d in known if d < date or (d == date and source.same_date)]
        days = range(-source.before, source.after + 1)
        return [date + dt.timedelta(days=n) for n in days if n or source.same_date]

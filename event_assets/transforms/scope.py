"""What a transform is given beside its frames, and what it gives back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import narwhals as nw

from event_assets.dataset import Dataset

#: A transform's input frames by table name. A frame of a date-partitioned table always holds a further
#: column `event_date` (date): with a window of dates it tells them apart.
Inputs = Mapping[str, nw.LazyFrame]


class Ports(Protocol):
    """The few operations that Narwhals lacks, one small implementation an engine."""

    def uuid5(self, frame: nw.LazyFrame, column: str, *, text: str, namespace: str) -> nw.LazyFrame:
        """The frame with `column`: the UUID version 5 (lower case text) of `namespace` and the text column `text`."""
        ...

    def distinct_text(
        self, frame: nw.LazyFrame, *, by: Sequence[str], column: str, into: str
    ) -> nw.LazyFrame:
        """One row per `by`: those columns, and `into`: the distinct non-null texts of `column`, sorted by
        their UTF-8 bytes and joined by commas (the empty text where there is none)."""
        ...

    def region(self, frame: nw.LazyFrame, *, address: str, into: str) -> nw.LazyFrame:
        """The frame with `into`: the continent code of the IP address in the text column `address`, or Unknown."""
        ...


@dataclass(frozen=True)
class Scope:
    """Which dataset and which date a transform computes; `date` is None for a table that has no dates."""

    dataset: Dataset
    ports: Ports
    date: dt.date | None = None


@dataclass(frozen=True)
class Outputs:
    """A transform's tables by name, each in its contract's columns and types (rows in any order), and what
    it counted on the way: a frame of one row whose columns are int64 figures, such as `duplicates`."""

    tables: Mapping[str, nw.LazyFrame]
    figures: nw.LazyFrame | None = None
    notes: Mapping[str, str] = field(default_factory=dict)

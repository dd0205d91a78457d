"""What templates receive of a dataset's page: its cards with tables and charts, and its key figures."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

from event_assets.dashboard.failed_runs import FailedRun
from event_assets.dashboard.panels import Panel
from event_assets.dashboard.queries import Selection


@dataclass(frozen=True)
class Cell:
    text: str
    number: bool = False
    href: str = ""
    bar: float | None = None
    """Share of the longest bar of its column, 0 to 100."""


@dataclass(frozen=True)
class Table:
    caption: str
    headings: tuple[Cell, ...]
    rows: tuple[tuple[Cell, ...], ...]
    more: int = 0


@dataclass(frozen=True)
class Card:
    """One panel with its answer, or with the reason why there is no answer (`message`) and a `command` that helps."""

    name: str
    title: str
    note: str
    span: str = "narrow"
    open_table: bool = False
    message: str = ""
    command: str = ""
    summary: str = ""
    chart: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    tables: tuple[Table, ...] = ()
    csv: str = ""


@dataclass(frozen=True)
class Tile:
    """One key figure."""

    label: str
    value: str
    note: str
    bad: bool = False
    """Whether it is worse than the dataset's declared limit."""


@dataclass(frozen=True)
class DatasetPage:
    """All that the page of a dataset shows. `undeclared` are panels whose table the dataset doesn't declare."""

    at: Selection
    tiles: list[Tile]
    cards: list[Card]
    undeclared: list[Panel]
    quality: list[Card]
    equations: list[tuple[str, bool]]
    files_rejected: dict[str, str]
    landed_at: dt.datetime | None
    stale: str
    """Which partitions are stale, in a sentence; empty where none is."""
    failed_runs: list[FailedRun]
    dagster: str
    """The address of the dataset's runs in Dagster."""

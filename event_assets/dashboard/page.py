"""Answers as what a template shows: cards with tables, the rows of charts, tiles, links. No HTML is made here."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import polars as pl

from event_assets.dashboard import quality, queries, text
from event_assets.dashboard.panels import PANELS, REFUSED, Drill, Panel
from event_assets.dashboard.queries import Query, Question, Selection
from event_assets.dataset import Dataset
from event_assets.errors import EventAssetsError
from event_assets.graph.reconcile import Reconciliation, reconcile
from event_assets.graph.workspace import Workspace
from event_assets.settings import Settings
from event_assets.warehouse import read

#: A table on the page holds so many rows; the download has them all.
TABLE_ROWS = 400
_QUERIES_AT_ONCE = 4


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
    """One panel with its answer, or with what keeps it from having one (`message`, and a `command` that helps)."""

    name: str
    title: str
    note: str = ""
    wide: bool = False
    message: str = ""
    command: str = ""
    summary: str = ""
    chart: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    tables: tuple[Table, ...] = ()
    csv: str = ""


@dataclass(frozen=True)
class Tile:
    label: str
    value: str
    note: str = ""


class NotMadeError(EventAssetsError):
    """A declared table that nobody has made yet."""


class Answers:
    """The answers for one selection, each asked once."""

    def __init__(self, at: Selection, settings: Settings, workspace: Workspace) -> None:
        self._at, self._settings, self._workspace = at, settings, workspace

    def ask(self, question: Question) -> pl.DataFrame | None:
        """The rows; None where the dataset declares no table that could answer. NotMadeError where it isn't made."""
        query = question(self._at)
        if query is None:
            return None
        self._require(query.table)
        return ask(query, self._at.dataset, self._settings)

    def _require(self, table: str) -> None:
        made = "quarantine" if table == "rejected_records" else table
        if not self._workspace.stores[made].entries():
            name = self._at.dataset.name
            raise NotMadeError(f"{name}.{table}", "has not been made yet", f"event-assets run {name}")


def ask(query: Query, dataset: Dataset, settings: Settings) -> pl.DataFrame:
    """The rows of one query."""
    return read(query.sql, {dataset.name: dataset}, settings, lambda frames: pl.concat(list(frames)), query.parameters)


@dataclass(frozen=True)
class Links:
    """Addresses within the page of one selection."""

    at: Selection

    @property
    def range(self) -> dict[str, str]:
        return {} if self.at.whole else {"from": self.at.first.isoformat(), "to": self.at.last.isoformat()}

    def page(self) -> str:
        return _address(f"/{self.at.dataset.name}", self.range)

    def csv(self, panel: str) -> str:
        return _address(f"/{self.at.dataset.name}/panels/{panel}.csv", self.range)

    def rows(self, drill: Drill, row: Mapping[str, Any]) -> str:
        """The rows behind a row of a panel."""
        equal = {name: str(row[name]) for name in drill.columns if row.get(name) is not None}
        date = equal.pop("event_date", None)
        dates = {"from": date, "to": date} if date else self.range
        return _address(f"/{self.at.dataset.name}/rows/{drill.table}", {**dates, **equal})


def _address(path: str, parameters: Mapping[str, str]) -> str:
    return f"{path}?{urlencode(parameters)}" if parameters else path


@dataclass(frozen=True)
class DatasetPage:
    """All that the page of a dataset shows."""

    at: Selection
    tiles: list[Tile]
    cards: list[Card]
    refused: Card
    late: Card
    drift: Card
    accounted: Card
    equations: list[tuple[str, bool]]
    files_rejected: dict[str, str]
    landed_at: dt.datetime | None


def dataset_page(at: Selection, workspace: Workspace, settings: Settings) -> DatasetPage:
    """Ask everything that the page shows, some questions at a time."""
    answers, links = Answers(at, settings, workspace), Links(at)
    with ThreadPoolExecutor(_QUERIES_AT_ONCE) as pool:
        cards = [pool.submit(card, panel, answers, links) for panel in (*PANELS, REFUSED)]
        tiles = [pool.submit(_one_row, answers, question) for question in (queries.totals, queries.session_totals)]
        found = reconcile(workspace)
        *shown, refused = (future.result() for future in cards)
        figures = {name: value for future in tiles for name, value in future.result().items()}
    return DatasetPage(
        at=at,
        tiles=list(_tiles(figures, shown, found)),
        cards=shown,
        refused=refused,
        late=_known("late", "Late records", _LATE_NOTE, quality.late(workspace), links, chart="late"),
        drift=_known("drift", "Schema drift", _DRIFT_NOTE, quality.drift(workspace), links),
        accounted=_known("accounted", "Every record accounted for", _ALL_DATES, quality.accounted(found), links),
        equations=found.equations,
        files_rejected=found.files_rejected,
        landed_at=quality.latest_landing(workspace),
    )


_ALL_DATES = "Of all dates and files."
_LATE_NOTE = "Of all dates: how far behind the latest date that was known when they were landed."
_DRIFT_NOTE = "Of all files: fields that no column declares (kept in extra), and columns that files lack."


def card(panel: Panel, answers: Answers, links: Links) -> Card:
    """A panel with its answer; whatever is wrong with one panel stays in its card."""
    empty = Card(panel.name, panel.title, panel.note, panel.wide)
    try:
        rows = answers.ask(panel.question)
    except NotMadeError as error:
        return replace(empty, message=f"{error.culprit} {error.state}. Make it with:", command=error.remedy)
    except EventAssetsError as error:
        return replace(empty, message=str(error))
    if rows is None:
        return replace(
            empty,
            message=f"This dataset declares no {panel.needs}. To have it, add under gold: in its YAML",
            command=f"{panel.needs}: {{}}",
        )
    if rows.is_empty():
        return replace(empty, message="Nothing on these dates.")
    return replace(
        empty,
        summary=panel.summary(rows),
        chart=panel.chart,
        data=_data(rows, panel, links) if panel.chart else {},
        tables=tuple(_tables(rows, panel, links)),
        csv=links.csv(panel.name),
    )


def _known(name: str, title: str, note: str, rows: pl.DataFrame, links: Links, chart: str = "") -> Card:
    """A card of rows that are known without a query."""
    panel = Panel(name, title, note, lambda _: None, lambda _: "", chart=chart)
    if rows.is_empty():
        return Card(name, title, note, message="None.")
    return Card(
        name,
        title,
        note,
        chart=chart,
        data=_data(rows, panel, links) if chart else {},
        tables=(_table(rows, panel, links, title),),
        csv=links.csv(name),
    )


def known_rows(name: str, workspace: Workspace) -> pl.DataFrame | None:
    """The rows of a card that is known without a query, by its name."""
    made: dict[str, Callable[[], pl.DataFrame]] = {
        "late": lambda: quality.late(workspace),
        "drift": lambda: quality.drift(workspace),
        "accounted": lambda: quality.accounted(reconcile(workspace)),
    }
    return made[name]() if name in made else None


def _one_row(answers: Answers, question: Question) -> dict[str, Any]:
    try:
        rows = answers.ask(question)
    except EventAssetsError:  # its panel says so
        rows = None
    return {} if rows is None else rows.row(0, named=True)


def _tiles(figures: Mapping[str, Any], cards: list[Card], found: Reconciliation) -> Iterator[Tile]:
    if figures.get("users") is not None:
        yield Tile("Events", text.count(figures["events"]), f"on {text.count(figures['active_days'])} days")
        yield Tile("Users", text.count(figures["users"]), "distinct, of these dates")
    if figures.get("sessions"):
        mean = f"{figures['events_per_session']:.1f} events each"
        yield Tile("Sessions", text.count(figures["sessions"]), mean)
        yield Tile("Median session", text.duration(figures["median_seconds"]), "first to last event")
    share = (found.records - found.rejected - found.quarantined) / found.records if found.records else 1.0
    note = "every record accounted for" if found.holds else "records are missing: see data quality"
    yield Tile("Records taken", text.percent(share), note)


def _data(rows: pl.DataFrame, panel: Panel, links: Links) -> dict[str, Any]:
    """What the chart draws, as JSON holds it."""
    data: dict[str, Any] = {
        "columns": rows.columns,
        "rows": [[_json(value) for value in row] for row in rows.iter_rows()],
    }
    if panel.drill:
        path = f"/{links.at.dataset.name}/rows/{panel.drill.table}"
        data["drill"] = {"path": path, "columns": panel.drill.columns, "range": links.range}
    return data


def _json(value: Any) -> Any:
    match value:
        case dt.date() | dt.datetime():
            return value.isoformat()
        case Decimal():
            return float(value)
    return value


def _tables(rows: pl.DataFrame, panel: Panel, links: Links) -> Iterator[Table]:
    if panel.name != "top-users" or rows.columns[0] == "rank":
        yield _table(rows, panel, links, panel.title)
        return
    by = rows.columns[0]
    for value in rows[by].unique(maintain_order=True):
        yield _table(rows.filter(pl.col(by) == value).drop(by), panel, links, text.cell(by, value))


def _table(rows: pl.DataFrame, panel: Panel, links: Links, caption: str) -> Table:
    numbers = {name for name, dtype in rows.schema.items() if dtype.is_numeric()}
    longest = {name: float(max(rows[name], default=0)) for name in numbers & {"share", "session_count"}}
    linked = panel.drill.columns[-1] if panel.drill else ""

    def cells(row: dict[str, Any]) -> Iterator[Cell]:
        for name, value in row.items():
            href = links.rows(panel.drill, row) if panel.drill and name == linked else ""
            bar = 100 * float(value) / longest[name] if longest.get(name) and value is not None else None
            yield Cell(text.cell(name, value), name in numbers, href, bar)

    return Table(
        caption,
        tuple(Cell(text.label(name), name in numbers) for name in rows.columns),
        tuple(tuple(cells(row)) for row in rows.head(TABLE_ROWS).iter_rows(named=True)),
        max(0, rows.height - TABLE_ROWS),
    )

"""Turns answers into the contents of a page: cards with tables and chart rows, tiles, links. Templates make HTML."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import polars as pl

from event_assets.dashboard import formatting as text
from event_assets.dashboard import quality_frames, queries
from event_assets.dashboard.failed_runs import failed_runs
from event_assets.dashboard.page_model import Card, Cell, DatasetPage, Table, Tile
from event_assets.dashboard.panels import PANELS, REFUSED, Drill, Panel
from event_assets.dashboard.queries import Question, Selection
from event_assets.dashboard.query_cache import Answer, Answers, NotMadeError
from event_assets.errors import EventAssetsError
from event_assets.pipeline.reconcile import Reconciliation
from event_assets.wording import counted

#: A table on the page has at most this number of rows; the download has all.
TABLE_ROWS = 400


@dataclass(frozen=True)
class Links:
    """Addresses that keep a selection."""

    at: Selection

    @property
    def range(self) -> dict[str, str]:
        return {} if self.at.whole else {"from": self.at.first.isoformat(), "to": self.at.last.isoformat()}

    def csv(self, panel: str) -> str:
        return _address(f"/{self.at.dataset.name}/panels/{panel}.csv", self.range)

    def table(self, name: str) -> str:
        return f"/{self.at.dataset.name}/rows/{name}"

    def rows(self, drill: Drill, row: Mapping[str, Any]) -> str:
        """The rows behind a row of a panel."""
        equal = {name: str(row[name]) for name in drill.columns if row.get(name) is not None}
        date = equal.pop("event_date", None)
        dates = {"from": date, "to": date} if date else self.range
        return _address(self.table(drill.table), {**dates, **equal})


def _address(path: str, parameters: Mapping[str, str]) -> str:
    return f"{path}?{urlencode(parameters)}" if parameters else path


def dataset_page(answers: Answers, at: Selection) -> DatasetPage:
    """Everything that the page shows."""
    panels = (*PANELS, REFUSED)
    found = answers.to((question for panel in panels for question in panel.questions), at)
    reconciled = answers.reconciliation()
    undeclared = [panel for panel in PANELS if found[panel.questions[0]] is None]
    none = "Nothing on these dates."
    if reconciled.first_date:
        none = f"Nothing on these dates; there are events from {reconciled.first_date} to {reconciled.last_date}."
    cards = [card(panel, found, at, none) for panel in panels if panel not in undeclared]
    known = [_known_card(name, answers, at) for name in KNOWN]
    dagster = answers.workspace.settings.dagster_url
    return DatasetPage(
        at=at,
        tiles=list(_tiles(found, reconciled, at.dataset.quality.max_rejected_share)),
        cards=list(_laid_out(cards[:-1])),
        undeclared=undeclared,
        quality=[replace(known[0], span="wide"), cards[-1], *(replace(one, span="half") for one in known[1:])],
        equations=[(_grouped(equation), holds) for equation, holds in reconciled.equations],
        files_rejected=reconciled.files_rejected,
        landed_at=quality_frames.latest_landing(answers.workspace),
        stale=_stale(reconciled),
        failed_runs=failed_runs(dagster, at.dataset.name),
        dagster=f"{dagster}/jobs/{at.dataset.name}/runs",
    )


def panel_rows(panel: Panel, found: Mapping[Question, Answer]) -> pl.DataFrame | None:
    """What a panel shows, of the answers to its questions; None where the dataset declares no table for it."""
    first, *others = (found[question] for question in panel.questions)
    if isinstance(first, EventAssetsError):
        raise first
    return None if first is None else panel.shape(first, *(o for o in others if isinstance(o, pl.DataFrame)))


def card(panel: Panel, found: Mapping[Question, Answer], at: Selection, none: str) -> Card:
    """A panel with its answer; an error in one panel is shown in its card only. `none` is the text of an empty one."""
    empty = Card(panel.name, panel.title, panel.note, panel.span)
    try:
        return _filled(panel, panel_rows(panel, found), at, none)
    except NotMadeError as error:
        return replace(empty, message=f"{error.culprit} {error.state}. To make it, run", command=error.remedy)
    except EventAssetsError as error:
        return replace(empty, message=str(error))


def _filled(panel: Panel, rows: pl.DataFrame | None, at: Selection, none: str) -> Card:
    empty = Card(panel.name, panel.title, panel.note, panel.span)
    if rows is None or rows.is_empty():
        return replace(empty, message=none)
    links, tables = Links(at), tuple(_tables(rows, panel, Links(at)))
    return replace(
        empty,
        span="full" if len(tables) > 1 else panel.span,
        open_table=panel.open_table or not panel.chart,
        summary=panel.summary(rows),
        chart=panel.chart,
        data=_data(rows, panel, links) if panel.chart else {},
        tables=tables,
        csv=links.csv(panel.name),
    )


#: Panels of data quality that need no query, by name: title, note, chart.
KNOWN = {
    "accounted": ("Every record accounted for", "Of all dates and files.", ""),
    "late": ("Late records", "Of all dates: days behind the latest date that was known when they were landed.", "late"),
    "drift": ("Schema drift", "Of all files: fields that no column declares, kept in extra, and absent columns.", ""),
}


def known_rows(name: str, answers: Answers) -> pl.DataFrame:
    """The rows of a panel of `KNOWN`."""
    match name:
        case "accounted":
            return quality_frames.accounted(answers.reconciliation())
        case "late":
            return quality_frames.late(answers.workspace)
    return quality_frames.drift(answers.workspace)


def _known_card(name: str, answers: Answers, at: Selection) -> Card:
    title, note, chart = KNOWN[name]
    panel = Panel(name, title, note, (), lambda _: "", chart=chart)
    return _filled(panel, known_rows(name, answers), at, "None: every file has the declared fields.")


def _laid_out(cards: Iterable[Card]) -> Iterator[Card]:
    """Set the widths so that no row has a hole.

    A wide card and the narrow card after it share a row. Two wide cards get half a row each. A single card gets a
    full row.
    """
    rest = list(cards)
    while rest:
        card, rest = rest[0], rest[1:]
        follower = rest[0].span if rest else ""
        if card.span == "wide" and follower == "narrow":
            yield card
            yield rest.pop(0)
        elif card.span != "full" and follower == card.span:
            yield replace(card, span="half")
            yield replace(rest.pop(0), span="half")
        else:
            yield replace(card, span="full")


def _stale(reconciled: Reconciliation) -> str:
    if not reconciled.stale:
        return ""
    dates = sorted(reconciled.stale_dates)
    span = f" (dates {dates[0]} to {dates[-1]})" if dates else ""
    what = counted(reconciled.stale, "partition")
    return f"{what} not up to date{span}: their input or rules changed, or a run failed."


def _tiles(found: Mapping[Question, Answer], reconciled: Reconciliation, limit: float) -> Iterator[Tile]:
    users, sessions = found[queries.users], found[queries.sessions]
    if isinstance(users, pl.DataFrame):
        total = users.row(0, named=True)
        yield Tile("Events", text.count(total["events"]), f"on {text.count(users.height - 1)} days")
        yield Tile("Users", text.count(total["users"]), "distinct, of these dates")
    if isinstance(sessions, pl.DataFrame):
        total = sessions.row(0, named=True)
        each = total["events"] / max(total["sessions"], 1)
        yield Tile("Sessions", text.count(total["sessions"]), f"{each:.1f} events each")
        if total["median_seconds"] is not None:
            yield Tile("Median length", text.duration(total["median_seconds"]), "of sessions of several events")
    refused = (reconciled.rejected + reconciled.quarantined) / max(reconciled.records, 1)
    note = "all accounted for" if reconciled.holds else "some are missing: see data quality"
    if refused > limit:
        note = f"{text.percent(refused)} refused, over the declared limit of {text.percent(limit)}: see data quality"
    yield Tile("Records taken", text.percent(1 - refused), note, refused > limit or not reconciled.holds)


def _grouped(equation: str) -> str:
    return re.sub(r"\d+", lambda number: text.count(int(number[0])), equation)


def _data(rows: pl.DataFrame, panel: Panel, links: Links) -> dict[str, Any]:
    """The data of a chart, in JSON's types."""
    drill = panel.drill
    return {
        "columns": rows.columns,
        "rows": [[_json(value) for value in row] for row in rows.iter_rows()],
        "from": links.at.first.isoformat(),
        "to": links.at.last.isoformat(),
        "drill": drill and {"path": links.table(drill.table), "columns": drill.columns, "range": links.range},
    }


def _json(value: Any) -> Any:
    match value:
        case dt.date():
            return value.isoformat()
        case Decimal():
            return float(value)
    return value


def _tables(rows: pl.DataFrame, panel: Panel, links: Links) -> Iterator[Table]:
    """One table, or one table per value of the first column if users are ranked within that column."""
    by = rows.columns[0]
    if "rank" not in rows.columns or by == "rank":
        yield _table(rows, panel, links, panel.title)
        return
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

"""The server of the page: its addresses, what each answers, and what a browser may do with the answer.

| address | answers |
|---|---|
| `/` | the first dataset that has data |
| `/DATASET?from=D&to=D` | its page |
| `/DATASET/panels/PANEL.csv?from=D&to=D` | the rows of one panel |
| `/DATASET/rows/TABLE?from=D&to=D&COLUMN=VALUE` | single rows, the first ones; `TABLE.csv` downloads them |
"""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import IO

import jinja2
import polars as pl
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from event_assets.dashboard import page_contents
from event_assets.dashboard.panels import PANELS, REFUSED
from event_assets.dashboard.queries import Query, Selection
from event_assets.dashboard.query_cache import Answers, fetch
from event_assets.dashboard.row_browser import DOWNLOADED, SHOWN, rows, shown_value, views_by_name
from event_assets.declaration import Dataset
from event_assets.errors import EventAssetsError, QueryError
from event_assets.settings import Settings
from event_assets.warehouse.csv_output import csv_pieces
from event_assets.warehouse.query import read

_HERE = Path(__file__).parent
#: Everything comes from this server; nothing inline runs, nothing is sent anywhere.
_POLICY = "; ".join(
    (
        "default-src 'none'",
        *(f"{kind}-src 'self'" for kind in ("script", "style", "font", "img", "connect")),
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-cache",
}
_CHUNK = 64 * 1024


class NotFoundError(QueryError):
    """A dataset, table or panel that isn't there."""


def make_app(datasets: Mapping[str, Dataset], settings: Settings) -> Starlette:
    """The page over the tables of these datasets. Answers only to requests for this machine by name."""
    site = _Site(datasets, settings)
    return Starlette(
        routes=[
            Mount("/-/static", StaticFiles(directory=_HERE / "static")),
            Route("/", site.front),
            Route("/{dataset}", site.dataset),
            Route("/{dataset}/panels/{panel}.csv", site.panel_csv),
            Route("/{dataset}/rows/{table}.csv", site.rows_csv),
            Route("/{dataset}/rows/{table}", site.rows),
        ],
        middleware=[
            Middleware(BaseHTTPMiddleware, dispatch=_with_headers),
            # A page of somebody else's that resolves its own name to 127.0.0.1 must not read the tables.
            Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"]),
        ],
        exception_handlers={
            NotFoundError: site.not_found,
            EventAssetsError: site.refused,
            HTTPStatus.NOT_FOUND: site.nowhere,
            Exception: site.failed,
        },
    )


async def _with_headers(request: Request, answer: RequestResponseEndpoint) -> Response:
    response = await answer(request)
    response.headers.update(_HEADERS)
    return response


class _Site:
    def __init__(self, datasets: Mapping[str, Dataset], settings: Settings) -> None:
        self._datasets, self._settings = datasets, settings
        self._answers = {name: Answers(dataset, settings) for name, dataset in datasets.items()}
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def front(self, request: Request) -> Response:
        with_data = (name for name, dataset in self._datasets.items() if self._fresh(dataset).dates())
        first = next(with_data, next(iter(self._datasets)))
        return RedirectResponse(f"/{first}", HTTPStatus.SEE_OTHER)

    def dataset(self, request: Request) -> Response:
        dataset = self._named(request)
        answers = self._fresh(dataset)
        known = answers.dates()
        if not known:
            patterns = [pattern for block in dataset.events for pattern in block.files]
            return self._html("empty.html", dataset=dataset, patterns=patterns, inbox=answers.workspace.inbox)
        at, problem = _selection(request, dataset, known)
        return self._html(
            "dataset.html",
            dataset=dataset,
            at=at,
            page=page_contents.dataset_page(answers, at),
            problem=problem,
            known=known,
            presets=_presets(at, known),
        )

    def panel_csv(self, request: Request) -> Response:
        dataset, name = self._named(request), request.path_params["panel"]
        answers = self._fresh(dataset)
        at, _ = _selection(request, dataset, answers.dates() or [dt.date.min])
        panel = next((panel for panel in (*PANELS, REFUSED) if panel.name == name), None)
        answer = page_contents.panel_rows(panel, answers.to(panel.questions, at)) if panel else None
        if name in page_contents.KNOWN:
            answer = page_contents.known_rows(name, answers)
        if answer is None:
            raise NotFoundError(name, f"is no panel of {dataset.name}", "choose one on its page")
        return _csv(csv_pieces([answer], raw=False), f"{dataset.name}-{name}")

    def rows(self, request: Request) -> Response:
        dataset, query = self._rows_query(request, SHOWN)
        found = fetch(query, dataset, self._settings)
        view = views_by_name(dataset)[query.table]
        names = self._fresh(dataset).workspace.ledger.names() if "file_id" in found.columns else {}
        files = {file_id: found_names[0] for (_, file_id), found_names in names.items() if found_names}
        return self._html(
            "rows.html",
            dataset=dataset,
            view=view,
            filters=[(name, value) for name, value in request.query_params.items() if value],
            headings=[(column, found[column.name].dtype.is_numeric()) for column in view.columns],
            rows=[
                [shown_value(name, value, files) for name, value in row.items()]
                for row in found.head(SHOWN).iter_rows(named=True)
            ],
            more=found.height > SHOWN,
            shown=SHOWN,
            downloaded=DOWNLOADED,
            csv=f"/{dataset.name}/rows/{view.name}.csv?{request.url.query}",
        )

    def rows_csv(self, request: Request) -> Response:
        dataset, query = self._rows_query(request, DOWNLOADED - 1)

        def gathered(frames: Iterator[pl.DataFrame]) -> Iterator[str]:
            # All rows are read before the first byte is sent: a query can fail, or start again, at its last row.
            file = tempfile.TemporaryFile("w+", encoding="utf-8", newline="")  # noqa: SIM115 - closed by _chunks
            for piece in csv_pieces(frames, raw=False):
                file.write(piece)
            file.seek(0)
            return _chunks(file)

        pieces = read(query.sql, {dataset.name: dataset}, self._settings, gathered, query.parameters)
        return _csv(pieces, f"{dataset.name}-{query.table}")

    def refused(self, request: Request, error: Exception) -> Response:
        return self._message(HTTPStatus.BAD_REQUEST, str(error))

    def not_found(self, request: Request, error: Exception) -> Response:
        return self._message(HTTPStatus.NOT_FOUND, str(error))

    def nowhere(self, request: Request, error: Exception) -> Response:
        return self._message(HTTPStatus.NOT_FOUND, f"There is nothing at {request.url.path}.")

    def failed(self, request: Request, error: Exception) -> Response:
        return self._message(HTTPStatus.INTERNAL_SERVER_ERROR, "The page failed; its server's terminal shows why.")

    def _rows_query(self, request: Request, limit: int) -> tuple[Dataset, Query]:
        dataset, name = self._named(request), request.path_params["table"]
        view = views_by_name(dataset).get(name)
        if view is None:
            raise NotFoundError(name, f"is not a table of {dataset.name}", "choose one on its page")
        equal = {key: value for key, value in request.query_params.items() if key not in ("from", "to")}
        first, last = (_date(request.query_params.get(key)) for key in ("from", "to"))
        return dataset, rows(view, first, last, equal, limit=limit)

    def _named(self, request: Request) -> Dataset:
        name = request.path_params["dataset"]
        if name not in self._datasets:
            raise NotFoundError(name, "is not a dataset", f"there are {', '.join(self._datasets)}")
        return self._datasets[name]

    def _fresh(self, dataset: Dataset) -> Answers:
        """The dataset's answers, brought up to what is published now."""
        answers = self._answers[dataset.name]
        answers.refresh()
        return answers

    def _message(self, status: HTTPStatus, message: str) -> Response:
        return self._html("message.html", status=status, dataset=None, title=status.phrase, message=message)

    def _html(self, template: str, status: int = HTTPStatus.OK, **values: object) -> Response:
        made = self._templates.get_template(template).render(datasets=self._datasets, **values)
        return HTMLResponse(made, status)


def _selection(request: Request, dataset: Dataset, known: list[dt.date]) -> tuple[Selection, str]:
    """The requested dates (all if none are requested), and a message if they are wrong."""
    everything = Selection(dataset, known[0], known[-1], whole=True)
    try:
        first = _date(request.query_params.get("from")) or known[0]
        last = _date(request.query_params.get("to")) or known[-1]
    except QueryError as error:
        return everything, str(error)
    if first > last:
        return everything, f"The range begins on {first}, after its end on {last}; all dates are shown."
    return Selection(dataset, first, last, whole=first <= known[0] and known[-1] <= last), ""


def _presets(at: Selection, known: list[dt.date]) -> list[tuple[str, str, bool]]:
    """Ranges that end at the last date, to choose with one click: name, address, and whether the page shows it now."""
    last = known[-1]
    found = [("All dates", f"/{at.dataset.name}", at.whole)]
    for name, days in (("Last 30 days", 30), ("Last 7 days", 7), ("Last day", 1)):
        first = last - dt.timedelta(days=days - 1)
        if first > known[0]:
            current = (at.first, at.last) == (first, last)
            found.append((name, f"/{at.dataset.name}?from={first}&to={last}", current))
    return found


def _date(value: str | None) -> dt.date | None:
    if not value:
        return None
    try:
        return dt.date.fromisoformat(value)
    except ValueError:
        raise QueryError(value, "is not a valid date", "write it as 2025-01-31") from None


def _chunks(file: IO[str]) -> Iterator[str]:
    with file:
        while piece := file.read(_CHUNK):
            yield piece


def _csv(pieces: Iterator[str], name: str) -> Response:
    disposition = {"content-disposition": f'attachment; filename="{name}.csv"'}
    return StreamingResponse(pieces, media_type="text/csv; charset=utf-8", headers=disposition)

"""Queries single rows of any table for the page, by a range of dates and values of columns, up to a limit."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from event_assets.dashboard.formatting import cell
from event_assets.dashboard.queries import Query
from event_assets.declaration import Dataset
from event_assets.errors import QueryError
from event_assets.text.sql import identifier
from event_assets.warehouse.views import View, views

#: A page shows at most this number of rows.
SHOWN = 200
#: A download has at most this number of rows: what fits on a spreadsheet's sheet below its header.
DOWNLOADED = 1_000_000
#: A longer text is folded: the table shows its beginning, and a click opens the whole text below.
_FOLDED = 60


@dataclass(frozen=True)
class Shown:
    """A value in a table of rows."""

    text: str
    whole: str = ""
    """The whole text, if it is too long for the table."""
    title: str = ""


def shown_value(name: str, value: object, files: Mapping[str, str]) -> Shown:
    """A value of a column as the page shows it. `files` maps file ids to names in the inbox, which replace the ids."""
    if name == "file_id" and value in files:
        return Shown(files[str(value)], title=str(value))
    if isinstance(value, str) and len(value) > _FOLDED:
        return Shown(f"{value[:_FOLDED]}…", whole=value)
    return Shown(cell(name, value))


def views_by_name(dataset: Dataset) -> dict[str, View]:
    return {view.name: view for view in views(dataset)}


def rows(view: View, first: dt.date | None, last: dt.date | None, equal: Mapping[str, str], *, limit: int) -> Query:
    """The first rows of a view in their published order, from the dates and with the texts of `equal`.

    Rows without a date (rejected ones may have none) are included if no first date is given. QueryError where the view
    has no such column.
    """
    names = {column.name for column in view.columns}
    wrong = sorted(equal.keys() - names)
    if wrong:
        raise QueryError(wrong[0], f"is not a column of {view.dataset}.{view.name}", f"take one of {', '.join(names)}")
    conditions, values = [], list[object]()
    if "event_date" in names:
        for date, sign in ((first, ">="), (last, "<=")):
            if date:
                conditions.append(f"event_date {sign} ?")
                values.append(date)
    for name, text in equal.items():
        # Compared as text, as it was shown: nothing that a user can type is an error of types.
        conditions.append(f"CAST({identifier(name)} AS VARCHAR) = ?")
        values.append(text)
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    columns = ", ".join(identifier(column.name) for column in view.columns)
    return Query(view.name, f"SELECT {columns} FROM {view.sql_name} {where} LIMIT {limit + 1}", tuple(values))

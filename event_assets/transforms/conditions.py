"""Whether rows meet declared conditions."""

from __future__ import annotations

from collections.abc import Callable

import narwhals as nw

from event_assets.declaration import Column
from event_assets.declaration.conditions import Excluding, Where
from event_assets.transforms.cast_text import bound
from event_assets.transforms.normalize import normalised


def holds(where: Where, column: Callable[[str], Column], value: Callable[[str], nw.Expr] = nw.col) -> nw.Expr:
    """Whether a row meets all conditions; never null.

    `column` gives a column's declaration, `value` its typed value. A list without null excludes null, `not` keeps it.
    """
    met = [_one(value(name), column(name), values) for name, values in where.items()]
    return nw.all_horizontal(*met, ignore_nulls=False) if met else nw.lit(True)


def _one(value: nw.Expr, column: Column, values: Excluding | tuple[str | None, ...]) -> nw.Expr:
    excluding = isinstance(values, Excluding)
    texts = values.values if isinstance(values, Excluding) else values
    meant = [None if text is None else bound(column, normalised(text, column)) for text in texts]
    listed = value.is_in([one for one in meant if one is not None]).fill_null(False)
    if None in meant:
        listed = listed | value.is_null()
    return ~listed if excluding else listed

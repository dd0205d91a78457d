"""Frames sorted by several columns, each ascending, nulls first.

Numbers and times are sorted by numpy, in a fraction of the time that texts take. Where they come first in an order,
texts are compared only in rows in which these are equal.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    import numpy as np

#: If more than one in so many rows differs only in the columns behind the numbers, Polars sorts by all columns at once.
_FEW_TIES = 8
#: Most rows that are not in order are so within these first ones. Polars sorts so few in less time than numpy loads.
_FEW_ROWS = 1000
_BITS = 63


def in_order(frame: pl.DataFrame, order: Sequence[str]) -> pl.DataFrame:
    """The frame, sorted if it is not. To look costs a tenth of sorting."""
    if frame.head(_FEW_ROWS).is_sorted(order) and frame.is_sorted(order):
        return frame
    if frame.height <= _FEW_ROWS:
        return frame.sort(order, nulls_last=False, maintain_order=True)
    import numpy as np  # loading it is a tenth of the start of `top`, which sorts few rows

    # Of a frame in several pieces, texts are gathered in ten times the time.
    frame = frame.rechunk()
    numbers = _leading_numbers(frame, order)
    places = np.arange(frame.height)
    for values in reversed(numbers):
        ordered = values[places]
        if (ordered[1:] < ordered[:-1]).any():
            places = places[_stable_argsort(ordered)]
    if len(numbers) < len(order):
        same = np.ones(frame.height - 1, bool)
        for values in numbers:
            ordered = values[places]
            same &= ordered[1:] == ordered[:-1]
        tied = np.flatnonzero(np.append(same, False) | np.append(False, same))
        if not numbers or len(tied) > frame.height // _FEW_TIES:
            return frame.sort(order, nulls_last=False)
        rows = frame.select(order)[places[tied]]
        places[tied] = places[tied][rows.select(pl.arg_sort_by(order, nulls_last=False)).to_series().to_numpy()]
    return frame[places]


def _leading_numbers(frame: pl.DataFrame, order: Sequence[str]) -> list[np.ndarray]:
    """The first columns of an order, as far as they are integers or times without nulls, as integers."""
    numbers: list[np.ndarray] = []
    for name in order:
        values = frame[name]
        if values.null_count() or not (values.dtype in (pl.Int64, pl.Date) or isinstance(values.dtype, pl.Datetime)):
            break
        numbers.append(values.to_physical().to_numpy())
    return numbers


def _stable_argsort(values: np.ndarray) -> np.ndarray:
    """`np.argsort(values, kind="stable")`, in a third of its time if a value and its place fit in one integer."""
    import numpy as np

    least, place_bits = int(values.min()), (len(values) - 1).bit_length()
    if (int(values.max()) - least).bit_length() + place_bits > _BITS:
        return np.argsort(values, kind="stable")
    packed = (values.astype(np.int64) - least) << place_bits | np.arange(len(values))
    packed.sort()
    places: np.ndarray = packed & ((1 << place_bits) - 1)
    return places

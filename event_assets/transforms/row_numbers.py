"""Rows numbered in an order, as every engine can: `rank` in an order fails on the SQL engines."""

from __future__ import annotations

from collections.abc import Sequence

import narwhals as nw

from event_assets.transforms.interface import Frame


def with_place(frame: Frame, order: Sequence[str], *, within: Sequence[str] = (), from_last: bool = False) -> Frame:
    """The frame with `row place` (int64): each row's number, from 1, among those of `within`, in an order that is total
    (ascending, nulls first); or counted from its end."""
    one = nw.col("row one").cum_sum(reverse=from_last)
    numbered = frame.with_columns(nw.lit(1, nw.Int64).alias("row one"))
    return numbered.with_columns(one.over(*within, order_by=[*order]).cast(nw.Int64).alias("row place")).drop("row one")


def among_equals(frame: Frame, order: Sequence[str], *, within: Sequence[str], from_last: bool = False) -> Frame:
    """`with_place` (rows in any order) where most rows are the only one with their `within`: only the others are put
    in order."""
    counted = frame.with_columns(nw.len().over(*within).alias("row equals"))
    once = counted.filter(nw.col("row equals") == 1).with_columns(nw.lit(1, nw.Int64).alias("row place"))
    several = with_place(counted.filter(nw.col("row equals") > 1), order, within=within, from_last=from_last)
    return nw.concat([once, several]).drop("row equals")

"""Of the records with one key, one stays (SPEC "Deduplication")."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import narwhals as nw

from event_assets.transforms.places import with_place
from event_assets.transforms.scope import Frame, Scope


def among_equals(frame: Frame, order: Sequence[str]) -> Frame:
    """The frame with `place` (from 1) of each record among those of its `event_id`, in `order` (nulls first)."""
    counted = frame.with_columns(nw.len().over("event_id").alias("equals"))
    # Few records have an equal: only they are put in order.
    once = counted.filter(nw.col("equals") == 1).with_columns(nw.lit(1, nw.Int64).alias("place"))
    several = with_place(counted.filter(nw.col("equals") > 1), order, within=["event_id"])
    return nw.concat([once, several]).drop("equals")


def earlier_keys(event_keys: Frame, scope: Scope) -> Frame:
    """The ids that make an event of the scope's date a duplicate: those of the dates that its dataset looks back."""
    days = scope.dataset.dedupe_days
    earlier = event_keys.filter(nw.col("event_date") < nw.lit(scope.day))
    if days != "all":
        earlier = earlier.filter(nw.col("event_date") >= nw.lit(scope.day - dt.timedelta(days=days)))
    return earlier.select("event_id").unique()

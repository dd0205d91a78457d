"""Which ids occurred before (SPEC "Deduplication")."""

from __future__ import annotations

import datetime as dt

import narwhals as nw

from event_assets.transforms.interface import Frame, Scope


def earlier_keys(event_keys: Frame, scope: Scope) -> Frame:
    """The ids that make an event of the scope's date a duplicate: those of the dates that its dataset looks back."""
    days = scope.dataset.dedupe_days
    earlier = event_keys.filter(nw.col("event_date") < nw.lit(scope.day))
    if days != "all":
        earlier = earlier.filter(nw.col("event_date") >= nw.lit(scope.day - dt.timedelta(days=days)))
    return earlier.select("event_id").unique()

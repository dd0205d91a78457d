"""Finds the ids of events whose deduplication key an earlier record has: these events are duplicates
(docs/explanation/deduplication.md).
"""

from __future__ import annotations

import datetime as dt

import narwhals as nw

from event_assets.transforms.interface import Frame, Scope


def earlier_keys(event_keys: Frame, events: Frame, scope: Scope) -> Frame:
    """The ids that make an event of the scope's dates a duplicate: those of the dates that its dataset looks back.

    `events` are those of the scope; of several dates only ids that occur in them are given, each with their date.
    """
    days = scope.dataset.dedupe_days
    earlier = event_keys.select("event_id", nw.col("event_date").alias("key date"))
    date = nw.col("event_date") if scope.several else nw.lit(scope.dates[0])
    if scope.several:
        earlier = events.select("event_date", "event_id").unique().join(earlier, on="event_id", how="inner")
    earlier = earlier.filter(nw.col("key date") < date)
    if days != "all":
        reach = (nw.col("key date") + nw.lit(dt.timedelta(days=days))).cast(nw.Date)
        earlier = earlier.filter(reach >= date)
    return earlier.select(*scope.by("event_id")).unique()

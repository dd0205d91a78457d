"""Computes session parts: one row for what a session has on one date, for sessions by gap and by source id alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import narwhals as nw

from event_assets.declaration import Dataset
from event_assets.transforms import event_conversions
from event_assets.transforms.interface import Frame, Scope

#: Between the event types of a part, so that the types of several parts can be separated and merged.
BETWEEN_TYPES = "\x1f"
#: The order of a user's events on a date: total, since ids are unique.
ORDER: Final = ["time us", "event_id"]


def part_values(dataset: Dataset) -> list[nw.Expr]:
    """The columns of events that `sum_parts` needs beside its key, id, type and time."""
    shown = dataset.sessions.column
    return [*([nw.col(shown).alias("shown value")] if shown else []), *event_conversions.of_event(dataset)]


def sum_parts(events: Frame, key: Sequence[str], scope: Scope) -> Frame:
    """One row per part from its events, which have `time us` and the columns of `part_values`.

    Of the declared column it has the first and the last value that is not null.
    """
    parts = events.group_by(*key).agg(
        nw.col("event_time").min().alias("part_start"),
        nw.col("event_time").max().alias("part_end"),
        nw.len().alias("event_count"),
        *(nw.col(name).sum() for name in event_conversions.names(scope.dataset)),
    )
    types = scope.ports.distinct_text(events, by=key, column="event_type", into="event_types", separator=BETWEEN_TYPES)
    parts = parts.join(types, on=[*key], how="left")
    if column := scope.dataset.sessions.column:
        first, last = f"first_{column}", f"last_{column}"
        ends = scope.ports.ends(events, by=key, column="shown value", order=ORDER, first=first, last=last)
        parts = parts.join(ends, on=[*key], how="left")
    return parts


def unite_types(types: Sequence[Sequence[str | None]]) -> list[str]:
    """The event types of sessions from the types of their parts, given in one or several columns."""
    return [
        ",".join(sorted({name for text in row if text for name in text.split(BETWEEN_TYPES) if name}))
        for row in zip(*types, strict=True)
    ]

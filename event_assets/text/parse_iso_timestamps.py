"""Parses the texts of declared timestamp columns and of bounds: ISO 8601, by the forms of event times."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from zoneinfo import ZoneInfo

from event_assets.text.time_formats import read_form, time_form


def instant(text: str, zone: ZoneInfo) -> dt.datetime | None:
    """The time in UTC to the microsecond (finer digits cut off); None where the text is not a time.

    A date alone is midnight; a naive time is in `zone`, in a clock change's gap or fold as PEP 495 with fold=0.
    """
    found = read_form(time_form("iso"), text)
    if found is None:
        return None
    local, offset = found
    try:
        if offset is None:
            return local.replace(tzinfo=zone).astimezone(dt.UTC)
        return (local - dt.timedelta(seconds=offset)).replace(tzinfo=dt.UTC)
    except OverflowError:
        return None


def instants(zone: ZoneInfo) -> Callable[[Sequence[Sequence[str | None]]], Sequence[dt.datetime | None]]:
    """`instant` over a column of texts."""

    def read(columns: Sequence[Sequence[str | None]]) -> Sequence[dt.datetime | None]:
        import polars as pl  # not needed for the bounds of a declaration

        from event_assets.text.parse_event_times import parse_times

        texts = pl.Series(columns[0], dtype=pl.String)
        times: list[dt.datetime | None] = parse_times(texts, format="iso", source_timezone=zone.key).to_list()
        return times

    return read

"""The limits of a dataset: the keys `quality` (when a check warns) and `retention` (how long rows are kept)."""

from __future__ import annotations

import datetime as dt

from pydantic import Field

from event_assets.declaration.base import Declared, Duration


class Quality(Declared):
    """The limits of figures; a check warns beyond them. Everything is published all the same."""

    max_rejected_share: float = Field(0.05, ge=0, le=1)
    """The share of a file's or a date's records that may be rejected."""
    max_orphan_share: float = Field(0.5, ge=0, le=1)
    """The share of a date's facts whose user may have no profile."""
    volume_factor: float = Field(5.0, gt=1)
    """The factor by which a date's events may differ from the median of the same weekday of the last weeks."""
    stale_after: Duration = dt.timedelta(days=7)
    """The longest time since the last file."""


class Retention(Declared):
    """For how many days back from the newest event's date a layer keeps its dates; one that is left out keeps all."""

    raw: int | None = Field(None, ge=1)
    """raw_events and quarantine, which contains the text of records."""
    cleaned: int | None = Field(None, ge=1)
    """cleaned_events, sessions, joined_facts and the internal tables behind them."""
    gold: int | None = Field(None, ge=1)
    """The gold tables by date."""

"""The dates that Dagster shows as a dataset's partitions: its history, read from the ledger when definitions load."""

from __future__ import annotations

import datetime as dt

import dagster as dg

from event_assets.declaration import Dataset
from event_assets.errors import EventAssetsError
from event_assets.settings import Settings
from event_assets.storage.lake import Lake

#: Times up to a day ahead are accepted; the day after tomorrow leaves room for every time zone.
_DAYS_AHEAD = 2
#: A dataset whose last date is older gets no new ones day by day: its calendar ends with its history.
_LIVE_DAYS = 60


def partitions(dataset: Dataset, settings: Settings) -> dg.DailyPartitionsDefinition:
    """The dataset's dates: from the first with raw records (else `start_date`) to `end_date` where one is declared.

    Without one it ends two days ahead, or, where the last date with raw records is over 60 days old, with that. So a
    complete run leaves no date missing.
    """
    history = [date for date in raw_dates(dataset, settings) if date >= dataset.start_date]
    first = min(history, default=dataset.start_date)
    today = dt.datetime.now(dataset.zone).date()
    end = dataset.end_date
    if end is None and history and (today - max(history)).days > _LIVE_DAYS:
        end = max(history)
    if end is not None:
        until = (max(end, first) + dt.timedelta(days=1)).isoformat()
        return dg.DailyPartitionsDefinition(start_date=first.isoformat(), end_date=until, timezone=dataset.timezone)
    # The last date of an offset of 0 is yesterday.
    return dg.DailyPartitionsDefinition(
        start_date=first.isoformat(), timezone=dataset.timezone, end_offset=_DAYS_AHEAD + 1
    )


def raw_dates(dataset: Dataset, settings: Settings) -> set[dt.date]:
    """The dates with raw records by the ledger; none where it can't be read (a run reports the error)."""
    try:
        ledger = Lake(settings.lake, settings.cache).ledger(dataset.name).reload()
    except (EventAssetsError, OSError):
        return set()
    return {dt.date.fromisoformat(date) for file in ledger.active("events") for date in file.dates}

"""Which date a record belongs to, or why it has none (SPEC §4, Times and Landing)."""

from __future__ import annotations

import datetime as dt

import polars as pl

from event_assets.declaration import Dataset, Events
from event_assets.landing.record_batches import EVENT_DATE, ROW_NUMBER, TIME
from event_assets.text.file_names import file_date
from event_assets.text.times import event_dates, parse_times_of_any

#: Of a record that has no time within bounds.
_REASON = (
    pl.when("is ambiguous")
    .then(pl.lit("ambiguous_timestamp"))
    .when(pl.col(TIME).is_not_null())
    .then(pl.lit("out_of_range"))
    .when(pl.col("text").is_null())
    .then(pl.lit("missing_timestamp"))
    .otherwise(pl.lit("invalid_timestamp"))
)


class Dating:
    """Gives the records of one file their times."""

    def __init__(self, dataset: Dataset, block: Events, name: str, landed_at: dt.datetime) -> None:
        self._dataset, self._time = dataset, block.time
        declared = [column.name for column in block.columns if column.source == self._time.source]
        self.column: str | None = declared[0] if declared else " ".join(self._time.sources)
        """What a reject for its time is about: the declared column, or the source where none is declared."""
        self._earliest = _midnight(dataset.start_date, dataset)
        self._latest = landed_at.astimezone(dt.UTC) + self._time.ahead
        if dataset.end_date:
            end = _midnight(dataset.end_date + dt.timedelta(days=1), dataset)
            self._latest = min(self._latest, end - dt.timedelta(microseconds=1))
        date = file_date(name) if self._time.missing == "file_date" else None
        self._assumed = _midnight(date, dataset) if date else None

    def date(self, frame: pl.DataFrame) -> tuple[pl.DataFrame, list[tuple[int, str]]]:
        """(the records with event_time, time_assumed and event_date; (number, reason) of the others).

        The frame's event_time is the text of the time, null where it is missing.
        """
        text = frame[TIME]
        times, ambiguous = parse_times_of_any(
            text,
            formats=self._time.read_as,
            source_timezone=self._dataset.source_timezone,
            zones=self._time.zones,
        )
        assumed = text.is_null() if self._assumed else pl.repeat(False, len(text), eager=True)
        if self._assumed:
            times = times.set(assumed, self._assumed)
        frame = frame.with_columns(times.alias(TIME), assumed.alias("time_assumed"))
        bad = times.is_null() | (times < self._earliest) | (times > self._latest)
        # Few are refused, and only for these is it said why.
        refused = frame.select(ROW_NUMBER, TIME, text.alias("text"), ambiguous.alias("is ambiguous")).filter(bad)
        undated = refused.select(ROW_NUMBER, _REASON).rows()
        dated = frame.filter(~bad)
        dates = event_dates(dated[TIME], self._dataset.timezone).alias(EVENT_DATE)
        return dated.with_columns(dates), undated


def _midnight(date: dt.date, dataset: Dataset) -> dt.datetime:
    return dt.datetime.combine(date, dt.time(), dataset.zone).astimezone(dt.UTC)

"""Which date a record belongs to, or why it has none (SPEC §4, Times and Landing)."""

from __future__ import annotations

import datetime as dt

import polars as pl

from event_assets.declaration import Dataset
from event_assets.landing.record_batches import EVENT_DATE, ROW_NUMBER, TIME
from event_assets.text.file_names import file_date
from event_assets.text.times import BLANKS, event_dates, parse_times

#: A record may be so much younger than its landing: clocks differ, and so do zones.
LEEWAY = dt.timedelta(hours=24)

#: Of a record that has no time within bounds.
_REASON = (
    pl.when(pl.col(TIME).is_not_null())
    .then(pl.lit("out_of_range"))
    .when(pl.col("text").is_null())
    .then(pl.lit("missing_timestamp"))
    .otherwise(pl.lit("invalid_timestamp"))
)


class Dating:
    """Gives the records of one file their times."""

    def __init__(self, dataset: Dataset, name: str, landed_at: dt.datetime) -> None:
        self._dataset, self._time = dataset, dataset.events.time
        declared = [column for column in dataset.columns if column.source == self._time.source]
        self.column: str | None = declared[0].name if declared else self._time.source
        """What a reject for its time is about: the declared column, or the source where none is declared."""
        self._null_values = [value for column in declared for value in column.null_values]
        self._earliest = dt.datetime.combine(dataset.start_date, dt.time(), dataset.zone).astimezone(dt.UTC)
        self._latest = landed_at.astimezone(dt.UTC) + LEEWAY
        if dataset.end_date:
            end = dt.datetime.combine(dataset.end_date + dt.timedelta(days=1), dt.time(), dataset.zone)
            self._latest = min(self._latest, end.astimezone(dt.UTC) - dt.timedelta(microseconds=1))
        date = file_date(name) if self._time.missing == "file_date" else None
        self._assumed = dt.datetime.combine(date, dt.time(), dataset.zone).astimezone(dt.UTC) if date else None

    def date(self, frame: pl.DataFrame) -> tuple[pl.DataFrame, list[tuple[int, str]]]:
        """(the records with event_time, event_time_us, time_assumed and event_date; (number, reason) of the others)."""
        text = frame[TIME].str.strip_chars(BLANKS)
        text = text.set(text.is_in(["", *self._null_values]).fill_null(False), None)
        times = parse_times(text, format=self._time.format, source_timezone=self._dataset.source_timezone)
        assumed = text.is_null() if self._assumed else pl.repeat(False, len(text), eager=True)
        if self._assumed:
            times = times.set(assumed, self._assumed)
        frame = frame.with_columns(times.alias(TIME), assumed.alias("time_assumed"))
        bad = times.is_null() | (times < self._earliest) | (times > self._latest)
        # Few are refused, and only for these is it said why.
        refused = frame.select(ROW_NUMBER, TIME, text.alias("text")).filter(bad)
        undated = refused.select(ROW_NUMBER, _REASON).rows()
        dated = frame.filter(~bad)
        dates = event_dates(dated[TIME], self._dataset.timezone).alias(EVENT_DATE)
        return dated.with_columns(pl.col(TIME).cast(pl.Int64).alias("event_time_us"), dates), undated

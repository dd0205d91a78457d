"""Converts a batch of fields into raw rows with the declared columns. Rows of events also get the event's time and
date.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from event_assets.declaration import Column, Dataset, Events, Source
from event_assets.declaration.dataset import Kind
from event_assets.landing.inbox import path_value
from event_assets.landing.reader_interface import (
    EVENT_DATE,
    ROW_NUMBER,
    TIME,
    is_read,
    names_of,
    number_flag,
)
from event_assets.landing.schema_drift import FILE_IN_FRAME
from event_assets.tables.landed_tables import AS_WRITTEN, CAME_AS_NUMBER, SOURCE_BLOCK, TIME_TEXT
from event_assets.text.dates_in_file_names import file_date
from event_assets.text.field_paths import FILE_PATH
from event_assets.text.parse_event_times import BLANKS, UTC_MICROS, event_dates, parse_times_of_any

#: The reason of a record that has no time within bounds.
_REASON = (
    pl.when("is ambiguous")
    .then(pl.lit("ambiguous_timestamp"))
    .when(pl.col(TIME).is_not_null())
    .then(pl.lit("out_of_range"))
    .when("is missing")
    .then(pl.lit("missing_timestamp"))
    .otherwise(pl.lit("invalid_timestamp"))
)


class RawColumns:
    """The columns of the raw table from a batch's fields, for files of one block."""

    def __init__(self, dataset: Dataset, kind: Kind, block: Source) -> None:
        merged = {column.name: column for column in dataset.columns_of(kind)}
        own = {column.name: column for column in block.columns}
        self._coalesced = [column for column in block.columns if len(column.sources) > 1]
        self._written = dataset.has_values_as_written(kind)
        self._flags = dataset.tells_numbers_from_texts(kind)
        self._of_two_notations = [column for column in block.of_two_notations if is_read(column)]
        self._of_path = [column for column in block.columns if column.source == FILE_PATH]
        self._absent = [pl.lit(None, pl.String).alias(name) for name in merged if name not in own]
        # A constant of all blocks alike is a rule of cleaning: it is in no raw table.
        self._constant = [
            pl.lit(None if merged[name].constant is not None else column.constant, pl.String).alias(name)
            for name, column in own.items()
            if column.constant is not None
        ]
        if dataset.is_mixed(kind):
            number = dataset.blocks(kind).index(block)
            self._constant.append(pl.lit(number, pl.Int64).alias(SOURCE_BLOCK))
        self._time_parts: list[tuple[str, set[str]]] = []
        if isinstance(block, Events):
            for name, source in zip(names_of(TIME, block.time.sources), block.time.sources, strict=True):
                nulls = {value for column in block.columns if column.source == source for value in column.null_values}
                self._time_parts.append((name, {"", *nulls}))

    def with_path(self, frame: pl.DataFrame, path: str) -> pl.DataFrame:
        """The frame with the columns that come from the file's path below the inbox."""
        values = [pl.lit(path_value(column, path), pl.String).alias(column.name) for column in self._of_path]
        return frame.with_columns(values) if values else frame

    def of(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The frame with every declared column as text, and of events `event_time` (the time's text; null where it is
        missing, if a text other than blanks means that) and `time_text` (the same unchanged)."""
        made = [*self._absent, *self._constant]
        made += [_first_meant(column) for column in self._coalesced]
        if self._written and AS_WRITTEN not in frame.columns:
            made.append(_sources_as_written(self._coalesced, self._of_two_notations).alias(AS_WRITTEN))
        further = [name for column in self._coalesced for name in names_of(column.name, column.sources)[1:]]
        if self._flags:
            made.append(_came_as_number(self._of_two_notations).alias(CAME_AS_NUMBER))
            of_flags = [name for c in self._of_two_notations for name in names_of(c.name, c.sources)]
            further += map(number_flag, of_flags)
        if self._time_parts:
            names = [name for name, _ in self._time_parts]
            if [nulls for _, nulls in self._time_parts] != [{""}]:
                parts = [_meant(name, nulls) for name, nulls in self._time_parts]
                made.append((parts[0] if len(parts) == 1 else pl.concat_str(parts, separator=" ")).alias(TIME))
            text = pl.col(TIME) if len(names) == 1 else pl.concat_str(names, separator=" ", ignore_nulls=True)
            made.append(
                (text.replace("", None) if (frame[TIME] == "").any() or len(names) > 1 else text).alias(TIME_TEXT)
            )
            further += names[1:]
        return frame.with_columns(made).drop(further) if made else frame


def _meant(name: str, nulls: set[str]) -> pl.Expr:
    bare = pl.col(name).str.strip_chars(BLANKS)
    return pl.when(bare != "" if nulls == {""} else ~bare.is_in(sorted(nulls))).then(bare)


def _first_meant(column: Column, of: Callable[[str], str] = str) -> pl.Expr:
    """The first field that isn't null without blanks and null values; unchanged, since cleaning reads it. `of` gives
    another column about that field."""
    names, nulls = names_of(column.name, column.sources), {"", *column.null_values}
    found = (pl.when(_meant(name, nulls).is_not_null()).then(of(name)) for name in names)
    return pl.coalesce(*found, *map(of, names)).alias(column.name)


def _came_as_number(columns: Sequence[Column]) -> pl.Expr:
    """The names of the columns whose value is a number of the source, null where there are none."""
    if not columns:
        return pl.lit(None, pl.String)
    named = [pl.when(_first_meant(column, number_flag)).then(pl.lit(column.name)) for column in columns]
    return pl.concat_str(named, separator=" ", ignore_nulls=True).replace("", None)


def _sources_as_written(columns: Sequence[Column], of_two_notations: Sequence[Column]) -> pl.Expr:
    """The fields of columns of several sources as a JSON object, where another than the first has a text: which of them
    a record had the column doesn't tell. Numbers are without quotes where texts are read otherwise. (The JSON reader
    writes such values itself.)"""
    names = {name: source for c in columns for name, source in zip(names_of(c.name, c.sources), c.sources, strict=True)}
    others = [name for c in columns for name in names_of(c.name, c.sources)[1:]]
    if not others:
        return pl.lit(None, pl.String)
    texts = pl.struct(pl.col(name).fill_null("").alias(source) for name, source in names.items()).struct.json_encode()
    flagged = [name for c in columns if c in of_two_notations for name in names_of(c.name, c.sources)]
    for name in flagged:
        # Quotes within texts are escaped: only the member itself begins like this.
        member = f"{json.dumps(names[name], ensure_ascii=False)}:"
        unquoted = texts.str.replace(f'({re.escape(member)})"([^"]+)"', "$1$2")
        texts = pl.when(number_flag(name)).then(unquoted).otherwise(texts)
    return pl.when(pl.any_horizontal(pl.col(name).is_not_null() for name in others)).then(texts)


@dataclass(frozen=True)
class TimeLimits:
    """What decides on the times of one file's records."""

    latest: dt.datetime
    """The last time that is not out of range."""
    assumed: dt.datetime | None
    """The time of records without one."""


class EventDates:
    """The times and dates of records (docs/input.md)."""

    def __init__(self, dataset: Dataset, block: Events) -> None:
        self._dataset, self._time = dataset, block.time
        declared = [column.name for column in block.columns if column.source == self._time.source]
        self.column: str | None = declared[0] if declared else " ".join(self._time.sources)
        """The column that a reject for its time names: the declared column of the time, else its source."""
        self._earliest = _midnight(dataset.start_date, dataset)

    def limits(self, name: str, landed_at: dt.datetime) -> TimeLimits:
        """The limits of a file of that name, landed at that time."""
        latest = landed_at.astimezone(dt.UTC) + self._time.ahead
        if self._dataset.end_date:
            end = _midnight(self._dataset.end_date + dt.timedelta(days=1), self._dataset)
            latest = min(latest, end - dt.timedelta(microseconds=1))
        date = file_date(name) if self._time.missing == "file_date" else None
        return TimeLimits(latest, _midnight(date, self._dataset) if date else None)

    def of(
        self, frame: pl.DataFrame, limits: Sequence[TimeLimits]
    ) -> tuple[pl.DataFrame, dict[int, list[tuple[int, str]]]]:
        """(the records with event_time, time_assumed and event_date; (number, reason) of the others by file).

        The frame's event_time is the text of the time, null or blank where it is missing. With the limits of several
        files, the column FILE_IN_FRAME is the position of a record's limits.
        """
        text = frame[TIME]
        times, ambiguous = parse_times_of_any(
            text,
            formats=self._time.read_as,
            source_timezone=self._dataset.source_timezone,
            zones=self._time.zones,
        )
        latest = _by_row(frame, [one.latest for one in limits])
        missing = _is_missing(text, times)
        assumed = pl.Series(np.zeros(len(text), bool))
        if any(one.assumed for one in limits):
            assumptions = _by_row(frame, [one.assumed for one in limits])
            assumed = missing & assumptions.is_not_null()
            times = times.zip_with(~assumed, assumptions)
        frame = frame.with_columns(times.alias(TIME), assumed.alias("time_assumed"))
        bad = times.is_null() | (times < self._earliest) | (times > latest)
        # Few are rejected, and the reason is computed for these only.
        file = pl.col(FILE_IN_FRAME) if len(limits) > 1 else pl.lit(0).alias(FILE_IN_FRAME)
        columns = [file, ROW_NUMBER, TIME, missing.alias("is missing"), ambiguous.alias("is ambiguous")]
        rejected = frame.select(columns).filter(bad).select(FILE_IN_FRAME, ROW_NUMBER, _REASON)
        undated: dict[int, list[tuple[int, str]]] = {}
        for place, number, reason in rejected.rows():
            undated.setdefault(place, []).append((number, reason))
        dated = frame.filter(~bad)
        dates = event_dates(dated[TIME], self._dataset.timezone).alias(EVENT_DATE)
        return dated.with_columns(dates), undated


def _is_missing(text: pl.Series, times: pl.Series) -> pl.Series:
    """Whether a record has no text of a time: only where no time was read, a text can be missing."""
    missing = np.zeros(len(text), bool)
    unread = times.is_null().arg_true()
    missing[unread.to_numpy()] = (text.gather(unread).str.strip_chars(BLANKS).fill_null("") == "").to_numpy()
    return pl.Series(missing)


def _by_row(frame: pl.DataFrame, values: Sequence[dt.datetime | None]) -> pl.Series:
    """The value of each row's file; a single value where all files have the same."""
    series = pl.Series(values, dtype=UTC_MICROS)
    return series[:1] if len(set(values)) == 1 else series.gather(frame[FILE_IN_FRAME])


def _midnight(date: dt.date, dataset: Dataset) -> dt.datetime:
    return dt.datetime.combine(date, dt.time(), dataset.zone).astimezone(dt.UTC)

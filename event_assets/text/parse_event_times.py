"""Parses times as sources write them, to microseconds in UTC (docs/input.md).

`parse_time` is the rule, one text at a time. `parse_times` gives the same for a column.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from event_assets.text.parse_event_times_by_shape import EPOCH_DAY, MICROSECOND, TimeColumns, read_column
from event_assets.text.time_formats import read_form, time_form

Format = str
"""`iso`, `rfc2822`, `epoch_*`, `excel_serial`, or a strptime pattern (`time_formats.py`)."""

UTC_MICROS = pl.Datetime("us", "UTC")
#: Trimmed from every text before it is read, as cleaning trims.
BLANKS = " \t\r\n"

_EPOCH = re.compile(r"(?P<whole>-?[0-9]{1,19})(?:\.(?P<fraction>[0-9]{1,9}))?")
#: Units a second.
_EPOCH_UNITS = {"epoch_seconds": 1, "epoch_millis": 10**3, "epoch_micros": 10**6, "epoch_nanos": 10**9}
_SERIAL = re.compile(r"(?P<days>[0-9]{1,7})(?:\.(?P<fraction>[0-9]{0,30}))?")
#: Excel counts from here, and knows a day (60) that never was: what comes before 61 has two readings.
_SERIAL_ZERO = (dt.datetime(1899, 12, 30) - dt.datetime(1970, 1, 1)).days
_FIRST_SERIAL = 61
_DAY_MILLIS = 86_400_000
#: Microseconds that both Python and Polars can show: years 1 to 9999.
_LOWEST = (dt.datetime(1, 1, 1) - EPOCH_DAY) // MICROSECOND
_HIGHEST = (dt.datetime(9999, 12, 31, 23, 59, 59, 999999) - EPOCH_DAY) // MICROSECOND


def parse_time(text: str, *, format: Format, source_timezone: str, zones: Mapping[str, str] = {}) -> int | None:
    """One time as microseconds since 1970-01-01 UTC, None where the text is not a time of that format.

    `zones` are the names beside UTC and GMT that `%Z` reads, with their offsets.
    """
    text = text.strip(BLANKS)
    if format in _EPOCH_UNITS:
        return _epoch(text, _EPOCH_UNITS[format])
    if format == "excel_serial":
        local, offset = _serial(text), None
    else:
        found = read_form(time_form(format, tuple(zones.items())), text)
        local, offset = found if found else (None, None)
    if local is None:
        return None
    micros = (local - EPOCH_DAY) // MICROSECOND
    micros -= _offset(local, source_timezone) if offset is None else offset * 1_000_000
    return micros if _LOWEST <= micros <= _HIGHEST else None


def parse_times(text: pl.Series, *, format: Format, source_timezone: str, zones: Mapping[str, str] = {}) -> pl.Series:
    """A column of texts as `Datetime("us", "UTC")` of the same name and length; null where a text is not a time.

    Naive times are in `source_timezone`, in a gap or fold as PEP 495 reads them with fold=0. Digits beyond
    the microsecond are cut off.
    """
    if format != format.strip(BLANKS):
        text = text.str.strip_chars(BLANKS)  # such a pattern reads no text
    times = _parse_plain(text, format, source_timezone, zones)
    # Few texts have blanks around them: only those are trimmed that are not read as they are.
    unread = (times.is_null() & text.is_not_null()).arg_true()
    if len(unread):
        plain = text.gather(unread).str.strip_chars(BLANKS)
        times = times.scatter(unread, _parse_plain(plain, format, source_timezone, zones))
    return times


def _parse_plain(text: pl.Series, format: Format, source_timezone: str, zones: Mapping[str, str]) -> pl.Series:
    if format in _EPOCH_UNITS:
        return _epochs(text, _EPOCH_UNITS[format])
    columns = TimeColumns.of_nothing(len(text))
    if format == "excel_serial":
        _read_serials(text, columns)
    else:
        read_column(text, time_form(format, tuple(zones.items())), columns)
    micros, known = columns.micros, columns.known
    if source_timezone != "UTC" and columns.naive.any():
        _localise(micros, np.flatnonzero(columns.naive), source_timezone)
    known &= (micros >= _LOWEST) & (micros <= _HIGHEST)
    values = pl.Series(text.name, micros, pl.Int64)
    return values.set(pl.Series(~known), None).cast(UTC_MICROS) if not known.all() else values.cast(UTC_MICROS)


def parse_times_of_any(
    text: pl.Series, *, formats: Sequence[Format], source_timezone: str, zones: Mapping[str, str] = {}
) -> tuple[pl.Series, pl.Series]:
    """Return the times by the format that reads each text, and a mask of ambiguous texts.

    A text is ambiguous if two formats read it as different instants; its time is null.
    """
    read = [parse_times(text, format=f, source_timezone=source_timezone, zones=zones) for f in formats]
    first, *others = read
    ambiguous = pl.Series(np.zeros(len(text), bool))
    for other in others:
        ambiguous |= (first != other).fill_null(False)
        first = first.fill_null(other) if first.null_count() else first
    return (first.set(ambiguous, None) if ambiguous.any() else first), ambiguous


def event_dates(event_time: pl.Series, timezone: str) -> pl.Series:
    """The calendar date of each UTC time in a dataset's timezone: `event_date`."""
    return event_time.dt.convert_time_zone(timezone).dt.date().alias("event_date")


def _epoch(text: str, units: int) -> int | None:
    match = _EPOCH.fullmatch(text)
    if match is None:
        return None
    billionths = int(match["whole"].lstrip("-")) * 10**9 + int((match["fraction"] or "").ljust(9, "0"))
    micros = billionths * 10**6 // (units * 10**9)
    micros = -micros if text.startswith("-") else micros
    return micros if _LOWEST <= micros <= _HIGHEST else None


def _epochs(text: pl.Series, units: int) -> pl.Series:
    """Parse whole numbers as a column. Parse the few with a fraction or too many digits one at a time by `_epoch`."""
    whole = text.str.contains(r"^-?[0-9]{1,18}$").fill_null(False)
    numbers = text.set(~whole, None).cast(pl.Int64)
    if units > 10**6:
        finer = units // 10**6
        numbers = numbers.abs() // finer * numbers.sign()  # digits are cut off, not rounded down
    else:
        micros = 10**6 // units
        numbers = numbers.set((numbers < _LOWEST // micros) | (numbers > _HIGHEST // micros), None) * micros
    odd = text.is_not_null() & ~whole & text.str.contains(r"^-?[0-9]").fill_null(False)
    numbers = _by_rule(numbers, text, np.flatnonzero(odd.to_numpy()), lambda one: _epoch(one, units))
    return numbers.cast(UTC_MICROS).alias(text.name)


def _by_rule(numbers: pl.Series, text: pl.Series, rows: np.ndarray, rule: Callable[[str], int | None]) -> pl.Series:
    values = {int(row): rule(text[int(row)]) for row in rows}
    read = [row for row, value in values.items() if value is not None]
    return numbers.scatter(read, [values[row] for row in read]) if read else numbers


def _serial(text: str) -> dt.datetime | None:
    """An Excel date (days since 1899-12-30), to the millisecond."""
    match = _SERIAL.fullmatch(text)
    if match is None or int(match["days"]) < _FIRST_SERIAL:
        return None
    millis = (Decimal(f"0.{match['fraction'] or 0}") * _DAY_MILLIS).quantize(Decimal(1), ROUND_HALF_UP)
    try:
        return EPOCH_DAY + dt.timedelta(days=_SERIAL_ZERO + int(match["days"]), milliseconds=int(millis))
    except OverflowError:
        return None


def _read_serials(text: pl.Series, columns: TimeColumns) -> None:
    """Parse Excel's dates as a column. Parse dates whose rounding a float can't decide one at a time by `_serial`."""
    parts = text.str.extract_groups(rf"^{_SERIAL.pattern.replace('?P<', '?<')}$").struct.unnest()
    days = parts["days"].cast(pl.Int64)
    fraction = parts["fraction"].fill_null("")
    share = pl.select(pl.concat_str(pl.lit("0."), fraction, pl.lit("0"))).to_series().cast(pl.Float64)
    exact = (share * _DAY_MILLIS).to_numpy()
    columns.known[:] = (days >= _FIRST_SERIAL).fill_null(False).to_numpy()
    columns.naive[:] = columns.known
    millis = np.floor(exact + 0.5).astype(np.int64)
    whole = np.where(columns.known, days.fill_null(0).to_numpy(), 0) + _SERIAL_ZERO
    columns.micros[:] = (whole * _DAY_MILLIS + millis) * 1000
    for row in np.flatnonzero(columns.known & (np.abs(exact % 1 - 0.5) < 1e-6)):
        local = _serial(text[int(row)])
        columns.known[row] = local is not None
        columns.micros[row] = (local - EPOCH_DAY) // MICROSECOND if local else 0


def _offset(local: dt.datetime, timezone: str) -> int:
    """A naive local time's distance from UTC in microseconds, by PEP 495 with fold=0."""
    offset = local.replace(tzinfo=ZoneInfo(timezone)).utcoffset()
    assert offset is not None
    return offset // MICROSECOND


def _localise(micros: np.ndarray, rows: np.ndarray, timezone: str) -> None:
    """Turn local microseconds at these rows into UTC in place."""
    local = pl.Series(micros[rows]).cast(pl.Datetime("us"))
    utc = local.dt.replace_time_zone(timezone, ambiguous="earliest", non_existent="null").cast(pl.Int64)
    missing = np.flatnonzero(utc.is_null().to_numpy())
    micros[rows] = utc.fill_null(0).to_numpy()
    for place in missing:  # in a clock change's gap: as many as there are texts in that hour, mostly none
        value = local[int(place)]
        micros[rows[place]] = (value - EPOCH_DAY) // MICROSECOND - _offset(value, timezone)

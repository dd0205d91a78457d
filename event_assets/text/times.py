"""Times as sources write them, made microseconds in UTC (SPEC §4, Times).

`parse_time` is the rule, one text at a time. `parse_times` gives the same for a column: it takes the shape
of the first unread text (where its digits and marks stand), reads all texts of that shape at once as a
matrix of bytes, and goes on with the next shape; what is left after a few shapes is read by the rule.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

Format = Literal["iso", "epoch_seconds", "epoch_millis", "epoch_micros"]

UTC_MICROS = pl.Datetime("us", "UTC")
#: Trimmed from every text before it is read, as cleaning trims.
BLANKS = " \t\r\n"

_ISO = re.compile(
    r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)"
    r"(?:[T ](?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.(?P<fraction>\d{1,9}))?)?"
    r"(?P<zone>Z| ?UTC|(?P<sign>[+-])(?P<zone_hour>\d\d)(?::?(?P<zone_minute>\d\d))?)?)?",
    re.ASCII,
)
_NUMBERS = ("year", "month", "day", "hour", "minute", "second", "zone_hour", "zone_minute")
_EPOCH = re.compile(r"(?P<whole>-?\d{1,18})(?:\.(?P<fraction>\d{1,9}))?", re.ASCII)
_EPOCH_MICROS = {"epoch_seconds": 10**6, "epoch_millis": 10**3, "epoch_micros": 1}
#: So many forms of one length are read at once, and so many texts are asked for the next form.
_MAX_SHAPES = 12
_SAMPLES = 16
_EPOCH_DAY = dt.datetime(1970, 1, 1)
_MICROSECOND = dt.timedelta(microseconds=1)
#: Microseconds that both Python and Polars can show: years 1 to 9999.
_LOWEST = (dt.datetime(1, 1, 1) - _EPOCH_DAY) // _MICROSECOND
_HIGHEST = (dt.datetime(9999, 12, 31, 23, 59, 59, 999999) - _EPOCH_DAY) // _MICROSECOND


def parse_time(text: str, *, format: Format, source_timezone: str) -> int | None:
    """One time as microseconds since 1970-01-01 UTC, None where the text is not a time."""
    text = text.strip(BLANKS)
    if format != "iso":
        return _epoch(text, _EPOCH_MICROS[format])
    match = _ISO.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, zone_hour, zone_minute = (int(match[name] or 0) for name in _NUMBERS)
    if zone_hour > 23 or zone_minute > 59:
        return None
    try:
        local = dt.datetime(year, month, day, hour, minute, second, int((match["fraction"] or "").ljust(6, "0")[:6]))
    except ValueError:
        return None
    micros = (local - _EPOCH_DAY) // _MICROSECOND
    if match["sign"]:
        offset = (zone_hour * 60 + zone_minute) * 60_000_000
        micros += -offset if match["sign"] == "+" else offset
    elif match["zone"] is None:
        micros -= _offset(local, source_timezone)
    return micros if _LOWEST <= micros <= _HIGHEST else None


def parse_times(text: pl.Series, *, format: Format, source_timezone: str) -> pl.Series:
    """A column of texts as `Datetime("us", "UTC")` of the same name and length; null where there is not a time.

    Naive times are in `source_timezone`, in a gap or fold as PEP 495 reads them with fold=0. Digits beyond
    the microsecond are cut off.
    """
    plain = text.str.strip_chars(BLANKS)
    if format != "iso":
        return _epochs(plain, _EPOCH_MICROS[format])
    micros, known = np.zeros(len(plain), np.int64), np.zeros(len(plain), bool)
    naive = np.zeros(len(plain), bool)
    lengths = plain.str.len_bytes().fill_null(0).to_numpy()
    left: list[np.ndarray] = []
    for length in np.flatnonzero(np.bincount(lengths)):
        if length < len("2020-01-01"):
            continue  # shorter than any time
        rows = np.flatnonzero(lengths == length)
        whole = len(rows) == len(plain)
        left.append(_read_shapes(plain if whole else plain.gather(rows), rows, int(length), micros, known, naive))
    for row in np.concatenate(left) if left else ():
        value = parse_time(plain[int(row)], format="iso", source_timezone=source_timezone)
        if value is not None:
            micros[row], known[row] = value, True
    if source_timezone != "UTC" and naive.any():
        _localise(micros, np.flatnonzero(naive), source_timezone)
    known &= (micros >= _LOWEST) & (micros <= _HIGHEST)
    values = pl.Series(text.name, micros, pl.Int64)
    return values.set(pl.Series(~known), None).cast(UTC_MICROS) if not known.all() else values.cast(UTC_MICROS)


def event_dates(event_time: pl.Series, timezone: str) -> pl.Series:
    """The calendar date of each UTC time in a dataset's timezone: `event_date`."""
    return event_time.dt.convert_time_zone(timezone).dt.date().alias("event_date")


def _epoch(text: str, unit: int) -> int | None:
    match = _EPOCH.fullmatch(text)
    if match is None:
        return None
    fraction = int((match["fraction"] or "").ljust(9, "0")) * unit // 10**9
    micros = int(match["whole"]) * unit + (-fraction if text.startswith("-") else fraction)
    return micros if _LOWEST <= micros <= _HIGHEST else None


def _epochs(text: pl.Series, unit: int) -> pl.Series:
    """Whole numbers at once; the few with a fraction, or too long, by the rule."""
    whole = text.str.contains(r"^-?[0-9]{1,18}$").fill_null(False)
    numbers = text.set(~whole, None).cast(pl.Int64)
    numbers = numbers.set((numbers < _LOWEST // unit) | (numbers > _HIGHEST // unit), None) * unit
    odd = np.flatnonzero((~whole & text.is_not_null()).to_numpy())
    if len(odd):
        values = {int(row): _epoch(text[int(row)], unit) for row in odd}
        read = [row for row, value in values.items() if value is not None]
        numbers = numbers.scatter(read, [values[row] for row in read])
    return numbers.cast(UTC_MICROS).alias(text.name)


def _offset(local: dt.datetime, timezone: str) -> int:
    """A naive local time's distance from UTC in microseconds, by PEP 495 with fold=0."""
    offset = local.replace(tzinfo=ZoneInfo(timezone)).utcoffset()
    assert offset is not None
    return offset // _MICROSECOND


def _localise(micros: np.ndarray, rows: np.ndarray, timezone: str) -> None:
    """Turn local microseconds at these rows into UTC in place."""
    local = pl.Series(micros[rows]).cast(pl.Datetime("us"))
    utc = local.dt.replace_time_zone(timezone, ambiguous="earliest", non_existent="null").cast(pl.Int64)
    missing = np.flatnonzero(utc.is_null().to_numpy())
    micros[rows] = utc.fill_null(0).to_numpy()
    for place in missing:  # in a clock change's gap: as many as there are texts in that hour, mostly none
        value = local[int(place)]
        micros[rows[place]] = (value - _EPOCH_DAY) // _MICROSECOND - _offset(value, timezone)


@dataclass(frozen=True)
class _Shape:
    """Where the digits and marks of one form of time stand."""

    numbers: dict[str, tuple[int, int]]
    fraction: tuple[int, int] | None
    marks: list[tuple[int, int]]
    sign: int | None
    naive: bool


def _shape(text: str) -> _Shape | None:
    match = _ISO.fullmatch(text)
    if match is None:
        return None
    numbers = {name: match.span(name) for name in _NUMBERS if match[name]}
    fraction = match.span("fraction") if match["fraction"] else None
    sign = match.start("sign") if match["sign"] else None
    digits = {i for span in (*numbers.values(), fraction or (0, 0)) for i in range(*span)}
    marks = [(i, ord(text[i])) for i in range(len(text)) if i not in digits and i != sign]
    return _Shape(numbers, fraction, marks, sign, match["zone"] is None)


def _read_shapes(
    texts: pl.Series, rows: np.ndarray, length: int, micros: np.ndarray, known: np.ndarray, naive: np.ndarray
) -> np.ndarray:
    """Read texts of one length, shape after shape, into the arrays; the rows that no shape took."""
    matrix = _matrix(texts, length)
    for _ in range(_MAX_SHAPES):
        samples = range(0, len(rows), max(1, len(rows) // _SAMPLES))
        shape = next((s for i in samples if (s := _shape(bytes(matrix[i]).decode("latin-1")))), None)
        if shape is None:
            break
        fits, valid, values = _read(matrix, shape)
        taken = rows[fits]
        micros[taken], known[taken], naive[taken] = values[fits], valid[fits], valid[fits] & shape.naive
        if fits.all():
            return rows[:0]
        rows, matrix = rows[~fits], matrix[~fits]
    return rows


def _matrix(texts: pl.Series, length: int) -> np.ndarray:
    """The bytes of texts of one length, a row each."""
    array = texts.to_arrow()
    _, offsets, data = array.buffers()
    width: type[np.signedinteger] = np.int64 if str(array.type).startswith("large") else np.int32
    start = int(np.frombuffer(offsets, width)[array.offset])
    return np.frombuffer(data, np.uint8)[start : start + len(texts) * length].reshape(len(texts), length)


def _read(matrix: np.ndarray, shape: _Shape) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(rows of that shape, those of them that are a time, their microseconds, local where the shape is naive)."""
    fits = np.ones(len(matrix), bool)
    for place, mark in shape.marks:
        fits &= matrix[:, place] == mark
    if shape.sign is not None:
        fits &= (matrix[:, shape.sign] == ord("+")) | (matrix[:, shape.sign] == ord("-"))

    def number(span: tuple[int, int] | None) -> np.ndarray:
        value = np.zeros(len(matrix), np.int32)
        for place in range(*(span or (0, 0))):
            digit = matrix[:, place] - np.uint8(ord("0"))  # wraps: anything but a digit is above 9
            np.logical_and(fits, digit <= 9, out=fits)
            value *= 10
            value += digit
        return value

    parts = (number(shape.numbers.get(name)) for name in _NUMBERS)
    year, month, day, hour, minute, second, zone_hour, zone_minute = parts
    days, exists = _days(year, month, day)
    valid = fits & exists & (hour <= 23) & (minute <= 59) & (second <= 59) & (zone_hour <= 23) & (zone_minute <= 59)
    seconds = days * 86_400 + (hour * 3_600 + minute * 60 + second)
    if shape.sign is not None:
        offset = zone_hour * 3_600 + zone_minute * 60
        seconds -= np.where(matrix[:, shape.sign] == ord("+"), offset, -offset)
    micros = seconds * 1_000_000
    if shape.fraction:
        start, end = shape.fraction
        micros += number((start, min(end, start + 6))) * 10 ** max(0, 6 - (end - start))
        number((start + 6, end))  # finer digits are cut off, but digits they must be
        valid &= fits
    return fits, valid, micros


_MONTH_DAYS = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], np.int32)
_DAYS_BEFORE = np.array([0, 0, *np.cumsum(_MONTH_DAYS[1:-1])], np.int32)


def _days(year: np.ndarray, month: np.ndarray, day: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(days since 1970-01-01, whether there is such a date) in the proleptic Gregorian calendar, as Python's."""
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    real_month = (month >= 1) & (month <= 12)
    month = np.where(real_month, month, 1)
    exists = real_month & (year >= 1) & (day >= 1) & (day <= _MONTH_DAYS[month] + (leap & (month == 2)))
    before = year.astype(np.int64) - 1
    days = before * 365 + before // 4 - before // 100 + before // 400
    days += _DAYS_BEFORE[month] + (leap & (month > 2)) + day - 1 - 719_162
    return days, exists

"""Times as sources write them, made microseconds in UTC (SPEC §4, Times).

`parse_time` is the rule, one text at a time. `parse_times` gives the same for a column: it takes the shape
of the first unread text (where its digits, names and marks are), reads all texts of that shape at once as a
matrix of bytes, and goes on with the next shape; what is left after a few shapes is read by the rule.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from event_assets.text.time_forms import FIRST_OF_1900S, NAMES, TimeForm, read_form, time_form

Format = str
"""`iso`, `rfc2822`, `epoch_*`, `excel_serial`, or a strptime pattern (`time_forms.py`)."""

UTC_MICROS = pl.Datetime("us", "UTC")
#: Trimmed from every text before it is read, as cleaning trims.
BLANKS = " \t\r\n"

_NUMBERS = (
    *("year", "year2", "month", "day", "day_of_year", "hour", "hour12", "minute", "second"),
    *("zone_hour", "zone_minute"),
)
_EPOCH = re.compile(r"(?P<whole>-?[0-9]{1,19})(?:\.(?P<fraction>[0-9]{1,9}))?")
#: Units a second.
_EPOCH_UNITS = {"epoch_seconds": 1, "epoch_millis": 10**3, "epoch_micros": 10**6, "epoch_nanos": 10**9}
_SERIAL = re.compile(r"(?P<days>[0-9]{1,7})(?:\.(?P<fraction>[0-9]{0,30}))?")
#: Excel counts from here, and knows a day (60) that never was: what comes before 61 has two readings.
_SERIAL_ZERO = (dt.datetime(1899, 12, 30) - dt.datetime(1970, 1, 1)).days
_FIRST_SERIAL = 61
_DAY_MILLIS = 86_400_000
#: So many shapes of one length are read at once, and so many texts are looked at for the next shape.
_MAX_SHAPES = 12
_SAMPLES = 16
_EPOCH_DAY = dt.datetime(1970, 1, 1)
_MICROSECOND = dt.timedelta(microseconds=1)
#: Microseconds that both Python and Polars can show: years 1 to 9999.
_LOWEST = (dt.datetime(1, 1, 1) - _EPOCH_DAY) // _MICROSECOND
_HIGHEST = (dt.datetime(9999, 12, 31, 23, 59, 59, 999999) - _EPOCH_DAY) // _MICROSECOND


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
    micros = (local - _EPOCH_DAY) // _MICROSECOND
    micros -= _offset(local, source_timezone) if offset is None else offset * 1_000_000
    return micros if _LOWEST <= micros <= _HIGHEST else None


def parse_times(text: pl.Series, *, format: Format, source_timezone: str, zones: Mapping[str, str] = {}) -> pl.Series:
    """A column of texts as `Datetime("us", "UTC")` of the same name and length; null where a text is not a time.

    Naive times are in `source_timezone`, in a gap or fold as PEP 495 reads them with fold=0. Digits beyond
    the microsecond are cut off.
    """
    plain = text.str.strip_chars(BLANKS)
    if format in _EPOCH_UNITS:
        return _epochs(plain, _EPOCH_UNITS[format])
    columns = _Columns.of_nothing(len(plain))
    if format == "excel_serial":
        _read_serials(plain, columns)
    else:
        _read_form(plain, time_form(format, tuple(zones.items())), columns)
    micros, known = columns.micros, columns.known
    if source_timezone != "UTC" and columns.naive.any():
        _localise(micros, np.flatnonzero(columns.naive), source_timezone)
    known &= (micros >= _LOWEST) & (micros <= _HIGHEST)
    values = pl.Series(text.name, micros, pl.Int64)
    return values.set(pl.Series(~known), None).cast(UTC_MICROS) if not known.all() else values.cast(UTC_MICROS)


def parse_times_of_any(
    text: pl.Series, *, formats: Sequence[Format], source_timezone: str, zones: Mapping[str, str] = {}
) -> tuple[pl.Series, pl.Series]:
    """(the times as `parse_times` gives them, by whichever of the formats reads the text; which texts are ambiguous:
    two formats read them as two instants, and they have no time)."""
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
    """Whole numbers at once; the few with a fraction, or too long, by the rule."""
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
        return _EPOCH_DAY + dt.timedelta(days=_SERIAL_ZERO + int(match["days"]), milliseconds=int(millis))
    except OverflowError:
        return None


def _read_serials(text: pl.Series, columns: _Columns) -> None:
    """Excel's dates, all at once but for those whose rounding a float can't decide."""
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
        columns.micros[row] = (local - _EPOCH_DAY) // _MICROSECOND if local else 0


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
class _Columns:
    """What was read so far of a column of texts, row by row."""

    micros: np.ndarray
    known: np.ndarray
    naive: np.ndarray
    """Which of the known times are local ones of the source's timezone."""

    @classmethod
    def of_nothing(cls, rows: int) -> _Columns:
        return cls(np.zeros(rows, np.int64), np.zeros(rows, bool), np.zeros(rows, bool))


def _read_form(text: pl.Series, form: TimeForm, columns: _Columns) -> None:
    """Read all texts of a form: by their shapes, and what these leave by the rule."""
    lengths = text.str.len_bytes().fill_null(0).to_numpy()
    left: list[np.ndarray] = []
    for length in np.flatnonzero(np.bincount(lengths)) if len(text) else ():
        if length >= _SHORTEST:
            rows = np.flatnonzero(lengths == length)
            texts = text if len(rows) == len(text) else text.gather(rows)
            left.append(_read_shapes(texts, rows, int(length), form, columns))
    rows = np.concatenate(left) if left else np.empty(0, np.int64)
    if not len(rows):
        return
    likely = text.gather(rows).str.contains(f"^(?:{form.pattern.pattern})$").fill_null(False)
    for row in rows[likely.to_numpy()]:
        found = read_form(form, text[int(row)])
        if found is not None:
            local, offset = found
            columns.micros[row] = (local - _EPOCH_DAY) // _MICROSECOND - (offset or 0) * 1_000_000
            columns.known[row], columns.naive[row] = True, offset is None


#: `1Jan25`: no text that is shorter is a time.
_SHORTEST = 4


@dataclass(frozen=True)
class _Shape:
    """Where the digits, names and marks of one form of time are."""

    numbers: dict[str, tuple[int, int]]
    names: dict[str, tuple[int, int]]
    fraction: tuple[int, int] | None
    marks: list[tuple[int, int]]
    sign: int | None
    offset: int | None
    """Seconds east of UTC where the marks name a zone, and None where there is none; see `sign`."""


def _shape(text: str, form: TimeForm) -> _Shape | None:
    match = form.pattern.fullmatch(text)
    if match is None:
        return None
    spans = {name: match.span(name) for name, part in match.groupdict().items() if part is not None}
    numbers = {name: span for name, span in spans.items() if name in _NUMBERS}
    names = {name: span for name, span in spans.items() if name in NAMES}
    fraction, sign = spans.get("fraction"), spans["sign"][0] if "sign" in spans else None
    read = {i for span in (*numbers.values(), *names.values(), fraction or (0, 0)) for i in range(*span)}
    marks = [(i, ord(text[i])) for i in range(len(text)) if i not in read and i != sign]
    offset = form.zones[match["zone_name"]] if "zone_name" in spans else 0 if "zone" in spans else None
    return _Shape(numbers, names, fraction, marks, sign, offset)


def _read_shapes(texts: pl.Series, rows: np.ndarray, length: int, form: TimeForm, columns: _Columns) -> np.ndarray:
    """Read texts of one length, shape after shape, into the columns; the rows that no shape took."""
    matrix = _matrix(texts, length)
    for _ in range(_MAX_SHAPES):
        samples = range(0, len(rows), max(1, len(rows) // _SAMPLES))
        shape = next((s for i in samples if (s := _shape(bytes(matrix[i]).decode("latin-1"), form))), None)
        if shape is None:
            break
        fits, valid, values = _Reader(matrix, shape).read()
        taken = rows[fits]
        columns.micros[taken], columns.known[taken] = values[fits], valid[fits]
        columns.naive[taken] = valid[fits] & (shape.offset is None)
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


class _Reader:
    """Reads a matrix of texts by a shape."""

    def __init__(self, matrix: np.ndarray, shape: _Shape) -> None:
        self._matrix, self._shape = matrix, shape
        self._fits = np.ones(len(matrix), bool)

    def read(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(rows of that shape, those of them that are a time, their microseconds, local where the shape is naive)."""
        shape, matrix = self._shape, self._matrix
        for place, mark in shape.marks:
            self._fits &= matrix[:, place] == mark
        if shape.sign is not None:
            self._fits &= (matrix[:, shape.sign] == ord("+")) | (matrix[:, shape.sign] == ord("-"))
        days, valid = self._days()
        hour, in_day = self._hour()
        minute, second = self._number("minute"), self._number("second")
        valid &= in_day & (minute <= 59) & (second <= 59)
        for part in {"weekday", "weekday_short"} & shape.names.keys():
            valid &= (days + 3) % 7 == self._name(part)  # 1970-01-01 was a Thursday
        seconds = days * 86_400 + (hour * 3_600 + minute * 60 + second) - (shape.offset or 0)
        if shape.sign is not None:
            zone_hour, zone_minute = self._number("zone_hour"), self._number("zone_minute")
            valid &= (zone_hour <= 23) & (zone_minute <= 59)
            offset = zone_hour * 3_600 + zone_minute * 60
            seconds -= np.where(matrix[:, shape.sign] == ord("+"), offset, -offset)
        micros = seconds * 1_000_000
        if shape.fraction:
            start, end = shape.fraction
            micros += self._digits((start, min(end, start + 6))) * 10 ** max(0, 6 - (end - start))
            self._digits((start + 6, end))  # finer digits are cut off, but digits they must be
        return self._fits, valid & self._fits, micros

    def _number(self, part: str) -> np.ndarray:
        return self._digits(self._shape.numbers.get(part, (0, 0)))

    def _digits(self, span: tuple[int, int]) -> np.ndarray:
        value = np.zeros(len(self._matrix), np.int32)
        for place in range(*span):
            digit = self._matrix[:, place] - np.uint8(ord("0"))  # wraps: anything but a digit is above 9
            np.logical_and(self._fits, digit <= 9, out=self._fits)
            value *= 10
            value += digit
        return value

    def _name(self, part: str) -> np.ndarray:
        """The place of each row's name among those of a part, from 0, whatever its case."""
        start, end = self._shape.names[part]
        codes, places, last = _coded(part, end - start)
        code = np.zeros(len(self._matrix), np.int64)
        for place in range(start, min(end, start + 8)):
            code = code << 8 | (self._matrix[:, place] | 0x20)
        found = np.minimum(np.searchsorted(codes, code), len(codes) - 1)
        self._fits &= codes[found] == code
        if end - start > 8:
            self._fits &= (self._matrix[:, start + 8] | 0x20) == last[found]
        named: np.ndarray = places[found]
        return named

    def _days(self) -> tuple[np.ndarray, np.ndarray]:
        """(days since 1970-01-01, whether there is such a date)."""
        numbers = self._shape.numbers
        year = self._number("year")
        if "year2" in numbers:
            short = self._number("year2")
            year = short + np.where(short >= FIRST_OF_1900S, np.int32(1900), np.int32(2000))
        if "day_of_year" in numbers:
            day, one = self._number("day_of_year"), np.ones(len(year), np.int32)
            first, exists = _days(year, one, one)
            return first + day - 1, exists & (day >= 1) & (day <= 365 + _is_leap(year))
        [named] = {"month_name", "month_short"} & self._shape.names.keys() or {""}
        month = self._name(named) + 1 if named else self._number("month")
        return _days(year, month, self._number("day"))

    def _hour(self) -> tuple[np.ndarray, np.ndarray]:
        """(the hour from 0 to 23, whether there is such an hour)."""
        afternoon = self._name("half") == 1 if "half" in self._shape.names else None
        if "hour12" in self._shape.numbers:
            hour = self._number("hour12")
            assert afternoon is not None
            return hour % 12 + 12 * afternoon.astype(np.int32), (hour >= 1) & (hour <= 12)
        hour = self._number("hour")
        return hour, (hour <= 23) & ((hour >= 12) == afternoon if afternoon is not None else True)


@lru_cache
def _coded(part: str, length: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(the first 8 letters of each name of that length as numbers, in order; its place in the part; its 9th letter)."""
    names = [(name.encode(), at) for at, name in enumerate(NAMES[part]) if len(name) == length]
    coded = sorted((int.from_bytes(name[:8]), at, ord(name[8:] or b" ")) for name, at in names)
    codes, places, last = zip(*coded, strict=True)
    return np.array(codes, np.int64), np.array(places, np.int32), np.array(last, np.uint8)


_MONTH_DAYS = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], np.int32)
_DAYS_BEFORE = np.array([0, 0, *np.cumsum(_MONTH_DAYS[1:-1])], np.int32)


def _is_leap(year: np.ndarray) -> np.ndarray:
    leap: np.ndarray = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    return leap


def _days(year: np.ndarray, month: np.ndarray, day: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(days since 1970-01-01, whether there is such a date) in the proleptic Gregorian calendar, as Python's."""
    leap = _is_leap(year)
    real_month = (month >= 1) & (month <= 12)
    month = np.where(real_month, month, 1)
    exists = real_month & (year >= 1) & (day >= 1) & (day <= _MONTH_DAYS[month] + (leap & (month == 2)))
    before = year.astype(np.int64) - 1
    days = before * 365 + before // 4 - before // 100 + before // 400
    days += _DAYS_BEFORE[month] + (leap & (month > 2)) + day - 1 - 719_162
    return days, exists

"""Parses a column of texts to times. Texts of the same shape (pattern of digits and other characters) are parsed
together.

The shape of a text is where its digits, names and marks are. All texts of the shape of the first unread one are read at
once as a matrix of bytes, then those of the next shape. After a few shapes `time_formats.read_form` reads what is left.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import polars as pl

from event_assets.text.time_formats import FIRST_OF_1900S, NAMES, TimeForm, read_form

EPOCH_DAY = dt.datetime(1970, 1, 1)
MICROSECOND = dt.timedelta(microseconds=1)
_NUMBERS = (
    *("year", "year2", "month", "day", "day_of_year", "hour", "hour12", "minute", "second"),
    *("zone_hour", "zone_minute"),
)
#: At most this number of shapes of one length are read at once; this number of texts is tried for the next shape.
_MAX_SHAPES = 12
_SAMPLES = 16


@dataclass(frozen=True)
class TimeColumns:
    """What was read so far of a column of texts, row by row; `micros` since 1970-01-01."""

    micros: np.ndarray
    known: np.ndarray
    naive: np.ndarray
    """Which of the known times are local ones of the source's timezone."""

    @classmethod
    def of_nothing(cls, rows: int) -> TimeColumns:
        return cls(np.zeros(rows, np.int64), np.zeros(rows, bool), np.zeros(rows, bool))


def read_column(text: pl.Series, form: TimeForm, columns: TimeColumns) -> None:
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
            columns.micros[row] = (local - EPOCH_DAY) // MICROSECOND - (offset or 0) * 1_000_000
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
    """Seconds east of UTC if the marks name a zone; None without a zone. See `sign`."""


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


def _read_shapes(texts: pl.Series, rows: np.ndarray, length: int, form: TimeForm, columns: TimeColumns) -> np.ndarray:
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
        """(which rows have the shape, which of these are times, their microseconds: local if the shape is naive)."""
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
        """The position of each row's name among the names of a part, from 0, in any case."""
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

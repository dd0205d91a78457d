from __future__ import annotations

import datetime as dt

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_assets.text.times import Format, event_dates, parse_time, parse_times

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia"]


def utc(*parts: int) -> dt.datetime:
    return dt.datetime(*parts, tzinfo=dt.UTC)  # type: ignore[misc, arg-type]


def parse(text: str, format: Format = "iso", source_timezone: str = "UTC") -> dt.datetime | None:
    value: dt.datetime | None = parse_times(pl.Series([text]), format=format, source_timezone=source_timezone)[0]
    return value


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2024-01-02T03:04:05", utc(2024, 1, 2, 3, 4, 5)),
        ("2024-01-02 03:04:05", utc(2024, 1, 2, 3, 4, 5)),
        ("2024-01-02T03:04", utc(2024, 1, 2, 3, 4)),
        ("2024-01-02", utc(2024, 1, 2)),
        ("2024-02-29", utc(2024, 2, 29)),
        ("2024-01-02T03:04:05Z", utc(2024, 1, 2, 3, 4, 5)),
        ("2024-01-02 03:04:05 UTC", utc(2024, 1, 2, 3, 4, 5)),
        ("2024-01-02 03:04:05UTC", utc(2024, 1, 2, 3, 4, 5)),
        ("2024-01-02T03:04:05+02", utc(2024, 1, 2, 1, 4, 5)),
        ("2024-01-02T03:04:05+0230", utc(2024, 1, 2, 0, 34, 5)),
        ("2024-01-02T03:04:05-05:30", utc(2024, 1, 2, 8, 34, 5)),
        ("2024-01-02T03:04Z", utc(2024, 1, 2, 3, 4)),
        ("2024-01-02T03:04:05.1", utc(2024, 1, 2, 3, 4, 5, 100_000)),
        ("2024-01-02T03:04:05.123456Z", utc(2024, 1, 2, 3, 4, 5, 123_456)),
        ("2024-01-02T03:04:05.999999999", utc(2024, 1, 2, 3, 4, 5, 999_999)),
        (" 2024-01-02\t", utc(2024, 1, 2)),
    ],
)
def test_iso_times_are_read_to_the_microsecond(text: str, time: dt.datetime) -> None:
    assert parse(text) == time


@pytest.mark.parametrize(
    "text",
    [
        "invalid-date5T12:33:00",
        "2024-01-02T24:00:00",
        "2024-01-02T23:59:60",
        "2024-01-02T23:60:00",
        "2023-02-29",
        "2024-02-30",
        "2024-13-01",
        "2024-00-01",
        "0000-01-01",
        "2024-1-2",
        "2024-01-02t03:04:05",
        "2024-01-02T03:04:05z",
        "2024-01-02T03",
        "2024-01-02T03:04:05.",
        "2024-01-02T03:04:05.1234567890",
        "2024-01-02T03:04.5",
        "2024-01-02T03:04:05 Z",
        "2024-01-02T03:04:05+24:00",
        "2024-01-02T03:04:05+02:60",
        "2024-01-02Z",
        "2024-01-02  03:04:05",
        "٢٠٢٤-01-02",
        "2024/01/02",
        "1704164645",
        "",
    ],
)
def test_nothing_else_is_a_time(text: str) -> None:
    assert parse(text) is None


def test_naive_times_are_in_the_source_timezone_with_fold_0() -> None:
    texts = pl.Series(["2024-03-31T02:30:00", "2024-10-27T02:30:00", "2024-07-01T00:00:00", "2024-07-01T00:00:00Z"])
    assert parse_times(texts, format="iso", source_timezone="Europe/Berlin").to_list() == [
        utc(2024, 3, 31, 1, 30),  # in the gap: by the offset before it
        utc(2024, 10, 27, 0, 30),  # in the fold: the first of the two
        utc(2024, 6, 30, 22),
        utc(2024, 7, 1),
    ]


@pytest.mark.parametrize(
    ("text", "format", "time"),
    [
        ("1704164645", "epoch_seconds", utc(2024, 1, 2, 3, 4, 5)),
        ("1704164645.25", "epoch_seconds", utc(2024, 1, 2, 3, 4, 5, 250_000)),
        ("1704164645123", "epoch_millis", utc(2024, 1, 2, 3, 4, 5, 123_000)),
        ("1704164645123456", "epoch_micros", utc(2024, 1, 2, 3, 4, 5, 123_456)),
        ("-1", "epoch_seconds", utc(1969, 12, 31, 23, 59, 59)),
        ("999999999999999999", "epoch_seconds", None),
        ("9" * 30, "epoch_micros", None),
        ("1e9", "epoch_seconds", None),
        ("2024-01-02", "epoch_seconds", None),
    ],
)
def test_epochs_are_read_where_they_are_declared(text: str, format: Format, time: dt.datetime | None) -> None:
    assert parse(text, format) == time


def test_a_null_stays_null_among_many_shapes() -> None:
    texts = pl.Series([None, "2024-01-02", "nonsense", "2024-01-02T03:04", None, "x" * 19], dtype=pl.String)
    read = parse_times(texts, format="iso", source_timezone="UTC").to_list()
    assert read == [None, utc(2024, 1, 2), None, utc(2024, 1, 2, 3, 4), None, None]


_DIGITS = st.integers(0, 99).map("{:02}".format)
_TIMES = st.builds(
    "".join,
    st.tuples(
        st.sampled_from(["2024-", "1999-", "0001-", "9999-", "24-"]),
        st.sampled_from(["01", "02", "12", "13", "00"]),
        st.just("-"),
        st.sampled_from(["01", "28", "29", "31", "32"]),
        st.sampled_from(["", "T", " ", "t"]),
        st.one_of(st.just(""), st.builds("{}:{}".format, _DIGITS, _DIGITS)),
        st.one_of(st.just(""), _DIGITS.map(":{}".format)),
        st.one_of(st.just(""), st.from_regex(r"\A\.[0-9]{1,10}\Z")),
        st.sampled_from(["", "Z", " UTC", "UTC", "+02", "-0530", "+14:00", "+99:00", "z"]),
    ),
)
_SENSIBLE = st.datetimes(dt.datetime(1950, 1, 1), dt.datetime(2036, 1, 1)).map(lambda time: time.isoformat(" "))
_SPRING = st.datetimes(dt.datetime(2024, 3, 31), dt.datetime(2024, 4, 1)).map(lambda time: time.isoformat())
_SKIPPED_DAY = st.datetimes(dt.datetime(2011, 12, 29), dt.datetime(2012, 1, 1)).map(lambda time: time.isoformat())


@given(
    st.lists(st.one_of(_TIMES, _SENSIBLE, _SPRING, _SKIPPED_DAY, st.text(max_size=30), st.none()), max_size=40),
    st.sampled_from(ZONES),
)
def test_a_column_is_read_as_its_texts_one_by_one(texts: list[str | None], zone: str) -> None:
    expected = [None if t is None else parse_time(t, format="iso", source_timezone=zone) for t in texts]
    read = parse_times(pl.Series("at", texts, pl.String), format="iso", source_timezone=zone)
    assert read.cast(pl.Int64).to_list() == expected


@given(
    st.lists(st.one_of(st.from_regex(r"\A-?[0-9]{1,20}(\.[0-9]{1,10})?\Z"), st.text(max_size=9), st.none())),
    st.sampled_from(["epoch_seconds", "epoch_millis", "epoch_micros"]),
)
def test_a_column_of_epochs_is_read_as_its_texts_one_by_one(texts: list[str | None], format: Format) -> None:
    expected = [None if t is None else parse_time(t, format=format, source_timezone="UTC") for t in texts]
    read = parse_times(pl.Series("at", texts, pl.String), format=format, source_timezone="UTC")
    assert read.cast(pl.Int64).to_list() == expected


def test_the_date_is_read_off_in_the_datasets_timezone() -> None:
    times = pl.Series([utc(2024, 1, 1, 23, 30)], dtype=pl.Datetime("us", "UTC"))
    assert event_dates(times, "Europe/Berlin").to_list() == [dt.date(2024, 1, 2)]
    assert event_dates(times, "UTC").to_list() == [dt.date(2024, 1, 1)]

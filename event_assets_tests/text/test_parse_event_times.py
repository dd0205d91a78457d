from __future__ import annotations

import datetime as dt

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_assets.text.parse_event_times import Format, event_dates, parse_time, parse_times, parse_times_of_any
from event_assets.text.time_formats import time_form

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
        ("2024-01-02 03:04:05 Z", utc(2024, 1, 2, 3, 4, 5)),
        ("2024-01-02 03:04:05 +0100", utc(2024, 1, 2, 2, 4, 5)),
        ("2024-01-02 03:04:05.5 -05:30", utc(2024, 1, 2, 8, 34, 5, 500_000)),
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
        "2024-01-02T03:04:05  Z",
        "2024-01-02 Z",
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
        ("1704164645123456789", "epoch_nanos", utc(2024, 1, 2, 3, 4, 5, 123_456)),
        ("-1999", "epoch_nanos", utc(1969, 12, 31, 23, 59, 59, 999_999)),
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
        st.sampled_from(["", "Z", " Z", " UTC", "UTC", " +0100", "+02", "-0530", "+14:00", "+99:00", "z"]),
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
    st.sampled_from(["epoch_seconds", "epoch_millis", "epoch_micros", "epoch_nanos", "excel_serial"]),
)
def test_a_column_of_epochs_is_read_as_its_texts_one_by_one(texts: list[str | None], format: Format) -> None:
    expected = [None if t is None else parse_time(t, format=format, source_timezone="UTC") for t in texts]
    read = parse_times(pl.Series("at", texts, pl.String), format=format, source_timezone="UTC")
    assert read.cast(pl.Int64).to_list() == expected


@pytest.mark.parametrize(
    ("text", "format", "time"),
    [
        ("01.06.2025 08:00", "%d.%m.%Y %H:%M", utc(2025, 6, 1, 8)),
        ("1.6.2025 8:00", "%d.%m.%Y %H:%M", utc(2025, 6, 1, 8)),
        ("20250601080059", "%Y%m%d%H%M%S", utc(2025, 6, 1, 8, 0, 59)),
        ("2025061 80059", "%Y%m%d%H%M%S", None),
        ("01.06.25", "%d.%m.%y", utc(2025, 6, 1)),
        ("01.06.68", "%d.%m.%y", utc(2068, 6, 1)),
        ("01.06.69", "%d.%m.%y", utc(1969, 6, 1)),
        ("06/01/2025 12:00 AM", "%m/%d/%Y %I:%M %p", utc(2025, 6, 1)),
        ("06/01/2025 12:00 pm", "%m/%d/%Y %I:%M %p", utc(2025, 6, 1, 12)),
        ("06/01/2025 13:00 PM", "%m/%d/%Y %I:%M %p", None),
        ("06/01/2025 00:00 AM", "%m/%d/%Y %I:%M %p", None),
        ("06/01/2025 13:00 PM", "%m/%d/%Y %H:%M %p", utc(2025, 6, 1, 13)),
        ("06/01/2025 13:00 AM", "%m/%d/%Y %H:%M %p", None),
        ("10/Oct/2000:13:55:36 -0700", "%d/%b/%Y:%H:%M:%S %z", utc(2000, 10, 10, 20, 55, 36)),
        ("1 September 2025", "%d %B %Y", utc(2025, 9, 1)),
        ("1 Sep 2025", "%d %B %Y", None),
        ("1 september 2025", "%d %b %Y", None),
        ("Sunday 1 JUN 2025", "%A %d %b %Y", utc(2025, 6, 1)),
        ("Monday 1 Jun 2025", "%A %d %b %Y", None),
        ("2025-060", "%Y-%j", utc(2025, 3, 1)),
        ("2025-366", "%Y-%j", None),
        ("2024-366", "%Y-%j", utc(2024, 12, 31)),
        ("2025-06-01 08:00:60", "%Y-%m-%d %H:%M:%S", None),
        ("2025-06-01 24:00:00", "%Y-%m-%d %H:%M:%S", None),
        ("2025-06-01 08:00:00.123456789", "%Y-%m-%d %H:%M:%S.%f", utc(2025, 6, 1, 8, 0, 0, 123_456)),
        ("2025-06-01 08:00:00 extra", "%Y-%m-%d %H:%M:%S", None),
        ("2025-06-01 08:00 PST", "%Y-%m-%d %H:%M %Z", utc(2025, 6, 1, 16)),
        ("2025-06-01 08:00 GMT", "%Y-%m-%d %H:%M %Z", utc(2025, 6, 1, 8)),
        ("2025-06-01 08:00 CET", "%Y-%m-%d %H:%M %Z", None),
        ("\u06601.06.2025", "%d.%m.%Y", None),
        ("Sun, 01 Jun 2025 08:00:00 +0200", "rfc2822", utc(2025, 6, 1, 6)),
        ("1 Jun 2025 08:00 EST", "rfc2822", utc(2025, 6, 1, 13)),
        ("Mon, 01 Jun 2025 08:00:00 +0200", "rfc2822", None),
        ("45809", "excel_serial", utc(2025, 6, 1)),
        ("45809.3333333333", "excel_serial", utc(2025, 6, 1, 8)),
        ("45809.5", "excel_serial", utc(2025, 6, 1, 12)),
        ("61", "excel_serial", utc(1900, 3, 1)),
        ("60.9", "excel_serial", None),
        ("9999999", "excel_serial", None),
        ("-45809", "excel_serial", None),
    ],
)
def test_times_are_read_by_a_declared_format(text: str, format: str, time: dt.datetime | None) -> None:
    zones = {"PST": "-08:00"}
    assert parse_times(pl.Series([text]), format=format, source_timezone="UTC", zones=zones)[0] == time
    micros = parse_time(text, format=format, source_timezone="UTC", zones=zones)
    assert micros == (time and (time - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1))


_PATTERNS = [
    *("%d.%m.%Y %H:%M", "%m/%d/%y %I:%M:%S %p", "%d/%b/%Y:%H:%M:%S %z", "%A, %d %B %Y %H:%M:%S.%f", "%Y%m%d%H%M%S"),
    *(
        "%a %b %d %H:%M:%S %Y",
        "%Y-%m-%d %H:%M %Z",
        "%j.%Y %H",
        "%B %d %Y %p %I",
        "%H:%M %p %d%b%y",
        "%Y-%m-%dT%H:%M:%S%z",
    ),
]


def _written(time: dt.datetime, pattern: str, short: bool) -> str:
    text = time.strftime(pattern)
    return text.replace("/0", "/").replace(".0", ".").replace(" 0", " ") if short else text


@given(st.data(), st.sampled_from([*_PATTERNS, "rfc2822"]), st.sampled_from(ZONES))
def test_a_column_of_a_declared_format_is_read_as_its_texts_one_by_one(
    data: st.DataObject, format: str, zone: str
) -> None:
    writer = "%a, %d %b %Y %H:%M:%S %z" if format == "rfc2822" else format
    times = st.datetimes(dt.datetime(1969, 1, 1), dt.datetime(2068, 1, 1), timezones=st.just(dt.UTC))
    alike = st.builds(_written, times, st.just(writer), st.booleans())
    broken = st.builds(
        lambda text, at, char: text[:at] + char + text[at + 1 :], alike, st.integers(0, 20), st.sampled_from("09Az /")
    )
    texts = data.draw(st.lists(st.one_of(alike, broken, st.text(max_size=20), st.none()), max_size=40))
    expected = [None if t is None else parse_time(t, format=format, source_timezone=zone) for t in texts]
    read = parse_times(pl.Series("at", texts, pl.String), format=format, source_timezone=zone)
    assert read.cast(pl.Int64).to_list() == expected


@given(
    st.sampled_from(_PATTERNS),
    st.datetimes(dt.datetime(1970, 1, 1), dt.datetime(2038, 1, 1), timezones=st.just(dt.UTC)),
)
def test_what_pythons_strftime_writes_is_read_back_as_its_strptime_reads_it(pattern: str, time: dt.datetime) -> None:
    text = time.strftime(pattern)
    python = dt.datetime.strptime(text, pattern)  # noqa: DTZ007
    python = python.replace(tzinfo=python.tzinfo or dt.UTC)
    assert parse(text, pattern) == python


@pytest.mark.parametrize(
    ("format", "culprit"),
    [
        ("german", "is not a format"),
        ("%d.%m.%Y %T", "write %H:%M:%S instead"),
        ("%d.%m.%Y %I:%M", "%I without %p"),
        ("%d.%m", "is not a whole date"),
        ("%d.%m.%Y %d", "has the day twice"),
        ("%d.%m.%Y %y", "has the year twice"),
        ("%d.%m.%Y %M", "has the minute but not the hour"),
        ("%d.%m.%Y %", "which is not supported"),
        ("100%%%d.%m.%Y", "which is not supported"),
    ],
)
def test_a_pattern_that_does_not_tell_one_instant_is_refused(format: str, culprit: str) -> None:
    with pytest.raises(ValueError, match=culprit):
        time_form(format)


def test_a_text_that_two_formats_read_as_two_instants_is_ambiguous() -> None:
    texts = pl.Series(["01/02/2025", "02/02/2025", "13/02/2025", "02/13/2025", None, "2025-02-01", "nonsense"])
    for formats in (["%d/%m/%Y", "%m/%d/%Y", "iso"], ["iso", "%m/%d/%Y", "%d/%m/%Y"]):
        times, ambiguous = parse_times_of_any(texts, formats=formats, source_timezone="UTC")
        february = [dt.date(2025, 2, 2), dt.date(2025, 2, 13), dt.date(2025, 2, 13), None, dt.date(2025, 2, 1)]
        assert times.dt.date().to_list() == [None, *february, None]
        assert ambiguous.to_list() == [True, *[False] * 6]


def test_the_date_is_read_off_in_the_datasets_timezone() -> None:
    times = pl.Series([utc(2024, 1, 1, 23, 30)], dtype=pl.Datetime("us", "UTC"))
    assert event_dates(times, "Europe/Berlin").to_list() == [dt.date(2024, 1, 2)]
    assert event_dates(times, "UTC").to_list() == [dt.date(2024, 1, 1)]

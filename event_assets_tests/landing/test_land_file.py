from __future__ import annotations

import datetime as dt
import gzip
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from event_assets.errors import LandingError
from event_assets.landing.inbox import identify
from event_assets.landing.land_file import land_file
from event_assets.landing.unpack import Limits
from event_assets.tables.catalog import tables
from event_assets.text.dates_in_file_names import file_date
from event_assets_tests.landing.conftest import Land
from event_assets_tests.landing.tiny import LANDED_AT, declare

HEADER = "user_id,event_type,value,at\n"


def test_records_are_parted_by_date_in_the_columns_of_the_contract(land: Land) -> None:
    dataset = declare()
    rows = "1,a,,2024-01-03\n2,b,,2024-01-02T23:59\n3,c,,2024-01-03T10:00\n"
    landed = land(HEADER + rows, dataset).landed
    assert landed.dates == {dt.date(2024, 1, 2): 1, dt.date(2024, 1, 3): 2}
    assert list(landed.parts) == list(landed.dates)
    third = pl.read_parquet(landed.parts[dt.date(2024, 1, 3)])
    assert third.schema == tables(dataset)["raw_events"].polars_schema()
    assert third.select("file_id", "row_number", "user_id").rows() == [
        (landed.file_id, 1, "1"),
        (landed.file_id, 3, "3"),
    ]
    compressions = {pq.ParquetFile(path).metadata.row_group(0).column(0).compression for path in landed.parts.values()}
    assert compressions == {"SNAPPY"}


def test_the_date_is_that_of_the_datasets_timezone(land: Land) -> None:
    dataset = declare(timezone="Europe/Berlin", source_timezone="America/New_York")
    landed = land(HEADER + "1,a,,2024-01-02T17:59\n2,b,,2024-01-02T18:00\n", dataset).landed
    assert landed.dates == {dt.date(2024, 1, 2): 1, dt.date(2024, 1, 3): 1}


def test_records_without_a_usable_time_are_rejected_with_their_own_text(land: Land) -> None:
    rows = ["1,a,,", "2,b,, ", "3,c,,invalid-date5T12:33:00", '4,"d",,2019-12-31T23:59:59', "5,e,,2024-01-11T12:00:01"]
    rows += ["6,f,,2020-01-01", "7,g,,2024-01-11T12:00:00"]
    dataset = declare()
    outcome = land(HEADER + "\r\n".join(rows) + "\r\n", dataset)
    assert outcome.values("row_number") == [(6,), (7,)]
    assert outcome.rejects == [
        (1, "missing_timestamp", "at", rows[0]),
        (2, "missing_timestamp", "at", rows[1]),
        (3, "invalid_timestamp", "at", rows[2]),
        (4, "out_of_range", "at", rows[3]),
        (5, "out_of_range", "at", rows[4]),
    ]
    assert outcome.landed.reasons == {"invalid_timestamp": 1, "missing_timestamp": 2, "out_of_range": 2}
    rejects = pl.read_parquet(outcome.landed.rejects or "")
    assert rejects.schema == tables(dataset)["landing_rejects"].polars_schema()
    assert rejects["reasons"].equals(rejects["reason"].alias("reasons"))


def test_a_missing_time_is_the_date_of_the_files_name_where_that_is_declared(land: Land) -> None:
    dataset = declare(events__time={"source": "at", "missing_time": "file_date"}, timezone="Europe/Berlin")
    rows = "1,a,,\n2,b,,2024-01-02T00:00\n3,c,,nonsense\n"
    outcome = land(HEADER + rows, dataset, name="events_20240105.csv")
    assert outcome.values("user_id", "event_time", "time_assumed") == [
        ("1", dt.datetime(2024, 1, 4, 23, tzinfo=dt.UTC), True),
        ("2", dt.datetime(2024, 1, 2, tzinfo=dt.UTC), False),
    ]
    assert outcome.landed.reasons == {"invalid_timestamp": 1}
    assert land(HEADER + rows, dataset, name="events.csv").landed.reasons["missing_timestamp"] == 1


@pytest.mark.parametrize(
    ("name", "date"),
    [
        ("user_events_20231026.json", dt.date(2023, 10, 26)),
        ("Dataset_2024-02-29.csv.gz", dt.date(2024, 2, 29)),
        ("a_2023-02-29_20230301.csv", dt.date(2023, 3, 1)),
        ("a_202310261.csv", None),
        ("a_2023-1026.csv", None),
    ],
)
def test_the_date_of_a_name_is_its_first_real_one(name: str, date: dt.date | None) -> None:
    assert file_date(name) == date


def test_declared_null_values_of_the_time_are_missing_times(land: Land) -> None:
    columns = [
        {"name": "user_id", "description": "x"},
        {"name": "event_type", "description": "x"},
        {"name": "at_text", "source": "at", "null_values": ["NULL"], "description": "x"},
    ]
    outcome = land("user_id,event_type,at\n1,a,NULL\n2,b,null\n", declare(columns=columns))
    assert [reject[:3] for reject in outcome.rejects] == [
        (1, "missing_timestamp", "at_text"),
        (2, "invalid_timestamp", "at_text"),
    ]


def test_fail_fast_stops_at_the_first_reject_and_leaves_nothing(land: Land, tmp_path: Path) -> None:
    with pytest.raises(LandingError, match=r"^events\.csv: record 2 is refused \(invalid_timestamp\) .*fail_fast"):
        land(HEADER + "1,a,,2024-01-02\n2,b,,never\n3,c\n", declare(mode="fail_fast"))
    assert list((tmp_path / "staged").iterdir()) == []


def test_a_file_that_changed_since_it_was_identified_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_text(HEADER)
    identity = identify(path)
    path.write_text(HEADER + "1,a,,2024-01-02\n")
    with pytest.raises(LandingError, match="still being written"):
        land_file(
            declare(), "events", path, "events.csv", identity, tmp_path / "s", landed_at=LANDED_AT, memory_bytes=2**20
        )


def test_profiles_land_in_one_part_without_times(land: Land) -> None:
    dataset = declare()
    outcome = land("user_id,name\n1,Ann\n2,\n", dataset, name="users.csv", kind="profiles")
    assert list(outcome.landed.parts) == [None]
    assert outcome.landed.dates == {}
    assert outcome.rows.schema == tables(dataset)["raw_profiles"].polars_schema()
    assert outcome.values("row_number", "user_id", "extra") == [(1, "1", '{"name":"Ann"}'), (2, "2", None)]


def test_rows_that_exceed_the_memory_are_spilled_and_give_the_same_tables(land: Land, tmp_path: Path) -> None:
    days = [f"2024-01-0{number % 9 + 1}" for number in range(100_000)]
    rows = "".join(f"{number},a,{'x' * (number % 50)},{day}\n" for number, day in enumerate(days))
    content = HEADER + rows + "bad\n" * 1000
    whole = land(content, declare())
    everything = whole.rows, whole.rejects, whole.landed.dates
    spilled = land(content, declare(), memory_bytes=4)
    assert spilled.rows.equals(everything[0])
    assert (spilled.rejects, spilled.landed.dates) == everything[1:]
    assert sorted((tmp_path / "staged").iterdir()) == sorted([*spilled.landed.parts.values(), spilled.landed.rejects])


def test_lines_that_are_quoted_as_a_whole_are_unwrapped(land: Land) -> None:
    dataset = declare(events__lines="quoted_whole")
    lines = [
        '"user_id,event_type,value,at"',
        '"1,""a, b"",,2024-01-02"',
        '2,"b",,2024-01-02',
        '"3","c","","2024-01-02"',
    ]
    outcome = land("\ufeff" + "\r\n".join(lines), dataset)
    assert outcome.values("row_number", "user_id", "event_type") == [(1, "1", "a, b"), (2, "2", "b"), (3, "3", "c")]
    assert outcome.landed.repairs == ("bom removed", "lines: quoted_whole")


def test_a_line_beyond_the_limit_stays_too_long_when_lines_are_unwrapped(land: Land) -> None:
    dataset = declare(events__lines="quoted_whole", events__max_record_bytes=1024)
    content = '"user_id,at"\n"1,2024-01-02"\n"2,' + "x" * 5_000_000 + '"\n"3,2024-01-02"\n'
    outcome = land(content, dataset)
    assert outcome.values("row_number", "user_id") == [(1, "1"), (3, "3")]
    assert [reject[:2] for reject in outcome.rejects] == [(2, "record_too_long")]


def test_another_encoding_is_read_as_declared(land: Land) -> None:
    rows = "1,café €,,2024-01-02\n2,b,,2024-01-02\n"
    for encoding in ("cp1252", "utf-16", "utf-16-le"):
        outcome = land((HEADER + rows).encode(encoding), declare(events__encoding=encoding))
        assert outcome.values("row_number", "event_type") == [(1, "café €"), (2, "b")]
        assert outcome.landed.repairs == (f"encoding: {encoding}",)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_file_without_a_byte_order_mark_shows_its_order(land: Land, encoding: str, mark: str) -> None:
    content = (mark + HEADER + "1,café €,,2024-01-02\n2,имя,,2024-01-02\n").encode(encoding)
    for declared in (encoding[:6], encoding, "detect"):
        outcome = land(content, declare(events__encoding=declared))
        assert outcome.values("row_number", "event_type") == [(1, "café €"), (2, "имя")]
        assert outcome.rejects == []


@pytest.mark.parametrize("form", ["csv", "json", "ndjson"])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32", "utf-32-le"])
def test_wide_text_without_a_declared_encoding_names_it_in_every_format(land: Land, form: str, encoding: str) -> None:
    content = HEADER + "1,a,,2024-01-02\n" if form == "csv" else '[{"user": 1, "at": "2024-01-02"}]'
    reason = land(content.encode(encoding), declare(events__format=form)).landed.reason
    assert reason == f"unreadable: looks like {encoding[:6].upper()}; declare encoding: {encoding}, or detect"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "idna"])
def test_a_file_that_is_not_in_the_declared_encoding_is_one_rejected_file(land: Land, encoding: str) -> None:
    content = (HEADER + "1," + "é" * 100 + ",,2024-01-02\n").encode()
    reason = land(content, declare(events__encoding=encoding)).landed.reason
    assert reason is not None
    assert reason.startswith(f"unreadable: can't be decoded as {encoding} (")
    assert reason.endswith("; declare encoding: detect, or the encoding it has")


def test_a_record_that_its_encoding_does_not_know_is_not_utf8(land: Land) -> None:
    content = HEADER.encode() + b"1,\x81,,2024-01-02\n2,b\xe9,,2024-01-02\n"
    outcome = land(content, declare(events__encoding="cp1252"))
    assert outcome.values("row_number", "event_type") == [(2, "bé")]
    assert [reject[:2] for reject in outcome.rejects] == [(1, "not_utf8")]


ROWS = "".join(f"{number},a,{number * 7919},2024-01-02\n" for number in range(1, 5001))


def zstd(content: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    return bytes(sink.getvalue())


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_a_compressed_file_is_read_as_what_it_holds(land: Land, suffix: str) -> None:
    content = (HEADER + ROWS).encode()
    packed = gzip.compress(content) if suffix == ".gz" else zstd(content)
    outcome = land(packed, declare(), name="events.csv" + suffix)
    assert (outcome.landed.records, outcome.landed.rejected, outcome.landed.repairs) == (5000, 0, ())


def test_a_gzip_file_may_have_several_members_and_padding(land: Land) -> None:
    packed = gzip.compress(HEADER.encode()) + gzip.compress(b"1,a,,2024-01-02\n") + b"\0" * 100
    assert land(packed, declare(), name="events.csv.gz").values("row_number", "user_id") == [(1, "1")]


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_a_truncated_archive_gives_every_whole_record_and_one_reject(land: Land, suffix: str) -> None:
    rows = "".join(f"{number},a,{number**3 % 9973},2024-01-02\n" for number in range(1, 40_001))
    content = (HEADER + rows).encode()  # zstd gives whole blocks of 128 KiB or nothing
    packed = gzip.compress(content) if suffix == ".gz" else zstd(content)
    outcome = land(packed[: len(packed) * 3 // 4], declare(), name="events.csv" + suffix)
    assert outcome.landed.landed > 0
    assert outcome.values("row_number", "user_id") == [(n, str(n)) for n in range(1, outcome.landed.landed + 1)]
    assert [reject[:2] for reject in outcome.rejects] == [(outcome.landed.records, "malformed_record")]
    assert outcome.landed.repairs == ("archive: truncated",)


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_what_is_not_compressed_though_named_so_is_a_rejected_file(land: Land, suffix: str) -> None:
    landed = land(HEADER + ROWS, declare(), name="events.csv" + suffix).landed
    assert (landed.reason or "").startswith(f"unreadable: is not {'gzip' if suffix == '.gz' else 'zstd'}")
    assert (landed.records, landed.parts) == (0, {})


def test_a_damaged_archive_is_a_rejected_file(land: Land) -> None:
    packed = bytearray(gzip.compress((HEADER + ROWS).encode()))
    packed[-6] ^= 1  # the checksum
    assert (land(bytes(packed), declare(), name="events.csv.gz").landed.reason or "").startswith(
        "unreadable: is damaged"
    )


def test_an_archive_beyond_the_limits_is_a_rejected_file(land: Land) -> None:
    bomb = gzip.compress(b"\n" * 30_000_000)
    landed = land(bomb, declare(), name="events.csv.gz").landed
    assert landed.reason == "too_large: unpacks to more than 1000 times its size"
    landed = land(
        gzip.compress(ROWS.encode()), declare(), name="events.csv.gz", limits=Limits(unpacked_bytes=10)
    ).landed
    assert landed.reason == "too_large: unpacks to more than 10 bytes"


@pytest.mark.parametrize(
    ("folder", "kind", "records", "reasons", "missing"),
    [
        ("benefits/raw_events.json", "events", 10_050, {"invalid_timestamp": 93}, ()),
        ("benefits/users.csv", "profiles", 1_000, {}, ()),
        ("shop/events_raw.csv", "events", 100_000, {}, ()),
        ("app_events/user_events_20231026.json", "events", 10, {}, ("anonymous_id", "user_agent", "ip")),
        ("app_events/user_profiles.csv", "profiles", 5, {}, ()),
    ],
)
def test_real_files_give_the_known_figures(
    realdata: Path,
    repository: Path,
    tmp_path: Path,
    folder: str,
    kind: str,
    records: int,
    reasons: dict[str, int],
    missing: tuple[str, ...],
) -> None:
    from event_assets.declaration import load_dataset

    path = realdata / folder
    dataset = load_dataset(repository / "event_assets/defs" / path.parent.name / "defs.yaml")
    landed_at = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    landed = land_file(
        dataset,
        "events" if kind == "events" else "profiles",
        path,
        path.name,
        identify(path),
        tmp_path / "staged",
        landed_at=landed_at,
        memory_bytes=2**30,
    )
    assert (landed.records, landed.reasons, landed.drift.new, landed.drift.missing) == (records, reasons, {}, missing)


@pytest.mark.parametrize(
    ("encoding", "repairs"),
    [("cp1252", ("encoding: cp1252 (detected)",)), ("utf-8", ()), ("utf-8-sig", ("bom removed",))],
)
def test_a_detected_encoding_stands_on_the_file(land: Land, encoding: str, repairs: tuple[str, ...]) -> None:
    content = "user_id,event_type,at\nMüller,a,2024-01-02\n".encode(encoding)
    outcome = land(content, declare(events__encoding="detect"))
    assert (outcome.values("user_id"), outcome.landed.repairs) == ([("Müller",)], repairs)


def test_without_a_word_of_it_nothing_but_utf8_is_read(land: Land) -> None:
    outcome = land("user_id,event_type,at\nMüller,a,2024-01-02\n".encode("cp1252"), declare())
    assert outcome.rejects == [(1, "not_utf8", None, "M\\xfcller,a,2024-01-02")]

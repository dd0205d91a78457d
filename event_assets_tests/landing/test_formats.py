"""Logs, Avro, Excel, and what compressed files hold."""

from __future__ import annotations

import bz2
import datetime as dt
import gzip
import io
import lzma
import sys
from decimal import Decimal
from typing import Any

import fastavro
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_assets.declaration import Dataset
from event_assets.errors import DeclarationError, LandingError
from event_assets.landing.unpack import Limits
from event_assets_tests.landing.conftest import Land
from event_assets_tests.landing.tiny import declare
from event_assets_tests.workbooks import workbook, zipped

ROWS = "user_id,at\n1,2024-01-02\n2,2024-01-02\n"


def columns(*fields: str, **sources: str) -> list[dict[str, Any]]:
    named = {**{field: field for field in fields}, **sources}
    return [{"name": name, "source": source, "description": "x"} for name, source in named.items()]


def log(pattern: str = "combined", **more: Any) -> Dataset:
    wanted = columns("path", "status", "agent", "referrer", user_id="user", event_type="method")
    return declare("log", columns=wanted, events__log={"pattern": pattern}, events__time={"source": "time"}, **more)


def test_an_access_log_is_read_by_its_fields_and_a_dash_is_null(land: Land) -> None:
    content = (
        '1.2.3.4 - ann [02/Jan/2024:03:04:05 +0100] "GET /a?q=\\"x\\" HTTP/1.1" 200 12 "http://x/" "curl \\"8\\""\n'
        '::1 - jon doe [02/Jan/2024:03:04:06 +0000] "-" 408 - "-" "-"\r\n'
        "\n"
        '::1 - - [02/Jan/2024:03:04:07 +0000] "GET /b HTTP/1.1" 200 12\n'
    )
    outcome = land(content, log(), name="events.log")
    assert outcome.values("row_number", "user_id", "event_type", "path", "status", "referrer", "agent") == [
        (1, "ann", "GET", '/a?q=\\"x\\"', "200", "http://x/", 'curl \\"8\\"'),
        (2, "jon doe", None, None, "408", None, None),
    ]
    assert outcome.rows["event_time"].to_list()[0] == dt.datetime(2024, 1, 2, 2, 4, 5, tzinfo=dt.UTC)
    assert outcome.rows["extra"].to_list() == [
        '{"host":"1.2.3.4","protocol":"HTTP/1.1","bytes":"12"}',
        '{"host":"::1"}',
    ]
    assert [reject[:2] for reject in outcome.rejects] == [(3, "malformed_record")]


@pytest.mark.parametrize(
    "pattern", [r"(?P<user>\w+)\|(?P<kind>\w*)\|(?P<at>.+)", r"(?P<user>(?!x)\w+)\|(?P<kind>\w*)\|(?P<at>.+)"]
)
def test_a_log_of_ones_own_is_read_by_named_groups(land: Land, pattern: str) -> None:
    wanted = columns(user_id="user", event_type="kind")
    dataset = declare("log", columns=wanted, events__log={"pattern": pattern}, events__max_record_bytes=1024)
    content = (
        b"a|view|2024-01-02\nb||2024-01-02\nnonsense\nc|\xff|2024-01-02\nd|v|2024-01-02 and\0\n"
        + b"e" * 5000
        + b"\nf|v|2024-01-02"
    )
    outcome = land(content, dataset, name="events.log")
    assert outcome.values("row_number", "user_id", "event_type") == [(1, "a", "view"), (2, "b", None), (7, "f", "v")]
    assert [reject[:2] for reject in outcome.rejects] == [
        (3, "malformed_record"),
        (4, "not_utf8"),
        (5, "malformed_record"),
        (6, "record_too_long"),
    ]


def test_a_source_that_is_no_group_of_the_pattern_is_refused_when_declared() -> None:
    with pytest.raises(DeclarationError, match="source 'at' is no field of the log; its fields are user, kind"):
        declare("log", columns=columns(user_id="user"), events__log={"pattern": r"(?P<user>\w+) (?P<kind>\w+)"})
    with pytest.raises(DeclarationError, match="pattern has no named groups"):
        log(r"\w+")


SCHEMA = {
    "type": "record",
    "name": "event",
    "fields": [
        {"name": "user_id", "type": ["null", "long"]},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2}},
        {"name": "tags", "type": {"type": "array", "items": "string"}},
        {"name": "where", "type": {"type": "map", "values": "double"}},
    ],
}


def avro(records: list[dict[str, Any]]) -> bytes:
    file = io.BytesIO()
    fastavro.writer(file, SCHEMA, records, sync_interval=1)
    return file.getvalue()


def test_avro_is_read_as_its_records_are(land: Land) -> None:
    at = dt.datetime(2024, 1, 2, 3, 4, 5, 6, tzinfo=dt.UTC)
    records = [
        {"user_id": 2**60 + n, "at": at, "price": Decimal("1.50"), "tags": ["a"], "where": {"x.y": 0.5}}
        for n in range(2)
    ]
    wanted = columns("user_id", "event_type", "price", tag="tags[0]", x='where."x.y"')
    content = avro(records)
    outcome = land(content, declare("avro", columns=wanted), name="events.avro")
    assert outcome.values("row_number", "user_id", "price", "tag", "x") == [
        (1, str(2**60), "1.50", "a", "0.5"),
        (2, str(2**60 + 1), "1.50", "a", "0.5"),
    ]
    assert outcome.rows["event_time"].to_list() == [at, at]
    cut = land(content[:-20], declare("avro", columns=wanted), name="events.avro")
    assert (cut.landed.landed, cut.landed.reasons) == (1, {"malformed_record": 1})
    nonsense = land(b"nonsense", declare("avro", columns=wanted), name="events.avro").landed.reason
    assert str(nonsense).startswith("unreadable: is not Avro, or damaged")


def test_a_format_whose_package_is_missing_says_what_to_install(land: Land, monkeypatch: pytest.MonkeyPatch) -> None:
    for format, package in (("avro", "fastavro"), ("excel", "python_calamine")):
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(LandingError, match=rf"\({format}\); pip install 'event_assets\[{format}\]' and run again"):
            land(b"x", declare(format), name=f"events.{format}")


def test_a_sheet_of_excel_is_read_below_its_header(land: Land) -> None:
    rows: list[list[str | float | None]] = [
        [None, None, None, None],
        ["user_id", "a.b [c]", "price", "at"],
        [7731, "view", 12.5, 45293.5],
        [None, None, None, None],
        ["x", "1.5", None, "45293"],
    ]
    wanted = [*columns("user_id", "price", event_type="a.b [c]")]
    time = {"source": "at", "format": "excel_serial"}
    dataset = declare("excel", columns=wanted, events__time=time, events__excel={"sheet": "data"})
    content = workbook({"first": [["x"]], "data": rows})
    outcome = land(content, dataset, name="events.xlsx")
    assert outcome.values("row_number", "user_id", "event_type", "price") == [
        (1, "7731", "view", "12.5"),
        (2, "x", "1.5", None),
    ]
    assert [f"{at:%m-%d %H}" for at in outcome.rows["event_time"]] == ["01-02 12", "01-02 00"]
    first = land(content, declare("excel"), name="events.xlsx").landed.reason
    assert first == "missing_column: user_id, at (found x)"
    lost = declare("excel", events__excel={"sheet": "lost"})
    assert land(content, lost, name="events.xlsx").landed.reason == "unreadable: no sheet lost; there are first, data"
    assert str(land(b"PK", lost, name="events.xlsx").landed.reason).startswith("unreadable: is not Excel, or damaged")


def test_a_file_may_be_compressed_in_any_common_way(land: Land) -> None:
    zst = pa.compress(ROWS.encode(), "zstd", asbytes=True)
    for ending, content in {
        ".gz": gzip.compress(ROWS.encode()[:20]) + gzip.compress(ROWS.encode()[20:]) + b"\0" * 9,
        ".bz2": bz2.compress(ROWS.encode()[:20]) + bz2.compress(ROWS.encode()[20:]),
        ".xz": lzma.compress(ROWS.encode()[:20]) + lzma.compress(ROWS.encode()[20:]) + b"\0" * 4,
        ".zst": zst,
    }.items():
        outcome = land(content, declare(), name=f"events.csv{ending}")
        assert outcome.values("row_number", "user_id") == [(1, "1"), (2, "2")], ending
        cut = land(content[: len(content) // 2], declare(), name=f"events.csv{ending}").landed
        assert cut.reason is not None or cut.repairs == ("archive: truncated",), ending
        nonsense = land(b"nonsense " * 9, declare(), name=f"events.csv{ending}").landed
        names = {".gz": "gzip", ".bz2": "bzip2", ".xz": "xz", ".zst": "zstd"}
        assert str(nonsense.reason).startswith(f"unreadable: is not {names[ending]}"), ending


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_bytes_after_the_end_of_an_archive_are_one_reject(land: Land, compress: Any) -> None:
    ending = {"gzip": ".gz", "bz2": ".bz2", "lzma": ".xz"}[compress.__module__]
    outcome = land(compress(ROWS.encode()) + b"trailing bytes", declare(), name=f"events.csv{ending}")
    assert outcome.values("user_id") == [("1",), ("2",)]
    assert outcome.rejects == [(3, "malformed_record", None, "trailing bytes")]
    assert outcome.landed.repairs == ("archive: bytes after its end",)


@given(st.binary(max_size=40))
def test_whatever_follows_an_archive_spoils_none_of_its_records(tmp_path_factory: Any, tail: bytes) -> None:
    from event_assets.landing.unpack import unpacked

    path = tmp_path_factory.mktemp("tail") / "a.gz"
    path.write_bytes(gzip.compress(ROWS.encode()) + tail)
    assert b"".join(unpacked(path, path.name)).startswith(ROWS.encode())


def test_the_members_of_a_zip_are_one_file_in_order_of_their_names(land: Land) -> None:
    path = {"name": "path", "source": "file_path", "description": "x"}
    day = {"name": "day", "source": "file_path", "pattern": r"dt=([0-9-]+)/", "description": "x"}
    dataset = declare(columns=[*columns("user_id", "event_type"), path, day])
    content = zipped(
        {
            "dt=2/b.csv": ROWS,
            "dt=10/a.csv.gz": gzip.compress(ROWS.encode()),
            "__MACOSX/._b.csv": "x",
            "d/": "",
            ".DS_Store": "x",
        }
    )
    outcome = land(content, dataset, name="events.csv.zip")
    assert outcome.values("row_number", "user_id", "path", "day") == [
        (1, "1", "events.csv.zip!/dt=10/a.csv.gz", "10"),
        (2, "2", "events.csv.zip!/dt=10/a.csv.gz", "10"),
        (3, "1", "events.csv.zip!/dt=2/b.csv", "2"),
        (4, "2", "events.csv.zip!/dt=2/b.csv", "2"),
    ]
    assert land(zipped({}), dataset, name="events.zip").landed.records == 0
    for damaged in (b"nonsense", content[:-30], content.replace(b"PK\x01\x02", b"PK\x01\x03")):
        reason = land(damaged, dataset, name="events.zip").landed.reason
        assert str(reason).startswith("unreadable: is not zip, damaged or encrypted")


def test_a_sheet_that_needs_more_memory_than_there_is_says_so_and_is_not_opened(land: Land) -> None:
    rows: list[list[str | float | None]] = [["Report", None, None], ["user_id", "event_type", "at"]]
    rows += [["x", "view", "2024-01-02"]] * 50
    dataset, content = declare("excel"), workbook({"data": rows})
    assert land(content, dataset, name="events.xlsx").landed.records == 50
    reason = land(content, dataset, name="events.xlsx", limits=Limits(memory_bytes=1000)).landed.reason
    assert reason == (
        "too_large: a sheet is read as a whole, and this one needs more than EVENT_ASSETS_MEMORY (1000 bytes); "
        "save it as CSV"
    )

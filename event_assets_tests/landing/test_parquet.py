from __future__ import annotations

import datetime as dt
import io
import random
import tempfile
from collections import deque
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from event_assets.declaration import Dataset
from event_assets.landing import check_parquet_readable
from event_assets_tests.landing.conftest import Land
from event_assets_tests.landing.tiny import declare

COLUMNS = [
    {"name": "user_id", "required": True, "description": "x"},
    {"name": "event_type", "description": "x"},
    {"name": "value", "description": "x"},
    {"name": "page", "source": "details.page", "description": "x"},
]


def dataset() -> Dataset:
    return declare("parquet", columns=COLUMNS)


def parquet(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def test_values_become_texts(land: Land) -> None:
    table = pa.table(
        {
            "user_id": pa.array([2**60 + 1, 2, None], pa.int64()),
            "event_type": pa.array(["a", "", None]).dictionary_encode(),
            "value": pa.array([Decimal("12.50"), None, Decimal("-1.00")], pa.decimal128(9, 2)),
            "at": pa.array(
                [dt.datetime(2024, 1, 2, 3, 4, 5, 6), dt.datetime(2024, 1, 2), None], pa.timestamp("ns", "UTC")
            ),
            "details": pa.array([{"page": "/a", "n": 1}, {"page": None, "n": None}, None]),
            "new": pa.array([[1, 2], None, None]),
        }
    )
    outcome = land(parquet(table), dataset(), name="events.parquet")
    assert outcome.values("row_number", "user_id", "event_type", "value", "page", "extra", "event_time") == [
        (
            1,
            "1152921504606846977",
            "a",
            "12.50",
            "/a",
            '{"details":{"n":1},"new":[1,2]}',
            dt.datetime(2024, 1, 2, 3, 4, 5, 6, dt.UTC),
        ),
        (2, "2", None, None, None, None, dt.datetime(2024, 1, 2, tzinfo=dt.UTC)),
    ]
    assert outcome.rejects == [
        (
            3,
            "missing_timestamp",
            "at",
            '{"user_id":null,"event_type":null,"value":"-1.00","at":null,"details":null,"new":null}',
        )
    ]
    assert outcome.landed.drift.new == {"details.n": 1, "new": 1}


def test_a_string_that_is_not_utf8_is_rejected(land: Land) -> None:
    binary = pa.array([b"a\xff", b"b"], pa.binary())
    times = pa.array(["2024-01-02", "2024-01-02"])
    text = pa.Array.from_buffers(pa.string(), 2, binary.buffers())
    for column in (binary, text):
        table = pa.table({"user_id": ["1", "2"], "event_type": column, "at": times})
        outcome = land(parquet(table), dataset(), name="events.parquet")
        assert outcome.values("row_number", "event_type") == [(2, "b")]
        assert outcome.rejects == [(1, "not_utf8", None, '{"user_id":"1","event_type":"a\\\\xff","at":"2024-01-02"}')]


def test_a_wrong_file_is_rejected_with_its_reason(land: Land) -> None:
    at = pa.array(["2024-01-02"])
    for content, reason in (
        (parquet(pa.table({"at": at})), "missing_column: user_id"),
        (parquet(pa.table({"user_id": at})), "missing_column: at"),
        (parquet(pa.Table.from_arrays([at, at, at], ["user_id", "at", "at"])), "duplicate_column: at"),
        (b"user_id,at\n", "unreadable: "),
        (b"", "unreadable: "),
    ):
        landed = land(content, dataset(), name="events.parquet").landed
        assert (landed.reason or "").startswith(reason)
        assert (landed.records, landed.parts) == (0, {})


def test_many_batches_number_their_rows_on(land: Land) -> None:
    users = [str(number) for number in range(1, 100_001)]
    table = pa.table({"user_id": users, "at": ["2024-01-02"] * len(users)})
    outcome = land(parquet(table), dataset(), name="events.parquet")
    assert outcome.values("row_number", "user_id") == list(enumerate(users, 1))
    assert outcome.landed.drift.missing == ("event_type", "value", "page")


def test_every_kind_of_value_has_a_text(land: Land) -> None:
    kinds = {
        "bool": (pa.array([True]), "true"),
        "double": (pa.array([12.5]), "12.5"),
        "date": (pa.array([dt.date(2024, 1, 2)]), "2024-01-02"),
        "nanoseconds": (pa.array([1704164645000000001], pa.timestamp("ns")), "2024-01-02 03:04:05.000000001"),
        "time": (pa.array([dt.time(3, 4)]), "03:04:00.000000"),
        "null": (pa.nulls(1), None),
        "view": (pa.array(["a"], pa.string_view()), "a"),
        "list": (pa.array([[1.5, float("nan"), None]]), "[1.5,null,null]"),
        "map": (pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64())), '[["a",1]]'),
    }
    for name, (array, text) in kinds.items():
        for at, landed in (("2024-01-02", True), ("never", False)):
            table = pa.table({"user_id": ["1"], "value": array, "at": [at], "also": array})
            outcome = land(parquet(table), dataset(), name=f"{name}.parquet")
            assert outcome.landed.reason is None
            assert outcome.values("value") == ([(text,)] if landed else [])


def test_times_within_nested_values_are_text_whatever_their_year(land: Land) -> None:
    details = pa.array(
        [{"when": 10**7, "page": "/", "all": [1]}],
        pa.struct([("when", pa.date32()), ("page", pa.string()), ("all", pa.list_(pa.timestamp("ns")))]),
    )
    table = pa.table({"user_id": ["1"], "at": ["2024-01-02"], "details": details})
    assert land(parquet(table), dataset(), name="events.parquet").values("page", "extra") == [
        ("/", '{"details":{"when":"29349-01-26","all":["1970-01-01 00:00:00.000000001"]}}')
    ]


def test_a_row_over_the_limit_is_too_long(land: Land) -> None:
    table = pa.table({"user_id": ["1", "2"], "at": ["2024-01-02"] * 2, "event_type": ["x" * 3000, "y"]})
    outcome = land(parquet(table), declare("parquet", columns=COLUMNS, events__max_record_bytes=1024))
    assert outcome.values("row_number", "event_type") == [(2, "y")]
    assert [(number, reason) for number, reason, *_ in outcome.rejects] == [(1, "record_too_long")]


def test_pages_that_unpack_beyond_the_limits_make_a_rejected_file(land: Land) -> None:
    sink = io.BytesIO()
    table = pa.table({"user_id": ["x" * 30_000_000], "at": ["2024-01-02"]})
    pq.write_table(table, sink, compression="zstd", use_dictionary=False, write_statistics=False)
    assert land(sink.getvalue(), dataset()).landed.reason == "too_large: unpacks to more than 1000 times its size"


def test_a_file_that_kills_its_reader_is_a_rejected_file(land: Land, monkeypatch: pytest.MonkeyPatch) -> None:
    content = parquet(pa.table({"user_id": ["1"], "at": ["2024-01-02"]}))
    probe = check_parquet_readable.__file__
    fatal = Path(probe).read_text().replace('    """Read all', '    import os; os.abort()\n    """Read all')
    land(content, dataset())  # the file itself is fine
    path = Path(tempfile.mkdtemp()) / "fatal.py"
    path.write_text(fatal)
    monkeypatch.setattr(check_parquet_readable, "__file__", str(path))
    monkeypatch.setattr(check_parquet_readable, "_IDLE", deque())
    assert land(content, dataset()).landed.reason == "unreadable: its reader died of signal 6"


def test_many_files_are_read_by_one_process_and_the_verdict_of_a_used_one_is_confirmed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = tmp_path / "good.parquet", tmp_path / "bad.parquet"
    good.write_bytes(parquet(pa.table({"user_id": ["1"]})))
    bad.write_bytes(good.read_bytes()[:-20])
    readers: deque[check_parquet_readable._Reader] = deque()
    monkeypatch.setattr(check_parquet_readable, "_IDLE", readers)
    assert check_parquet_readable.probe(good, 1000, 2**28) is None
    first = readers[-1]
    for _ in range(20):
        assert check_parquet_readable.probe(good, 1000, 2**28) is None
    assert readers[-1] is first
    assert check_parquet_readable.probe(bad, 1000, 2**28) is not None
    assert first.process.poll() is not None
    assert check_parquet_readable.probe(good, 1000, 2**28) is None
    check_parquet_readable.end_readers()


def test_a_file_that_asks_for_more_memory_than_there_is_is_a_rejected_file(tmp_path: Path) -> None:
    # A dictionary of one long text, met a thousand times: small by its own account, and 1.5 GB when it is read.
    text = "".join(map(chr, random.Random(1).choices(range(32, 127), k=1_500_000)))
    path = tmp_path / "dense.parquet"
    pq.write_table(pa.table({"user_id": pa.array([text] * 1000).dictionary_encode()}), path)
    assert check_parquet_readable.probe(path, 1000, 2**28) is not None
    assert check_parquet_readable.probe(path, 1, 2**28) is None


def test_damaged_pages_make_a_rejected_file_and_nothing_worse(land: Land) -> None:
    table = pa.table({"user_id": [f"{n}" for n in range(5000)], "at": ["2024-01-02"] * 5000})
    content = bytearray(parquet(table))
    content[200:260] = bytes(60)
    landed = land(bytes(content), dataset()).landed
    assert landed.reason is not None
    assert landed.reason.startswith("unreadable: ")

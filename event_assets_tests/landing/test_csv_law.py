"""The fast path of CSV agrees with the rule, whatever the bytes, dialect and blocks."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_assets.declaration import CsvDialect
from event_assets.landing.csv import Layout, Section, read_csv, to_batch
from event_assets.landing.csv_fast_path import segments_of
from event_assets.landing.csv_records import RecordParser
from event_assets.landing.reader_interface import Batch, Fields
from event_assets_tests.landing.tiny import declare

PIECES = ["a", "bc", ",", ",", '"', '""', "\n", "\n", "\r\n", "\r", " ", "\t", "\\", "\0", "é", "1,2\n", '"x","y"\n']
CONTENTS = st.lists(st.sampled_from([*(piece.encode() for piece in PIECES), b"\xe9"]), max_size=40).map(b"".join)
DIALECTS = st.sampled_from([CsvDialect(), CsvDialect(escape="\\"), CsvDialect(delimiter="\t"), CsvDialect(quote="")])


def one_by_one(data: bytes, parser: RecordParser) -> list[tuple[bytes, list[str | None] | None, str | None]]:
    records, place = [], 0
    while place < len(data):
        taken = parser.take(data, place, final=True)
        assert taken is not None
        assert taken.next > place
        if taken.values is not None or taken.reason is not None:
            records.append((data[place : taken.end], taken.values, taken.reason))
        place = taken.next
    return records


def in_bulk(batch: Batch, width: int) -> list[tuple[bytes, list[str | None] | None, str | None]]:
    numbers = list(range(1, batch.count + 1))
    texts = dict(zip(numbers, batch.texts(numbers), strict=True))
    values = {row[0]: list(row[1 : width + 1]) for row in batch.frame.rows()}
    reasons = {reject.row_number: reject.reason for reject in batch.rejects}
    assert all(reject.text == texts[reject.row_number] for reject in batch.rejects)
    return [(texts[number], values.get(number), reasons.get(number)) for number in numbers]


@given(CONTENTS, DIALECTS, st.integers(1, 3))
def test_bulk_reading_gives_what_the_rule_gives(data: bytes, dialect: CsvDialect, width: int) -> None:
    parser = RecordParser(dialect, width, 1024)
    names = [f"f{place}" for place in range(width)]
    segments, used = segments_of(data, parser, final=True) if data else ([], 0)
    assert used == len(data)
    batch = to_batch((Section(Layout.of(names, Fields({n: n for n in names}, ())), parser), segments))
    assert in_bulk(batch, width) == one_by_one(data, parser)


@given(st.lists(CONTENTS, max_size=8).map(b"\n".join), st.integers(8, 64))
def test_the_blocks_of_a_file_do_not_matter(tmp_path_factory: pytest.TempPathFactory, data: bytes, size: int) -> None:
    path = Path(tmp_path_factory.mktemp("blocks") / "events.csv")
    path.write_bytes(b"user_id,at\n" + data)
    source = declare().events[0]
    fields = Fields.of(source)

    def read(block_bytes: int) -> tuple[list[tuple[object, ...]], list[tuple[int, str, bytes]]]:
        rows: list[tuple[object, ...]] = []
        rejects = []
        base = 0
        for batch in read_csv(path, source, fields, block_bytes=block_bytes):
            rows += batch.frame.with_columns(pl.col("row_number") + base).rows()
            rejects += [(base + reject.row_number, reject.reason, reject.text) for reject in batch.rejects]
            base += batch.count
        return rows, rejects

    assert read(size) == read(1 << 20)

"""Whatever happens to a file's bytes, every record of it stands in one table, once, under its number; and every text
that still lies in the file unharmed is found again, in a row or in a reject's own text."""

from __future__ import annotations

import gzip
import json
import random
import re
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_assets.declaration import Dataset
from event_assets.errors import EventAssetsError
from event_assets.landing.inbox import identify
from event_assets.landing.land_file import land_file
from event_assets.tables.landed_tables import MAX_RAW_BYTES
from event_assets_tests.landing.test_parquet import parquet
from event_assets_tests.landing.tiny import LANDED_AT, Outcome, check_accounts, declare

NAMES = ("user_id", "event_type", "value", "at")
Rows = list[tuple[str, ...]]
Write = Callable[[Rows], bytes]
Mutate = Callable[[bytes], bytes]

_VALUES = st.one_of(st.text(max_size=5), st.sampled_from(["a", '"', "x,y", "1.50", "", "two\nlines"]))
_TIMES = st.sampled_from(["2024-01-02", "2024-01-03T04:05:06.5+02:00", "", "nonsense", "1999-01-01"])
ROWS = st.lists(st.tuples(_VALUES, _VALUES, _VALUES, _TIMES), max_size=8)
JUNK = [b'"', b"\0", b"\n", b",", b"{", b"}", b"[", b"]", b"\xff", b"\\", b"\r", b"\r\n", b"\xef\xbb\xbf", b'""', b" "]


def as_csv(rows: Rows) -> bytes:
    quoted = [",".join('"' + value.replace('"', '""') + '"' for value in row) for row in rows]
    return "\n".join([",".join(NAMES), *quoted, ""]).encode("utf-8", "replace")


def as_ndjson(rows: Rows) -> bytes:
    return "\n".join(json.dumps(dict(zip(NAMES, row, strict=True))) for row in rows).encode()


def as_array(rows: Rows) -> bytes:
    return b"[" + b",\n".join(line for line in as_ndjson(rows).split(b"\n") if line) + b"]"


def as_pretty_array(rows: Rows) -> bytes:
    return json.dumps([dict(zip(NAMES, row, strict=True)) for row in rows], indent=2).encode()


def as_gzip(rows: Rows) -> bytes:
    return gzip.compress(as_csv(rows), mtime=0)


def as_parquet(rows: Rows) -> bytes:
    columns = zip(*rows, strict=True) if rows else ((),) * len(NAMES)
    texts = [[value.encode("utf-8", "replace").decode() for value in column] for column in columns]
    return parquet(pa.table(dict(zip(NAMES, map(pa.array, texts, [pa.string()] * len(NAMES)), strict=True))))


TEXT = [("csv", as_csv), ("ndjson", as_ndjson), ("json", as_array), ("json", as_pretty_array)]
TEXT_IDS = ["csv", "ndjson", "json", "pretty json"]


def mutate(content: bytes, draw: random.Random) -> bytes:
    """Truncates, flips, inserts, splices, duplicates and re-encodes parts of a content, up to four times."""
    for _ in range(draw.randrange(5)):
        start, end = sorted((draw.randrange(len(content) + 1), draw.randrange(len(content) + 1)))
        other, junk = draw.randrange(len(content) + 1), draw.choice(JUNK)
        match draw.choice(["truncate", "head", "flip", "insert", "splice", "duplicate", "cut", "encode", "bit"]):
            case "truncate":
                content = content[:end]
            case "head":
                content = content[start:]
            case "flip":
                content = content[:start] + junk + content[start + 1 :]
            case "insert":
                content = content[:start] + junk + content[start:]
            case "splice":
                content = content[:other] + content[start:end] + content[other:]
            case "duplicate":
                content = content[:end] + content[start:]
            case "cut":
                content = content[:start] + content[end:]
            case "encode":
                part = content[start:end].decode("utf-8", "replace")
                content = content[:start] + part.encode(draw.choice(["utf-16-le", "cp1252"]), "replace") + content[end:]
            case _:
                if start < len(content):
                    flipped = bytes([content[start] ^ (1 << draw.randrange(8))])
                    content = content[:start] + flipped + content[start + 1 :]
    return content


@st.composite
def mutations(draw: st.DrawFn) -> Mutate:
    seed = draw(st.integers(0, 2**32))
    return lambda content: mutate(content, random.Random(seed))


def land_mutated(folder: Path, dataset: Dataset, name: str, content: bytes) -> Outcome | None:
    path = folder / name
    path.write_bytes(content)
    try:
        landed = land_file(
            dataset, "events", path, name, identify(path), folder / "s", landed_at=LANDED_AT, memory_bytes=1000
        )
    except EventAssetsError:
        return None
    outcome = Outcome(landed)
    check_accounts(outcome)
    return outcome


@pytest.mark.parametrize(("format", "write"), TEXT, ids=TEXT_IDS)
@given(ROWS, mutations())
def test_every_record_of_a_mutated_file_is_accounted_for(
    tmp_path_factory: pytest.TempPathFactory, format: str, write: Write, rows: Rows, mutated: Mutate
) -> None:
    land_mutated(tmp_path_factory.mktemp("mutated"), declare(format), "events.txt", mutated(write(rows)))


@given(ROWS, mutations())
def test_every_record_of_a_mutated_archive_is_accounted_for(
    tmp_path_factory: pytest.TempPathFactory, rows: Rows, mutated: Mutate
) -> None:
    land_mutated(tmp_path_factory.mktemp("mutated"), declare(), "events.csv.gz", mutated(as_gzip(rows)))


MARK = re.compile(rb"mark-\d{4}-end")


def marked(count: int, draw: random.Random) -> Rows:
    """Records of which each holds a text that stands nowhere else."""
    odd = ['say "no"', "x,y", "two\nlines", "plain", "", "Müller", "{}", "]"]
    times = ["2024-01-02", "2024-01-03 04:05:06", "never"]
    return [(f"mark-{n:04}-end", draw.choice(odd), draw.choice(odd), draw.choice(times)) for n in range(count)]


def texts_of(outcome: Outcome) -> bytes:
    """All that is kept of a file: its rows' texts and its rejects' own."""
    kept = [text or "" for row in outcome.values("user_id", "event_type", "value", "extra") for text in row]
    return "\0".join([*kept, *(raw for *_, raw in outcome.rejects)]).encode()


def check_no_text_is_lost(folder: Path, format: str, write: Write, seed: int) -> None:
    draw = random.Random(seed)
    content = mutate(write(marked(draw.randrange(1, 40), draw)), draw)
    outcome = land_mutated(folder, declare(format), "events.txt", content)
    if outcome is None or outcome.landed.reason is not None:
        return  # refused as a whole, with a reason: the file itself keeps its texts
    body = content
    if format == "csv":  # a header's own texts are no record's
        body = re.sub(rb"\A(?:\xef\xbb\xbf)?[\r\n \t]*[^\r\n]*", b"", content)
    assert len(content) < MAX_RAW_BYTES, "of a reject's text no more is kept"
    lost = set(MARK.findall(body)) - set(MARK.findall(texts_of(outcome)))
    assert not lost, (seed, content)


@pytest.mark.parametrize(("format", "write"), TEXT, ids=TEXT_IDS)
def test_no_text_of_a_mutated_file_is_lost(tmp_path: Path, format: str, write: Write) -> None:
    for seed in range(60):
        check_no_text_is_lost(tmp_path, format, write, seed)


@pytest.mark.long
@pytest.mark.parametrize(("format", "write"), TEXT, ids=TEXT_IDS)
def test_no_text_of_many_mutated_files_is_lost(tmp_path: Path, format: str, write: Write) -> None:
    for seed in range(1000, 6000):
        check_no_text_is_lost(tmp_path, format, write, seed)


@pytest.mark.long
def test_mutated_parquet_is_accounted_for_and_kills_nobody(tmp_path: Path) -> None:
    for seed in range(150):
        draw = random.Random(seed)
        content = mutate(as_parquet(marked(50, draw)), draw)
        land_mutated(tmp_path, declare("parquet"), "events.parquet", content)

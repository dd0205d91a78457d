"""Whatever happens to a file's bytes, every record of it stands in one table, once, under its number."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_assets.dataset import Dataset
from event_assets.errors import EventAssetsError
from event_assets.landing.file import land_file
from event_assets.landing.identity import identify
from event_assets_tests.landing.tiny import LANDED_AT, Outcome, check_accounts, declare

_VALUES = st.one_of(st.text(max_size=5), st.sampled_from(["a", '"', "x,y", "1.50", "", "two\nlines"]))
_TIMES = st.sampled_from(["2024-01-02", "2024-01-03T04:05:06.5+02:00", "", "nonsense", "1999-01-01"])
ROWS = st.lists(st.tuples(_VALUES, _VALUES, _VALUES, _TIMES), max_size=8)


def as_csv(rows: list[tuple[str, ...]]) -> bytes:
    quoted = [",".join('"' + value.replace('"', '""') + '"' for value in row) for row in rows]
    return "\n".join(["user_id,event_type,value,at", *quoted, ""]).encode("utf-8", "replace")


def as_ndjson(rows: list[tuple[str, ...]]) -> bytes:
    names = ("user_id", "event_type", "value", "at")
    return "\n".join(json.dumps(dict(zip(names, row, strict=True))) for row in rows).encode()


def as_array(rows: list[tuple[str, ...]]) -> bytes:
    return b"[" + b",\n".join(line for line in as_ndjson(rows).split(b"\n") if line) + b"]"


@st.composite
def mutations(draw: st.DrawFn) -> Callable[[bytes], bytes]:
    """Cuts, flips, inserts and doubles parts of a content, up to four times."""
    steps = draw(st.lists(st.tuples(st.sampled_from("cfid"), st.floats(0, 1), st.floats(0, 1)), max_size=4))
    junk = draw(st.sampled_from([b'"', b"\0", b"\n", b",", b"{", b"}", b"]", b"\xff", b"\\", b"\r", b"\xef\xbb\xbf"]))

    def mutate(content: bytes) -> bytes:
        for step, first, second in steps:
            start, end = sorted((int(first * len(content)), int(second * len(content))))
            match step:
                case "c":
                    content = content[:end]
                case "f":
                    content = content[:start] + junk + content[start + 1 :]
                case "i":
                    content = content[:start] + junk + content[start:]
                case _:
                    content = content[:end] + content[start:]
        return content

    return mutate


def land_mutated(folder: Path, dataset: Dataset, name: str, content: bytes) -> None:
    path = folder / name
    path.write_bytes(content)
    try:
        landed = land_file(
            dataset, "events", path, name, identify(path), folder / "s", landed_at=LANDED_AT, memory_bytes=1000
        )
    except EventAssetsError:
        return
    check_accounts(Outcome(landed))


@pytest.mark.parametrize(
    ("format", "write"), [("csv", as_csv), ("ndjson", as_ndjson), ("json", as_array)], ids=["csv", "ndjson", "json"]
)
@given(ROWS, mutations())
def test_every_record_of_a_mutated_file_is_accounted_for(
    tmp_path_factory: pytest.TempPathFactory,
    format: str,
    write: Callable[[list[tuple[str, ...]]], bytes],
    rows: list[tuple[str, ...]],
    mutate: Callable[[bytes], bytes],
) -> None:
    folder = tmp_path_factory.mktemp("mutated")
    land_mutated(folder, declare(format), "events.txt", mutate(write(rows)))


@given(ROWS, mutations())
def test_every_record_of_a_mutated_archive_is_accounted_for(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, ...]], mutate: Callable[[bytes], bytes]
) -> None:
    folder = tmp_path_factory.mktemp("mutated")
    land_mutated(folder, declare(), "events.csv.gz", mutate(gzip.compress(as_csv(rows), mtime=0)))

"""A file that is landed together with others lands as it does alone: rows, rejects, counts and errors."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_assets.declaration import Dataset
from event_assets.errors import LandingError
from event_assets.landing import land_file as landing
from event_assets.landing.file_accounting import Landed
from event_assets.landing.inbox import Identity, NotReadyError, identify
from event_assets.landing.land_file import InputFile, land_file, land_files
from event_assets_tests.landing.test_mutations import ROWS, TEXT, TEXT_IDS, Mutate, Rows, Write, as_gzip, mutations
from event_assets_tests.landing.tiny import LANDED_AT, declare

COLUMNS = [
    {"name": "user_id", "required": True, "description": "The user."},
    {"name": "event_type", "description": "What happened."},
    {"name": "value", "type": "int64", "null_values": ["none"], "description": "A number."},
    {"name": "shop", "source": "file_path", "pattern": "events-([a-z])", "description": "From the path."},
]
NAMES = ["events-a 2024-01-03.csv", "events-b 2024-01-04.csv", "events.csv", "events-c 2024-01-05.csv"]
HEADER = "user_id,event_type,value,at"


def of_several(**keys: Any) -> Dataset:
    return declare(columns=COLUMNS, events__time={"source": "at", "missing": "file_date"}, **keys)


def inputs(folder: Path, contents: dict[str, bytes]) -> list[InputFile]:
    """The files, each landed an hour after the one before, so that each has limits of its own."""
    files = []
    for number, (name, content) in enumerate(contents.items()):
        path = folder / name
        path.write_bytes(content)
        identity = replace(identify(path), file_id=f"{number}")  # equal contents have different paths here
        files.append(InputFile(path, name, identity, LANDED_AT + dt.timedelta(hours=number)))
    return files


def content_of(result: Landed | Exception) -> object:
    """What a landing came to, staged tables included, without the folder's name."""
    if isinstance(result, Exception):
        return type(result), str(result)
    tables = {date: pl.read_parquet(path).rows() for date, path in result.parts.items()}
    rejects = pl.read_parquet(result.rejects).rows() if result.rejects else None
    return replace(result, parts={}, rejects=None), tables, rejects


def check_together(folder: Path, dataset: Dataset, files: list[InputFile]) -> list[Landed | Exception]:
    together = land_files(dataset, "events", files, folder / "together", memory_bytes=2**20)
    for file, result in zip(files, together, strict=True):
        alone: Landed | Exception
        try:
            alone = land_file(
                *(dataset, "events", file.path, file.name, file.identity, folder / "alone"),
                landed_at=file.landed_at,
                memory_bytes=2**20,
            )
        except LandingError as error:
            alone = error
        assert content_of(result) == content_of(alone)
    assert not [path for path in (folder / "together").iterdir() if path.is_dir()], "a temporary folder is left"
    return together


def test_a_file_keeps_its_own_rows_rejects_dates_and_types(tmp_path: Path) -> None:
    good = f"{HEADER}\nu1,view,1,2024-01-02\nu2,view,2,\n"
    contents = {
        NAMES[0]: good,  # a record without a time takes the date of the name
        NAMES[1]: f"{HEADER}\nu1,view,many,2024-01-02\nu2,view,none,2024-01-02\nu3,view\n",
        NAMES[2]: f"{HEADER}\nu1,view,1,never\nu2,view,2,\n",
        NAMES[3]: "user,kind\nu1,view\n",
    }
    results = check_together(tmp_path, of_several(), inputs(tmp_path, {n: c.encode() for n, c in contents.items()}))
    landed = [result for result in results if isinstance(result, Landed)]
    assert [one.dates for one in landed] == [
        {dt.date(2024, 1, 2): 1, dt.date(2024, 1, 3): 1},
        {dt.date(2024, 1, 2): 2},
        {},
        {},
    ]
    assert [one.reasons for one in landed[:3]] == [
        {},
        {"malformed_record": 1},
        {"invalid_timestamp": 1, "missing_timestamp": 1},
    ]
    assert [one.drift.retyped for one in landed[:3]] == [{}, {"value": 1}, {}]
    assert (landed[3].reason or "").startswith("missing_column: ")


@pytest.mark.parametrize("mode", ["lenient", "fail_fast"])
def test_an_error_of_one_file_stays_its_own(tmp_path: Path, mode: str) -> None:
    good, bad = f"{HEADER}\nu1,view,1,2024-01-02\n".encode(), f"{HEADER}\nu1,view,1,never\n".encode()
    files = inputs(tmp_path, {NAMES[0]: good, NAMES[1]: bad, NAMES[3]: good})
    files[2] = replace(files[2], identity=Identity("0" * 64, 1, "another state"))
    results = check_together(tmp_path, of_several(mode=mode), files)
    assert isinstance(results[0], Landed)
    assert isinstance(results[1], LandingError if mode == "fail_fast" else Landed)
    assert isinstance(results[2], NotReadyError)


def test_files_land_one_by_one_where_they_cannot_be_converted_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    convert = landing.RowConverter.convert

    def only_one(self: Any, batches: list[Any]) -> None:
        if len(batches) > 1:
            raise MemoryError
        convert(self, batches)

    monkeypatch.setattr(landing.RowConverter, "convert", only_one)
    good = f"{HEADER}\nu1,view,1,2024-01-02\n".encode()
    files = inputs(tmp_path, dict.fromkeys(NAMES, good))
    results = check_together(tmp_path, of_several(), files)
    assert all(isinstance(result, Landed) and result.landed == 1 for result in results)


def test_a_file_keeps_its_own_limit_of_times(tmp_path: Path) -> None:
    late = (LANDED_AT + dt.timedelta(hours=24, minutes=30)).isoformat()  # too far ahead for the first file only
    contents = dict.fromkeys(NAMES[:2], f"{HEADER}\nu1,view,1,{late}\n".encode())
    first, second = check_together(tmp_path, of_several(), inputs(tmp_path, contents))
    assert isinstance(first, Landed)
    assert isinstance(second, Landed)
    assert (first.reasons, second.landed) == ({"out_of_range": 1}, 1)


@pytest.mark.parametrize(("format", "write"), TEXT, ids=TEXT_IDS)
@given(
    converted_bytes=st.sampled_from([0, 300, 2**20]),
    files=st.lists(st.tuples(ROWS, mutations()), min_size=2, max_size=4),
    drift=st.sampled_from(["warn", "fail"]),
)
def test_files_land_together_as_they_land_alone(
    tmp_path_factory: pytest.TempPathFactory,
    format: str,
    write: Write,
    converted_bytes: int,
    files: list[tuple[Rows, Mutate]],
    drift: str,
) -> None:
    folder, dataset = tmp_path_factory.mktemp("together"), of_several(format=format, drift=drift)
    contents = dict(zip(NAMES, (mutate(write(rows)) for rows, mutate in files), strict=False))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(landing, "_TOGETHER_BYTES", converted_bytes)
        check_together(folder, dataset, inputs(folder, contents))


@given(files=st.lists(st.tuples(ROWS, mutations()), min_size=2, max_size=3))
def test_archives_land_together_as_they_land_alone(
    tmp_path_factory: pytest.TempPathFactory, files: list[tuple[Rows, Mutate]]
) -> None:
    folder = tmp_path_factory.mktemp("together")
    contents = {f"events-{number}.csv.gz": mutate(as_gzip(rows)) for number, (rows, mutate) in enumerate(files)}
    check_together(folder, of_several(), inputs(folder, contents))

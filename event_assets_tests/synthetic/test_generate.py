"""The same arguments, the same bytes; names and columns as the datasets declare them; arguments that make no sense."""

from __future__ import annotations

import csv
import datetime as dt
import json
from fnmatch import fnmatch
from pathlib import Path

import pytest

import event_assets
from event_assets.declaration import Dataset, Source, load_dataset
from event_assets.errors import EventAssetsError
from event_assets.synthetic import RECIPES, generate
from event_assets.synthetic import write_text_files as write
from event_assets_tests.synthetic.plain import csv_records

DEFS = Path(event_assets.__file__).parent / "defs"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def declared(dataset: str) -> Dataset:
    return load_dataset(DEFS / dataset / "defs.yaml")


@pytest.mark.parametrize("dataset", RECIPES)
def test_the_same_seed_gives_the_same_bytes(dataset: str, tmp_path: Path) -> None:
    once, again = tmp_path / "once", tmp_path / "again"
    first = generate(dataset, rows=700, days=3, seed=5, out=once)
    second = generate(dataset, rows=700, days=3, seed=5, out=again)

    assert contents(once) == contents(again)
    assert first.truth == second.truth
    assert sorted(path.name for path in first.files) == list(contents(once)), "no other file is left"


@pytest.mark.parametrize("dataset", RECIPES)
def test_another_seed_gives_other_events_under_the_same_names(dataset: str, tmp_path: Path) -> None:
    once, again = tmp_path / "once", tmp_path / "again"
    first = generate(dataset, rows=700, days=3, seed=5, out=once)
    generate(dataset, rows=700, days=3, seed=6, out=again)

    assert list(contents(once)) == list(contents(again))
    for path in first.files:
        if path.name.startswith(RECIPES[dataset].stem):
            assert path.read_bytes() != (again / path.name).read_bytes()


def test_the_bytes_are_those_of_every_other_machine(tmp_path: Path) -> None:
    generate("streaming", rows=4, days=1, seed=1, out=tmp_path, mess=0)

    assert (tmp_path / "user_activity_20250101.csv").read_text() == EXPECTED


@pytest.mark.parametrize("dataset", RECIPES)
def test_slices_bound_what_is_text_at_one_time_and_lose_nothing(
    dataset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generate(dataset, rows=900, days=2, seed=5, out=tmp_path / "whole", mess=0)
    monkeypatch.setattr(write, "SLICE", 100)
    generate(dataset, rows=900, days=2, seed=5, out=tmp_path / "sliced", mess=0)

    assert contents(tmp_path / "whole") == contents(tmp_path / "sliced")


@pytest.mark.parametrize("dataset", RECIPES)
def test_files_match_the_patterns_and_columns_of_the_declaration(dataset: str, tmp_path: Path) -> None:
    generated = generate(dataset, rows=900, days=3, seed=5, out=tmp_path)
    names = [path.name for path in generated.files]

    events = declared(dataset).events[0]
    assert names[:3] == [
        f"{RECIPES[dataset].stem}_{RECIPES[dataset].start + dt.timedelta(day):%Y%m%d}.{events.format}"
        for day in range(3)
    ]
    assert all(any(fnmatch(name, pattern) for pattern in events.files) for name in names[:3])
    columns = [column for column in events.columns if column.constant is None]
    sources = {path.split(".")[0] for column in columns for path in column.sources} | {events.time.source}
    assert sources == fields(tmp_path / names[0], events)
    if profiles := declared(dataset).profiles:
        assert [any(fnmatch(name, pattern) for block in profiles for pattern in block.files) for name in names[3:]] == [
            True
        ]


def fields(path: Path, source: Source) -> set[str]:
    if source.format == "csv":
        with path.open(newline="", errors="replace") as stream:
            return set(next(csv.reader(stream)))
    with_user = next(line for line in path.read_bytes().splitlines() if b'"user_id"' in line)  # visitors have none
    return set(json.loads(with_user.removesuffix(b",")))


@pytest.mark.parametrize("dataset", ["shop", "streaming", "activity"])
def test_each_third_csv_file_has_an_undeclared_column(dataset: str, tmp_path: Path) -> None:
    generated = generate(dataset, rows=900, days=6, seed=5, out=tmp_path)

    widths = [len(path.read_text(errors="replace").split("\n", 1)[0].split(",")) for path in generated.files]

    narrow = widths[0]
    assert widths == [narrow, narrow, narrow + 1, narrow, narrow, narrow + 1]


def test_more_files_than_dates_are_numbered_within_a_date(tmp_path: Path) -> None:
    generated = generate("activity", rows=100, days=2, seed=5, out=tmp_path, files=4)

    assert [path.name for path in generated.files] == [
        "Dataset_20250101_0.csv",
        "Dataset_20250101_1.csv",
        "Dataset_20250102_0.csv",
        "Dataset_20250102_1.csv",
    ]


@pytest.mark.parametrize("dataset", RECIPES)
def test_a_single_record_is_enough(dataset: str, tmp_path: Path) -> None:
    generated = generate(dataset, rows=1, days=2, seed=5, out=tmp_path)

    assert generated.truth["records"] == generated.truth["cleaned"] == 1
    if RECIPES[dataset].array:
        assert sorted(len(json.loads(path.read_bytes())) for path in generated.files[:2]) == [0, 1]
    else:
        assert sorted(len(list(csv_records(path))) for path in generated.files[:2]) == [0, 1]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"rows": 0}, "--rows: 0 is too small; take 1 or more"),
        ({"days": 0}, "--days: 0 is too small; take 1 or more"),
        ({"files": 0}, "--files: 0 is too small; take 1 or more"),
        ({"seed": -1}, "--seed: -1 is too small; take 0 or more"),
        ({"mess": 50.0}, "--mess: 50.0 is out of range; take a number from 0 to 13"),
        (
            {"start": dt.date(2018, 12, 31)},
            "--start: 2018-12-31 is before 2019-01-01, when datasets begin; take a later date",
        ),
    ],
)
def test_an_argument_that_makes_no_sense_is_named(wrong: dict[str, object], message: str, tmp_path: Path) -> None:
    arguments = {"rows": 10, "days": 1, "seed": 1, "out": tmp_path, **wrong}

    with pytest.raises(EventAssetsError) as raised:
        generate("shop", **arguments)  # type: ignore[arg-type]

    assert str(raised.value) == message
    assert list(tmp_path.glob("*.csv")) == []


def test_a_dataset_without_a_generator_is_named(tmp_path: Path) -> None:
    with pytest.raises(EventAssetsError, match="dataset shopp: has no generator; choose one of app_events, benefits"):
        generate("shopp", rows=1, days=1, seed=1, out=tmp_path)


def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("in the way")

    with pytest.raises(EventAssetsError, match=r"out/events_20200924\.csv: can't be written"):
        generate("shop", rows=1, days=1, seed=1, out=tmp_path / "out")


EXPECTED = """\
log_id,user_id,timestamp,ip_address,watch_time(min)
3576923389910883020,user_0,2025-01-01T18:08:21Z,14.218.77.41,97.21
4521981467323179455,user_0,2025-01-01T18:11:14Z,14.218.77.41,2.5
4605358832368461373,user_0,2025-01-01T18:13:34Z,14.218.77.41,135.35
3908135067900465061,user_0,2025-01-01T18:14:02Z,14.218.77.41,158.49
"""

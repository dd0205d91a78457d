"""What real exports need (docs/input.md), from a file in the inbox to cleaned events, for events and profiles."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from event_assets.declaration import Dataset, parse_dataset
from event_assets_tests.world import World


def declared(events: object, **keys: Any) -> Dataset:
    attributes = {"name": "exports", "description": "A test.", "start_date": "2020-01-01", "events": events, **keys}
    return parse_dataset(attributes, "exports")


def block(*columns: dict[str, Any], **keys: Any) -> dict[str, Any]:
    """A block of CSV files with the columns user_id, event_type and others."""
    named = [{"name": "user_id", "source": "user"}, {"name": "event_type", "source": "kind"}, *columns]
    described = [{"description": "x", **column} for column in {column["name"]: column for column in named}.values()]
    return {"files": ["*.csv"], "format": "csv", "time": {"source": "at"}, "columns": described, **keys}


def cleaned(world: World, *columns: str) -> list[tuple[Any, ...]]:
    world.refresh()
    assert world.reconciled().holds
    return world.table("cleaned_events").sort("event_time", "user_id").select(columns).rows()


def quarantined(world: World) -> list[tuple[Any, ...]]:
    return world.table("quarantine").sort("row_number").select("row_number", "reason").rows()


def test_times_are_read_by_any_of_several_formats_and_two_readings_are_refused(tmp_path: Path) -> None:
    formats = ["%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M", "epoch_seconds"]
    world = World(tmp_path, declared(block(time={"source": "at", "formats": formats})))
    times = ["13/02/2025 08:00", "02/02/2025 09:00", "01/02/2025 10:00", "1738490400", "soon", ""]
    world.drop("a.csv", "user,kind,at\n" + "".join(f"u{n},view,{at}\n" for n, at in enumerate(times)))
    assert [(row[0], f"{row[1]:%m-%d %H:%M}") for row in cleaned(world, "user_id", "event_time")] == [
        ("u1", "02-02 09:00"),
        ("u3", "02-02 10:00"),
        ("u0", "02-13 08:00"),
    ]
    rejects = world.table("landing_rejects").sort("row_number").select("row_number", "reason", "column").rows()
    assert rejects == [(3, "ambiguous_timestamp", "at"), (5, "invalid_timestamp", "at"), (6, "missing_timestamp", "at")]


def test_a_time_in_two_fields_is_missing_where_one_of_them_is(tmp_path: Path) -> None:
    day = {"name": "day", "null_values": ["-"]}
    time = {"source": ["day", "clock"], "format": "%d.%m.%Y %H:%M"}
    world = World(tmp_path, declared(block(day, time=time)))
    world.drop("a.csv", "user,kind,day,clock\na,view, 1.2.2025,8:05\nb,view,-,8:05\nc,view,1.2.2025,\n")
    assert [row[0] for row in cleaned(world, "user_id")] == ["a"]
    assert world.table("raw_events")["time_text"].to_list() == [" 1.2.2025 8:05"]
    assert world.table("landing_rejects")["reason"].to_list() == ["missing_timestamp"] * 2


def test_a_time_may_be_ahead_of_its_landing_as_far_as_declared(tmp_path: Path) -> None:
    rows = "user,kind,at\na,view,2025-06-02T11:00:00\nb,view,2025-06-03T13:00:00\n"  # landed on 06-01 at 12:00
    for ahead, users in (("24h", ["a"]), ("3d", ["a", "b"]), ("1h", [])):
        world = World(tmp_path / ahead, declared(block(time={"source": "at", "ahead": ahead})))
        world.drop("a.csv", rows)
        assert [row[0] for row in cleaned(world, "user_id")] == users


def test_a_user_is_the_first_of_several_fields_that_is_not_null(tmp_path: Path) -> None:
    user = {"name": "user_id", "source": ["userId", "anonymousId"], "null_values": ["none"]}
    world = World(tmp_path, declared(block(user)))
    world.drop(
        "a.csv", "userId,anonymousId,kind,at\n u1 ,x1,view,2025-01-01\n none,x2,view,2025-01-02\n,,view,2025-01-03\n"
    )
    world.drop("b.csv", "anonymousId,kind,at\nx3,view,2025-01-04\n")
    world.drop("c.csv", "kind,at\nview,2025-01-05\n")
    assert [row[0] for row in cleaned(world, "user_id")] == ["u1", "x2", "x3"]
    assert quarantined(world) == [(3, "missing_user_id")]
    [reason] = [reason for reason in world.table("source_files")["reason"] if reason]
    assert reason == "missing_column: userId or anonymousId (found kind, at)"


GERMAN = {"decimal": ",", "thousands": "."}


@pytest.mark.parametrize("engine", ["polars", "duckdb"])
def test_numbers_of_other_lands_are_exact_and_a_misplaced_mark_is_invalid(
    tmp_path: Path, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVENT_ASSETS_ENGINE", engine)
    price = {"name": "price", "type": "decimal(10,2)"}
    world = World(tmp_path, declared(block(price, csv={"delimiter": ";"}), numbers=GERMAN, engine=engine))
    texts = [
        "1.893,71",
        "1893,71",
        "-1,5",
        "12",
        "1.234.567",
        ",5",
        "1.89",
        "1.23.456",
        "1,2,3",
        "12.34,5",
        "1,234",
        "x",
    ]
    rows = "".join(f"u;view;2025-01-01T00:00:{n:02};{text}\n" for n, text in enumerate(texts))
    world.drop("a.csv", f"user;kind;at;price\n{rows}")
    assert [str(row[0]) for row in cleaned(world, "price")] == [
        "1893.71",
        "1893.71",
        "-1.50",
        "12.00",
        "1234567.00",
        "0.50",
    ]
    assert quarantined(world) == [(number, "invalid_price") for number in range(7, 13)]


@pytest.mark.parametrize("engine", ["polars", "duckdb"])
def test_the_unit_of_an_amount_is_left_out_and_another_one_is_invalid(
    tmp_path: Path, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVENT_ASSETS_ENGINE", engine)
    numbers = {"decimal": ",", "thousands": ".", "unit": "R$"}
    price = {"name": "price", "type": "decimal(10,2)", "numbers": numbers}
    world = World(tmp_path, declared(block(price, csv={"delimiter": ";"}), engine=engine))
    good = ["R$ 1.234,50", "R$12", "-R$1,5", "R$-1,5", "12,5 R$", "7", "R$\u00a00,10"]
    bad = ["$12", "R$", "R$R$1", "1R$2", "R$ 1,5 R$", "(R$1)", "R$  1", "--R$1"]
    rows = "".join(f"u;view;2025-01-01T00:00:{n:02};{text}\n" for n, text in enumerate([*good, *bad]))
    world.drop("a.csv", f"user;kind;at;price\n{rows}")
    expected = ["1234.50", "12.00", "-1.50", "-1.50", "12.50", "7.00", "0.10"]
    assert [str(row[0]) for row in cleaned(world, "price")] == expected
    assert quarantined(world) == [(number, "invalid_price") for number in range(8, 16)]


def test_the_innermost_notation_of_numbers_wins_and_numbers_of_json_are_no_texts(tmp_path: Path) -> None:
    columns = [{"name": "price", "type": "float64"}, {"name": "share", "type": "float64", "numbers": {"decimal": "."}}]
    events = block(*columns, files=["*.ndjson"], format="ndjson", numbers=GERMAN)
    world = World(tmp_path, declared(events, numbers={"decimal": "'"}, deduplicate={"keys": ["event_time"]}))
    records = [
        '{"user":"a","kind":"view","at":"2025-01-01","price":"1.893,5","share":"0.5"}',
        '{"user":"a","kind":"view","at":"2025-01-02","price":1893.5,"share":0.5}',
        '{"user":"a","kind":"view","at":"2025-01-03","price":-1.5E3,"share":5e-1}',
        '{"user":"a","kind":"view","at":"2025-01-04","price":"1.5","share":"0,5"}',
    ]
    world.drop("a.ndjson", "\n".join(records))
    assert cleaned(world, "price", "share") == [(1893.5, 0.5), (1893.5, 0.5), (-1500.0, 0.5)]
    assert world.table("quarantine")["reasons"].to_list() == ["invalid_price,invalid_share"]
    raw = world.table("raw_events").sort("row_number")
    assert raw["price"].to_list() == ["1.893,5", "1893.5", "-1.5E3", "1.5"], "raw has each as it came"
    assert raw["came_as_number"].to_list() == [None, "price", "price", None]


@pytest.mark.parametrize("kind", [pa.float64(), pa.decimal128(9, 3), pa.string()])
def test_numbers_of_parquet_are_no_texts_either(tmp_path: Path, kind: pa.DataType) -> None:
    """1.893 is less than two, whatever the texts beside it mean by a point."""
    events = block({"name": "price", "type": "decimal(9,3)"}, files=["*.parquet"], format="parquet", numbers=GERMAN)
    world = World(tmp_path, declared(events))
    texts = ["1.893", "12.5", "7"] if pa.types.is_string(kind) else [Decimal("1.893"), Decimal("12.5"), Decimal(7)]
    prices = pa.array([float(n) for n in texts] if kind == pa.float64() else texts, kind)
    file = BytesIO()
    at = [f"2025-01-0{n}" for n in (1, 2, 3)]
    pq.write_table(pa.table({"user": ["a"] * 3, "kind": ["v"] * 3, "at": at, "price": prices}), file)
    world.drop("a.parquet", file.getvalue())
    meant = ["1893.000", "7.000"] if pa.types.is_string(kind) else ["1.893", "12.500", "7.000"]
    assert [str(row[0]) for row in cleaned(world, "price")] == meant
    assert [Decimal(text) for text in world.table("raw_events")["price"]] == [Decimal("1.893"), Decimal("12.5"), 7]


def test_a_quarantined_row_of_parquet_has_each_source_of_the_user_at_its_path(tmp_path: Path) -> None:
    user = {"name": "user_id", "source": ["ids.user", 'ids."cookie.id"'], "description": "x"}
    kind = {"name": "event_type", "source": "kind", "required": True, "description": "x"}
    events = {"files": ["*.parquet"], "format": "parquet", "time": {"source": "at"}, "columns": [user, kind]}
    world = World(tmp_path, declared(events))
    file = BytesIO()
    record = {"ids": {"user": None, "cookie.id": "c2"}, "kind": None, "at": "2025-01-01"}
    pq.write_table(pa.Table.from_pylist([record]), file)
    world.drop("a.parquet", file.getvalue())
    world.refresh()
    assert json.loads(world.table("quarantine")["raw"][0])["ids"] == {"user": "", "cookie.id": "c2"}


@pytest.mark.parametrize("form", ["ndjson", "parquet"])
def test_a_quarantined_number_of_several_columns_is_replayed_as_a_number(tmp_path: Path, form: str) -> None:
    """Texts have decimal commas, numbers don't; the record says so whichever field the value is of."""
    price = {"name": "price", "source": ["total", "amount"], "type": "decimal(9,3)", "max": 1}
    world = World(tmp_path, declared(block(price, files=[f"*.{form}"], format=form, numbers=GERMAN)))
    records = [
        {"user": "a", "kind": "v", "at": "2025-01-01", "total": None, "amount": 1.893},
        {"user": "a", "kind": "v", "at": "2025-01-02", "total": 12.5, "amount": 7.5},
    ]
    file = BytesIO()
    pq.write_table(pa.Table.from_pylist(records), file)
    world.drop(f"a.{form}", file.getvalue() if form == "parquet" else "\n".join(map(json.dumps, records)))
    world.refresh()
    raw = [json.loads(text) for text in world.table("quarantine").sort("row_number")["raw"]]
    wanted = [{name: value for name, value in one.items() if value is not None} for one in records]
    assert [{name: value for name, value in one.items() if value} for one in raw] == wanted


WEB = block({"name": "page"}, {"name": "price", "type": "decimal(10,2)"}, files=["web_*.csv"])
APP = {
    "files": ["app_*.ndjson"],
    "format": "ndjson",
    "time": {"source": "ts", "format": "epoch_seconds"},
    "numbers": GERMAN,
    "where": {"event_type": {"not": ["debug"]}},
    "columns": [
        {"name": "user_id", "source": "uid"},
        {"name": "event_type", "source": "name"},
        {"name": "price", "source": "amount"},
        {"name": "device", "constant": "app", "description": "x"},
    ],
}


def test_several_blocks_make_one_stream_each_by_its_own_rules(tmp_path: Path) -> None:
    world = World(tmp_path, declared([WEB, APP]))
    world.drop("web_1.csv", 'user,kind,at,page,price\na,debug,2025-01-01,/x,1.50\na,view,2025-01-02,/y,"1,50"\n')
    apps = ['{"uid":"b","name":"debug","ts":1735700000}', '{"uid":"b","name":"buy","ts":1735700001,"amount":"1.234,5"}']
    world.drop("app_1.ndjson", "\n".join(apps))
    columns = ("user_id", "event_type", "page", "price", "device")
    assert [tuple(map(str, row)) for row in cleaned(world, *columns)] == [
        ("a", "debug", "/x", "1.50", "None"),
        ("b", "buy", "None", "1234.50", "app"),
    ]
    assert quarantined(world) == [(2, "invalid_price")]
    assert world.reconciled().excluded == 1


def test_a_column_of_several_blocks_has_one_meaning() -> None:
    from event_assets.errors import DeclarationError

    other = {**APP, "columns": [*APP["columns"][:2], {"name": "price", "type": "string", "description": "x"}]}
    with pytest.raises(DeclarationError, match="events: column price has another type in a further block"):
        declared([WEB, other])


WHERE = {"app": {"not": ["test", None]}, "level": ["1", "2"]}


@pytest.mark.parametrize("engine", ["polars", "duckdb"])
def test_unwanted_records_stay_in_raw_and_are_counted_as_nothing_else(tmp_path: Path, engine: str) -> None:
    columns = [
        {"name": "app", "case": "lower", "aliases": {"staging": "test"}},
        {"name": "level", "type": "int64", "max": 1},
        {"name": "page", "required": True},
    ]
    world = World(tmp_path, declared(block(*columns, where=WHERE), engine=engine))
    rows = [
        "shop,1,/a",
        "shop,1,/a",
        "TEST,1,",
        "Staging,1,/a",
        ",1,/a",
        "shop,3,",
        "shop,,/a",
        "shop,x,/a",
        "shop,2,/a",
    ]
    world.drop("a.csv", "user,kind,at,app,level,page\n" + "".join(f"u,view,2025-01-01,{row}\n" for row in rows))
    assert cleaned(world, "app", "level", "page") == [("shop", 1, "/a")]
    assert quarantined(world) == [(8, "invalid_level"), (9, "invalid_level")]
    found = world.reconciled()
    assert (found.raw, found.cleaned, found.duplicates, found.quarantined, found.excluded) == (9, 1, 1, 2, 5)
    world.use(declared(block(*columns), engine=engine))  # without where all are judged again
    assert world.make()
    assert world.reconciled().excluded == 0
    assert [reason for _, reason in quarantined(world)] == ["missing_page", *["invalid_level"] * 3]


def test_what_holds_for_events_holds_for_profiles(tmp_path: Path) -> None:
    profiles = {
        "files": ["users*.csv"],
        "format": "csv",
        "csv": {"delimiter": ";", "comment": "#"},
        "where": {"plan": {"not": ["internal"]}},
        "numbers": GERMAN,
        "columns": [
            {"name": "user_id", "source": ["id", "mail"], "description": "x"},
            {"name": "plan", "description": "x"},
            {"name": "credit", "type": "decimal(10,2)", "description": "x"},
        ],
    }
    world = World(tmp_path, declared(block(files=["events*.csv"]), profiles=profiles))
    world.drop(
        "users.csv", "# exported\nid;mail;plan;credit\n1;;free;1.000,5\n;b@x;paid;2\n3;;internal;\n4;;free;1.5\n"
    )
    world.drop("events.csv", "user,kind,at\n1,view,2025-01-01\n")
    assert [row[0] for row in cleaned(world, "user_id")] == ["1"]
    rows = world.table("profiles").sort("user_id").select("user_id", "plan", pl.col("credit").cast(pl.String)).rows()
    assert rows == [("1", "free", "1000.50"), ("b@x", "paid", "2.00")]
    assert world.table("profile_quarantine").select("row_number", "reason").rows() == [(4, "invalid_credit")]


def test_files_in_folders_are_read_and_parts_of_their_path_are_columns(tmp_path: Path) -> None:
    columns = [
        {"name": "day", "type": "date", "source": "file_path", "pattern": "dt=([0-9-]+)/"},
        {"name": "path", "source": "file_path"},
    ]
    world = World(tmp_path, declared(block(*columns, files=["**/*.csv"])))
    content = "user,kind,at\na,view,2025-01-01T08:00:00\n"
    for folder in ("dt=2025-01-01/h=1", "dt=2025-01-01/h=2", "dt=2025-01-02"):
        (world.settings.inbox / "exports" / folder).mkdir(parents=True)
        world.drop(f"{folder}/part-0.csv", content)
    (world.settings.inbox / "exports" / "out").symlink_to(tmp_path)
    world.drop("top.csv", "user,kind,at\nb,view,2025-01-03\n")
    world.drop("dt=2025-01-02/.hidden.csv", content)
    rows = cleaned(world, "path", "user_id", "day")
    assert [(user, day, path) for path, user, day in sorted(rows)] == [
        ("a", dt.date(2025, 1, 1), "dt=2025-01-01/h=1/part-0.csv"),
        ("a", dt.date(2025, 1, 1), "dt=2025-01-01/h=2/part-0.csv"),
        ("a", dt.date(2025, 1, 2), "dt=2025-01-02/part-0.csv"),
        ("b", None, "top.csv"),
    ]
    files = world.table("source_files")
    assert files["file_id"].n_unique() == 4
    assert world.land().landed == ()
    assert any("out is a link" in warning or "leads out" in warning for warning in world.land().warnings)


def test_a_part_of_the_path_that_nobody_declares_makes_no_other_file(tmp_path: Path) -> None:
    world = World(tmp_path, declared(block(files=["**/*.csv"])))
    for folder in ("x", "y"):
        (world.settings.inbox / "exports" / folder).mkdir(parents=True)
        world.drop(f"{folder}/a.csv", "user,kind,at\na,view,2025-01-01\n")
    assert len(cleaned(world, "user_id")) == 1
    assert world.table("source_files")["names"].to_list() == ['["x/a.csv", "y/a.csv"]']


def test_a_declared_source_that_no_record_of_a_file_has_is_reported_once(tmp_path: Path) -> None:
    page = {"name": "page", "source": ["details.page", "path"]}
    world = World(tmp_path, declared(block(page, files=["*.ndjson"], format="ndjson")))

    def drop(name: str, more: str = "") -> None:
        world.drop(f"{name}.ndjson", f'{{"user":"{name}","kind":"view","at":"2025-01-01"{more}}}')

    drop("a")
    drop("b")
    assert world.land().warnings == (
        "column page is null: no record of a.ndjson and 1 more has details.page or path; "
        "correct source: if the files write it otherwise",
    )
    assert world.land().warnings == ()
    drop("c")
    drop("d", ',"path":null')
    assert world.land().warnings == (), "records of JSON have the members that they need"

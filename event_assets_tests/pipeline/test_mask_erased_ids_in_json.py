"""Members that are called by an erased user, in the rows of others: masked in whatever table, whenever they came."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from event_assets.declaration import Dataset
from event_assets.pipeline.erase import erase
from event_assets.pipeline.retention import expire
from event_assets_tests.world import World, clicks, lines, places_of

USER, OTHER = "zorro-7731", "mnemo-8842"
AT = '"kind":"view","at":"2025-01-06T10:00:00"'
RECORDS = (
    f'{{"user":"bob",{AT},"shares":{{"{USER}":3,"n":[{{"{USER}":{{"{OTHER}":1}}}}]}}}}',
    f'{{"user":"bob",{AT},"details":{{"by":{{"{USER}":7731}}}},"price":"12"}}',
    f'{{"user":"bob",{AT},"price":-1,"{USER}":"x","page":4}}',
    f'{{"user":"bob","kind":"view","at":"never","{USER}":1}}',
    f'{{"user":"bob",{AT},"{USER}-2":1,"likes":"{USER}"}}',
    f'{{"user":"{USER}",{AT},"{OTHER}":1}}',
)
NOT_OURS = f"{USER}-2"  # another id
PARQUET = pl.DataFrame(
    {"user": ["cat"], "kind": ["view"], "at": ["2025-01-07T10:00:00"], USER: [1], "shares": [{OTHER: 3, USER: 4}]}
)


def dataset(kind: str = "ndjson", **changes: object) -> Dataset:
    events = clicks().events[0].model_dump(mode="json", by_alias=True)
    details = {"name": "details", "type": "json", "description": "More."}
    events = {**events, "files": ["*"], "format": kind, "columns": [*events["columns"], details]}
    return clicks(events=events, **{"sessions": {}, "gold": {}, **changes})


def take_out(world: World, *users: str, mentions: bool = False) -> None:
    for user in users:
        with world.workspace.writing():
            world.workspace.refresh()
            erase(world.workspace, user, mentions=mentions)
    world.make()


def found(world: World, user: str) -> list[str]:
    places = {*places_of(world.settings.lake, user), *places_of(world.settings.lake, user.replace("-", "\\u002d"))}
    return sorted(places)


def drop(world: World, kind: str) -> None:
    if kind == "parquet":
        PARQUET.write_parquet(world.drop("f.parquet", ""))
    elif kind == "csv":
        world.drop("f.csv", f"user,kind,at,page,price,details,{USER},{OTHER}\ncat,view,2025-01-07,/a,1,,7,8\n")
    else:
        world.drop("f.ndjson", "\n".join(record for record in RECORDS if NOT_OURS not in record) + "\n")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ndjson", "csv", "parquet"])
def test_whenever_and_in_whatever_order_users_are_erased_the_lake_is_the_same(tmp_path: Path, kind: str) -> None:
    worlds = []
    for number, order in enumerate(((USER, OTHER), (OTHER, USER), ())):
        world = World(tmp_path / str(number), dataset(kind))
        if not order:
            take_out(world, USER, OTHER)
        drop(world, kind)
        world.refresh()
        take_out(world, *order)
        assert (found(world, USER), found(world, OTHER)) == ([], [])
        assert world.publish_reconciliation()["holds"].all()
        assert world.refresh() == []
        worlds.append(world)
    first, *others = worlds
    for world in others:
        assert first.files_on_disk("raw_events") != set()
        names = [sorted(path.name for path in one.files_on_disk("raw_events")) for one in (first, world)]
        assert names[0] == names[1]
        for name, frame in first.tables().items():
            assert frame.equals(world.tables()[name]), name


def test_only_names_that_are_the_id_are_masked_and_values_stay_as_written(tmp_path: Path) -> None:
    world = World(tmp_path, dataset())
    world.drop("f.ndjson", "\n".join(RECORDS) + "\n")
    world.refresh()
    take_out(world, USER)
    raw = world.table("raw_events").sort("row_number")
    assert raw["row_number"].to_list() == [1, 2, 3, 5]
    assert raw["extra"].to_list() == [
        f'{{"shares":{{"•••":3,"n":[{{"•••":{{"{OTHER}":1}}}}]}}}}',
        None,
        '{"•••":"x"}',
        f'{{"{NOT_OURS}":1,"likes":"{USER}"}}',
    ]
    assert (
        raw["details"].to_list()[1]
        == world.table("cleaned_events")["details"].drop_nulls()[0]
        == ('{"by":{"•••":7731}}')
    )
    [refused] = world.table("quarantine")["raw"].to_list()
    assert json.loads(refused) == {
        "user": "bob", "kind": "view", "at": "2025-01-06T10:00:00", "page": 4, "price": -1, "•••": "x"
    }  # fmt: skip
    assert world.table("landing_rejects")["raw"].to_list() == [RECORDS[3].replace(USER, "•••")]


def test_a_refused_record_without_the_id_is_read_again_as_the_same(tmp_path: Path) -> None:
    world = World(tmp_path / "first", dataset())
    world.drop("f.ndjson", "\n".join(RECORDS) + "\n")
    world.refresh()
    take_out(world, USER)
    again = World(tmp_path / "again", dataset())
    again.drop("f.ndjson", world.table("quarantine")["raw"].item() + "\n")
    again.refresh()
    texts = ["reason", "reasons", "raw"]
    assert again.table("quarantine").select(texts).equals(world.table("quarantine").select(texts))


def test_mentions_in_undeclared_fields_are_masked_on_request_then_and_later(tmp_path: Path) -> None:
    world = World(tmp_path, dataset())
    world.drop("f.ndjson", "\n".join(RECORDS) + "\n")
    world.refresh()
    take_out(world, USER, mentions=True)
    world.drop("g.ndjson", RECORDS[4].replace("10:00", "11:00") + "\n")
    world.refresh()
    extras = world.table("raw_events").filter(pl.col("extra").str.contains("likes"))["extra"].to_list()
    assert extras == [f'{{"{NOT_OURS}":1,"likes":"•••"}}'] * 2


def test_a_number_is_masked_as_a_name_in_every_spelling_and_never_as_a_value(tmp_path: Path) -> None:
    columns = [
        {"name": "user_id", "source": "user", "type": "int64", "required": True, "description": "Who."},
        {"name": "event_type", "source": "kind", "required": True, "description": "What."},
    ]
    events = {"files": ["*"], "format": "ndjson", "time": {"source": "at"}, "columns": columns}
    world = World(tmp_path, clicks(events=events, sessions={}, gold={}))
    extra = '"counts":{"7731":7731,"007731":2,"7.731e3":3,"77310":4,"u7731":5}'
    world.drop("f.ndjson", f'{{"user":8,{AT},{extra}}}\n{{"user":7731,{AT}}}\n')
    world.refresh()
    take_out(world, "7731")
    assert world.table("raw_events")["extra"].to_list() == [
        '{"counts":{"•••":7731,"•••":2,"•••":3,"77310":4,"u7731":5}}'
    ]


def test_quarantine_of_dates_that_can_not_be_made_again_loses_the_names_as_well(tmp_path: Path) -> None:
    world = World(tmp_path, dataset(retention={"cleaned": 30}))
    later = RECORDS[0].replace("2025-01-06", "2025-03-06")
    world.drop("f.ndjson", "\n".join([*(one for one in RECORDS if NOT_OURS not in one), later]) + "\n")
    world.refresh()
    close(world)
    take_out(world, USER)
    assert found(world, USER) == []
    assert '"•••": "x"' in world.table("quarantine")["raw"].item()


def test_quarantine_of_dates_that_can_not_be_made_again_is_the_users_whom_the_path_names(tmp_path: Path) -> None:
    who = {"name": "user_id", "source": "file_path", "pattern": "_([0-9]+)_", "required": True, "description": "Who."}
    events = clicks().events[0].model_dump(mode="json", by_alias=True)
    events["columns"] = [who, *(column for column in events["columns"] if column["name"] != "user_id")]
    world = World(tmp_path, clicks(events=events, sessions={}, gold={}, retention={"cleaned": 30}))
    for user in ("7731", "8842"):
        bad = [f"x,view,2025-{month}-06,/8842,-1" for month in ("01", "03")]
        world.drop(f"clicks_{user}_1.csv", lines(*bad))
    world.refresh()
    close(world)
    take_out(world, "8842")
    left = world.table("quarantine")
    assert (left.height, left["file_id"].n_unique()) == (2, 1)
    assert left["file_id"][0] == next(
        file for (_, file), names in world.workspace.ledger.names().items() if "7731" in names[0]
    )


def close(world: World) -> None:
    """Let retention drop cleaned events, so that quarantine of these dates can't be made again."""
    with world.workspace.writing():
        world.workspace.refresh()
        assert expire(world.workspace)
    assert world.table("quarantine").height


def test_a_csv_header_names_the_user_in_nobodys_row(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.drop("clicks_1.csv", lines("bob,view,2025-01-06T10:00:00,/a,,7").replace("price", f"price,{USER}"))
    world.refresh()
    take_out(world, USER)
    assert world.table("raw_events")["extra"].to_list() == ['{"•••":"7"}']

"""Names of files and fields that contain an erased user's id: masked everywhere, and recognised all the same."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_assets.errors import LandingError
from event_assets.pipeline.completeness import named_for
from event_assets.pipeline.erase import erase
from event_assets.pipeline.erased_ids import Erasing
from event_assets.pipeline.mask_names import MASK, Masking
from event_assets.pipeline.retract import named_files, shown_name
from event_assets.text.dates_in_file_names import file_date, file_hour
from event_assets_tests.world import World, clicks, lines

USER = "zorro-7731"
RECORDS = lines(f"{USER},view,2025-01-06T10:00:00,/a,", "bob,view,2025-01-06T10:00:00,/b,")


def masking(world: World, *users: str) -> Masking:
    world.workspace.ledger.draw_key()
    return Masking(world.dataset, world.workspace.ledger, [Erasing.only(users, mentions=False)])


def take_out(world: World, user: str = USER) -> dict[str, str]:
    """Erase a user; the texts that other storage is to forget, with what takes their place."""
    forgotten: dict[str, str] = {}
    with world.workspace.writing():
        world.workspace.refresh()
        erase(world.workspace, user, forget=forgotten.update)
    world.make()
    return forgotten


def names(world: World) -> list[str]:
    return sorted(world.table("source_files")["names"].to_list())


@pytest.mark.parametrize(
    ("name", "users", "expected"),
    [
        ("clicks_zorro-7731.csv", [USER], "clicks_xxxxx-9999.csv"),
        ("Zoë/clicks_Zoë_1.csv", ["Zoë"], "Xxx/clicks_Xxx_1.csv"),
        ("clicks_ann@x.org.csv", ["ann@x.org"], "clicks_xxx@x.xxx.csv"),
        ("clicks_ann.csv", ["an"], "clicks_ann.csv"),
        ("2025-01-06/ann_20250106_10.csv", ["ann", "2025-01-06", "10"], "2025-01-06/xxx_20250106_10.csv"),
        ("clicks_9.csv", ["9"], f"clicks_{MASK}.csv"),
    ],
)
def test_a_name_keeps_its_form_and_the_date_in_it(tmp_path: Path, name: str, users: list[str], expected: str) -> None:
    assert masking(World(tmp_path), *users).name(name) == expected


def test_a_number_is_masked_in_every_spelling(tmp_path: Path) -> None:
    columns = [c.model_dump(mode="json") | ({"type": "int64"} if c.name == "user_id" else {}) for c in clicks().columns]
    events = {**clicks().events[0].model_dump(mode="json", by_alias=True), "columns": columns}
    mask = masking(World(tmp_path, clicks(events=events)), "7731")
    assert mask.name("e_007731.csv") == "e_999999.csv"
    assert mask.text("missing_column: user (found u7731, c_7731, 77310)") == (
        f"missing_column: user (found u7731, c_{MASK}, 77310)"
    )


WORDS = st.sampled_from(["ann", "7", "07", "x", "2025", "01", "06", "20250106", "10", "part"])


@given(st.lists(st.tuples(WORDS, st.sampled_from("_-./")), min_size=1, max_size=7), st.sets(WORDS, min_size=1))
def test_a_masked_name_has_the_date_and_the_hour_of_the_name(
    tmp_path_factory: pytest.TempPathFactory, parts: list[tuple[str, str]], users: set[str]
) -> None:
    name = "".join(word + mark for word, mark in parts) + "csv"
    masked = masking(World(tmp_path_factory.getbasetemp() / "names"), *users).name(name)
    assert (file_date(masked), file_hour(masked)) == (file_date(name), file_hour(name))
    assert len(masked.split("/")) == len(name.split("/"))


def test_a_masked_file_is_known_retracted_and_never_landed_again(tmp_path: Path) -> None:
    world = World(tmp_path)
    name = f"clicks_{USER}.csv"
    world.drop(name, RECORDS)
    world.refresh()
    forgotten = take_out(world)
    assert forgotten == {name: "clicks_xxxxx-9999.csv"}
    assert names(world) == ['["clicks_xxxxx-9999.csv"]']
    assert world.land().landed == ()
    world.drop(name, RECORDS)  # touched, not changed
    assert (world.land().known, world.refresh()) == (1, [])
    assert named_files(world.workspace, name) == named_files(world.workspace, "clicks_xxxxx-9999.csv")
    world.retract(name)
    world.make()
    world.drop(name, RECORDS + "\n")
    world.drop("clicks_2.csv", RECORDS)
    landing = world.land()
    assert [len(landing.landed), landing.known] == [1, 1]  # new bytes count, the retracted ones don't
    world.restore(name="clicks_2.csv")
    world.refresh()
    assert world.table("raw_events")["user_id"].to_list() == ["bob"] * 2
    assert sorted(names(world)) == ['["clicks_2.csv"]', '["clicks_xxxxx-9999.csv"]']
    again = World(tmp_path)
    assert again.land().landed == ()
    assert not [p for p in again.settings.lake.rglob("*") if p.is_file() and USER.encode() in p.read_bytes()]


def test_a_masked_name_of_several_files_is_refused_and_a_file_id_or_the_name_itself_is_taken(tmp_path: Path) -> None:
    world = World(tmp_path)
    for user in ("7731", "8842"):
        world.drop(f"clicks_{user}_2025-01-07.csv", lines(f"{user},view,2025-01-07T10:00:00,/a,", "bob,view,never,/b,"))
    world.refresh()
    for user in ("7731", "8842"):
        take_out(world, user)
    masked = "clicks_9999_2025-01-07.csv"
    ids = sorted(world.table("source_files")["file_id"].to_list())
    with pytest.raises(LandingError) as refused:
        named_files(world.workspace, masked)
    listed = ", ".join(ids)
    assert str(refused.value) == f"{masked}: is the name of 2 files of clicks; name one by its file_id: {listed}"
    for key in (*ids, "clicks_7731_2025-01-07.csv", "clicks_8842_2025-01-07.csv"):
        [file] = named_files(world.workspace, key)
        assert file.file_id in ids
        assert shown_name(world.workspace, file) == masked


def test_a_file_that_comes_after_the_erasure_is_masked_from_the_start(tmp_path: Path) -> None:
    world = World(tmp_path)
    take_out(world)
    world.drop(f"clicks_{USER}_2025-01-06.csv", RECORDS)
    world.drop(f"other_{USER}.csv", "")
    landing = world.land()
    assert names(world) == ['["clicks_xxxxx-9999_2025-01-06.csv"]']
    assert landing.warnings == (f"other_{MASK}.csv matches no file pattern of clicks and is left alone",)
    assert world.land().landed == ()


def test_manifests_and_expected_files_hold_for_masked_names(tmp_path: Path) -> None:
    expect = {"files_per": "date", "count": 1, "pattern": "clicks_[a-z]*-[0-9]*_*.csv", "manifest": "*.manifest.csv"}
    world = World(tmp_path, clicks(expect=expect))
    name = f"clicks_{USER}_2025-01-06.csv"
    world.drop(name, RECORDS)
    world.drop(f"{USER}.manifest.csv", f"file,records\n{name},2\n")
    world.refresh()
    arrived = world.table("completeness")
    assert arrived["arrived"].to_list() == [1]
    take_out(world)
    world.refresh()
    assert world.table("completeness").equals(arrived)
    assert world.table("source_files")["state"].to_list() == ["active"]
    world.drop(f"{USER}.manifest.csv", f"file,records\n{name},3\n")
    world.refresh()
    assert world.table("source_files")["reason"].to_list() == ["manifest_mismatch"]
    assert named_for(world.dataset.expect, name) is not None  # type: ignore[arg-type]
    assert not [p for p in world.settings.lake.rglob("*") if p.is_file() and USER.encode() in p.read_bytes()]


def test_fields_of_two_files_and_headers_in_reasons_are_masked(tmp_path: Path) -> None:
    world = World(tmp_path)
    head = f"user,kind,at,page,price,{USER}"
    for number in (1, 2):
        world.drop(f"clicks_{number}.csv", f"{head}\nbob,view,2025-01-06T1{number}:00:00,/a,,1\n")
    world.drop("clicks_3.csv", "zorro,view\n")
    world.refresh()
    take_out(world)
    take_out(world, "zorro")
    world.drop("clicks_4.csv", f"{head}\nbob,view,2025-01-06T14:00:00,/a,,1\n")
    world.drop("clicks_5.csv", "zorro,buy\n")
    world.refresh()
    entries = pl.concat(pl.read_parquet(p) for p in (tmp_path / "lake/clicks/_state/ledger").glob("*.parquet"))
    assert "zorro" not in "".join(entries["entry"])
    reasons = world.table("source_files")["reason"].drop_nulls().sort().to_list()
    assert [MASK in reason and "zorro" not in reason for reason in reasons] == [True, True]

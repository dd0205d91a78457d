"""A user who is erased is nowhere, and never comes back: the tables are those of files without the user's records."""

from __future__ import annotations

import random
import re
import tempfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from event_assets.declaration import Dataset
from event_assets.errors import LandingError
from event_assets.pipeline import landing_rules
from event_assets.pipeline.erase import Erased, erase, rows_by_table
from event_assets.pipeline.erased_ids import Erasing, canonical, spread, tokens
from event_assets.pipeline.retract import named_files, retract
from event_assets.pipeline.user_records import Judge
from event_assets_tests.world import NOW, World, clicks, lines, made

FILE = lines(
    "ann,view,2025-01-06T10:00:00,/a,",
    " ann ,buy,2025-01-06T10:10:00,/b,5.00",
    "bob,view,2025-01-06T23:50:00,/a,",
    "ann,view,2025-01-08T10:00:00,/a,-1",
    "ann,view,never,/a,",
    "bob,view,never,/ann,",
    "ann,view",
)
WITHOUT = lines("bob,view,2025-01-06T23:50:00,/a,", "bob,view,never,/ann,")


def take_out(world: World, user: str) -> Erased:
    with world.workspace.writing():
        world.workspace.refresh()
        return erase(world.workspace, user)


def files_with(world: World, text: str) -> list[str]:
    return sorted(str(p) for p in world.settings.lake.rglob("*") if p.is_file() and text.encode() in p.read_bytes())


def assert_same(expected: World, found: World) -> None:
    for name, frame in expected.tables().items():
        assert frame.equals(found.tables()[name]), f"{name}\n{frame}\n{found.tables()[name]}"
    texts = ["reason", "raw"]
    rejects = [world.table("landing_rejects").select(texts).sort(texts) for world in (expected, found)]
    assert rejects[0].equals(rejects[1])


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    world.drop("clicks_1.csv", FILE)
    world.refresh()
    return world


@pytest.fixture
def without(tmp_path: Path) -> World:
    world = World(tmp_path / "without")
    world.drop("clicks_1.csv", WITHOUT)
    world.refresh()
    return world


def test_the_tables_are_those_of_files_without_the_user(world: World, without: World) -> None:
    gone = take_out(world, "ann")
    world.make()
    assert gone.rows == {"raw_events": 3, "landing_rejects": 2}
    assert_same(without, world)
    assert world.table("raw_events")["row_number"].to_list() == [3]


def test_every_record_is_still_accounted_for(world: World) -> None:
    take_out(world, "ann")
    world.make()
    found = world.reconciled()
    assert (found.records, found.landed, found.rejected, found.erased, found.holds) == (7, 1, 1, 5, True)
    assert found.rejected_by_reason == {"invalid_timestamp": 1}
    assert found.equations[0][0] == "records 7 = landed 1 + rejected 1 + erased 5"
    files = world.table("source_files")
    assert files.select("records", "landed", "rejected").rows() == [(7, 1, 1)]
    assert files["last_date"].cast(pl.String).to_list() == ["2025-01-06"]


def test_only_the_dates_of_the_user_are_made_again(world: World) -> None:
    world.drop("clicks_2.csv", lines("bob,view,2025-01-20T10:00:00,/a,"))
    world.refresh()
    take_out(world, "ann")
    outcomes = world.make()
    assert {date for _, date in made(outcomes)} == {"", "2025-01-06", "2025-01-08"}
    assert made(outcomes, "cleaned_events") == {("cleaned_events", "2025-01-06"), ("cleaned_events", "2025-01-08")}


def test_nothing_on_the_disk_names_the_user_any_more(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.drop("clicks_1.csv", lines("Mnemosyne,view,2025-01-06T10:00:00,/a,", "bob,view,2025-01-06T11:00:00,/a,"))
    world.drop("clicks_2.csv", lines("Mnemosyne,view,whenever,/a,", "Mnemosyne,view,2025-01-06T10:00:00,/a,-7"))
    world.refresh()
    assert files_with(world, "Mnemosyne")
    take_out(world, "Mnemosyne")
    world.make()
    assert files_with(world, "Mnemosyne") == []
    assert rows_by_table(world.workspace, "Mnemosyne") == {}
    assert world.refresh() == []


def test_it_says_how_many_rows_are_the_users_in_each_table(world: World) -> None:
    found = rows_by_table(world.workspace, "ann")
    assert {name: found[name] for name in ("raw_events", "landing_rejects", "cleaned_events", "quarantine")} == {
        "raw_events": 3,
        "landing_rejects": 2,
        "cleaned_events": 2,
        "quarantine": 1,
    }
    assert {"sessions", "daily_summary", "top_users", "top_users_overall", "user_funnel"} < found.keys()
    assert not {"events_by_minute", "source_files"} & found.keys()


def test_the_same_content_under_another_name_brings_nothing_back(world: World, without: World) -> None:
    take_out(world, "ann")
    world.make()
    world.drop("clicks_9.csv", FILE)
    world.refresh()
    assert_same(without, world)


def test_a_later_file_lands_without_the_user(world: World) -> None:
    take_out(world, "ann")
    world.drop("clicks_2.csv", lines("ann,view,2025-01-09T10:00:00,/a,", "cat,view,2025-01-09T11:00:00,/a,"))
    world.drop("clicks_3.csv", lines("ann,view,2025-01-10T10:00:00,/a,"))
    world.refresh()
    assert world.table("cleaned_events")["user_id"].to_list() == ["bob", "cat"]
    assert rows_by_table(world.workspace, "ann") == {}
    assert (world.reconciled().erased, world.reconciled().holds) == (7, True)


def test_files_that_are_read_again_by_other_rules_leave_the_user_out(
    world: World, without: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_out(world, "ann")
    world.make()
    monkeypatch.setattr(landing_rules, "LANDING_VERSION", landing_rules.LANDING_VERSION + 1)
    assert len(world.land().landed) == 1
    world.make()
    assert_same(without, world)
    assert world.reconciled().erased == 5


def test_an_old_content_that_comes_back_leaves_the_user_out(world: World, without: World) -> None:
    world.drop("clicks_1.csv", lines("cat,view,2025-01-09T11:00:00,/a,"))
    world.refresh()
    take_out(world, "ann")
    world.drop("clicks_1.csv", FILE)
    world.refresh()
    assert_same(without, world)


def test_a_run_that_was_killed_before_the_tables_followed_is_made_good(
    world: World, without: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise SystemExit(137)

    with monkeypatch.context() as patch:
        patch.setattr("event_assets.pipeline.erase.sync_raw_tables", killed)
        with pytest.raises(SystemExit):
            take_out(world, "ann")
    again = World(world.folder)
    again.refresh()
    assert_same(without, again)
    assert len(again.files_on_disk("raw_events")) == 1


def test_erasing_twice_or_somebody_unknown_changes_nothing_and_an_unknown_user_stays_out(world: World) -> None:
    take_out(world, "ann")
    world.make()
    assert take_out(world, "ann").rows == {}
    assert world.make() == []
    assert take_out(world, "zoe").rows == {}
    world.drop("clicks_2.csv", lines("zoe,view,2025-01-09T10:00:00,/a,"))
    world.refresh()
    assert "zoe" not in world.table("raw_events")["user_id"].to_list()


def test_the_order_of_erasures_is_nowhere_to_be_seen(tmp_path: Path) -> None:
    names = []
    for order in (("ann", "bob"), ("bob", "ann")):
        world = World(tmp_path / "".join(order))
        world.drop("clicks_1.csv", FILE.replace("never", "2025-01-06T12:00:00") + "cat,view,2025-01-06T10:00:00,/a,\n")
        world.refresh()
        for user in order:
            take_out(world, user)
        names.append(sorted(path.name for path in world.files_on_disk("raw_events")))
    assert names[0] == names[1]


def test_the_ledger_holds_a_keyed_hash_and_survives_being_folded(world: World) -> None:
    take_out(world, "ann")
    ledger = world.workspace.ledger
    assert ledger.is_erased("ann")
    for number in range(40):
        world.drop("clicks_2.csv", lines(f"cat,view,2025-01-09T10:00:{number:02d},/a,"))
        world.land()
    again = World(world.folder).workspace.ledger.reload()
    assert (again.erased, again.salt, again.is_erased("ann"), again.is_erased("bob")) == (
        ledger.erased,
        ledger.salt,
        True,
        False,
    )


def test_profiles_are_taken_out_as_well(tmp_path: Path) -> None:
    columns = [
        {"name": "user_id", "source": "id", "required": True, "description": "Who."},
        {"name": "country", "required": True, "description": "Where."},
    ]
    profiles = {"files": ["users*.csv"], "format": "csv", "columns": columns}
    worlds = []
    for place, users in (("with", "ann,SE\nbob,NO\nann,\n"), ("without", "bob,NO\n")):
        world = World(tmp_path / place, clicks(profiles=profiles))
        world.drop("users.csv", f"id,country\n{users}")
        world.drop("clicks_1.csv", FILE if place == "with" else WITHOUT)
        world.refresh()
        worlds.append(world)
    assert take_out(worlds[0], "ann").rows == {"raw_events": 3, "landing_rejects": 2, "raw_profiles": 2}
    worlds[0].make()
    assert_same(worlds[1], worlds[0])


def test_numbers_are_one_user_however_they_are_written(tmp_path: Path) -> None:
    columns = [
        {**column.model_dump(mode="json"), **({"type": "int64"} if column.name == "user_id" else {})}
        for column in clicks().columns
    ]
    events = {**clicks().events[0].model_dump(mode="json", by_alias=True), "columns": columns}
    world = World(tmp_path, clicks(events=events))
    world.drop("clicks_1.csv", lines(*(f"{user},view,2025-01-06T10:00:00,/a,7" for user in ("7", "007", " 7", "8"))))
    world.refresh()
    assert take_out(world, "07").rows == {"raw_events": 3}
    with pytest.raises(LandingError, match="is no int64, as user ids of clicks are"):
        take_out(world, "seven")


def verdict(raw: str, user: str = "ann", place: int | None = None, dataset: Dataset | None = None) -> str | None:
    return Judge(dataset or clicks(), "events", Erasing.only({user}, mentions=False)).text(raw, place)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ('{"user": "ann", "page": "bob"}', "theirs"),
        ('{"user": "#ann (dup)", "page": "bob"}', "theirs"),
        ('{"user": "bob", "page": "/ann"}', "mentions"),
        ('{"user": "joann", "page": "ann_b"}', None),
        ('{"userId": "ann", "page": "bob"}', "theirs"),  # the source renamed its field: all are searched
        ('{"map": {"ann": 1}}', "theirs"),
        ('{"user": "\\u0061nn", "at"', "theirs"),  # cut off: all of it is searched
        ('{"userId":"ann","page":"bob"', "theirs"),
        ('{"other":"x:ann"}', None),
        ("ann, view,never", "theirs"),
        ("ann.b,view,never", None),
        ("ann-7,x@ann,ann:1", None),
    ],
)
def test_a_refused_record_is_the_users_where_its_field_holds_the_id_as_a_token(raw: str, expected: str | None) -> None:
    assert verdict(raw) == expected


def test_a_csv_record_that_can_be_split_is_judged_by_its_users_field() -> None:
    assert verdict("bob,view,never,/ann,", place=0) == "mentions"
    assert verdict('"ann ""x""",view,never,,', place=0) == "theirs"
    assert verdict("bob,view", place=7) is None
    assert verdict('ann,"view', place=1) == "theirs"  # can't be split


@pytest.mark.parametrize(
    "raw", ['"ann lee,view', '{"user": "ann lee", "at', '[1, "ann lee"]', 'x;"ann lee"', "ann lee,view,a,b,c,d,e"]
)
def test_an_id_with_a_blank_is_found_in_what_is_left_of_a_record(raw: str) -> None:
    assert verdict(raw, "ann lee") == "theirs"


def numbered(tmp_path: Path, **changes: object) -> World:
    columns = [
        {"name": "user_id", "type": "int64", "required": True, "description": "Who."},
        {"name": "event_type", "required": True, "description": "What."},
        {"name": "mail", "description": "Where."},
    ]
    events = {"files": ["e*.ndjson"], "format": "ndjson", "time": {"source": "at"}, "columns": columns}
    return World(tmp_path, clicks(events=events, sessions={}, gold={"daily_summary": {}, **changes}))


def test_every_spelling_of_a_number_is_the_user(tmp_path: Path) -> None:
    world = numbered(tmp_path)
    users = ["7777001.0", "7.777001E6", "+7777001", "7777001 (dup)", "#7777001", "(007777001)", "77770010", "1-7777001"]
    records = [
        f'{{"user_id":"{user}","event_type":"v","at":"2025-01-06T10:00","mail":"secret{n}@x"}}'
        for n, user in enumerate(users)
    ]
    world.drop("e1.ndjson", "\n".join(records))
    world.refresh()
    assert world.table("cleaned_events")["user_id"].to_list() == [7777001] * 3 + [77770010]
    assert take_out(world, "7777001").rows == {"raw_events": 6}
    world.make()
    left = world.table("raw_events")["user_id"].to_list()
    assert left == ["77770010", "1-7777001"]
    assert files_with(world, "secret0@x") == files_with(world, "secret4@x") == []
    world.drop("e2.ndjson", records[3].replace("10:00", "11:00") + "\n" + records[7].replace("10:00", "11:00"))
    world.refresh()
    assert world.table("raw_events").height == 3  # the tombstone judges a later file alike
    assert world.reconciled().holds


def test_a_user_in_a_renamed_field_is_taken_out_and_mentions_on_request(tmp_path: Path) -> None:
    world = numbered(tmp_path)
    at = '"event_type":"v","at":"2025-01-06T10:00"'
    records = [f'{{"userId":773100779,{at}}}', f'{{"user_id":"x",{at},"mail":"773100779"}}', f'{{"user_id":8,{at}}}']
    world.drop("e1.ndjson", "\n".join(records))
    world.refresh()
    gone = take_out(world, "773100779")
    assert (gone.rows, [number for _, number in gone.mentioned]) == ({"raw_events": 1}, [2])
    with world.workspace.writing():
        assert erase(world.workspace, "773100779", mentions=True).rows == {"raw_events": 1}
    world.make()
    assert world.table("raw_events")["row_number"].to_list() == [3]
    assert files_with(world, "773100779") == []


@pytest.mark.parametrize("first", ["retract", "erase"])
def test_source_files_do_not_depend_on_what_was_first(tmp_path: Path, first: str) -> None:
    world = World(tmp_path)
    world.drop("clicks_1.csv", FILE)
    world.drop("clicks_2.csv", lines("ann,view,2025-02-06T10:00:00,/a,", "bob,view,2025-02-06T10:00:00,/a,"))
    world.refresh()
    acts = [lambda: take_back(world, "clicks_1.csv"), lambda: take_out(world, "ann")]
    for act in acts if first == "retract" else acts[::-1]:
        act()
    world.make()
    shown = world.table("source_files").sort("records").drop("file_id", "bytes", "names", "landed_at", "reason")
    assert [tuple(map(str, row)) for row in shown.rows()] == [
        ("2", "1", "0", "2025-02-06", "2025-02-06", "active"),
        ("7", "4", "3", "2025-01-06", "2025-01-08", "retracted"),
    ]


def take_back(world: World, name: str) -> None:
    with world.workspace.writing():
        world.workspace.refresh()
        retract(world.workspace, named_files(world.workspace, name), NOW)


TEXTS = st.text(st.sampled_from("an7 .-,;#()@\"'"), max_size=12)


@given(TEXTS, TEXTS, st.sampled_from(["an", "an 7", "a,n", "7", "a-7", "#7"]))
def test_a_token_is_found_exactly_where_neither_neighbour_belongs_to_a_word(before: str, after: str, user: str) -> None:
    text = before + user + after
    found = user in set(tokens(text, [spread(user)]))
    places = [match.start() for match in re.finditer(f"(?={re.escape(user)})", text)]
    inner = re.compile(r"[\w\-.@:%]")
    sides = [(text[at - 1 : at] if at else "", text[at + len(user) :][:1]) for at in places]
    apart = [not inner.match(left) and not inner.match(right) for left, right in sides]
    assert found == any(apart)


def test_an_id_is_compared_as_cleaning_writes_it() -> None:
    column = clicks().columns[0].model_copy(update={"case": "lower", "null_values": ("?",), "aliases": {"old": "new"}})
    assert [canonical(text, column) for text in (" Ann", "?", "OLD", "", None)] == ["ann", None, "new", None, None]


BOUNDED = settings(max_examples=5 if settings.default.max_examples < 1000 else 1000)  # type: ignore[union-attr]
RECORDS = st.lists(
    st.tuples(
        st.sampled_from(["ann", " ann", "bob", "cat", ""]),
        st.sampled_from(["view", "buy"]),
        st.sampled_from(["2025-01-06T23:50:00", "2025-01-07T00:10:00", "2025-01-09T12:00:00", "soon", ""]),
        st.sampled_from(["/a", "/b"]),
        st.sampled_from(["1.00", "-1", ""]),
    ).map(",".join),
    min_size=1,
    max_size=16,
)


@BOUNDED
@given(RECORDS, st.lists(st.sampled_from(["land", "make", "erase"]), max_size=6), st.randoms(use_true_random=False))
def test_whenever_a_user_is_erased_the_tables_are_those_without(
    records: list[str], history: list[str], chance: random.Random
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        expected, found = World(Path(folder) / "expected"), World(Path(folder) / "found")
        expected.drop("clicks_1.csv", lines(*(r for r in records if r.split(",")[0].strip() != "ann")))
        expected.refresh()
        left = list(records)
        chance.shuffle(left)
        for number, act in enumerate([*history, "erase"]):
            if act == "land":
                found.drop(f"clicks_{number}.csv", lines(*left[:4]))
                found.land()
                left = left[4:]
            elif act == "make":
                found.make()
            else:
                take_out(found, "ann")
        found.drop("clicks_last.csv", lines(*left))
        found.refresh()
        assert_same(expected, found)
        assert found.reconciled().holds
        assert rows_by_table(found.workspace, "ann") == {}


def test_refused_records_are_the_users_whom_the_path_names(tmp_path: Path) -> None:
    events = clicks().events[0].model_dump(mode="json", by_alias=True)
    columns = [
        {**column, "source": "file_path", "pattern": "clicks_([0-9]+)_"} if column["name"] == "user_id" else column
        for column in events["columns"]
    ]
    world = World(tmp_path, clicks(events={**events, "columns": columns}))
    for user in ("8842", "7731"):
        world.drop(f"clicks_{user}_1.csv", lines("x,view,2025-01-06T10:00:00,/a,", "x,view,never,/8842,"))
    world.refresh()
    gone = take_out(world, "8842")
    assert gone.rows == {"raw_events": 1, "landing_rejects": 1}
    assert len(gone.mentioned) == 1  # a field of the other user's record
    world.drop("clicks_8842_2.csv", lines("x,view,never,/b,"))
    world.refresh()
    assert world.table("landing_rejects").height == 1
    assert world.table("raw_events")["user_id"].to_list() == ["7731"]

"""Drafts of declarations: what they take files of many shapes for, and that files land by them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import polars as pl
import pytest
import yaml

from event_assets.declaration import SHIPPED, Dataset, load_dataset, parse_dataset
from event_assets.draft import draft
from event_assets.draft.file_groups import file_pattern
from event_assets.errors import DeclarationError, LandingError
from event_assets.synthetic import generate
from event_assets_tests.world import World

REES46 = (
    "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session\n"
    "2019-10-01 00:00:00 UTC,view,44600062,2103807459595387724,,shiseido,35.79,541312140,72d76fde-8bb3-4e00\n"
    "2019-10-01 00:00:05 UTC,cart,3900821,2053013552326770905,appliances.heater,aqua,33.20,554748717,9333dfbd-b87a\n"
    "2019-10-01 00:01:00 UTC,purchase,3900821,2053013552326770905,,aqua,33.2,554748717,9333dfbd-b87a\n"
)
GITHUB = "\n".join(
    json.dumps(
        {
            "id": str(2489651045 + n),
            "type": ("PushEvent", "WatchEvent")[n % 2],
            "actor": {"id": 665991 + n % 3, "login": f"petro{n % 3}", "url": "https://x"},
            "repo": {"id": 28688495, "name": "petroav/6.828"},
            "payload": {f"member_{m}": m for m in range(15)},
            "public": True,
            "created_at": f"2015-01-01T15:00:{n:02d}Z",
        }
    )
    for n in range(12)
)
LATIN = "Datum;Benutzer-ID;Aktion;Straße;Preis (€)\n" + "".join(
    f"2025-03-{day:02d}T10:00:00+01:00;{day:04d};{('Öffnen', 'Kaufen')[day % 2]};Hauptstraße {day};{day}.50\n"
    for day in range(1, 10)
)
EPOCHS = "".join(f"{1738317600000 + n} user={n}\n" for n in range(5))


def columns(dataset: Dataset) -> list[tuple[str, str, str]]:
    """(name, source, type) of each declared column."""
    return [(column.name, column.source, column.type) for column in dataset.columns]


def drafted(path: Path, content: str | bytes, **given: str) -> Dataset:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return draft("mine", path, **given).dataset


def landed(folder: Path, dataset: Dataset, path: Path) -> World:
    """A lake with the file's records, taken by the draft as it is."""
    world = World(folder, dataset)
    world.drop(path.name, path.read_bytes())
    world.refresh()
    return world


def test_a_shops_csv_is_known_with_types_roles_and_funnel(tmp_path: Path) -> None:
    path = tmp_path / "2019-Oct.csv"
    found = drafted(path, REES46)
    assert columns(found) == [
        ("event_type", "event_type", "string"),
        ("product_id", "product_id", "int64"),
        ("category_id", "category_id", "int64"),
        ("category_code", "category_code", "string"),
        ("brand", "brand", "string"),
        ("price", "price", "decimal(18,2)"),
        ("user_id", "user_id", "int64"),
        ("source_session_id", "user_session", "string"),
    ]
    assert (found.events[0].files, found.events[0].format, found.events[0].time.source) == (
        ("*.csv",),
        "csv",
        "event_time",
    )
    assert (found.sessions.column, str(found.start_date)) == ("product_id", "2019-10-01")
    assert found.gold.user_funnel is not None
    assert [step.name for step in found.gold.user_funnel.steps] == ["view", "cart", "purchase"]
    world = landed(tmp_path, found, path)
    assert world.table("joined_facts").height == 3
    assert world.reconciled().holds


def test_nested_lines_of_json_become_columns_by_path_and_big_objects_stay_json(tmp_path: Path) -> None:
    path = tmp_path / "2015-01-01-15.json.gz"
    found = drafted(path, gzip.compress(GITHUB.encode()))
    assert columns(found) == [
        ("id", "id", "int64"),
        ("event_type", "type", "string"),
        ("user_id", "actor.id", "int64"),
        ("login", "actor.login", "string"),
        ("actor_url", "actor.url", "string"),
        ("repo_id", "repo.id", "int64"),
        ("repo_name", "repo.name", "string"),
        ("payload", "payload", "json"),
        ("public", "public", "bool"),
    ]
    assert (found.events[0].format, found.events[0].files, found.event_id) == ("ndjson", ("*.json",), "id")
    assert found.column("login").personal
    assert landed(tmp_path, found, path).table("joined_facts").height == 12


def test_a_semicolon_file_in_latin_1_lands_with_its_dialect_and_encoding(tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    found = drafted(path, LATIN.replace("€", "EUR").encode("latin-1"), user="Benutzer-ID", kind="Aktion")
    assert columns(found) == [
        ("user_id", "Benutzer-ID", "string"),
        ("event_type", "Aktion", "string"),
        ("strasse", "Straße", "string"),
        ("preis_eur", "Preis (EUR)", "decimal(18,2)"),
    ]
    assert (found.events[0].csv.delimiter, found.events[0].time.source) == (";", "Datum")
    facts = landed(tmp_path, found, path).table("joined_facts")
    assert facts["event_type"].unique().sort().to_list() == ["Kaufen", "Öffnen"]
    assert facts["strasse"][0] == "Hauptstraße 1"


def test_types_hold_for_all_sampled_values_and_an_identifier_is_never_a_decimal(tmp_path: Path) -> None:
    rows = "".join(
        f"2025-01-01T10:00:{n:02d}Z,u{n % 7},click,{'253.568' if n in (3, 31, 59) else n},{n}.0,{n}.5,0{n}\n"
        for n in range(60)
    )
    found = drafted(tmp_path / "e.csv", f"time,user,type,weight,order_id,item_id,code\n{rows}")
    assert columns(found)[2:] == [
        ("weight", "weight", "decimal(18,3)"),
        ("order_id", "order_id", "int64"),
        ("item_id", "item_id", "string"),
        ("code", "code", "string"),
    ]


def test_each_guess_is_a_remark_with_its_share(tmp_path: Path) -> None:
    rows = [
        f"{n};2025-01-02 10:00:{n:02d};2025-01-03 10:00:{n:02d};{'' if n == 5 else f'u{n % 3}'};c{n % 4};"
        f"{'' if n < 2 else ('View', 'view', 'buy')[n % 3]}"
        for n in range(40)
    ]
    path = tmp_path / "e.csv"
    path.write_text("Report\nMarch\n\nid;time;created_at;user_id;customer;type\n" + "\n".join(rows) + "\n")
    made = draft("mine", path)
    assert {
        "3 lines above the header are skipped: 'Report / March'",
        "other times are time: is created_at when the event happened?",
        "other fields that could be the user are customer",
        "1 of 40 sampled records have no user and will be quarantined as missing_user_id",
        "2 of 40 sampled records have none and will be quarantined as missing_event_type",
        "View and view differ in case only: case: lower makes them one type",
        "the sample's first date; earlier events are rejected as out_of_range",
    } <= set(made.notes)
    assert str(made.dataset.start_date) == "2025-01-03"


def test_a_file_without_users_has_one_user_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    path.write_text("time,what\n2025-01-01,a\n2025-01-02,b\n2025-01-02,a\n")
    made = draft("mine", path, kind="what")
    assert made.dataset.column("user_id").constant == "everyone"
    assert "no field names a user, so that all events are of one; name one with source: FIELD" in made.notes
    assert landed(tmp_path / "world", made.dataset, path).table("joined_facts").height == 3


def test_times_in_milliseconds_are_told_by_their_size(tmp_path: Path) -> None:
    for unit, form in ((1, "epoch_seconds"), (10**3, "epoch_millis"), (10**6, "epoch_micros")):
        text = "ts\tuid\taction\n" + "".join(f"{(1738317600 + n) * unit}\tu{n % 2}\topen\n" for n in range(5))
        path = tmp_path / f"log-{unit}.tsv"
        found = drafted(path, text)
        assert (found.events[0].time.source, found.events[0].time.read_as[0], found.events[0].csv.delimiter) == (
            "ts",
            form,
            "\t",
        )
        assert landed(tmp_path / str(unit), found, path).table("joined_facts").height == 5


def test_a_parquet_file_is_known_by_its_values(tmp_path: Path) -> None:
    path = tmp_path / "part-0001.parquet"
    pl.DataFrame(
        {
            "at": pl.Series(["2025-01-06T10:00:00", "2025-01-06T10:05:00"]).str.to_datetime(),
            "user": [{"id": 7, "mail": "a@x"}, {"id": 8, "mail": "b@x"}],
            "action": ["view", "view"],
            "tags": [["a"], ["b", "c"]],
            "share": [0.5, 0.125],
        }
    ).write_parquet(path)
    found = draft("mine", path).dataset
    assert columns(found) == [
        ("user_id", "user.id", "int64"),
        ("mail", "user.mail", "string"),
        ("event_type", "action", "string"),
        ("tags", "tags", "json"),
        ("share", "share", "decimal(18,3)"),
    ]
    assert landed(tmp_path, found, path).table("joined_facts").height == 2


def test_mess_in_a_sample_is_remarked_upon_and_costs_no_type(tmp_path: Path) -> None:
    rows = "".join(f"2025-01-{1 + n % 28:02d},u{n % 5},{n}.5,{'yes' if n % 2 else 'no'},00{n}\n" for n in range(40))
    path = tmp_path / "messy.csv"
    path.write_text(f"day,user,price,member,code\n{rows}2025-01-02,u1,much,yes,001\n2025-01-02,u1,N/A,no,002\n")
    made = draft("mine", path)
    assert columns(made.dataset)[1:] == [
        ("user_id", "user", "string"),
        ("price", "price", "decimal(18,2)"),
        ("member", "member", "bool"),
        ("code", "code", "string"),
    ]
    assert made.dataset.column("event_type").constant == "event"
    assert made.dataset.column("price").null_values == ("N/A",)
    assert made.dataset.column("member").booleans == {"no": False, "yes": True}
    odd = "1 of 42 sampled records have values such as 'much', which are not decimal(18,2): they will be quarantined"
    assert odd in made.notes


def test_floats_enter_no_key(tmp_path: Path) -> None:
    path = tmp_path / "measured.csv"
    found = drafted(path, "time,user,kind,weight\n" + "2025-01-01,u,a,1.5e-9\n" * 4)
    assert found.column("weight").type == "float64"
    assert found.dedupe_keys == ("event_time", "user_id", "event_type")


def test_a_draft_names_nobody(tmp_path: Path) -> None:
    rows = "".join(f"2025-01-01T10:00:{n:02d}Z,ann,ann@example.org,click\n" for n in range(9))
    path = tmp_path / "e.csv"
    path.write_text(f"time,user,email,action\n{rows}")
    text = draft("mine", path).text
    assert "ann" not in text
    assert "Such as click." in text


@pytest.mark.parametrize(
    ("name", "content", "error", "says"),
    [
        (
            "a.csv",
            "user,kind\nann,view\nbob,buy\n",
            DeclarationError,
            "no field has times; there are user, kind; export a field with times such as",
        ),
        ("a.csv", "", LandingError, "has no records; name a file with some records"),
        ("a.json", "[", LandingError, "has no records"),
        ("a.csv.gz", "time,user\n", LandingError, "can't be read"),
    ],
)
def test_what_cant_be_drafted_is_one_line_that_says_what_to_do(
    tmp_path: Path, name: str, content: str, error: type[Exception], says: str
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(error) as caught:
        draft("mine", tmp_path / name)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["no", "Shop", "a: b", "", "1a"])
def test_a_name_of_a_dataset_is_a_plain_word(tmp_path: Path, name: str) -> None:
    path = tmp_path / "2019-Oct.csv"
    path.write_text(REES46)
    if name == "no":  # YAML would read it as false
        assert draft(name, path).dataset.name == "no"
    else:
        with pytest.raises(DeclarationError, match="is not a valid name of a dataset; use lower case"):
            draft(name, path)


def test_hostile_headers_and_values_stay_text_in_the_draft(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    rows = [
        {
            "time": "2025-01-01T10:00:00Z",
            "user": "u",
            "on": "a",
            "#}: x": "y",
            "null": "1",
            "ünï\u2028": "#",
            "type": "v",
        }
    ]
    found = drafted(path, json.dumps(rows * 4))
    assert [column.name for column in found.columns] == ["user_id", "on", "x", "null", "uni", "event_type"]
    assert [column.source for column in found.columns if column.name in ("on", "null")] == ["on", "null"]


@pytest.mark.parametrize("name", ["activity", "app_events", "benefits", "shop", "streaming"])
def test_the_inputs_of_every_shipped_dataset_are_drafted_as_they_are_declared(tmp_path: Path, name: str) -> None:
    made = generate(name, rows=400, days=1, seed=3, out=tmp_path)
    declared = load_dataset(SHIPPED / name / "defs.yaml")
    path = next(path for path in made.files if path.match(declared.events[0].files[0]))
    found = draft("mine", path).dataset
    assert found.events[0].files == declared.events[0].files or found.events[0].files == ("raw_events_*.json",)
    assert (found.events[0].format, found.events[0].time) == (declared.events[0].format, declared.events[0].time)
    assert found.geo == declared.geo
    for column in ("user_id", "event_type", "source_session_id"):
        theirs, ours = declared.events[0].column(column), found.events[0].column(column)
        assert (ours and ours.source) == (theirs and theirs.source) or (theirs and theirs.constant)
    world = landed(tmp_path / "world", found, path)
    assert world.reconciled().holds
    assert world.table("joined_facts").height > 300


SEGMENT = "\n".join(
    json.dumps(
        {
            "messageId": f"m{n}",
            "anonymousId": f"a{n % 4}",
            "userId": f"u{n % 4}" if n % 4 < 2 and n > 5 else None,
            "event": ("Search", "Search", "Product Viewed", "Rated")[n % 4],
            "timestamp": f"2025-01-06T10:00:{n:02d}Z",
        }
    )
    for n in range(16)
)
MATOMO = json.dumps(
    [{"idVisit": n % 3, "visitorId": f"v{n % 3}", "serverTime": f"2025-01-06 10:00:{n:02d}"} for n in range(9)]
)
TILL = "Datum;Kunde;Vorgang\n" + "".join(f"06.01.2025 10:{n:02d};k{n % 3};Kauf\n" for n in range(9))


@pytest.mark.parametrize(
    ("files", "patterns", "remarks"),
    [
        (
            {"export_1.json": SEGMENT, "export_2.json": MATOMO, "export_3.csv": REES46, "export_4.csv": TILL},
            [("export_1.json",), ("export_2.json",), ("export_3.csv",), ("export_4.csv",)],
            4,
        ),
        (
            {"export_1_2025-01-06.csv": REES46, "export_2_2025-01-06.csv": TILL},
            [("export_1_*.csv",), ("export_2_*.csv",)],
            2,
        ),
        ({"users.csv": REES46, "users_b.csv": TILL}, [("users.csv",), ("users_b*.csv",)], 1),
        (
            {"shop/2025-01-06.csv": REES46, "till/2025-01-06.csv": TILL},
            [("shop/*.csv",), ("till/*.csv",)],
            0,
        ),
        ({"export_2025-01-06.csv": REES46, "export_2025-01-07.csv": TILL}, None, 2),
    ],
)
def test_patterns_of_one_kind_match_no_file_of_another(
    tmp_path: Path, files: dict[str, str], patterns: list[tuple[str, ...]] | None, remarks: int
) -> None:
    for name, text in files.items():
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_text(text)
    made = draft("mine", tmp_path / "in")
    assert [block.files for block in made.dataset.events] == (patterns or [(name,) for name in files])
    assert sum(note.startswith("files of another block are called alike") for note in made.notes) == remarks
    world = World(tmp_path / "world", made.dataset)
    for name, text in files.items():
        (tmp_path / "world" / "inbox" / "mine" / name).parent.mkdir(parents=True, exist_ok=True)
        world.drop(name, text.encode())
    assert not world.land().warnings
    assert len(world.workspace.ledger.files) == len(files)


def test_the_hint_of_a_funnel_has_the_samples_commonest_types(tmp_path: Path) -> None:
    path = tmp_path / "calls.json"
    path.write_text(SEGMENT)
    assert '# user_funnel: {steps: [Search, "Product Viewed", Rated], window: 1d}\n' in draft("mine", path).text


def test_a_visitor_who_logs_in_is_remarked_upon_with_the_line_that_makes_one_person(tmp_path: Path) -> None:
    path = tmp_path / "calls.json"
    path.write_text(SEGMENT)
    made = draft("mine", path)
    remark = (
        "2 of 4 sampled values of anonymousId occur with a userId and also without: such a visitor counts as several "
        "users, and sessions and funnels end at the login; identity below counts persons"
    )
    assert remark in made.notes
    assert "\n  # identity: {links: [[anonymous_id, user_id]], max_ids: 2}\n" in made.text
    path.write_text(SEGMENT.replace('"userId": "u', '"other": "u'))
    assert "identity" not in draft("mine", path).text
    calls = [json.loads(line) for line in SEGMENT.splitlines()]
    always = {call["anonymousId"]: call["userId"] for call in calls if call["userId"]}
    known = [{**call, "userId": always.get(call["anonymousId"])} for call in calls]
    path.write_text("\n".join(map(json.dumps, known)))
    assert not any("also without" in note for note in draft("mine", path).notes)


def test_the_identity_of_the_draft_makes_one_person_and_keeps_the_sessions_of_visitors(tmp_path: Path) -> None:
    path = tmp_path / "calls.json"
    path.write_text(SEGMENT)
    text = draft("mine", path).text
    sessions, users = [], []
    for at, written in enumerate((text, text.replace("# identity:", "identity:"))):
        world = World(tmp_path / f"{at}", parse_dataset(yaml.safe_load(written)["attributes"], "mine"))
        world.drop("calls.json", SEGMENT.encode())
        world.refresh()
        sessions.append(world.table("sessions").height)
        users.append(world.table("joined_facts"))
    assert sessions == [6, 6]
    assert "person_id" not in users[0].columns
    assert users[1]["user_id"].n_unique() == 6
    assert users[1]["person_id"].n_unique() == 4


def test_the_hint_of_a_funnel_is_in_the_order_of_time(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    steps = ("start", "load", "check")
    rows = [f"2025-01-0{day} 10:0{at}:00,r{day},{step}" for day in (3, 2, 1) for at, step in enumerate(steps)]
    path.write_text("\n".join(["time,user_id,event_type", *reversed(rows)]))
    assert "# user_funnel: {steps: [start, load, check], window: 1d}" in draft("runs", path).text


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("2025-Jan.csv", "*.csv"),
        ("sales_march_2025.csv", "sales_*.csv"),
        ("report-DEC.csv", "report-*.csv"),
        ("maypole.csv", "maypole*.csv"),
        ("summary_v2_2025-01.csv", "summary_v2_*.csv"),
    ],
)
def test_a_pattern_matches_the_next_month(tmp_path: Path, name: str, pattern: str) -> None:
    assert file_pattern(tmp_path / name) == pattern


def test_a_web_log_names_other_types_than_the_method(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    path.write_text(
        "".join(
            f'10.0.0.{n % 3} - - [06/Jan/2025:10:00:{n:02d} +0000] "{("GET", "POST")[n % 2]} /p{n} HTTP/1.1" 200 {n}\n'
            for n in range(12)
        )
    )
    # Neither the status nor the number of bytes: numbers are no types.
    assert "the type of event is the HTTP method; other fields that could be it are path" in draft("mine", path).notes


@pytest.mark.parametrize(
    ("content", "formats", "first"),
    [
        # Loghub's Spark and HealthApp.
        (
            "".join(f"17/06/09 20:10:4{n} INFO executor.Executor: task {n}\n" for n in range(6)),
            ("%y/%m/%d %H:%M:%S",),
            "2017-06-09 20:10:40",
        ),
        (
            "".join(f"20171223-22:15:29:60{n}|Step_LSC|3000{n % 2}|extend\n" for n in range(6)),
            ("%Y%m%d-%H:%M:%S:%f",),
            "2017-12-23 22:15:29.600000",
        ),
        # Dates of one export are near each other: the year is last here, and first there.
        (
            "at,user\n" + "".join(f"{d}/12/24 10:00,u{d}\n" for d in (29, 30, 31)),
            ("%d/%m/%y %H:%M",),
            "2024-12-29 10:00:00",
        ),
        (
            "at,user\n" + "".join(f"24/12/{d} 10:00,u{d}\n" for d in (10, 20, 30)),
            ("%y/%m/%d %H:%M",),
            "2024-12-10 10:00:00",
        ),
    ],
)
def test_a_date_with_a_short_year_is_read_as_its_layout_has_it(
    tmp_path: Path, content: str, formats: tuple[str, ...], first: str
) -> None:
    path = tmp_path / "app.log" if content.startswith("1") else tmp_path / "app.csv"
    dataset = drafted(path, content)
    assert dataset.events[0].time.read_as == formats
    assert str(landed(tmp_path / "lake", dataset, path).table("raw_events")["event_time"].min())[: len(first)] == first


def test_dates_that_may_begin_or_end_with_the_year_are_asked_about(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("at,user\n11/10/12 10:00,a\n11/10/12 11:00,b\n")
    made = draft("mine", path)
    assert set(made.dataset.events[0].time.read_as) == {"%d/%m/%y %H:%M", "%m/%d/%y %H:%M", "%y/%m/%d %H:%M"}
    assert any("remove the format that is wrong" in note for note in made.notes)


def test_repeated_names_of_columns_are_read_by_their_place(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    dataset = drafted(path, "time,user,value,value\n2025-01-06,a,1,2\n2025-01-07,b,3,4\n")
    found = [(one.name, one.source) for one in dataset.events[0].columns if one.name.endswith("value")]
    assert found == [("value", "column_3"), ("source_value", "column_4")]
    assert landed(tmp_path / "lake", dataset, path).table("cleaned_events").height == 2

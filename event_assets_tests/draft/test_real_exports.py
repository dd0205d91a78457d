"""Drafts of what real exports need: forms of times, numbers of other lands, several kinds of files, logs."""

from __future__ import annotations

import datetime as dt
import json
import zipfile
from decimal import Decimal
from pathlib import Path

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_assets.declaration.column import Numbers
from event_assets.draft import Draft, draft
from event_assets.draft.infer_time_formats import infer_time_formats, read_time
from event_assets.draft.infer_types import type_of
from event_assets.draft.json_fields import json_fields
from event_assets.draft.sample import Field
from event_assets.draft.trial_run import Trial, try_out
from event_assets.text.field_paths import parse_path
from event_assets_tests.workbooks import workbook

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def drafted(folder: Path, files: dict[str, str], **given: str) -> tuple[Draft, Trial]:
    """The draft of some files in a folder, and what it makes of them."""
    for name, text in files.items():
        path = folder / "samples" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    made = draft("mine", folder / "samples", **given)
    return made, try_out(made.dataset, made.files, NOW)


def csv(*rows: str) -> str:
    return "".join(f"{row}\n" for row in rows)


def ndjson(*records: object) -> str:
    return csv(*(json.dumps(record) for record in records))


@pytest.mark.parametrize(
    ("texts", "formats"),
    [
        (["2025-01-31T10:00:00Z", "2025-01-31 10:00"], ("iso",)),
        (["31.12.2024 10:00", "01.02.2025 9:05"], ("%d.%m.%Y %H:%M",)),
        (["31/12/2024", "01/02/2025"], ("%d/%m/%Y",)),
        (["12/31/2024 1:05 PM", "01/02/2025 11:00 AM"], ("%m/%d/%Y %I:%M %p",)),
        (["06/Jan/2025:10:00:00 +0100"], ("%d/%b/%Y:%H:%M:%S %z",)),
        (["Mon, 06 Jan 2025 10:00:00 GMT"], ("rfc2822",)),
        (["January 6, 2025", "March 16, 2025"], ("%B %d, %Y",)),
        (["20250106 101500"], ("%Y%m%d %H%M%S",)),
        (["1736150400", "1736150401.5"], ("epoch_seconds",)),
        (["1736150400000"], ("epoch_millis",)),
        (["1736150400000000"], ("epoch_micros",)),
        (["1736150400000000000"], ("epoch_nanos",)),
        (["2025-01-31T10:00:00Z"] * 5 + ["31.01.2025 10:00"] * 5, ("iso", "%d.%m.%Y %H:%M")),
    ],
)
def test_the_forms_of_times_are_found(texts: list[str], formats: tuple[str, ...]) -> None:
    found = infer_time_formats(texts)
    assert found is not None
    assert (set(found.formats), found.unread, found.ambiguous) == (set(formats), (), 0)


@pytest.mark.parametrize("texts", [["ann", "bob"], ["31.13.2024"], ["12", "345"], []])
def test_what_is_not_a_time_has_no_form(texts: list[str]) -> None:
    assert infer_time_formats(texts) is None


PATTERNS = ("%d.%m.%Y %H:%M:%S", "%Y/%m/%d %H:%M:%S", "%d-%b-%Y %H:%M:%S", "%b %d, %Y %I:%M:%S %p")


@given(st.datetimes(dt.datetime(1990, 1, 1), dt.datetime(2060, 1, 1)), st.sampled_from(PATTERNS))
def test_a_time_is_read_back_by_a_form_that_was_found_for_it(moment: dt.datetime, pattern: str) -> None:
    text = moment.strftime(pattern)
    found = infer_time_formats([text])
    assert found is not None
    assert moment.replace(microsecond=0) in {read_time(text, form) for form in found.formats}


def test_two_forms_that_fit_are_both_declared_and_a_person_is_asked(tmp_path: Path) -> None:
    rows = [f"{day:02d}/02/2025 10:00,u{day},view" for day in range(1, 9)]
    made, trial = drafted(tmp_path, {"e.csv": csv("time,user,type", *rows)})
    assert set(made.dataset.events[0].time.formats) == {"%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M"}
    asked = (
        "7 of 8 sampled records mean two different times in these formats and will be rejected as ambiguous_timestamp"
    )
    assert any(note.startswith(asked) for note in made.notes)
    assert {one.reason: one.records for one in trial.refused} == {"ambiguous_timestamp": 7}


def test_a_date_and_a_time_of_day_in_two_columns_are_the_time(tmp_path: Path) -> None:
    rows = [f"{day}.03.2025;1{day % 10}:30;u{day % 3};Kauf" for day in range(10, 20)]
    made, trial = drafted(tmp_path, {"e.csv": csv("Datum;Uhrzeit;Kunde;Vorgang", *rows)})
    time = made.dataset.events[0].time
    assert (time.sources, time.formats) == (("Datum", "Uhrzeit"), ("%d.%m.%Y %H:%M",))
    assert trial.taken == 10


@pytest.mark.parametrize(
    ("texts", "type", "numbers"),
    [
        (["1.893,71", "12,50"], "decimal(18,2)", Numbers(decimal=",", thousands=".")),
        (["1893,71", "12,5"], "decimal(18,2)", Numbers(decimal=",")),
        (["1 893,71", "7,00"], "decimal(18,2)", Numbers(decimal=",", thousands=" ")),
        (["1\u202f893,71", "7,00"], "decimal(18,2)", Numbers(decimal=",", thousands=" ")),
        (["1,893.71", "7.00"], "decimal(18,2)", Numbers(decimal=".", thousands=",")),
        (["1'893.71", "7.00"], "decimal(18,2)", Numbers(decimal=".", thousands="'")),
        (["1.5", "2"], "decimal(18,2)", Numbers()),
        (["1.23.456", "x"], "string", Numbers()),
        (["$1,234.50", "-$7", "$0.5"], "decimal(18,2)", Numbers(decimal=".", thousands=",", unit="$")),
        (["$1,234", "$7,100"], "decimal(18,2)", Numbers(decimal=".", thousands=",", unit="$")),
        (["€ 12,50", "€\u00a07"], "decimal(18,2)", Numbers(decimal=",", thousands=".", unit="€")),
        (["1 234,50 zł", "7 zł"], "decimal(18,2)", Numbers(decimal=",", thousands=" ", unit="zł")),
        (["USD 12.00", "USD 7"], "decimal(18,2)", Numbers(decimal=".", thousands=",", unit="USD")),
        (["12%", "7%"], "decimal(18,2)", Numbers(decimal=".", thousands=",", unit="%")),
        (["$5", "€5"], "string", Numbers()),
        (["SKU 12", "SKU 7"], "string", Numbers()),
    ],
)
def test_numbers_are_known_by_their_marks(texts: list[str], type: str, numbers: Numbers) -> None:
    found = type_of(Field("amount", tuple(texts)))
    assert (found.name, found.numbers) == (type, numbers)


def test_amounts_with_a_unit_are_asked_about(tmp_path: Path) -> None:
    rows = [f"2025-01-0{n},u{n},buy,$1{n}.50,{'$€'[n % 2]}1,{'($1)' if n % 2 else '$1'}" for n in range(1, 7)]
    made, trial = drafted(tmp_path, {"e.csv": csv("time,user,type,total,mixed,paid", *rows)})
    assert trial.rows.select("total", "mixed", "paid").row(0) == (Decimal("11.50"), "€1", "($1)")
    stay = "stay text: to add them up, export plain numbers, and the unit as a column"
    assert {
        "$ is left out of amounts such as '$11.50': are all in this unit?",
        f"amounts in several units ($, €) {stay}",
        f"amounts beside others such as '($1)' {stay}",
    } <= set(made.notes)


def test_a_number_of_one_column_is_read_as_the_others_show(tmp_path: Path) -> None:
    rows = [f"2025-01-0{n};u{n};kauf;{n}.893,71;{n}.000;1{n}" for n in range(1, 7)]
    made, trial = drafted(tmp_path, {"e.csv": csv("time;user;type;betrag;menge;stueck", *rows)})
    numbers = made.dataset.events[0].numbers
    assert numbers is not None
    assert (numbers.decimal, numbers.thousands) == (",", ".")
    assert trial.rows.select("betrag", "menge", "stueck").row(0) == (Decimal("1893.71"), Decimal(1000), 11)


@pytest.mark.parametrize("words", [("ja", "nein"), ("Oui", "Non"), ("sí", "no"), ("TRUE", "FALSE"), ("Y", "N")])
def test_words_for_true_and_false_are_known_in_several_languages(words: tuple[str, str]) -> None:
    found = type_of(Field("member", words * 3))
    assert (found.name, dict(found.booleans)) == ("bool", {words[0]: True, words[1]: False})


def test_anonymous_ids_stand_for_users_who_are_not_known(tmp_path: Path) -> None:
    records = [
        {"time": f"2025-01-01T10:00:{n:02d}Z", "userId": f"u{n}" if n % 3 == 0 else None, "anonymousId": f"a{n % 5}"}
        | ({"event": ("Viewed", "Bought")[n % 2]} if n % 4 else {"name": "Home"})
        for n in range(20)
    ]
    made, trial = drafted(tmp_path, {"calls.json": ndjson(*records)})
    assert made.dataset.column("user_id").sources == ("userId", "anonymousId")
    assert made.dataset.column("event_type").sources == ("event", "name")
    assert "13 of 20 sampled records have no userId: anonymousId is used there" in made.notes
    assert (trial.taken, trial.refused) == (20, ())


def test_the_commonest_keys_of_an_array_become_columns(tmp_path: Path) -> None:
    records = [
        {
            "ts": 1736150400000 + n,
            "user_pseudo_id": f"p{n % 4}",
            "event_name": "view",
            "event_params": [
                {"key": "page", "value": {"string_value": f"/p{n % 3}"}},
                {"key": "k.dot", "value": {"int_value": n}},
            ],
        }
        for n in range(12)
    ]
    made, trial = drafted(tmp_path, {"e.ndjson": ndjson(*records)})
    sources = {column.name: column.source for column in made.dataset.columns}
    assert sources["page"] == "event_params[key=page].value.string_value"
    assert sources["k_dot"] == 'event_params[key="k.dot"].value.int_value'
    assert trial.rows.select("page", "k_dot").rows()[:2] == [("/p0", 0), ("/p1", 1)]


NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8)


@given(st.dictionaries(NAMES, st.dictionaries(NAMES, st.integers(), min_size=1, max_size=3), min_size=1, max_size=3))
def test_every_path_leads_to_its_value(record: dict[str, dict[str, int]]) -> None:
    for field in json_fields([record]):
        value: object = record
        for step in parse_path(field.source):
            assert isinstance(value, dict)
            value = value[step]
        assert str(value) == field.values[0]


def test_files_of_different_shape_become_blocks_and_profiles(tmp_path: Path) -> None:
    def clicks(date: str) -> str:
        return csv("time,user_id,action,page", *(f"{date}T10:00:{n:02d}Z,{n % 5},click,/" for n in range(20)))

    taps = ({"ts": 1735725600 + n, "userId": str(n % 5), "event": "tap", "screen": "Home"} for n in range(20))
    files = {
        "web/clicks_2025-01-01.csv": clicks("2025-01-01"),
        "web/clicks_2025-01-02.csv": clicks("2025-01-02"),
        "app/taps.ndjson": ndjson(*taps),
        "users.csv": csv("user_id,country,signup_date", *(f"{n},DE,2024-01-0{n + 1}" for n in range(5))),
    }
    made, trial = drafted(tmp_path, files)
    blocks = {block.files: block.format for block in made.dataset.events}
    assert blocks == {("**/clicks_*.csv",): "csv", ("**/taps*.ndjson",): "ndjson"}
    assert [(block.files, [c.name for c in block.columns]) for block in made.dataset.profiles] == [
        (("users*.csv",), ["user_id", "country", "signup_date"])
    ]
    assert made.dataset.column("user_id").type == "int64"
    assert (trial.records, trial.taken) == (60, 60)


def test_parts_of_folders_become_columns_but_those_that_repeat_the_time(tmp_path: Path) -> None:
    rows = csv("time,user,type", *(f"2025-01-01T10:00:{n:02d}Z,u{n % 3},view" for n in range(9)))
    made, trial = drafted(tmp_path, {"source=web/dt=2025-01-01/part-0.csv": rows})
    assert made.dataset.events[0].files == ("**/part-*.csv",)
    assert made.dataset.column("source").pattern == "source=([^/]+)"
    assert "# The folder dt=2025-01-01 is not a column" in made.text
    assert trial.rows["source"].to_list() == ["web"] * 5


def test_a_file_that_cannot_be_read_is_named_and_left_out(tmp_path: Path) -> None:
    rows = csv("time,user,type", *(f"2025-01-01T10:00:{n:02d}Z,u{n % 3},view" for n in range(9)))
    made, _ = drafted(tmp_path, {"a.csv": rows, "b.csv": "", "notes.txt": "just\ntext\n"})
    assert any(note.endswith("b.csv was left out: it has no records") for note in made.notes)
    assert any("notes.txt is not drafted: no field has times" in note for note in made.notes)


def test_fields_lines_name_the_columns_and_a_dash_is_no_value(tmp_path: Path) -> None:
    rows = [f"2025-01-01 10:00:{n:02d} 192.0.2.{n % 4} GET /p{n % 3} {'-' if n % 2 else 'ann'}" for n in range(12)]
    log = csv("#Version: 1.0", "#Fields: date time c-ip cs-method cs-uri-stem cs-username", *rows)
    made, trial = drafted(tmp_path, {"u_ex250101.log": log})
    block = made.dataset.events[0]
    assert (block.csv.header, block.csv.delimiter, block.time.sources) == ("w3c", "whitespace", ("date", "time"))
    assert made.dataset.column("user_id").sources == ("cs-username", "c-ip")
    assert (trial.taken, set(trial.rows["user_id"])) == (12, {"ann", "192.0.2.1", "192.0.2.3"})


def test_remarks_and_aligned_columns_are_read(tmp_path: Path) -> None:
    rows = [f"2025-01-01T10:00:{n:02d}Z   u{n % 3}    view" for n in range(9)]
    made, trial = drafted(tmp_path, {"e.txt": csv("# made by hand", "time  user  type", *rows)})
    assert (made.dataset.events[0].csv.comment, made.dataset.events[0].csv.delimiter) == ("#", "whitespace")
    assert trial.taken == 9


def test_files_of_other_formats_are_read_by_their_content(tmp_path: Path) -> None:
    rows = [{"time": f"2025-01-01T10:00:{n:02d}Z", "user": f"u{n % 3}", "type": "view", "n": n} for n in range(9)]
    (tmp_path / "samples").mkdir()
    types = {"time": "string", "user": "string", "type": "string", "n": "long"}
    schema = {"type": "record", "name": "e", "fields": [{"name": name, "type": kind} for name, kind in types.items()]}
    with (tmp_path / "samples" / "e.avro").open("wb") as file:
        fastavro.writer(file, fastavro.parse_schema(schema), rows)
    sheet = [list(types), *([row["time"], row["user"], row["type"], float(row["n"])] for row in rows)]
    (tmp_path / "samples" / "e.xlsx").write_bytes(workbook({"Events": sheet}))
    with zipfile.ZipFile(tmp_path / "samples" / "e.zip", "w") as archive:
        archive.writestr("inner/e.csv", csv("time,user,type,n", *(",".join(map(str, row.values())) for row in rows)))
    for name, form in (("e.avro", "avro"), ("e.xlsx", "excel"), ("e.zip", "csv")):
        made = draft("mine", tmp_path / "samples" / name)
        assert made.dataset.events[0].format == form
        assert [(c.name, c.type) for c in made.dataset.columns] == [
            *(("user_id", "string"), ("event_type", "string"), ("n", "int64"))
        ]
        assert try_out(made.dataset, made.files, NOW).taken == 9


def test_a_user_and_a_type_without_a_telling_name_are_chosen_by_their_values(tmp_path: Path) -> None:
    rows = [f"{100 + n % 5},2025-01-01T10:00:{n:02d}Z,{('open', 'close')[n % 2]},{n}.50" for n in range(20)]
    made, trial = drafted(tmp_path, {"doors.csv": csv(*rows)})
    assert (made.dataset.column("user_id").source, made.dataset.column("event_type").source) == ("column_1", "column_3")
    assert "no field is called like a user's id: column_1 was chosen by its values" in made.notes
    assert "columns have no names: column_3 was chosen by its values" in made.notes
    assert trial.taken == 20
    fans = [f"F{n % 5},S{n},2025-01-01T10:00:{n:02d}Z" for n in range(20)]
    assert (
        drafted(tmp_path / "2", {"f.csv": csv("fan_id,session_id,time", *fans)})[0].dataset.column("user_id").source
        == "fan_id"
    )


@pytest.mark.parametrize("name", ["e.csv", "e.json", "e.ndjson"])
def test_of_a_large_file_the_first_whole_records_are_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr("event_assets.draft.trial_run.MAX_BYTES", 1000)
    records = [
        {"time": f"2025-01-01T10:{n // 60:02d}:{n % 60:02d}Z", "user": f"u{n % 5}", "type": "a"} for n in range(200)
    ]
    texts = {
        "e.csv": csv("time,user,type", *(",".join(record.values()) for record in records)),
        "e.json": json.dumps(records),
        "e.ndjson": ndjson(*records),
    }
    _, trial = drafted(tmp_path, {name: texts[name]})
    assert trial.shortened == (name,)
    assert 10 < trial.taken == trial.records < 40
    assert trial.refused == ()

"""`event-assets init`: from a file of the user's to a dataset that runs."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from event_assets.declaration import load_dataset
from event_assets_tests.cli.conftest import Command

EXPORT = "when,who,what\n2025-01-06T10:00:00Z,ann,open\n2025-01-06T10:01:00Z,bob,close\n"


def test_a_draft_is_a_dataset_at_once(command: Command, tmp_path: Path) -> None:
    Path("export.csv").write_text(EXPORT)
    said = command("init", "doors", "--from", "export.csv", "--user-column", "who", "--type-column", "what")
    assert (said.code, said.out) == (0, "")
    assert "/datasets/doors/defs.yaml: 2 columns drafted from 2 records\n" in said.err
    assert "2 records: 2 taken, 0 duplicates, 0 refused\n" in said.err
    assert "\nNext: read the" in said.err
    assert load_dataset(Path("datasets/doors/defs.yaml")).name == "doors"
    inbox = tmp_path / "inbox" / "doors"
    inbox.mkdir(parents=True)
    (inbox / "export_1.csv").write_text(EXPORT)
    assert "would land export_1.csv" in command("run", "doors", "--dry-run").out


def test_a_declaration_that_exists_is_never_overwritten(command: Command) -> None:
    Path("export.csv").write_text(EXPORT)
    arguments = ("init", "doors", "--from", "export.csv", "--user-column", "who")
    assert command(*arguments).code == 0
    before = Path("datasets/doors/defs.yaml").read_bytes()
    again = command(*arguments)
    assert (again.code, again.out) == (0, "doors is declared already, and nothing is written; nothing to change\n")
    assert Path("datasets/doors/defs.yaml").read_bytes() == before
    Path("datasets/doors/defs.yaml").write_text("type: x\n")
    assert "defs.yaml: exists already; choose another name, or remove it first" in command(*arguments).err


def test_a_newer_sample_proposes_the_difference(command: Command) -> None:
    Path("export_1.csv").write_text(EXPORT)
    assert command("init", "doors", "--from", "export_1.csv", "--user-column", "who").code == 0
    before = Path("datasets/doors/defs.yaml").read_bytes()
    Path("log_2.csv").write_text(
        "when,who,floor\n2025-01-05T10:00:00Z,ann,1\n06.01.2025 10:01,bob,2\n07.01.2025 10:01,bob,2\n"
    )
    said = command("init", "doors", "--from", "log_2.csv", "--user-column", "who")
    assert said.out.splitlines() == [
        "doors is declared already, and nothing is written; 5 changes proposed",
        "  start_date: 2025-01-06 -> 2025-01-05  # earlier events are refused as out_of_range",
        '  events.files: ["export_*.csv"] -> ["export_*.csv", "log_*.csv"]  # log_2.csv matches none',
        '  events.time: {source: when} -> {source: when, formats: ["%d.%m.%Y %H:%M", iso]}'
        "  # 2 records are refused as invalid_timestamp",
        '  events.columns: add {name: floor, type: int64, description: "The field floor."}'
        "  # a new field, in 3 of 3 sampled records",
        "  events.columns.what: what -> remove, or keep for other files  # no sampled record has this field",
    ]
    assert "3 records: 0 taken, 0 duplicates, 3 refused\n" in said.err
    changes = json.loads(command("init", "doors", "--from", "log_2.csv", "--user-column", "who", "--json").out)[
        "changes"
    ]
    assert [change["key"] for change in changes] == [
        *("start_date", "events.files", "events.time", "events.columns", "events.columns.what")
    ]
    assert Path("datasets/doors/defs.yaml").read_bytes() == before


def test_a_newer_sample_of_profiles_proposes_the_difference_too(command: Command) -> None:
    Path("in").mkdir()
    Path("in/export_1.csv").write_text(EXPORT)
    Path("in/users.csv").write_text("id,credit\nann,1\nbob,2\n")
    assert command("init", "doors", "--from", "in", "--user-column", "who").code == 0
    Path("users_2.csv").write_text("id,credit,plan,since\nann,1.5,free,2025-01-06\ncat,2,pro,2025-01-07\n")
    Path("newer.csv").write_text("when,who,what,ip\n2025-01-06T10:00:00Z,ann,open,203.0.113.1\n")
    said = command("init", "doors", "--from", "users_2.csv", "--from", "newer.csv", "--user-column", "who")
    assert said.out.splitlines() == [
        "doors is declared already, and nothing is written; 6 changes proposed",
        '  events.files: ["export_*.csv"] -> ["export_*.csv", "newer*.csv"]  # newer.csv matches none',
        '  events.columns: add {name: ip, personal: true, description: "The field ip."}'
        "  # a new field, in 1 of 1 sampled records",
        '  profiles.columns.credit.type: int64 -> "decimal(18,2)"  # 1 records are refused as invalid_credit',
        '  profiles.columns: add {name: plan, description: "The field plan."}'
        "  # a new field, in 2 of 2 sampled records",
        '  profiles.columns: add {name: since, type: date, description: "The field since."}'
        "  # a new field, in 2 of 2 sampled records",
        "  geo: add ip  # the new field ip is one",
    ]
    assert "2 records of profiles: 1 refused\n" in said.err


def test_fields_named_for_a_declared_dataset_are_checked_and_proposed(command: Command) -> None:
    Path("export.csv").write_text("when,who,what,other,since\n2025-01-06T10:00:00Z,ann,open,7,2025-01-05T10:00:00Z\n")
    init = ("init", "doors", "--from", "export.csv")
    assert command(*init, "--user-column", "who", "--time-column", "when").code == 0
    for option in ("--user-column", "--time-column", "--type-column"):
        wrong = command(*init, option, "nothing")
        assert (wrong.code, f"{option} nothing: is no field of export.csv; there are when, who" in wrong.err) == (
            1,
            True,
        )
    said = command(*init, "--user-column", "other", "--time-column", "since", "--type-column", "what")
    assert [line.strip() for line in said.out.splitlines()[1:] if "names it" in line] == [
        "events.columns.user_id.source: who -> other  # --user-column names it",
        "events.columns.event_type: constant: event -> source: what  # --type-column names it",
        "events.time: {source: when} -> {source: since}  # --time-column names it",
    ]
    assert command(*init, "--user-column", "who", "--time-column", "when").out.endswith("nothing to change\n")


def test_a_draft_can_be_shown_without_being_written(command: Command) -> None:
    Path("export.csv").write_text(EXPORT)
    said = command("init", "doors", "--from", "export.csv", "--user-column", "who", "--show")
    assert said.out.startswith("# Drafted from export.csv (2 records looked at).")
    assert not Path("datasets").exists()


def test_scripts_are_told_what_was_drafted(command: Command, tmp_path: Path) -> None:
    Path("export.csv").write_text(EXPORT)
    arguments = ("init", "doors", "--from", "export.csv", "--user-column", "who", "--json")
    shown = json.loads(command(*arguments, "--show").out)
    said = command(*arguments)
    written = json.loads(said.out)
    path = Path(written.pop("path"))
    assert (said.err, path.read_text()) == ("", shown.pop("yaml"))
    assert written.pop("inbox").endswith("/inbox/doors")
    assert written == shown
    assert (written["dataset"], written["columns"], written["records"]) == ("doors", 3, 2)
    trial = {"records": 2, "taken": 2, "duplicates": 0, "excluded": 0, "refused": {}, "files_refused": {}}
    assert written["trial"] == {**trial, "profiles": 0, "profiles_refused": {}}


def test_the_sample_is_tried_and_each_reason_of_refusal_shown_with_an_example(command: Command) -> None:
    records = [f"2025-01-0{1 + n % 3}T10:00:{n:02d}Z,u{n % 4},view,{n}.5" for n in range(30)]
    records += [records[0], "2025-01-02,u1,view,much", "20x5-01-02,u1,view,1.0"]
    Path("export.csv").write_text("\n".join(["time,user,type,price", *records]) + "\n")
    said = command("init", "views", "--from", "export.csv")
    assert "33 records: 30 taken, 1 duplicate, 2 refused\n" in said.err
    assert "refused 1 as invalid_timestamp, such as 20x5-01-02,u1,view,1.0\n" in said.err
    assert "refused 1 as invalid_price, such as " in said.err
    assert re.search(r"event_time\W+user_id\W+event_type\W+price", said.err)
    assert re.search(r"2025-01-01 10:00:00\+00:00\W+u0\W+view\W+0\.50", said.err)


def test_the_start_date_is_the_first_of_the_whole_sample(command: Command) -> None:
    rows = "".join(f"2025-01-02T10:00:00Z,u{n},view\n" for n in range(2500))
    Path("export.csv").write_text(f"time,user,type\n{rows}2024-12-31T10:00:00Z,u1,view\n")
    said = command("init", "views", "--from", "export.csv", "--show")
    assert "\n  start_date: 2024-12-31  # CHECK" in said.out


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("doors",), 2, "Missing option '--from'"),
        (("doors", "--from", "nothing.csv"), 1, "nothing.csv: can't be read (No such file or directory)"),
        (
            ("doors", "--from", "export.csv", "--user-column", "x"),
            1,
            "--user-column x: is no field of export.csv; there",
        ),
        (("Doors", "--from", "export.csv"), 1, "Doors: is not a valid name of a dataset; use lower case letters"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_and_writes_nothing(
    command: Command, arguments: tuple[str, ...], code: int, says: str
) -> None:
    Path("export.csv").write_text(EXPORT)
    said = command("init", *arguments)
    assert (said.code, says in said.err) == (code, True), said.err
    assert not Path("datasets").exists()

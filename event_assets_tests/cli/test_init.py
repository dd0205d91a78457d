"""`event-assets init`: from a file of the user's to a dataset that runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from event_assets.declaration import load_dataset
from event_assets_tests.cli.conftest import Command

EXPORT = "when,who,what\n2025-01-06T10:00:00Z,ann,open\n2025-01-06T10:01:00Z,bob,close\n"


def test_a_draft_is_a_dataset_at_once(command: Command, tmp_path: Path) -> None:
    Path("export.csv").write_text(EXPORT)
    said = command("init", "doors", "--from", "export.csv", "--user-column", "who", "--type-column", "what")
    assert (said.code, said.out) == (0, "")
    assert "/datasets/doors/defs.yaml: 2 columns drafted from 2 records\nNext: read the" in said.err
    assert load_dataset(Path("datasets/doors/defs.yaml")).name == "doors"
    inbox = tmp_path / "inbox" / "doors"
    inbox.mkdir(parents=True)
    (inbox / "export_1.csv").write_text(EXPORT)
    assert "would land export_1.csv" in command("run", "doors", "--dry-run").out


def test_what_stands_there_is_never_overwritten(command: Command) -> None:
    Path("export.csv").write_text(EXPORT)
    arguments = ("init", "doors", "--from", "export.csv", "--user-column", "who")
    assert command(*arguments).code == 0
    before = Path("datasets/doors/defs.yaml").read_bytes()
    again = command(*arguments)
    assert (again.code, again.out) == (1, "")
    assert again.err == "doors: is declared already; choose another name, or edit its defs.yaml\n"
    assert command("init", "shop", "--from", "export.csv").err.startswith("shop: is declared already")
    assert Path("datasets/doors/defs.yaml").read_bytes() == before


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
    assert written == shown == {"dataset": "doors", "columns": 3, "records": 2, "checks": shown["checks"]}


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("doors",), 2, "Missing option '--from'"),
        (("doors", "--from", "nothing.csv"), 1, "nothing.csv: can't be read (No such file or directory)"),
        (("doors", "--from", "export.csv"), 1, "export.csv: no field is called like a user's id; there are when, who"),
        (
            ("doors", "--from", "export.csv", "--user-column", "x"),
            1,
            "--user-column x: is no field of export.csv; there",
        ),
        (("Doors", "--from", "export.csv"), 1, "Doors: is no name of a dataset; take lower case letters"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_and_writes_nothing(
    command: Command, arguments: tuple[str, ...], code: int, says: str
) -> None:
    Path("export.csv").write_text(EXPORT)
    said = command("init", *arguments)
    assert (said.code, says in said.err) == (code, True), said.err
    assert not Path("datasets").exists()

"""The ledger: what names stand for, which contents count, and that it survives being read and folded."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from event_assets.errors import LakeError
from event_assets.storage.files import LocalFiles
from event_assets.storage.ledger import Ledger
from event_assets.storage.ledger_entries import Binding, SourceFile

NOON = dt.datetime(2025, 1, 1, 12, tzinfo=dt.UTC)


def file(file_id: str, rules: str = "r1", reason: str | None = None) -> SourceFile:
    dates = {"2025-01-01": 2}
    return SourceFile(file_id, "events", rules, NOON, 10, 3, 2, 1, dates, {"malformed_record": 1}, reason=reason)


def bound(name: str, file_id: str) -> Binding:
    return Binding(name, "events", file_id, "10-1")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "ledger"


def states(folder: Path) -> dict[str, str]:
    return {file_id: state for (_, file_id), state in Ledger(folder).reload().states().items()}


def test_an_empty_ledger_knows_no_files(folder: Path) -> None:
    assert Ledger(folder).reload().files == {}


def test_entries_are_read_back_as_they_were_written(folder: Path) -> None:
    ledger = Ledger(folder).reload()
    ledger.append([file("a"), bound("x.csv", "a")])
    again = Ledger(folder).reload()
    assert again.files == ledger.files == {("events", "a"): file("a")}
    assert again.bindings == ledger.bindings
    assert again.names() == {("events", "a"): ["x.csv"]}


def test_new_content_under_a_name_supersedes_and_the_old_content_back_counts_again(folder: Path) -> None:
    ledger = Ledger(folder).reload()
    ledger.append([file("a"), bound("x.csv", "a")])
    ledger.append([file("b"), bound("x.csv", "b")])
    assert states(folder) == {"a": "superseded", "b": "active"}
    ledger.append([bound("x.csv", "a")])
    assert states(folder) == {"a": "active", "b": "superseded"}


def test_a_content_stays_active_while_another_name_binds_it(folder: Path) -> None:
    ledger = Ledger(folder).reload()
    ledger.append([file("a"), bound("x.csv", "a"), bound("y.csv", "a"), file("b"), bound("x.csv", "b")])
    assert states(folder) == {"a": "active", "b": "active"}


def test_a_file_that_could_not_be_read_is_rejected_and_its_rows_do_not_count(folder: Path) -> None:
    ledger = Ledger(folder).reload()
    ledger.append([file("a", reason="unreadable"), bound("x.csv", "a")])
    assert states(folder) == {"a": "rejected"}
    assert ledger.active("events") == []


def test_many_appends_are_folded_into_one_file_and_say_the_same(folder: Path) -> None:
    ledger = Ledger(folder).reload()
    reading_meanwhile = Ledger(folder).reload()
    for number in range(70):
        ledger.append([file(f"{number:02d}"), bound(f"{number % 7}.csv", f"{number:02d}")])
        if number == 20:
            reading_meanwhile.reload()
    assert len(list(folder.glob("*.parquet"))) < 40
    assert Ledger(folder).reload().files == ledger.files
    assert reading_meanwhile.reload().states() == ledger.states()
    assert len(ledger.active("events")) == 7


@pytest.mark.parametrize("compact", [False, True], ids=["append", "compact"])
def test_a_commit_that_fails_changes_neither_the_ledger_nor_what_this_process_knows_of_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, compact: bool
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    ledger = Ledger(folder).reload()
    ledger.append([file("a")])
    monkeypatch.setattr("event_assets.storage.ledger._COMPACT_ABOVE", 0 if compact else 9)
    with monkeypatch.context() as patch:
        patch.setattr(LocalFiles, "create_log", full)
        with pytest.raises(LakeError, match="No space left"):
            ledger.append([file("b")])
    assert ledger.files.keys() == ledger.reload().files.keys() == {("events", "a")}
    ledger.append([file("c")])
    assert ledger.files == Ledger(folder).reload().files == {("events", name): file(name) for name in "ac"}

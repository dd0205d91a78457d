from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from event_assets.errors import LandingError
from event_assets.landing.inbox import check_unchanged, identify, is_settled, look
from event_assets_tests.landing.tiny import declare


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


def test_files_are_told_by_pattern_and_kind_in_order_of_name(folder: Path) -> None:
    for name in ["users.csv", "events_b.csv.gz", "events_a.csv", "events_c.zst"]:
        (folder / name).write_text("x")
    inbox = look(folder, declare())
    assert [(file.name, file.kind) for file in inbox.files] == [
        ("events_a.csv", "events"),
        ("events_b.csv.gz", "events"),
        ("events_c.zst", "events"),
        ("users.csv", "profiles"),
    ]
    assert inbox.warnings == []


def test_the_suffix_of_compression_may_follow_a_whole_pattern(folder: Path) -> None:
    for name in ["events.csv.zst", "events.csv.rar", "EVENTS.csv"]:
        (folder / name).write_text("x")
    inbox = look(folder, declare(events__files=["events*.csv"]))
    assert [file.name for file in inbox.files] == ["events.csv.zst"]
    assert inbox.warnings == [
        "EVENTS.csv matches no file pattern of tiny and is left alone",
        "events.csv.rar matches no file pattern of tiny and is left alone",
    ]


def test_a_name_that_both_kinds_claim_is_an_events_file(folder: Path) -> None:
    (folder / "users_events.csv").write_text("x")
    assert look(folder, declare(events__files=["*events*"])).files[0].kind == "events"


def test_what_is_no_regular_file_inside_is_warned_of_and_left_alone(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "outside.csv").write_text("x")
    (folder / "events_plain.csv").write_text("x")
    (folder / "events_dir.csv").mkdir()
    os.mkfifo(folder / "events_fifo.csv")
    (folder / "events_out.csv").symlink_to(tmp_path / "outside.csv")
    (folder / "events_broken.csv").symlink_to(folder / "nowhere")
    (folder / "events_inside.csv").symlink_to(folder / "events_plain.csv")
    with socket.socket(socket.AF_UNIX) as server:
        monkeypatch.chdir(folder)  # the path of a socket must be short
        server.bind("events_socket.csv")
    inbox = look(folder, declare())
    assert [file.name for file in inbox.files] == ["events_inside.csv", "events_plain.csv"]
    assert inbox.warnings == [
        "events_broken.csv is a broken link and is left alone",
        "events_dir.csv is a directory and is left alone",
        "events_fifo.csv is a FIFO and is left alone",
        "events_out.csv is a link that leads out of the inbox and is left alone",
        "events_socket.csv is a socket and is left alone",
    ]


def test_hidden_and_unfinished_names_are_passed_over(folder: Path) -> None:
    for name in [".events.csv", "events.csv.tmp", "events.csv.part", "events.crdownload"]:
        (folder / name).write_text("x")
    inbox = look(folder, declare())
    assert (inbox.files, inbox.warnings) == ([], [])


def test_a_missing_folder_is_an_empty_inbox(folder: Path) -> None:
    inbox = look(folder / "none", declare())
    assert (inbox.files, inbox.warnings) == ([], [])


def test_a_file_settles_when_it_was_left_alone_for_a_while(folder: Path) -> None:
    (folder / "events.csv").write_text("x")
    os.utime(folder / "events.csv", (1000, 1000))
    file = look(folder, declare()).files[0]
    assert not is_settled(file, now=1004.0, quiet_seconds=5)
    assert is_settled(file, now=1005.0, quiet_seconds=5)
    assert is_settled(file, now=900.0, quiet_seconds=5)


def test_the_signature_changes_with_the_file(folder: Path) -> None:
    path = folder / "events.csv"
    path.write_text("x")
    before = look(folder, declare()).files[0].signature
    assert look(folder, declare()).files[0].signature == before
    path.write_text("xy")
    assert look(folder, declare()).files[0].signature != before


def test_a_file_is_known_by_the_hash_of_its_bytes(folder: Path) -> None:
    path = folder / "events.csv"
    path.write_bytes(b"abc")
    identity = identify(path)
    assert identity.file_id == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert identity.bytes == 3


def test_a_file_that_grew_is_still_being_written(folder: Path) -> None:
    path = folder / "events.csv"
    path.write_bytes(b"abc")
    before = identify(path).signature
    path.write_bytes(b"abcd")
    with pytest.raises(LandingError, match="still being written; it is taken at the next look"):
        check_unchanged(path, before)

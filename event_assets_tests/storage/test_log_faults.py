"""Logs that are damaged, or that others wrote; two writers; and writers that die between any two steps."""

from __future__ import annotations

import itertools
import json
import multiprocessing
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
from deltalake import DeltaTable
from hypothesis import given
from hypothesis import strategies as st

from event_assets.errors import ConflictError, DamagedLogError, EventAssetsError, LakeError
from event_assets.storage.delta_actions import LogFile, checkpoint, new_table, read_checkpoint
from event_assets.storage.files import LocalFiles
from event_assets.storage.table_log import TableLog

SCHEMA = pa.schema([("n", pa.int64()), ("region", pa.string())])


def writer(folder: Path) -> TableLog:
    return TableLog(folder, lambda: SCHEMA, None)


def names(folder: Path) -> set[str]:
    return {file.path for file in TableLog(folder, None, None).files()}


def file(name: str) -> LogFile:
    return LogFile(name, 3, None, 10)


def commit(folder: Path, version: int, *actions: object) -> None:
    path = folder / "_delta_log" / f"{version:020d}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("\n".join(json.dumps(action, ensure_ascii=False) for action in actions).encode())


def added(path: str, **more: object) -> dict[str, object]:
    stats = json.dumps({"numRecords": 3})
    return {"add": {"path": path, "partitionValues": {}, "size": 10, "dataChange": True, "stats": stats, **more}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A log with two versions and two files."""
    for name in "ab":
        writer(tmp_path).commit([file(name)], [])
    return tmp_path


OTHERS: dict[str, list[object]] = {
    "actions that change no file": [
        {"txn": {"appId": "x", "version": 1}},
        {"cdc": {"path": "_change_data/x", "size": 1, "partitionValues": {}, "dataChange": False}},
        {"domainMetadata": {"domain": "x", "configuration": "", "removed": False}},
        {"checkpointMetadata": {"version": 1}},
    ],
    "the other actions of a line as nulls": [{"remove": None, "metaData": None, "txn": None, "protocol": None}],
    "characters at which Python ends a line": [{"commitInfo": {"text": "a\u2028b\u0085c\u001cd\u000be"}}],
}


@pytest.mark.parametrize("actions", OTHERS.values(), ids=OTHERS)
def test_a_commit_of_another_writer_counts(folder: Path, actions: list[object]) -> None:
    commit(folder, 2, *actions, added("c%20d%25%C3%BC"))
    assert names(folder) == {"a", "b", "c d%ü"}


STRAYS = [
    *(
        "00000000000000000000.crc",
        "00000000000000000001.crc",
        "00000000000000000000.00000000000000000001.compacted.json",
    ),
    *(".00000000000000000002.json.part", ".s3-optimization-0", "00000000000000000002.json.tmp", "99", "x.json"),
    *("00000000000000000007.checkpoint.0000000001.0000000002.parquet", "00000000000000000007.checkpoint.json"),
]


def test_other_files_of_a_log_are_neither_read_nor_in_the_way(folder: Path) -> None:
    for name in STRAYS:
        (folder / "_delta_log" / name).write_bytes(b"")
    (folder / "_delta_log" / "_sidecars").mkdir()
    assert names(folder) == {"a", "b"}
    writer(folder).commit([file("c")], ["a"])
    assert names(folder) == {"b", "c"}
    assert DeltaTable(folder).version() == 2


def test_a_stray_file_of_a_writer_that_died_is_deleted_when_it_is_old(folder: Path) -> None:
    old, new = (folder / "_delta_log" / f".{age}.json.part" for age in ("old", "new"))
    for path in (old, new):
        path.touch()
    os.utime(old, (0, 0))
    writer(folder).commit([file("c")], ["a"])
    assert (old.exists(), new.exists()) == (False, True)


@pytest.mark.parametrize("last", ["missing", "of no checkpoint", "no JSON"])
def test_only_the_checkpoints_themselves_count(folder: Path, last: str) -> None:
    writer(folder).commit([file("c")], ["a"])
    path = folder / "_delta_log" / "_last_checkpoint"
    match last:
        case "missing":
            path.unlink()
        case "of no checkpoint":
            path.write_text(json.dumps({"version": 1, "size": 3}))
        case _:
            path.write_bytes(b"{")
    assert names(folder) == {"b", "c"}


NEWER: dict[str, list[object]] = {
    "features": [{"protocol": {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": ["v2Checkpoint"]}}],
    "columns by other names": [{"protocol": {"minReaderVersion": 2, "minWriterVersion": 5}}],
    "deleted rows": [added("c", deletionVector={"storageType": "u", "pathOrInlineDv": "x", "cardinality": 1})],
}


@pytest.mark.parametrize("actions", NEWER.values(), ids=NEWER)
def test_rows_stored_in_a_later_way_are_an_error_and_no_damage(folder: Path, actions: list[object]) -> None:
    commit(folder, 2, *actions)
    log = writer(folder)
    for act in (log.files, lambda: log.commit([file("c")], [])):
        with pytest.raises(LakeError, match="needs a later version") as caught:
            act()
        assert not isinstance(caught.value, DamagedLogError)


WRONG: dict[str, list[object]] = {
    "no action": [],
    "a list": [[1]],
    "a text": ["add"],
    "an action that is none": [{"add": "x"}],
    "a file without its number of rows": [added("c", stats="{}")],
    "a file without statistics": [added("c", stats=None)],
    "metadata without columns": [{"metaData": {"id": "x"}}],
    "metadata with other columns": [{"metaData": {"id": "x", "schemaString": "{"}}],
    "no protocol": [{"protocol": {"minReaderVersion": "x"}}],
}


@pytest.mark.parametrize("actions", WRONG.values(), ids=WRONG)
def test_a_commit_that_makes_no_sense_is_damage(folder: Path, actions: list[object]) -> None:
    commit(folder, 2, *actions)
    with pytest.raises(DamagedLogError, match="version 2 can't be read"):
        names(folder)


@given(st.data())
def test_a_damaged_checkpoint_is_an_error_and_never_another_exception(data: st.DataObject) -> None:
    content = bytearray(_checkpoint())
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content) - 1)) :]
    else:
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    with suppress(ValueError, KeyError, TypeError):
        read_checkpoint(bytes(content))


@cache
def _checkpoint() -> bytes:
    protocol, metadata = (next(iter(action.values())) for action in new_table(SCHEMA, None))
    return checkpoint(protocol, metadata, [file(f"{number}") for number in range(20)], None)


@pytest.mark.parametrize("kept", [["_state", "_last_checkpoint"], ["_last_checkpoint"], ["_state"]], ids=str)
def test_a_log_that_lost_its_versions_is_no_empty_table(folder: Path, kept: list[str]) -> None:
    for path in (folder / "_delta_log").iterdir():
        if path.name not in kept:
            path.unlink()
    with pytest.raises(DamagedLogError, match="all its versions are missing"):
        names(folder)


def test_readers_see_no_empty_table_while_a_damaged_log_is_replaced(folder: Path) -> None:
    known = TableLog(folder, None, None)
    known.files()
    commit(folder, 2)
    log = writer(folder)
    with pytest.raises(DamagedLogError):
        log.files()
    log.discard()
    assert log.files() == []
    with pytest.raises(DamagedLogError):
        names(folder)
    log.commit([file("c")], [])
    log.commit([file("d")], [])
    assert names(folder) == {found.path for found in known.files()} == {"c", "d"}
    theirs = DeltaTable(folder)
    assert theirs.version() == log.version == 4
    assert len(theirs.file_uris()) == 2


def test_a_table_without_files_ends_its_damage_too(folder: Path) -> None:
    commit(folder, 2)
    log = writer(folder)
    log.discard()
    log.finish()
    assert names(folder) == set()
    assert pl.scan_delta(str(folder)).collect().columns == SCHEMA.names


def test_a_writer_frozen_before_its_commit_takes_no_deleted_commits_place(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frozen, create = writer(folder), LocalFiles.create_log
    frozen.files()

    def overtaken(files: LocalFiles, name: str, content: bytes) -> bool:
        monkeypatch.undo()
        for new, old in itertools.pairwise("bcde"):
            writer(folder).commit([file(old)], [new])  # also deletes the commits before it
        return create(files, name, content)

    monkeypatch.setattr(LocalFiles, "create_log", overtaken)
    with pytest.raises(ConflictError):
        frozen.commit([file("x")], ["a"])
    assert names(folder) == {"a", "e"} == {*map(_name_of, DeltaTable(folder).file_uris())}
    frozen.files()
    frozen.commit([file("x")], ["a"])
    assert names(folder) == {"e", "x"}


def _name_of(uri: str) -> str:
    return uri.rsplit("/", 1)[-1]


def test_of_two_writers_that_race_each_version_is_ones_and_nothing_of_the_others_counts(tmp_path: Path) -> None:
    writer(tmp_path).commit([file("first")], [])
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    racers = [context.Process(target=_race, args=(tmp_path, name, results)) for name in "ab"]
    for racer in racers:
        racer.start()
    expected: set[str] = set().union(*(results.get(timeout=60) for _ in racers))
    for racer in racers:
        racer.join()
    assert names(tmp_path) == expected == {*map(_name_of, DeltaTable(tmp_path).file_uris())}


def _race(folder: Path, name: str, results: multiprocessing.Queue[set[str]]) -> None:
    log, counting, end = writer(folder), {"first"}, time.monotonic() + 1
    for number in itertools.count():
        if time.monotonic() > end:
            break
        new = f"{name}{number}"
        gone = {path for path in counting if path.startswith(name)} if number % 3 == 0 else set()
        try:
            assert log.files()
            log.commit([file(new)], gone)
        except ConflictError:
            continue
        counting = (counting - gone) | {new}
    results.put(counting)


def _steps(monkeypatch: pytest.MonkeyPatch, fail: Callable[[], None]) -> None:
    """Call `fail` before each thing that a commit does to the disk."""
    for owner, name in ((os, "link"), (os, "replace"), (Path, "unlink"), (Path, "open"), (os, "listdir")):
        inner = getattr(owner, name)

        def failing(*arguments: object, inner: Callable[..., object] = inner, **options: object) -> object:
            fail()
            return inner(*arguments, **options)

        monkeypatch.setattr(owner, name, failing)


class Killed(BaseException):
    pass


def _failures(error: BaseException) -> Iterator[Callable[[], None]]:
    for at in range(100):
        count = itertools.count()

        def fail(at: int = at, count: Iterator[int] = count) -> None:
            now = next(count)
            if now == at or (now > at and isinstance(error, Killed)):
                raise error

        yield fail


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), Killed()], ids=["full", "killed"])
@pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
def test_a_commit_that_fails_at_any_step_is_done_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, links: bool
) -> None:
    before, after = {"a", "b"}, {"b", "c"}
    for number, fail in enumerate(_failures(error)):
        folder = tmp_path / str(number)
        log = writer(folder)
        for name in "ab":
            log.commit([file(name)], [])
        with monkeypatch.context() as patch:
            if not links:
                patch.setattr(os, "link", _no_links)
            _steps(patch, fail)
            try:
                log.commit([file("c")], ["a"])
                failed = False
            except (EventAssetsError, Killed):
                failed = True
        found = names(folder)
        assert found == after or (failed and found == before), number
        assert {*map(_name_of, DeltaTable(folder).file_uris())} == found, number
        next_one = writer(folder)
        next_one.commit([file("d")], ["b"])
        assert names(folder) == found - {"b"} | {"d"}, number
        assert len([path for path in (folder / "_delta_log").iterdir() if path.name[0].isdigit()]) == 2, number
        shutil.rmtree(folder)
        if not failed and number > 20:
            return
    raise AssertionError("more steps than expected")


def _no_links(*_: object) -> None:
    raise PermissionError(1, "Operation not permitted")

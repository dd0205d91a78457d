"""Finds the records of a JSON document at a declared path: the elements of an array, or the members of an object."""

from __future__ import annotations

import json
import mmap
import re
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson

from event_assets.landing.json_elements import Elements, elements_of
from event_assets.landing.json_paths import take_within
from event_assets.landing.reader_interface import MALFORMED, TOO_LONG, FileRejected
from event_assets.landing.schema_drift import shown_name
from event_assets.tables.landed_tables import MAX_RAW_BYTES
from event_assets.text.field_paths import KEY, MEMBERS, PARENT, parse_path
from event_assets.text.json_text import STRING, BadJson, behind_space, element_end, items_of, parse_object

_NAME = re.compile(STRING + rb"[ \t\r\n]*:[ \t\r\n]*")


def records_of(
    path: Path, max_bytes: int, *, records: str, block_bytes: int, read: Callable[[int], None] | None = None
) -> Iterator[Elements]:
    """The records at a path in a file that is one object, in order, some at a time: the elements of an array; with `*`
    as the last names of the path, the members of objects.

    The name of such a member is its record's `^.key`, and `^.^.key` that of the member around. A member that is an
    array is several records. FileRejected where there is no such array or object.
    """
    names = [str(name) for name in parse_path(records)]
    depth = names.count(MEMBERS)
    if not path.stat().st_size:  # an empty file can't be mapped
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if _root(data) == len(data):
            return
        start = _find(data, names[: len(names) - depth], records)
        mark = data[start : start + 1]
        if depth and mark == b"{":
            yield from _keyed_records(data, start, depth, max_bytes, block_bytes)
            return
    if depth:
        raise FileRejected(f"unreadable: what is at records: {records} is no object")
    if mark != b"[":
        hint = f"; declare records: {records}.{MEMBERS} if its members are the records" if mark == b"{" else ""
        raise FileRejected(f"unreadable: what is at records: {records} is no array{hint}")
    yield from elements_of(path, max_bytes, block_bytes=block_bytes, start=start, read=read)


def _root(data: mmap.mmap) -> int:
    return behind_space(data, 3 if data[:3] == b"\xef\xbb\xbf" else 0)


def _find(data: mmap.mmap, names: Sequence[str], records: str) -> int:
    """Where the value at a path begins. FileRejected, with the names that are there, where the path leads nowhere."""
    place = _root(data)
    for wanted in names:
        found: list[str] = []
        for name, start, _ in _members(data, place, wanted):
            if name == wanted:
                place = start
                break
            found.append(name)
        else:
            shown = ", ".join(map(shown_name, found[:20])) or "no object"
            raise FileRejected(f"unreadable: no array at records: {records}; found {shown}")
    return place


def _members(data: mmap.mmap, place: int, wanted: str | None = None) -> Iterator[tuple[str, int, int]]:
    """The name of each member of the object that begins there, and where its value begins and ends; of anything else
    none. The end of a wanted member isn't searched."""
    if data[place : place + 1] != b"{":
        return
    place = behind_space(data, place + 1)
    while match := _NAME.match(data, place):
        name, start = json.loads(match[0].rstrip().removesuffix(b":").rstrip()), match.end()
        end = start if name == wanted else element_end(data, start, len(data), b",}") or len(data)
        yield name, start, end
        if data[end : end + 1] != b",":
            break
        place = behind_space(data, end + 1)


# Records as the members of an object, by their keys


def _keyed_records(data: mmap.mmap, start: int, depth: int, max_bytes: int, block_bytes: int) -> Iterator[Elements]:
    """The members, `depth` levels down, of the object that begins at `start`."""
    made, size = Elements(), 0
    for place, end, around in _keyed(data, start, depth, {}):
        if around is None:
            made.refuse(data[place : place + MAX_RAW_BYTES].strip(), MALFORMED)
        elif data[place : place + 1] != b"[" and end - place > max_bytes:
            made.refuse(data[place : place + MAX_RAW_BYTES], TOO_LONG)
        else:
            _add(made, data[place:end].rstrip(), around, max_bytes)
        size += end - place
        if size > block_bytes:
            yield made
            made, size = Elements(), 0
    if made.texts:
        yield made


def _keyed(
    data: mmap.mmap, start: int, depth: int, outer: dict[str, Any]
) -> Generator[tuple[int, int, dict[str, Any] | None], None, bool]:
    """Where each member begins and ends, and its keys. Where the object is broken or cut off, the rest of the file
    comes last, without keys; the result is then false."""
    end = start + 1
    for name, place, end in _members(data, start):
        around = {KEY: name, **outer}
        if depth == 1 or data[place : place + 1] != b"{":
            yield place, end, around
        elif not (yield from _keyed(data, place, depth - 1, {PARENT: around})):
            return False
    end = behind_space(data, end)
    if data[end : end + 1] == b"}":
        return True
    yield end, len(data), None
    return False


def _add(made: Elements, text: bytes, around: dict[str, Any], max_bytes: int) -> None:
    """Add a member as a record with its keys, or the elements of one that is an array."""
    texts = [text]
    if text.startswith(b"["):
        with suppress(BadJson):
            texts = items_of(text)
    for own in texts:
        try:
            take_within(made, own, parse_object(own), around, orjson.dumps(around), max_bytes)
        except BadJson:
            made.add(own, max_bytes)  # as a reject

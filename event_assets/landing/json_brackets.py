"""Where JSON values begin and end by their brackets and strings, whatever is between them."""

from __future__ import annotations

import json
import mmap
import re
from pathlib import Path

from event_assets.landing.missing_columns import shown_name
from event_assets.landing.record_batches import FileRejected
from event_assets.text.paths import parse_path

_STRING = rb'"(?:[^"\\\r\n]++|\\[^\r\n])*+"'  # without line breaks: JSON has none in strings
#: All up to the next bracket, within an element; and between elements, up to the next bracket or comma.
_UP_TO_BRACKET = re.compile(rb'(?:[^"\[\]{}]++|' + _STRING + rb")*+")
_UP_TO_MARK = re.compile(rb'(?:[^"\[\]{},]++|' + _STRING + rb")*+")


def element_end(data: bytes, start: int, limit: int) -> int | None:
    """The place of the comma or bracket that ends the element, None where it isn't in the data."""
    depth, place = 0, start
    while True:
        match = (_UP_TO_BRACKET if depth else _UP_TO_MARK).match(data, place, limit)
        assert match is not None
        place = match.end()
        if place == limit:
            return None
        mark = data[place : place + 1]
        if depth == 0 and mark in b",]":
            return place
        if mark == b'"' and data.find(b"\n", place, limit) < 0:
            return None  # the string may end in what is still to come
        if mark in b"{[":
            depth += 1
        elif mark in b"}]":
            depth = max(0, depth - 1)
        place += 1


_SPACE = re.compile(rb"[ \t\r\n]*")
_NAME = re.compile(_STRING + rb"[ \t\r\n]*:[ \t\r\n]*")


def array_start(path: Path, records: str) -> int | None:
    """Where the array at a path begins in a file that is one object; None in an empty file.

    FileRejected where there is no such array. The file is looked at where the system keeps it: no copy is made.
    """
    if not path.stat().st_size:
        return None
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        place = _behind(data, 3 if data[:3] == b"\xef\xbb\xbf" else 0)
        if place == len(data):
            return None
        for name in parse_path(records):
            found: list[str] = []
            place = _member(data, place, str(name), found)
            if place < 0:
                names = ", ".join(shown_name(one) for one in found[:20])
                raise FileRejected(f"unreadable: no array at records: {records}; found {names or 'no object'}")
        if data[place : place + 1] != b"[":
            raise FileRejected(f"unreadable: what is at records: {records} is no array")
        return place


def _member(data: mmap.mmap, place: int, wanted: str, found: list[str]) -> int:
    """Where the value of a member begins in the object that begins there, -1 where it has none; its names go to
    `found`."""
    if data[place : place + 1] != b"{":
        return -1
    place = _behind(data, place + 1)
    while match := _NAME.match(data, place):
        name = json.loads(match[0].rstrip().removesuffix(b":").rstrip())
        if name == wanted:
            return match.end()
        found.append(name)
        place = _behind(data, _value_end(data, match.end()))
        if data[place : place + 1] != b",":
            break
        place = _behind(data, place + 1)
    return -1


def _value_end(data: mmap.mmap, place: int) -> int:
    """The place behind the value that begins there."""
    depth = 0
    while place < len(data):
        match = _UP_TO_BRACKET.match(data, place) if depth else _STRING_OR_SCALAR.match(data, place)
        assert match is not None
        place = match.end()
        mark = data[place : place + 1]
        if not depth and mark not in (b"{", b"["):
            return place
        depth += 1 if mark in (b"{", b"[") else -1
        place += 1
        if not depth:
            return place
    return place


def _behind(data: mmap.mmap, place: int) -> int:
    match = _SPACE.match(data, place)
    assert match is not None
    return match.end()


_STRING_OR_SCALAR = re.compile(_STRING + rb"|[^,\]}\[{]*")

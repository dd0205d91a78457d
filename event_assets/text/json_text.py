"""JSON text: is it a valid object, where do its values end, and how are they written?

orjson decides what is valid (it is exact on all of JSONTestSuite). msgspec gives the text of those values that orjson
doesn't keep as written: numbers with a point or an exponent, numbers beyond 64 bits, nested objects. Of several members
of one name both parsers keep the last; `repeats` and `pairs_of` find the others.
"""

from __future__ import annotations

import json
import mmap
import re
from bisect import bisect_right
from collections.abc import Container, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, overload

import msgspec
import numpy as np
import orjson

from event_assets.text.json_members import members_as_written, refuse_constant

_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])
_SPACE = b" \t\r\n"


class BadJson(Exception):
    """Not a valid JSON object."""

    def __init__(self, *, not_utf8: bool = False) -> None:
        self.not_utf8 = not_utf8


def parse_object(text: bytes) -> dict[str, Any]:
    """The members' values; BadJson where the text is not a valid object in UTF-8."""
    try:
        values = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        values = _beyond_orjson(text, error)
    if type(values) is not dict:
        raise BadJson
    return values


def _beyond_orjson(text: bytes, error: orjson.JSONDecodeError) -> Any:
    """Valid JSON that orjson refuses: a number that is too large for a float, kept as text here."""
    try:
        decoded = text.decode()
    except UnicodeDecodeError:
        raise BadJson(not_utf8=True) from None
    if "infinity" not in str(error):
        raise BadJson
    try:
        values = json.loads(decoded, parse_int=str, parse_float=str, parse_constant=refuse_constant)
        orjson.dumps(values, default=str)  # refuses lone surrogates, which no table can contain
    except (ValueError, TypeError, RecursionError):
        raise BadJson from None
    return values


# The text of values


def members_of(text: bytes) -> dict[str, bytes]:
    """The members of a valid object by name, each as it is written; BadJson where it is nested too deeply."""
    try:
        return {name: bytes(raw) for name, raw in _MEMBERS.decode(text).items()}
    except (msgspec.DecodeError, RecursionError):
        raise BadJson from None


def member_at(members: dict[str, bytes], path: Sequence[str]) -> bytes:
    """The text of the value at a path that exists."""
    for name in path[:-1]:
        members = members_of(members[name])
    return members[path[-1]]


def items_of(text: bytes) -> list[bytes]:
    """The items of a valid array, each as it is written; BadJson where it is nested too deeply."""
    try:
        return [bytes(raw) for raw in _ITEMS.decode(text)]
    except (msgspec.DecodeError, RecursionError):
        raise BadJson from None


def minified(text: bytes) -> str:
    """The JSON without white space, every number and string as it is written."""
    try:
        return msgspec.json.format(text, indent=-1).decode()
    except (msgspec.DecodeError, RecursionError):
        raise BadJson from None


def value_text(text: bytes) -> str | None:
    """A member's value as a raw table contains it: strings decoded, null as None, all else as JSON."""
    if text.startswith(b'"'):
        return str(msgspec.json.decode(text, type=str))
    if text == b"null":
        return None
    return minified(text) if text[0] in b"{[" else text.decode()


_SPACES_OF_TEXT = re.compile(rb"[ \t\r\n]*")


def behind_space(data: bytes | mmap.mmap, place: int) -> int:
    """The position behind the white space at a position."""
    match = _SPACES_OF_TEXT.match(data, place)
    assert match is not None
    return match.end()


# Where values end, by their brackets and strings, whether they are valid or not

STRING = rb'"(?:[^"\\\r\n]++|\\[^\r\n])*+"'  # without line breaks: JSON has none in strings
#: All up to the next bracket, within an element; and between elements, up to the next bracket or comma.
UP_TO_BRACKET = re.compile(rb'(?:[^"\[\]{}]++|' + STRING + rb")*+")
_UP_TO_MARK = re.compile(rb'(?:[^"\[\]{},]++|' + STRING + rb")*+")


def element_end(data: bytes | mmap.mmap, start: int, limit: int, ends: bytes = b",]") -> int | None:
    """The position of the comma or bracket that ends an array's element, or with other `ends` an object's member; None
    if it isn't in the data."""
    depth, place = 0, start
    while True:
        match = (UP_TO_BRACKET if depth else _UP_TO_MARK).match(data, place, limit)
        assert match is not None
        place = match.end()
        if place == limit:
            return None
        mark = data[place : place + 1]
        if depth == 0 and mark in ends:
            return place
        if mark == b'"' and data.find(b"\n", place, limit) < 0:
            return None  # the string may end in what is still to come
        if mark in b"{[":
            depth += 1
        elif mark in b"}]":
            depth = max(0, depth - 1)
        place += 1


@dataclass(frozen=True)
class _Together:
    """Some valid values, separated by commas. They are split only when one of their texts is needed."""

    data: bytes
    count: int

    @cached_property
    def texts(self) -> list[bytes]:
        try:
            return items_of(b"[" + self.data + b"]")
        except BadJson:  # nested deeper than msgspec follows
            return self._by_brackets()

    def _by_brackets(self) -> list[bytes]:
        data, texts, start = self.data + b",", [], 0
        while start < len(data):
            end = element_end(data, start, len(data))
            assert end is not None
            texts.append(data[start:end].strip(_SPACE))
            start = end + 1
        return texts


class Texts(Sequence[bytes]):
    """The texts of consecutive records, each without white space around it."""

    def __init__(self) -> None:
        self._parts: list[_Together] = []
        self._ends: list[int] = []
        """The number of texts up to the end of each part."""

    def append(self, text: bytes) -> None:
        self.extend(text, 1)

    def extend(self, data: bytes, count: int) -> None:
        """Add the texts of so many valid objects with commas between them; a single one may be anything."""
        self._parts.append(_Together(data, count))
        self._ends.append(len(self) + count)

    def pop(self) -> None:
        """Remove the last text, which was appended."""
        self._parts.pop()
        self._ends.pop()

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    @overload
    def __getitem__(self, place: int) -> bytes: ...
    @overload
    def __getitem__(self, place: slice) -> list[bytes]: ...
    def __getitem__(self, place: int | slice) -> bytes | list[bytes]:
        if isinstance(place, slice):
            return [self[at] for at in range(*place.indices(len(self)))]
        if not 0 <= place < len(self):
            raise IndexError(place)
        at = bisect_right(self._ends, place)
        part = self._parts[at]
        return part.data if part.count == 1 else part.texts[place - self._ends[at]]  # from the end of the part

    def joined(self, without: Container[int]) -> bytes:
        """All texts with only commas and white space between them, except the appended ones at some positions."""
        parts = zip(self._ends, self._parts, strict=True)
        return b",".join(part.data for end, part in parts if part.count > 1 or end - 1 not in without)


# Several members of one name in one object. They are searched only where counting can't exclude them: there are as many
# colons behind names as names; or, where strings or spaces make that uncertain, as in the values written again.

#: A string of valid JSON; with the colon behind it, it is a member's name.
_NAME_OR_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"([ \t\r\n]*:)?', re.S)
_CONTAINERS = frozenset((dict, list))
#: What may be between a name and its colon.
_SPACES = np.zeros(256, bool)
_SPACES[list(_SPACE)] = True
#: The beginnings of white space and quotes that a string escapes by their numbers.
_ESCAPES = (b"\\u002", b"\\u000")


def repeats(text: bytes, value: dict[str, Any]) -> bool:
    """Whether a valid object has, at any depth, several members of one name."""
    written = sum(1 for colon in _NAME_OR_STRING.findall(text) if colon)
    return written > names_in([value])


def certainly_once(text: bytes, *, at_least: int) -> bool:
    """Whether it is certain that no name is repeated in the text of objects that have at least so many names.

    Where no white space is before any colon, there is a colon behind a quote for each name that is written. Strings may
    contain more of these, and values that weren't searched more names; then it isn't certain.
    """
    before = _before_colons(text)
    return not _SPACES[before].any() and int(np.count_nonzero(before == ord('"'))) == at_least


def written_once(text: bytes, values: Sequence[dict[str, Any]]) -> bool:
    """Whether it is certain that no name is repeated: what looks like a name's colon is as often in the text as in
    its values alone. (Within a string it may look so in both, except for the escapes.)"""
    try:
        return not any(escape in text for escape in _ESCAPES) and _colons(text) == _colons(orjson.dumps(values))
    except orjson.JSONEncodeError:  # nested deeper than it writes, though not than it reads
        return False


def names_in(level: Sequence[Any]) -> int:
    """The number of members' names in the objects (and lists), at all depths."""
    found = 0
    while level:
        found += sum(len(one) for one in level if type(one) is dict)
        members = (one.values() if type(one) is dict else one for one in level)
        level = [value for values in members for value in values if type(value) in _CONTAINERS]
    return found


def pairs_of(text: bytes) -> list[tuple[str, bytes]]:
    """The members of a valid object, each as it is written, in order; BadJson where it is nested too deeply."""
    try:
        return [(name, value.encode()) for name, value in members_as_written(text.decode())]
    except RecursionError:
        raise BadJson from None


def _colons(text: bytes) -> int:
    """The number of colons behind a quote or white space: the colons behind names, and some in strings."""
    before = _before_colons(text)
    return int(np.count_nonzero(_SPACES[before] | (before == ord('"'))))


def _before_colons(text: bytes) -> np.ndarray:
    """The byte before each colon."""
    array = np.frombuffer(text, np.uint8)
    return array[np.flatnonzero(array == ord(":")) - 1]

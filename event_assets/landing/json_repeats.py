"""Members of one name in one object: JSON allows them, and parsers keep the last. Here the others are found.

They are looked for only where counting can't rule them out: there are as many colons behind names as names, or, where
strings or spaces make that uncertain, as in what was read written again, without them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import orjson

from event_assets.landing.json_values import BadJson
from event_assets.landing.record_batches import MALFORMED

#: A string of valid JSON; with the colon behind it, it is a member's name.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"([ \t\r\n]*:)?', re.S)
_CONTAINERS = frozenset((dict, list))
_SPACE = re.compile(r"[ \t\r\n]*")
#: What may be between a name and its colon.
_SPACES = np.zeros(256, bool)
_SPACES[list(b" \t\r\n")] = True
#: So begin white space and quotes in a string that were written as their numbers.
_ESCAPES = (b"\\u002", b"\\u000")
_as_written = json.JSONDecoder(parse_int=str, parse_float=str).raw_decode


def repeats(text: bytes, value: dict[str, Any]) -> bool:
    """Whether a valid object holds, at any depth, several members of one name."""
    written = sum(1 for colon in _STRING.findall(text) if colon)
    return written > names_in([value])


def certainly_once(text: bytes, *, at_least: int) -> bool:
    """Whether it is certain that no name is repeated in the text of objects in which there are at least so many names.

    Where no white space is before any colon, there is a colon behind a quote for each name that is written. Strings
    may hold more of these, and values that weren't looked into more names; then it isn't certain.
    """
    before = _before_colons(text)
    return not _SPACES[before].any() and int(np.count_nonzero(before == ord('"'))) == at_least


def written_once(text: bytes, values: Sequence[dict[str, Any]]) -> bool:
    """Whether it is certain that no name is repeated: what looks like a name's colon is as often in the text as in
    its values alone. (Within a string it may look so in both, but for the escapes.)"""
    try:
        return not any(escape in text for escape in _ESCAPES) and _colons(text) == _colons(orjson.dumps(values))
    except orjson.JSONEncodeError:  # nested deeper than it writes, though not than it reads
        return False


def pairs_of(text: bytes) -> list[tuple[str, bytes]]:
    """The members of a valid object, each as it is written, in order; BadJson where it is nested too deeply."""
    try:
        return list(_pairs(text.decode()))
    except RecursionError:
        raise BadJson(MALFORMED) from None


def _pairs(text: str) -> Iterator[tuple[str, bytes]]:
    place = _behind_space(text, _behind_space(text, 0) + 1)
    while text[place] != "}":
        name, place = _as_written(text, place)
        start = _behind_space(text, _behind_space(text, place) + 1)
        _, end = _as_written(text, start)
        yield name, text[start:end].encode()
        place = _behind_space(text, end)
        if text[place] == ",":
            place = _behind_space(text, place + 1)


def _behind_space(text: str, place: int) -> int:
    match = _SPACE.match(text, place)
    assert match is not None
    return match.end()


def _colons(text: bytes) -> int:
    """The number of colons behind a quote or white space: those of all names, and some in strings."""
    before = _before_colons(text)
    return int(np.count_nonzero(_SPACES[before] | (before == ord('"'))))


def _before_colons(text: bytes) -> np.ndarray:
    """The byte before each colon."""
    array = np.frombuffer(text, np.uint8)
    return array[np.flatnonzero(array == ord(":")) - 1]


def names_in(level: Sequence[Any]) -> int:
    """The number of members' names in the objects (and lists), at all depths."""
    found = 0
    while level:
        found += sum(len(one) for one in level if type(one) is dict)
        members = (one.values() if type(one) is dict else one for one in level)
        level = [value for values in members for value in values if type(value) in _CONTAINERS]
    return found

"""A JSON array cut into its elements while it streams by; a broken element spoils none of its neighbours.

Fast and exact: text between two `} , {` that is valid JSON is an element, since JSON can be read in one
way only. Where it is not valid (an array of objects within, a broken element), brackets and strings are
followed to the element's end. Where there is no end (a quote or bracket that was never closed), the
element ends before the first object behind it that stands like an element and is valid.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from event_assets.landing.blocks import open_plain
from event_assets.landing.json_values import BadJson, Elements, parse_object
from event_assets.landing.records import MALFORMED, MAX_RAW_BYTES, TOO_LONG, FileRejected

_BETWEEN = re.compile(rb"\}[ \t\r\n]*,[ \t\r\n]*\{")
_NEXT_OBJECT = re.compile(rb",[ \t\r\n]*\{")
#: A string without line breaks (JSON has none), or a mark of structure, or a quote that opens no string.
_TOKEN = re.compile(rb'"(?:[^"\\\r\n]++|\\[^\r\n])*+"|[\[\]{},"]')
_SPACE = b" \t\r\n"
#: When looking for the next whole element, so many candidates are tried, each up to so many bytes.
_MAX_CANDIDATES = 1000
_CANDIDATE_BYTES = 64 * 1024


@dataclass
class _Cutter:
    """What is known while cutting: how long an element may be, whether the array was closed."""

    max_bytes: int
    closed: bool = False
    opened: bool = False
    needs_element: bool = False
    """Behind a comma."""
    skipping: bool = False
    """Within an element that is too long, of which the reject was already given."""
    elements: Elements = field(default_factory=Elements)

    def cut(self, data: bytes, *, final: bool) -> int:
        """Take elements from the data; the place from which more data is needed."""
        place = 0
        if not self.opened:
            place = _behind_space(data, 0)
            if place == len(data):
                return place
            if data[place] != ord("["):
                raise FileRejected("unreadable: no JSON array; declare format ndjson where it is one object a line")
            self.opened, place = True, place + 1
        if self.skipping:
            candidate = self._candidate(data, 0)
            if candidate is None:
                return max(0, len(data) - _CANDIDATE_BYTES) if not final else len(data)
            self.skipping, place = False, candidate
        while not self.closed:
            place = self._run(data, place)
            after = self._one(data, place, final)
            if after is None:
                return place
            place = after
        return place

    def _run(self, data: bytes, start: int) -> int:
        """Take elements as long as the text up to the next boundary is valid; where the next one begins."""
        start = _behind_space(data, start)
        if not data.startswith(b"{", start):
            return start
        for match in _BETWEEN.finditer(data, start):
            text = data[start : match.start() + 1]
            try:
                values = parse_object(text)
            except BadJson:
                break
            self.elements.take(text, values, self.max_bytes)
            start = match.end() - 1
            self.needs_element = True
        return start

    def _one(self, data: bytes, start: int, final: bool) -> int | None:
        """Take the element that begins there by following its brackets; None where more data is needed."""
        start = _behind_space(data, start)
        if start == len(data):
            return None
        end = _element_end(data, start, len(data), final=False)
        if end is None:
            if not final and len(data) - start <= self.max_bytes:
                return None
            return self._recover(data, start, final)
        text = data[start:end].strip(_SPACE)
        self.closed = data[end] == ord("]")
        if text or self.needs_element or not self.closed:
            self.elements.add(text, self.max_bytes)
        self.needs_element = not self.closed
        return end + 1

    def _recover(self, data: bytes, start: int, final: bool) -> int | None:
        """An element without an end: reject it up to the next whole one. None at the array's own cut-off end."""
        candidate = self._candidate(data, start)
        self.needs_element = True
        if candidate is not None:
            text = data[start:candidate].rstrip(_SPACE).removesuffix(b",")
            self.elements.refuse(text.rstrip(_SPACE), MALFORMED)
            return candidate
        if final:
            text = data[start:].rstrip(_SPACE)
            try:
                self.elements.take(text, parse_object(text), self.max_bytes)
            except BadJson:
                return None  # `elements_of` rejects what is left
            return len(data)
        self.elements.refuse(data[start : start + MAX_RAW_BYTES], TOO_LONG)
        self.skipping = True
        return len(data)

    def _candidate(self, data: bytes, start: int) -> int | None:
        """Where the next object begins that is valid, and stands behind a comma and before one (or the end)."""
        indent = _indent(data, start)
        for tried, match in enumerate(_NEXT_OBJECT.finditer(data, start)):
            place = match.end() - 1
            if indent is not None and _indent(data, place) != indent:
                continue
            if tried >= _MAX_CANDIDATES:
                return None
            end = _element_end(data, place, min(len(data), place + _CANDIDATE_BYTES), final=False)
            if end is not None:
                try:
                    parse_object(data[place:end].strip(_SPACE))
                except BadJson:
                    continue
                return place
        return None


def elements_of(path: Path, max_bytes: int, *, block_bytes: int) -> Iterator[Elements]:
    """The elements of the array in a plain UTF-8 file, in order, some at a time.

    What follows the array is one malformed element, and so is the end of an array that isn't closed (with no
    text where it was cut off behind a whole element).
    FileRejected where the file begins with something else than an array.
    """
    cutter = _Cutter(max_bytes)
    rest, final = b"", False
    with open_plain(path) as file:
        while not final and not cutter.closed:
            chunk = file.read(block_bytes)
            final = len(chunk) < block_bytes
            data = rest + chunk
            rest = data[cutter.cut(data, final=final) :]
            if cutter.elements.texts:
                yield cutter.elements
                cutter.elements = Elements()
        while cutter.closed and not final and len(rest) < MAX_RAW_BYTES:
            chunk = file.read(block_bytes)
            final = len(chunk) < block_bytes
            rest = (rest + chunk).lstrip(_SPACE)
    rest = rest.strip(_SPACE)
    cut_off = cutter.opened and not cutter.closed and not cutter.skipping
    if rest or cut_off:
        yield Elements([rest], [None], {0: MALFORMED})


def _behind_space(data: bytes, start: int) -> int:
    while start < len(data) and data[start] in _SPACE:
        start += 1
    return start


def _element_end(data: bytes, start: int, limit: int, *, final: bool) -> int | None:
    """Where the comma or bracket stands that ends the element, None where it isn't in the data."""
    depth = 0
    for match in _TOKEN.finditer(data, start, limit):
        mark = data[match.start()]
        if mark in b"{[":
            depth += 1
        elif mark == ord("]") and depth == 0:
            return match.start()
        elif mark in b"}]":
            depth = max(0, depth - 1)
        elif mark == ord(",") and depth == 0:
            return match.start()
        elif mark == ord('"') and match.end() == match.start() + 1 and not final and not _line_ends(data, match, limit):
            return None  # the string may end in what is still to come
    return None


def _line_ends(data: bytes, match: re.Match[bytes], limit: int) -> bool:
    return data.find(b"\n", match.end(), limit) >= 0


def _indent(data: bytes, place: int) -> bytes | None:
    """The white space between the line's beginning and that place; None where something else stands there."""
    before = data[max(0, data.rfind(b"\n", 0, place) + 1) : place]
    return before if not before.strip(b" \t") else None

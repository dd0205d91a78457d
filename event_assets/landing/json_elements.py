"""Files as JSON records: an array cut into its elements while it is read, and the lines of NDJSON.

A broken element doesn't affect its neighbours. Text between two `} , {` that is valid JSON is an element (or several),
since JSON can be read in one way only. Where it is not valid (an array of objects within, a broken element), brackets
and strings are followed to the element's end. What then is not valid (a quote or bracket was never closed) ends before
the first object in it that looks like an element: it is valid and has the members of its neighbours.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from event_assets.landing.plain_text import LineBlocks, open_plain
from event_assets.landing.reader_interface import MALFORMED, NOT_UTF8, TOO_LONG, FileRejected
from event_assets.tables.landed_tables import MAX_RAW_BYTES
from event_assets.text.json_text import BadJson, Texts, behind_space, element_end, parse_object

_BETWEEN = re.compile(rb"\}[ \t\r\n]*,[ \t\r\n]*\{")
_NEXT_OBJECT = re.compile(rb",[ \t\r\n]*\{")
_SPACE = b" \t\r\n"
#: The number of parts in which a block's elements are parsed; a part with a broken element is parsed twice.
_BLOCK_PARTS = 128
#: The usual length of an element, to which a neighbour is read, and the largest number of neighbours that are tried.
_NEAR_BYTES = 16 * 1024
_MAX_CANDIDATES = 1000
#: An element without an end is searched to the longest length that is allowed. In a file with many of them this would
#: take very long: after this number of bytes, an element without an end near by but with a neighbour is rejected.
_MAX_WASTED_BYTES = 8 * 1024 * 1024


@dataclass
class Elements:
    """Some consecutive records: their texts, their values (None where rejected), and by position why."""

    texts: Texts = field(default_factory=Texts)
    values: list[dict[str, Any] | None] = field(default_factory=list)
    reasons: dict[int, str] = field(default_factory=dict)

    def add(self, text: bytes, max_bytes: int) -> None:
        """Add a record: its values where it is valid, else a reject."""
        try:
            self.take(text, parse_object(text), max_bytes)
        except BadJson as bad:
            reason = NOT_UTF8 if bad.not_utf8 else MALFORMED
            self.refuse(text, reason if len(text) <= max_bytes else TOO_LONG)

    def take(self, text: bytes, values: dict[str, Any], max_bytes: int) -> None:
        if len(text) > max_bytes:
            self.refuse(text, TOO_LONG)
        else:
            self.extend(text, [values])

    def extend(self, texts: bytes, values: list[dict[str, Any]]) -> None:
        """Add valid records that follow one another with commas between them."""
        self.texts.extend(texts, len(values))
        self.values.extend(values)

    def refuse(self, text: bytes, reason: str) -> None:
        self.reasons[len(self.texts)] = reason
        self.texts.append(text)
        self.values.append(None)

    def drop_last(self) -> None:
        self.texts.pop()
        self.values.pop()
        self.reasons.pop(len(self.texts), None)


@dataclass
class _Cutter:
    """The state while an array is cut: how long an element may be, whether the array was closed."""

    max_bytes: int
    together_bytes: int
    """The approximate number of bytes of elements that are parsed at once."""
    closed: bool = False
    opened: bool = False
    needs_element: bool = False
    """Behind a comma."""
    wasted: int = 0
    """Bytes that were searched for the ends of elements without success."""
    skipping: bool = False
    """Whether the data is within an element that is too long and already rejected."""
    elements: Elements = field(default_factory=Elements)
    members: Set[str] = frozenset()
    """The names of the members of a valid element before those."""

    def cut(self, data: bytes, *, final: bool) -> int:
        """Take elements from the data; returns the position from which more data is needed."""
        place = 0
        if not self.opened:
            place = behind_space(data, 0)
            if place == len(data):
                return place
            if data[place] != ord("["):
                raise FileRejected(
                    "unreadable: no JSON array; declare format: ndjson if it is one object per line, or records: PATH "
                    "(PATH.* for an object's members)"
                )
            self.opened, place = True, place + 1
        if self.skipping:
            neighbour = self._neighbour(data, 0, len(data))
            if neighbour is None:
                return len(data) if final else max(0, len(data) - _NEAR_BYTES)
            self.skipping, place = False, neighbour
        while not self.closed:
            place = self._run(data, place)
            after = self._one(data, place, final)
            if after is None:
                return place
            place = after
        return place

    def _run(self, data: bytes, start: int) -> int:
        """Take elements as long as the text up to the next boundary is valid; returns where the next one begins."""
        start = behind_space(data, start)
        if not data.startswith(b"{", start):
            return start
        while (after := self._together(data, start)) is not None:
            start = after
        for match in _BETWEEN.finditer(data, start):
            text = data[start : match.start() + 1]
            if len(text) > self.max_bytes:
                break
            try:
                values = orjson.loads(text)
            except orjson.JSONDecodeError:
                break
            self.elements.extend(text, [values])
            start = match.end() - 1
            self.needs_element = True
        return start

    def _together(self, data: bytes, start: int) -> int | None:
        """Take the elements up to a boundary some way off, if they are all valid; returns where the next one begins.

        What is before a broken element, from the last boundary on, is parsed twice.
        """
        match = _BETWEEN.search(data, start + self.together_bytes)
        if match is None or match.start() - start >= self.max_bytes:
            return None
        texts = data[start : match.start() + 1]
        try:
            values = orjson.loads(b"[" + texts + b"]")
        except orjson.JSONDecodeError:
            return None
        if set(map(type, values)) != {dict}:
            return None
        self.elements.extend(texts, values)
        self.needs_element = True
        return match.end() - 1

    def _one(self, data: bytes, start: int, final: bool) -> int | None:
        """Take the element that begins there by following its brackets; None where more data is needed."""
        start = behind_space(data, start)
        if start == len(data):
            return None
        end = element_end(data, start, min(len(data), start + _NEAR_BYTES))
        if end is None and self.wasted > _MAX_WASTED_BYTES and (neighbour := self._neighbour(data, start, len(data))):
            return self._reject(data, start, neighbour)
        end = end or element_end(data, start, len(data))
        if end is None and not final and len(data) - start <= self.max_bytes:
            return None
        if end is None:
            return self._without_end(data, start, final)
        text = data[start:end].strip(_SPACE)
        self.elements.add(text, self.max_bytes)
        if self.elements.values[-1] is None:
            # Stray quotes and brackets may cancel each other out some elements later.
            if neighbour := self._neighbour(data, start, end):
                self.elements.drop_last()
                return self._reject(data, start, neighbour)
            if not text and data[end] == ord("]") and not self.needs_element:
                self.elements.drop_last()  # an empty array
        self.closed = data[end] == ord("]")
        self.needs_element = not self.closed
        return end + 1

    def _without_end(self, data: bytes, start: int, final: bool) -> int | None:
        """Reject an element that has no end; None at the cut-off end of the array, whose rest is rejected later."""
        self.wasted += len(data) - start
        if neighbour := self._neighbour(data, start, len(data)):
            return self._reject(data, start, neighbour)
        if final:
            text = data[start:].rstrip(_SPACE)
            try:
                self.elements.take(text, parse_object(text), self.max_bytes)
            except BadJson:
                return None
            return len(data)
        self.elements.refuse(data[start : start + MAX_RAW_BYTES], TOO_LONG)
        self.skipping = True
        return len(data)

    def _reject(self, data: bytes, start: int, neighbour: int) -> int:
        text = data[start:neighbour].rstrip(_SPACE).removesuffix(b",")
        self.elements.refuse(text.rstrip(_SPACE), MALFORMED)
        self.needs_element = True
        return neighbour

    def _neighbour(self, data: bytes, start: int, stop: int) -> int | None:
        """Where the next object begins that is like an element: behind a comma, indented as the element
        before, valid, and mostly with the members of the last valid element."""
        indent = _indent(data, start)
        known = self.keep_members()
        for tried, match in enumerate(_NEXT_OBJECT.finditer(data, start, stop)):
            place = match.end() - 1
            if tried >= _MAX_CANDIDATES:
                return None
            if indent is not None and _indent(data, place) != indent:
                continue
            end = element_end(data, place, min(len(data), place + _NEAR_BYTES))
            try:
                members = parse_object(data[place:end].strip(_SPACE)).keys() if end is not None else set()
            except BadJson:
                continue
            if members and (not known or 2 * len(members & known) > len(members)):
                return place
        return None

    def keep_members(self) -> Set[str]:
        """Remember the members of the last valid element."""
        last = next((values for values in reversed(self.elements.values) if values), None)
        self.members = last.keys() if last else self.members
        return self.members


def elements_of(
    path: Path,
    max_bytes: int,
    *,
    block_bytes: int,
    start: int | None = None,
    read: Callable[[int], None] | None = None,
) -> Iterator[Elements]:
    """The elements of the array in a plain UTF-8 file, in order, some at a time.

    What follows the array is one malformed element, and so is the end of an array that isn't closed (with no
    text where it was cut off behind a whole element). With `start`, the position of an array within the file's object,
    what follows that array is left out.
    FileRejected where something else than an array begins there.
    """
    cutter = _Cutter(max_bytes, block_bytes // _BLOCK_PARTS)
    rest, final = b"", False
    with open_plain(path, read=read) as file:
        if start is not None:
            file.seek(start)
        while not final and not cutter.closed:
            wanted = max(block_bytes, len(rest))  # doubled, so that a huge element isn't searched again and again
            chunk = file.read(wanted)
            final = len(chunk) < wanted
            data = rest + chunk
            rest = data[cutter.cut(data, final=final) :]
            if cutter.elements.texts:
                cutter.keep_members()
                yield cutter.elements
                cutter.elements = Elements()
        while cutter.closed and start is None and not final and len(rest) < MAX_RAW_BYTES:
            chunk = file.read(block_bytes)
            final = len(chunk) < block_bytes
            rest = (rest + chunk).lstrip(_SPACE)
    rest = b"" if start is not None and cutter.closed else rest.strip(_SPACE)
    cut_off = cutter.opened and not cutter.closed and not cutter.skipping
    if rest or cut_off:
        end = Elements()
        end.refuse(rest, MALFORMED)
        yield end


def lines_of(
    path: Path, max_bytes: int, *, block_bytes: int, read: Callable[[int], None] | None = None
) -> Iterator[Elements]:
    """The records of an NDJSON file: its lines but blank ones."""
    with open_plain(path, read=read) as file:
        for block in LineBlocks(file, max_bytes, bare_cr=False, block_bytes=block_bytes):
            elements = Elements()
            if block.too_long:
                elements.refuse(block.data, TOO_LONG)
            else:
                for line in block.data.split(b"\n"):
                    if text := line.strip():
                        elements.add(text, max_bytes)
            if elements.texts:
                yield elements


def _indent(data: bytes, place: int) -> bytes | None:
    """The white space between the line's beginning and that place; None where no line begins before it."""
    begin = data.rfind(b"\n", 0, place) + 1
    indent = data[begin:place]
    return indent if begin and not indent.strip(b" \t") else None

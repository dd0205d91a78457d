"""Divides a block of CSV into runs of lines that the fast reader may read, and records that the record parser reads
one by one.

A line is *certified* if it is one record in any context: its quotes pair up, each opens behind a delimiter and closes
before one, and the line has no NUL, no bytes that aren't UTF-8, no bare CR, and is not empty.
Certified lines can be read in one way only, so a fast reader gives what the rule gives; a property test shows that the
two agree. All others go to `RecordParser`, which may include further lines (a quoted field with line breaks).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from event_assets.landing.csv_records import RecordParser, Values
from event_assets.landing.plain_text import LineBlocks
from event_assets.landing.reader_interface import TOO_LONG

_BLANK = re.compile(rb"[ \t]*\r?")
#: The beginning of a line that may be blank. Faster than looking for three texts of two bytes.
_MAYBE_BLANK = re.compile(rb"\n[\r\n \t]")
_LF = ord("\n")
_PIECE = 64 * 1024


@dataclass(frozen=True)
class Segment:
    """A run of certified lines, blank ones among them; or, with values or a reason, one record read on its own."""

    data: bytes
    values: Values | None = None
    reason: str | None = None

    @property
    def certified(self) -> bool:
        return self.values is None and self.reason is None

    @cached_property
    def records(self) -> int:
        if not self.certified:
            return 1
        ends = np.count_nonzero(np.frombuffer(self.data, np.uint8) == ord("\n"))
        return int(ends) + (not self.data.endswith(b"\n"))

    def text(self, place: int) -> bytes:
        """The own text of the record at a position, from 0."""
        if not self.certified:
            return self.data
        ends = self._line_ends
        start = int(ends[place - 1]) + 1 if place else 0
        end = int(ends[place]) if place < len(ends) else len(self.data)
        return self.data[start:end].removesuffix(b"\r")

    @cached_property
    def _line_ends(self) -> np.ndarray:
        return np.flatnonzero(np.frombuffer(self.data, np.uint8) == ord("\n"))

    def without_blank_lines(self, blanks: bytes) -> Segment:
        """The same without blank lines: a certified run may contain some."""
        if not self.certified:
            return self
        lines = self.data.splitlines(keepends=True)
        return Segment(b"".join(line for line in lines if line.strip(blanks + b"\r\n")))


def segmented(blocks: LineBlocks, parser: RecordParser) -> Iterator[list[Segment]]:
    """The file's records, a list for each block; the undecided end of a block goes to the next one."""
    for block in blocks:
        if block.too_long:
            yield [Segment(block.data, reason=TOO_LONG)]
            continue
        segments, used = segments_of(block.data, parser, final=block.final)
        blocks.unread(block.data[used:])
        if segments:
            yield segments


def segments_of(data: bytes, parser: RecordParser, *, final: bool) -> tuple[list[Segment], int]:
    """(the records of a block, how many of its bytes they take)."""
    segments: list[Segment] = []
    place = 0
    for start in odd_lines(data, parser):
        if start < place:
            continue  # part of the record before
        if start > place:
            segments.append(Segment(data[place:start]))
        place = start
        while place == start or (place < len(data) and not data.endswith(b"\n", 0, place)):
            # A record beyond the limit is decided by the part that is here.
            taken = parser.take(data, place, final=final or len(data) - place > parser.max_bytes)
            if taken is None:
                return segments, place
            if taken.values is not None or taken.reason is not None:
                segments.append(Segment(data[place : taken.end], taken.values, taken.reason))
            place = taken.next
    if place < len(data):
        segments.append(Segment(data[place:]))
    return segments, len(data)


def odd_lines(data: bytes, parser: RecordParser) -> list[int]:
    """The positions of the lines, in order, that only the exact rule may read. Lines end with LF here.

    Most blocks have nothing odd: then this costs a few searches over the bytes.
    """
    if _is_plain(data, parser):
        return []
    ends = _marks(data, b"\n")
    if not data.endswith(b"\n"):
        ends = np.append(ends, len(data))
    starts = np.append(0, ends[:-1] + 1)
    if len(parser.delimiter) > 1 or len(parser.quote) > 1:
        return list(starts.tolist())
    places = np.concatenate(
        [
            _marks(data, b"\0"),
            _bare_cr(data),
            np.fromiter(_undecodable(data), np.int64),
            _misplaced_quotes(data, ends, parser),
        ]
    )
    odd = [np.searchsorted(ends, places), _blanks(data, starts, ends), _comments(data, starts, parser)]
    if len(data) > parser.max_bytes:
        odd.append(np.flatnonzero(ends - starts > parser.max_bytes))
    return list(starts[np.unique(np.concatenate(odd))].tolist())


def _is_plain(data: bytes, parser: RecordParser) -> bool:
    """Whether nothing in the data can be odd: what the searches below would find line by line, all at once.

    Blank lines are searched only where they could be taken for records, which are those of one field: `to_batch` finds
    all others as records of a wrong width, at no cost.
    """
    return (
        len(parser.delimiter) == 1
        and len(parser.quote) <= 1
        and len(data) <= parser.max_bytes
        and b"\0" not in data
        and (parser.escape in (b"", parser.quote) or parser.escape not in data)
        and next(_undecodable(data), None) is None
        and data.count(b"\r") == data.count(b"\r\n")
        and not (parser.quote and parser.quote in data and _has_misplaced_quotes(data, parser))
        and not (parser.comment and (data.startswith(parser.comment) or b"\n" + parser.comment in data))
        and (parser.width != 1 or not (data[:1] in (b"\r", b"\n", b" ", b"\t") or _MAYBE_BLANK.search(data)))
    )


def _has_misplaced_quotes(data: bytes, parser: RecordParser) -> bool:
    """Whether `_misplaced_quotes` finds any; faster than it if it finds none."""
    if parser.escape != parser.quote or parser.whitespace:
        return True
    quotes = _marks(data, parser.quote)
    if len(quotes) % 2:
        return True
    # A line end is before the first byte and behind the last one: this one, as position -1.
    array = np.frombuffer(data if data.endswith(b"\n") else data + b"\n", np.uint8)
    beside = np.zeros(256, bool)
    beside[[parser.delimiter[0], parser.quote[0], _LF]] = True
    if not beside[array[quotes[::2] - 1]].all():
        return True
    beside[ord("\r")] = True
    return not beside[array[quotes[1::2] + 1]].all() or bool((np.searchsorted(quotes, _marks(data, b"\n")) % 2).any())


def _marks(data: bytes, mark: bytes) -> np.ndarray:
    """The positions of a byte."""
    if mark not in data:
        return np.empty(0, np.int64)
    return np.flatnonzero(np.frombuffer(data, np.uint8) == mark[0])


def _bare_cr(data: bytes) -> np.ndarray:
    places = _marks(data, b"\r")
    return places[np.frombuffer(data + b"\0", np.uint8)[places + 1] != _LF] if len(places) else places


def _undecodable(data: bytes) -> Iterator[int]:
    """Where in each line bytes begin that aren't UTF-8."""
    start = len(data) if data.isascii() else 0
    while start < len(data):
        # Piece by piece, since the error contains a copy of all that was decoded.
        end = data.find(b"\n", start + _PIECE) + 1 or len(data)
        try:
            data[start:end].decode()
            start = end
        except UnicodeDecodeError as error:
            yield start + error.start
            start = data.find(b"\n", start + error.start) + 1 or len(data)


def _blanks(data: bytes, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Which lines are empty or contain only blanks."""
    first = np.frombuffer(data + b"\n", np.uint8)[starts]
    likely = np.flatnonzero((first == _LF) | (first == ord("\r")) | (first == ord(" ")) | (first == ord("\t")))
    blank = [line for line in likely.tolist() if _BLANK.fullmatch(data, starts[line], ends[line])]
    return np.array(blank, np.int64)


def _comments(data: bytes, starts: np.ndarray, parser: RecordParser) -> np.ndarray:
    """Which lines begin with the mark of a comment."""
    if not parser.comment or parser.comment not in data:
        return np.empty(0, np.int64)
    first = np.flatnonzero(np.frombuffer(data + b"\n", np.uint8)[starts] == parser.comment[0])
    return np.array([line for line in first.tolist() if data.startswith(parser.comment, starts[line])], np.int64)


def _misplaced_quotes(data: bytes, ends: np.ndarray, parser: RecordParser) -> np.ndarray:
    """Quotes that don't pair up as fields do, seen from the start of their own line.

    Counted within its line, each even quote (0, 2, ...) opens and each odd one closes. `""` within a
    field closes and opens at once. So an opening quote is behind a delimiter, a line end or a closing quote; a closing
    one is before a delimiter, a line end or an opening quote; and a line has an even number.
    """
    if not parser.quote or parser.quote not in data:
        return np.empty(0, np.int64)
    quotes = _marks(data, parser.quote)
    if parser.whitespace:
        return quotes
    if parser.escape != parser.quote:  # which quote closes depends on what is before it: the rule decides
        return np.concatenate([quotes, _marks(data, parser.escape)]) if parser.escape else quotes
    until = np.searchsorted(quotes, ends)  # the number of quotes up to each line's end
    in_line = np.diff(until, prepend=0)
    opens = (np.arange(len(quotes)) - np.repeat(until - in_line, in_line)) % 2 == 0
    padded = np.frombuffer(b"\n" + data + b"\n", np.uint8)
    delimiter, quote = parser.delimiter[0], parser.quote[0]
    beside = np.where(opens, padded[quotes], padded[quotes + 2])
    well = (beside == delimiter) | (beside == _LF) | (beside == quote) | (~opens & (beside == ord("\r")))
    uneven = until[in_line % 2 == 1] - 1
    return np.concatenate([quotes[~well], quotes[uneven]])

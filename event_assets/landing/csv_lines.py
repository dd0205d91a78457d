"""Which lines of a CSV block are not certain to be one plain record each (see csv.py)."""

from __future__ import annotations

import re

import numpy as np

from event_assets.landing.csv_records import RecordParser

_BLANK = re.compile(rb"[ \t]*\r?")
#: The beginning of a line that may be blank. Faster than looking for three texts of two bytes.
_MAYBE_BLANK = re.compile(rb"\n[\r\n \t]")
_LF = ord("\n")
_CACHED = 256 * 1024
_PIECE = 64 * 1024


def odd_lines(data: bytes, parser: RecordParser) -> list[int]:
    """Where the lines begin, in order, that only the exact rule may read. Lines end with LF here.

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
        [_marks(data, b"\0"), _bare_cr(data), _undecodable(data), _misplaced_quotes(data, ends, parser)]
    )
    odd = [np.searchsorted(ends, places), _blanks(data, starts, ends), _comments(data, starts, parser)]
    if len(data) > parser.max_bytes:
        odd.append(np.flatnonzero(ends - starts > parser.max_bytes))
    return list(starts[np.unique(np.concatenate(odd))].tolist())


def _is_plain(data: bytes, parser: RecordParser) -> bool:
    """Whether nothing in the data can be odd: what the searches below would find out line by line, all at once.

    Blank lines are looked for only where they could pass for records, which are those of one field: all others
    `to_batch` meets as records of a wrong width, for nothing.
    """
    return (
        len(parser.delimiter) == 1
        and len(parser.quote) <= 1
        and len(data) <= parser.max_bytes
        and b"\0" not in data
        and (parser.escape in (b"", parser.quote) or parser.escape not in data)
        and _is_utf8(data)
        and not (b"\r" in data and _has_bare_cr(data))
        and not (parser.quote and parser.quote in data and _has_misplaced_quotes(data, parser))
        and not (parser.comment and (data.startswith(parser.comment) or b"\n" + parser.comment in data))
        and (parser.width != 1 or not (data[:1] in (b"\r", b"\n", b" ", b"\t") or _MAYBE_BLANK.search(data)))
    )


def _is_utf8(data: bytes) -> bool:
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _has_bare_cr(data: bytes) -> bool:
    array = np.frombuffer(data, np.uint8)
    for start in range(0, len(data), _CACHED):  # twice as fast as all at once, which no cache holds
        piece = array[start : start + _CACHED + 1]
        if np.greater(piece[:-1] == ord("\r"), piece[1:] == _LF).any():
            return True
    return data.endswith(b"\r")


def _has_misplaced_quotes(data: bytes, parser: RecordParser) -> bool:
    """Whether any quote is one of `_misplaced_quotes`: faster where none is, for then they pair up across lines too."""
    if parser.escape != parser.quote or parser.whitespace:
        return True
    quotes = _marks(data, parser.quote)
    if len(quotes) % 2:
        return True
    # A line end before the first byte and behind the last one is assumed: this one, as place -1.
    array = np.frombuffer(data if data.endswith(b"\n") else data + b"\n", np.uint8)
    beside = np.zeros(256, bool)
    beside[[parser.delimiter[0], parser.quote[0], _LF]] = True
    if not beside[array[quotes[::2] - 1]].all():
        return True
    beside[ord("\r")] = True
    return not beside[array[quotes[1::2] + 1]].all() or bool((np.searchsorted(quotes, _marks(data, b"\n")) % 2).any())


def _marks(data: bytes, mark: bytes) -> np.ndarray:
    """The places of a byte."""
    if mark not in data:
        return np.empty(0, np.int64)
    return np.flatnonzero(np.frombuffer(data, np.uint8) == mark[0])


def _bare_cr(data: bytes) -> np.ndarray:
    places = _marks(data, b"\r")
    return places[np.frombuffer(data + b"\0", np.uint8)[places + 1] != _LF] if len(places) else places


def _undecodable(data: bytes) -> np.ndarray:
    """Where in each line bytes begin that aren't UTF-8."""
    places: list[int] = []
    start = len(data) if data.isascii() else 0
    while start < len(data):
        # Piece by piece, for the error holds a copy of all that was to be decoded.
        end = data.find(b"\n", start + _PIECE) + 1 or len(data)
        try:
            data[start:end].decode()
            start = end
        except UnicodeDecodeError as error:
            places.append(start + error.start)
            start = data.find(b"\n", places[-1]) + 1 or len(data)
    return np.array(places, np.int64)


def _blanks(data: bytes, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Which lines are empty or hold nothing but blanks."""
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
    field closes and opens at once. So an opening quote follows a delimiter, a line end or a closing
    quote; a closing one before a delimiter, a line end or an opening quote; and a line has an even number.
    """
    if not parser.quote or parser.quote not in data:
        return np.empty(0, np.int64)
    quotes = _marks(data, parser.quote)
    if parser.whitespace:
        return quotes
    if parser.escape != parser.quote:  # which quote closes depends on the text before it: the rule knows
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

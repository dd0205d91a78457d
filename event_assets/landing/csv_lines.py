"""Which lines of a CSV block are not certain to be one plain record each (see csv.py)."""

from __future__ import annotations

import re

import numpy as np

from event_assets.landing.csv_records import RecordParser

_BARE_CR = re.compile(rb"\r(?!\n)")
_BLANK = re.compile(rb"[ \t]*\r?")
#: The beginning of a line that may be blank. Faster than looking for three texts of two bytes.
_MAYBE_BLANK = re.compile(rb"\n[\n \t]")
_LF = ord("\n")


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
    odd = [np.searchsorted(ends, places), _blanks(data, starts, ends)]
    if len(data) > parser.max_bytes:
        odd.append(np.flatnonzero(ends - starts > parser.max_bytes))
    return list(starts[np.unique(np.concatenate(odd))].tolist())


def _is_plain(data: bytes, parser: RecordParser) -> bool:
    """Whether nothing in the data can be odd: what the searches below would find out line by line, all at once."""
    return (
        len(parser.delimiter) == 1
        and len(data) <= parser.max_bytes
        and data.isascii()
        and b"\0" not in data
        and b"\r" not in data
        and (not parser.quote or parser.quote not in data)
        and (not parser.escape or parser.escape not in data)
        and data[:1] not in (b"\n", b" ", b"\t")
        and not _MAYBE_BLANK.search(data)
    )


def _marks(data: bytes, mark: bytes) -> np.ndarray:
    """Where a byte stands."""
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
        try:
            str(memoryview(data)[start:], "utf-8")
            break
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


def _misplaced_quotes(data: bytes, ends: np.ndarray, parser: RecordParser) -> np.ndarray:
    """Quotes that don't pair up as fields do, seen from the start of their own line.

    Counted within its line, each even quote (0, 2, ...) opens and each odd one closes. `""` within a
    field closes and opens at once. So an opening quote stands behind a delimiter, a line end or a closing
    quote; a closing one before a delimiter, a line end or an opening quote; and a line has an even number.
    """
    if not parser.quote or parser.quote not in data:
        return np.empty(0, np.int64)
    quotes = _marks(data, parser.quote)
    if parser.escape != parser.quote:  # which quote closes depends on what stands before it: the rule knows
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

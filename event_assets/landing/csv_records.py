"""Parses CSV records one by one by the exact rule, and reads the header. The fast path in `csv.py` must give the same
result.

RFC 4180 with the dialect's characters. A quote inside an unquoted field is text. A delimiter or a line end follows a
closing quote, else the record is malformed. Lines end with LF, CRLF or CR.

A quote that is never closed would take all records up to the next quote or the end of the file. So where a record over
several lines is malformed, it ends before the first of them that reads as a whole record of its own, and reading goes
on there.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import zip_longest
from typing import BinaryIO

from event_assets.declaration import CsvDialect, Source
from event_assets.landing.reader_interface import MALFORMED, NOT_UTF8, TOO_LONG, FileRejected

HEAD_BYTES = 1024 * 1024
#: A file without a header has as many fields as most of its first records; this number of records is counted.
_SAMPLED_RECORDS = 1000
_LINE_END = re.compile(rb"\r\n?|\n")

Values = list[str | None]


@dataclass(frozen=True)
class Taken:
    """What the rule found: where its text ends, where the next record begins, its values or the reason of a reject.

    `values` and `reason` are both None for a blank line. An empty field is None.
    """

    end: int
    next: int
    values: Values | None = None
    reason: str | None = None


class RecordParser:
    def __init__(self, dialect: CsvDialect, width: int | None, max_record_bytes: int) -> None:
        """`width` is the number of fields that a record must have (None for a header: any)."""
        self.width, self.max_bytes = width, max_record_bytes
        self.whitespace = dialect.delimiter == "whitespace"
        """Whether any run of blanks and tabs separates fields; those around a line separate nothing."""
        delimiter = "\t" if self.whitespace else dialect.delimiter
        self.delimiter, self.quote, self.escape = (text.encode() for text in (delimiter, dialect.quote, dialect.escape))
        self.comment = b"#" if dialect.header == "w3c" else (dialect.comment or "").encode()
        """The mark that begins a line that is not a record; empty where all lines are records."""
        self.blanks = b" \t" if self.whitespace else bytes(b for b in b" \t" if b not in self.delimiter)
        """What a blank line may contain; an empty line always is one."""
        quote, escape, separator = (re.escape(mark) for mark in (self.quote, self.escape, self.delimiter))
        if self.escape in (b"", self.quote):
            inner, escaped = _anything_but(quote) + rb"|" + quote + quote, quote + rb"(" + quote + rb")"
        else:
            inner, escaped = _anything_but(quote, escape) + rb"|" + escape + rb".", escape + rb"(.)"
        self._escaped = re.compile(escaped, re.S)
        self._quoted = re.compile(quote + rb"((?:" + inner + rb")*+)" + quote, re.S)
        self._plain = re.compile(rb"(?:" + _anything_but(separator, rb"\r", rb"\n") + rb")*+", re.S)
        self._separator = re.compile(separator)
        if self.whitespace:
            self._plain = re.compile(rb"[^ \t\r\n]*+")
            self._separator = re.compile(rb"[ \t]++(?![\r\n]|\Z)")

    def take(self, data: bytes, start: int, *, final: bool) -> Taken | None:
        """The record that begins at `start`; None where that depends on data to come.

        `final`: the file ends with the data, or the decision must be made without more.
        """
        if self.comment and data.startswith(self.comment, start):
            end, after = self.line(data, start)
            return None if after >= len(data) - 1 and not final and not data.endswith(b"\n") else Taken(end, after)
        taken, width, _ = self._fields(data, start, final)
        if taken is None:
            return None
        if taken.values is not None and not data[start : taken.end].strip(self.blanks):
            return Taken(taken.end, taken.next)  # a blank line is not a record
        if taken.end - start > self.max_bytes:
            return self._recover(data, start, taken, TOO_LONG)
        if taken.values is None or (self.width is not None and width != self.width):
            return self._recover(data, start, taken, taken.reason or MALFORMED)
        text = data[start : taken.end]
        if b"\0" in text:
            return Taken(taken.end, taken.next, reason=MALFORMED)
        return taken

    def _fields(self, data: bytes, start: int, final: bool) -> tuple[Taken | None, int, bool]:
        """(the record by the grammar alone, the number of its fields, whether an unquoted field contains a quote)."""
        values: list[bytes] = []
        stray = False
        place = self._behind_padding(data, start)
        while True:
            if self.quote and data.startswith(self.quote, place):
                match = self._quoted.match(data, place)
                if match is None or (match.end() == len(data) and not final):
                    # Never closed; or closed by the data's last byte, and the next one may double the quote.
                    return (Taken(len(data), len(data), reason=MALFORMED) if final else None), 0, False
                values.append(self._escaped.sub(rb"\1", match[1]))
            else:
                match = self._plain.match(data, place)
                assert match is not None
                values.append(match[0])
                stray = stray or (bool(self.quote) and self.quote in match[0])
            place = match.end()
            if separator := self._separator.match(data, place):
                place = separator.end()
                continue
            place = self._behind_padding(data, place)
            if place == len(data):
                return (self._decoded(values, place, place) if final else None), len(values), stray
            after = self._behind_line_end(data, place, final)
            if after is None:
                return None, 0, False
            if after == place:  # something follows a closing quote
                end = self.line(data, place)[0]
                return Taken(end, self._behind_line_end(data, end, True) or end, reason=MALFORMED), 0, False
            return self._decoded(values, place, after), len(values), stray

    def _behind_padding(self, data: bytes, place: int) -> int:
        """The position behind blanks that separate nothing."""
        while self.whitespace and place < len(data) and data[place] in b" \t":
            place += 1
        return place

    def _recover(self, data: bytes, start: int, taken: Taken, reason: str) -> Taken:
        """The reject, cut short before the first of its lines that is a record of its own."""
        end, next_line = self.line(data, start)
        if next_line >= taken.next:
            return Taken(taken.end, taken.next, reason=reason)
        while next_line < taken.next:
            if self._is_whole(data, next_line):
                return Taken(end, next_line, reason=MALFORMED)
            end, next_line = self.line(data, next_line)
        return Taken(taken.end, taken.next, reason=reason)

    def _is_whole(self, data: bytes, start: int) -> bool:
        """Whether the line that begins there is a record for itself, without a stray quote."""
        end, _ = self.line(data, start)
        if start == end:
            return False
        taken, width, stray = self._fields(data[start:end], 0, True)
        return taken is not None and taken.values is not None and self.width in (None, width) and not stray

    @staticmethod
    def line(data: bytes, start: int) -> tuple[int, int]:
        """(end of the text, start of the next line) of the line that begins there."""
        match = _LINE_END.search(data, start)
        return (match.start(), match.end()) if match else (len(data), len(data))

    @staticmethod
    def _behind_line_end(data: bytes, place: int, final: bool) -> int | None:
        """The position behind the line end that begins at a position; the same position if no line end begins there."""
        if data.startswith(b"\r", place):
            if place + 1 == len(data) and not final:
                return None
            return place + 2 if data.startswith(b"\n", place + 1) else place + 1
        return place + 1 if data.startswith(b"\n", place) else place

    @staticmethod
    def _decoded(values: list[bytes], end: int, after: int) -> Taken:
        try:
            return Taken(end, after, [value.decode() or None for value in values])
        except UnicodeDecodeError:
            return Taken(end, after, reason=NOT_UTF8)


def _anything_but(*marks: bytes) -> bytes:
    """A pattern for a run of bytes in which no (escaped) mark begins."""
    if all(len(mark.removeprefix(b"\\")) == 1 for mark in marks):
        return rb"[^" + b"".join(marks) + rb"]++"
    return rb"(?:(?!" + rb"|".join(mark for mark in marks if mark) + rb").)++"


def read_header(file: BinaryIO, source: Source) -> list[str] | None:
    """The fields' names, None in a file without any record. It leaves the file's position behind the header.

    FileRejected where the header can't be read as a whole.
    """
    start, size = file.tell(), HEAD_BYTES
    parser = RecordParser(source.csv, None, source.max_record_bytes)
    while True:
        file.seek(start)
        head = file.read(size)
        found = _header_of(head, source, parser, final=len(head) < size)
        if found is not None:
            names, place = found
            file.seek(start + place)
            return names
        if size > source.max_record_bytes:
            raise FileRejected(f"unreadable: its header is longer than {source.max_record_bytes} bytes")
        size *= 4


def _header_of(
    head: bytes, source: Source, parser: RecordParser, *, final: bool
) -> tuple[list[str] | None, int] | None:
    """(the names in the file's head, where its records begin); None where the header may go on beyond the head."""
    place = 0
    for _ in range(source.csv.skip_lines):
        end, place = parser.line(head, place)
        if end == place and not final:
            return None
    if not source.csv.header:
        return _names_by_place(head, place, parser, final=final), place
    rows: list[Values] = []
    while len(rows) < source.csv.header_lines and place < len(head):
        taken = parser.take(head, place, final=final)
        if taken is None:
            return None
        place = taken.next
        if taken.reason:
            raise FileRejected(f"unreadable: its header can't be read ({taken.reason})")
        if taken.values is not None:
            rows.append(taken.values)
    if len(rows) < source.csv.header_lines and not final:
        return None
    return header_names(rows) if rows else None, place


def _names_by_place(head: bytes, place: int, parser: RecordParser, *, final: bool) -> list[str] | None:
    """`column_1`, `column_2`, ... for as many fields as most of the first records have."""
    widths: Counter[int] = Counter()
    while place < len(head) and widths.total() < _SAMPLED_RECORDS:
        taken = parser.take(head, place, final=final)
        if taken is None:
            break
        place = taken.next
        if taken.values is not None:
            widths[len(taken.values)] += 1
    if not widths:
        return None if place >= len(head) else []
    width = min(widths, key=lambda width: (-widths[width], width))
    return [f"column_{number}" for number in range(1, width + 1)]


def header_names(rows: list[Values]) -> list[str]:
    """A name for each place: its parts in the header's records, one below the other, joined by blanks.

    An unnamed field (the index that some program wrote) is known by its place.
    """
    places = zip_longest(*rows)
    parts = [[(part or "").strip(" \t") for part in place] for place in places]
    return [" ".join(filter(None, some)) or f"column_{number}" for number, some in enumerate(parts, 1)]

"""CSV: certified lines go to Arrow's reader in bulk, all others through the exact rule one by one.

A line is *certified* when it is a record for itself whatever is around it: its quotes pair up, each
opens behind a delimiter and closes before one, and there is nothing odd in it (NUL, bytes that aren't
UTF-8, a bare CR, emptiness). Certified lines can't be read in two ways, so a fast reader gives what
the rule gives; that the two agree is a property test. What is not certified goes to `RecordParser`, which
may take further lines with it (a quoted field with line breaks).
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import BinaryIO

from event_assets.declaration import Source
from event_assets.landing.csv_batches import Layout, Segment, to_batch
from event_assets.landing.csv_lines import odd_lines
from event_assets.landing.csv_records import RecordParser, Values
from event_assets.landing.line_blocks import BLOCK_BYTES, LineBlocks, open_plain
from event_assets.landing.record_batches import TOO_LONG, Batch, Fields, FileRejected

_HEAD_BYTES = 1024 * 1024
#: Of a file without a header so many records tell how many fields one has.
_SAMPLED_RECORDS = 1000
_LINE = re.compile(rb"[^\r\n]*+(?:\r\n?|\n|\Z)")
_FIELDS = re.compile(rb"^#Fields:([^\r\n]*)(?:\r?\n|\Z)", re.M)


@dataclass(frozen=True)
class Section:
    """Records that have the same fields in the same places."""

    layout: Layout
    parser: RecordParser

    @classmethod
    def of(cls, names: list[str], source: Source, fields: Fields) -> Section:
        layout = Layout.of(names, fields, dash_is_null=source.csv.header == "w3c")
        return cls(layout, RecordParser(source.csv, len(names), source.max_record_bytes))


def read_csv(
    path: Path,
    source: Source,
    fields: Fields,
    *,
    workers: int = 1,
    block_bytes: int = BLOCK_BYTES,
    read: Callable[[int], None] | None = None,
) -> Iterator[Batch]:
    """The records of a plain UTF-8 CSV file, in order, an empty field being null; `read` receives the bytes read.

    FileRejected where the header is unreadable, names a field twice or lacks a required one.
    """
    with open_plain(path, until=_footer_start(path, source.csv.footer_lines), read=read) as file:
        if source.csv.header == "w3c":
            some = _sections_by_directive(_blocks(file, source, block_bytes), source, fields)
        else:
            names = _header(file, source)
            if names is None:
                return
            section = Section.of(names, source, fields)
            some = ((section, segments) for segments in _segmented(_blocks(file, source, block_bytes), section.parser))
        yield from _in_order(_batch, some, workers)


def _blocks(file: BinaryIO, source: Source, block_bytes: int) -> LineBlocks:
    return LineBlocks(file, source.max_record_bytes, bare_cr=True, block_bytes=block_bytes)


def _batch(records: tuple[Section, list[Segment]]) -> Batch:
    section, segments = records
    return to_batch(segments, layout=section.layout, parser=section.parser)


def _header(file: BinaryIO, source: Source) -> list[str] | None:
    """The fields' names, None in a file without any record; the file's position is behind the header.

    FileRejected where it can't be read as a whole.
    """
    start, size = file.tell(), _HEAD_BYTES
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
            raise FileRejected(f"unreadable: its header is a {taken.reason}{_of_other_encoding(head)}")
        if taken.values is not None:
            rows.append(taken.values)
    if len(rows) < source.csv.header_lines and not final:
        return None
    return header_names(rows) if rows else None, place


def _of_other_encoding(head: bytes) -> str:
    wide = head[:2] in (b"\xff\xfe", b"\xfe\xff") or head[:64].count(b"\0") > len(head[:64]) // 4
    return "; it looks like UTF-16: declare encoding: utf-16, or detect" if wide else ""


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


def _sections_by_directive(
    blocks: LineBlocks, source: Source, fields: Fields
) -> Iterator[tuple[Section, list[Segment]]]:
    """The records of a log in W3C's extended format, under the fields that the `#Fields:` line before them names."""
    section: Section | None = None
    for block in blocks:
        place = 0
        for directive in [*_FIELDS.finditer(block.data), None]:
            data = block.data[place : directive.start() if directive else len(block.data)]
            if block.too_long and section:
                yield section, [Segment(data, reason=TOO_LONG)]
            elif section and data:
                yield section, segments_of(data, section.parser, final=True)[0]
            elif data and any(not line.startswith(b"#") for line in data.split()[:1]):
                raise FileRejected("unreadable: it has records before any #Fields: line")
            if directive is not None:
                place = directive.end()
                section = Section.of(directive[1].decode("utf-8", "replace").split(), source, fields)


def header_names(rows: list[Values]) -> list[str]:
    """A name for each place: its parts in the header's records, one below the other, joined by blanks.

    An unnamed field (the index that some program wrote) is known by its place.
    """
    places = zip_longest(*rows)
    parts = [[(part or "").strip(" \t") for part in place] for place in places]
    return [" ".join(filter(None, some)) or f"column_{number}" for number, some in enumerate(parts, 1)]


def _footer_start(path: Path, lines: int) -> int | None:
    """Where the last lines that hold something begin; None where nothing is to be left out."""
    if not lines:
        return None
    with path.open("rb") as file:
        size = start = file.seek(0, os.SEEK_END)
        tail = b""
        while start and len(tail) < _HEAD_BYTES:
            start = max(0, start - BLOCK_BYTES)
            file.seek(start)
            tail = file.read(size - start)
            ends = [match.end() for match in _LINE.finditer(tail) if match[0].strip()]
            if len(ends) > lines:
                return start + ends[-lines - 1]
    return 0


def _segmented(blocks: LineBlocks, parser: RecordParser) -> Iterator[list[Segment]]:
    """The file's records, a list for each block; what a block can't decide goes to the next one."""
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
            continue  # taken along by the record before
        if start > place:
            segments.append(Segment(data[place:start]))
        place = start
        while place == start or (place < len(data) and not data.endswith(b"\n", 0, place)):
            # A record that outgrows the limit is decided with what there is of it.
            taken = parser.take(data, place, final=final or len(data) - place > parser.max_bytes)
            if taken is None:
                return segments, place
            if taken.values is not None or taken.reason is not None:
                segments.append(Segment(data[place : taken.end], taken.values, taken.reason))
            place = taken.next
    if place < len(data):
        segments.append(Segment(data[place:]))
    return segments, len(data)


def _in_order(
    work: Callable[[tuple[Section, list[Segment]]], Batch],
    items: Iterable[tuple[Section, list[Segment]]],
    workers: int,
) -> Iterator[Batch]:
    """The batches in the items' order, made ahead by threads where there are several workers."""
    if workers < 2:
        yield from map(work, items)
        return
    with ThreadPoolExecutor(workers) as pool:
        ahead: list[Future[Batch]] = []
        for item in items:
            ahead.append(pool.submit(work, item))
            if len(ahead) > workers:
                yield ahead.pop(0).result()
        for future in ahead:
            yield future.result()

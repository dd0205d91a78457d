"""CSV: certified lines go to Arrow's reader in bulk, all others through the exact rule one by one.

A line is *certified* when it is a record for itself whatever stands around it: its quotes pair up, each
opens behind a delimiter and closes before one, and there is nothing odd in it (NUL, bytes that aren't
UTF-8, a bare CR, emptiness). Certified lines can't be read in two ways, so a fast reader gives what
the rule gives; that the two agree is a property test. What is not certified goes to `RecordParser`, which
may take further lines with it (a quoted field with line breaks).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import BinaryIO

from event_assets.declaration import Source
from event_assets.landing.csv_batches import Layout, Segment, to_batch
from event_assets.landing.csv_lines import odd_lines
from event_assets.landing.csv_records import RecordParser, Values
from event_assets.landing.line_blocks import BLOCK_BYTES, LineBlocks, open_plain
from event_assets.landing.record_batches import TOO_LONG, Batch, Fields, FileRejected

_MAX_HEADER_BYTES = 1024 * 1024
_LINE = re.compile(rb"[^\r\n]*+(?:\r\n?|\n|\Z)")


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
        names = _header(file, source, list(dict.fromkeys(fields.sources.values())))
        if names is None:
            return
        layout = Layout.of(names, fields)
        parser = RecordParser(source.csv, len(names), source.max_record_bytes)
        blocks = LineBlocks(file, source.max_record_bytes, bare_cr=True, block_bytes=block_bytes)
        yield from _in_order(partial(to_batch, layout=layout, parser=parser), _segmented(blocks, parser), workers)


def _header(file: BinaryIO, source: Source, sources: list[str]) -> list[str] | None:
    """The fields' names, None in a file without a header (and so without records); the file stands behind it."""
    start = file.tell()
    head = file.read(_MAX_HEADER_BYTES)
    parser = RecordParser(source.csv, None, _MAX_HEADER_BYTES)
    place = 0
    for _ in range(source.csv.skip_lines):
        place = parser.line(head, place)[1]
    wanted = source.csv.header_lines if source.csv.header else 0
    rows: list[Values] = []
    while len(rows) < wanted and place < len(head):
        taken = parser.take(head, place, final=True)
        assert taken is not None
        place = taken.next
        if taken.reason:
            raise FileRejected(f"unreadable: its header is a {taken.reason}")
        if taken.values is not None:
            rows.append(taken.values)
    file.seek(start + place)
    if not wanted:
        return sources
    return header_names(rows) if rows else None


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
        while start and len(tail) < _MAX_HEADER_BYTES:
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


def _in_order(work: Callable[[list[Segment]], Batch], items: Iterable[list[Segment]], workers: int) -> Iterator[Batch]:
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

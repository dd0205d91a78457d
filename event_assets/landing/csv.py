"""Reads CSV in batches: lines that can be read in one way only go to Arrow's fast reader, all others to the record
parser in `csv_records.py`.
"""

from __future__ import annotations

import os
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.csv as arrow_csv

from event_assets.declaration import Source
from event_assets.landing.csv_fast_path import Segment, segmented, segments_of
from event_assets.landing.csv_records import HEAD_BYTES, RecordParser, read_header
from event_assets.landing.plain_text import BLOCK_BYTES, LineBlocks, open_plain
from event_assets.landing.reader_interface import (
    EXTRA,
    MALFORMED,
    ROW_NUMBER,
    TOO_LONG,
    Batch,
    Fields,
    FileRejected,
    Reject,
)

_LINE = re.compile(rb"[^\r\n]*+(?:\r\n?|\n|\Z)")
_FIELDS = re.compile(rb"^#Fields:([^\r\n]*)(?:\r?\n|\Z)", re.M)
#: Certified lines have no quotes here: every run of blanks separates two fields, or none at a line's ends.
_PADDING = re.compile(rb"^[ \t]++|[ \t]++(?=\r?$)", re.M)
_BLANKS = re.compile(rb"[ \t]+")
#: With more undeclared fields than this, a row for each value costs less than an expression for each field.
_WIDE = 200


@dataclass(frozen=True)
class Layout:
    """How a record's fields become columns: by their positions in the record."""

    width: int
    columns: dict[str, int | None]
    """Column to the position of its field; None where the file has no such field."""
    undeclared: dict[str, int]
    dash_is_null: bool = False
    """Whether a field that is `-` is null, as logs in W3C's format have it."""

    @classmethod
    def of(cls, names: list[str], fields: Fields, *, dash_is_null: bool = False) -> Layout:
        """The layout under a header; raises as `Fields.check`."""
        fields.check(names)
        places = {name: place for place, name in enumerate(names)}
        used = set(fields.sources.values())
        columns = {name: places.get(source) for name, source in fields.sources.items()}
        undeclared = {name: place for name, place in places.items() if name not in used}
        return cls(len(names), columns, undeclared, dash_is_null)


@dataclass(frozen=True)
class Section:
    """Records that have the same fields in the same positions."""

    layout: Layout
    parser: RecordParser

    @classmethod
    def of(cls, names: list[str], source: Source, fields: Fields) -> Section:
        layout = Layout.of(names, fields, dash_is_null=source.csv.header == "w3c")
        return cls(layout, RecordParser(source.csv, len(names), source.max_record_bytes))


Records = tuple[Section, list[Segment]]


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
        blocks = LineBlocks(file, source.max_record_bytes, bare_cr=True, block_bytes=block_bytes)
        if source.csv.header == "w3c":
            some = _sections_by_directive(blocks, source, fields)
        else:
            names = read_header(file, source)
            if names is None:
                return
            section = Section.of(names, source, fields)
            some = ((section, segments) for segments in segmented(blocks, section.parser))
        yield from _in_order(some, workers)


def _sections_by_directive(blocks: LineBlocks, source: Source, fields: Fields) -> Iterator[Records]:
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


def _footer_start(path: Path, lines: int) -> int | None:
    """Where the last lines that aren't blank begin; None where the file has no footer to leave out."""
    if not lines:
        return None
    with path.open("rb") as file:
        size = start = file.seek(0, os.SEEK_END)
        tail = b""
        while start and len(tail) < HEAD_BYTES:
            start = max(0, start - BLOCK_BYTES)
            file.seek(start)
            tail = file.read(size - start)
            ends = [match.end() for match in _LINE.finditer(tail) if match[0].strip()]
            if len(ends) > lines:
                return start + ends[-lines - 1]
    return 0


def _in_order(records: Iterable[Records], workers: int) -> Iterator[Batch]:
    """The batches of records in their order, made ahead by threads where there are several workers."""
    if workers < 2:
        yield from map(to_batch, records)
        return
    with ThreadPoolExecutor(workers) as pool:
        ahead: list[Future[Batch]] = []
        for some in records:
            ahead.append(pool.submit(to_batch, some))
            if len(ahead) > workers:
                yield ahead.pop(0).result()
        for future in ahead:
            yield future.result()


def to_batch(records: Records) -> Batch:
    """The segments' records, numbered from 1."""
    section, segments = records
    layout, parser = section.layout, section.parser
    firsts = list(accumulate((segment.records for segment in segments), initial=1))
    placed = list(zip(firsts, segments, strict=False))

    def texts(numbers: Sequence[int]) -> list[bytes]:
        places = [bisect_right(firsts, number) - 1 for number in numbers]
        return [segments[at].text(number - firsts[at]) for at, number in zip(places, numbers, strict=True)]

    rejects = [Reject(first, one.reason, one.data) for first, one in placed if one.reason is not None]
    frames = []
    if certified := [(first, lines) for first, lines in placed if lines.certified]:
        numbers = np.concatenate([np.arange(first, first + lines.records) for first, lines in certified])
        frame, wrong = _read_lines([lines.data for _, lines in certified], layout.width, parser)
        blank = frame.height + len(wrong) < len(numbers)  # Arrow skips empty lines
        wrong_numbers = [] if blank else numbers[wrong].tolist()
        wrong_texts = texts(wrong_numbers)
        if blank or not all(text.strip(parser.blanks) for text in wrong_texts):
            filled = [segment.without_blank_lines(parser.blanks) for segment in segments]
            return to_batch((section, [segment for segment in filled if segment.data]))
        rejects += map(Reject, wrong_numbers, [MALFORMED] * len(wrong), wrong_texts)
        frames.append(frame.insert_column(0, pl.Series(ROW_NUMBER, np.delete(numbers, wrong), pl.Int64)))
    if singles := [(first, *one.values) for first, one in placed if one.values is not None]:
        frames.append(pl.DataFrame(singles, _schema(layout.width), orient="row"))
    frame = pl.concat(frames) if frames else pl.DataFrame(schema=_schema(layout.width))
    if singles:
        frame = frame.sort(ROW_NUMBER)
    return batch_of(frame, layout, firsts[-1] - 1, rejects, texts)


def batch_of(
    frame: pl.DataFrame,
    layout: Layout,
    count: int,
    rejects: list[Reject],
    texts: Callable[[Sequence[int]], list[bytes]],
) -> Batch:
    """The batch of so many records, given the fields of the valid ones: row_number, then texts named by position."""
    if layout.dash_is_null:
        frame = frame.with_columns(pl.when(pl.col(pl.String) != "-").then(pl.col(pl.String)).name.keep())
    return Batch(
        count,
        _columns(frame, layout),
        sorted(rejects, key=lambda reject: reject.row_number),
        texts,
        frozenset(name for name, place in layout.columns.items() if place is not None),
        Counter({name: frame.height - frame[f"{place}"].null_count() for name, place in layout.undeclared.items()}),
        layout.columns.get("user_id"),
    )


def _schema(width: int) -> pl.Schema:
    return pl.Schema({ROW_NUMBER: pl.Int64(), **{f"{place}": pl.String() for place in range(width)}})


def _read_lines(parts: list[bytes], width: int, parser: RecordParser) -> tuple[pl.DataFrame, list[int]]:
    """(the fields of certified lines by position, which lines from 0 have another number of fields)."""
    data = b"".join(part if part.endswith(b"\n") else part + b"\n" for part in parts)
    if parser.whitespace:
        data = _BLANKS.sub(b"\t", _PADDING.sub(b"", data))
    names = [f"{place}" for place in range(width)]
    wrong: list[int] = []

    def skip(row: arrow_csv.InvalidRow) -> str:
        wrong.append(row.number - 1)
        return "skip"

    table = arrow_csv.read_csv(
        pa.BufferReader(data),
        # One block on one thread: only then does Arrow report the numbers of the rows that it rejects.
        arrow_csv.ReadOptions(use_threads=False, block_size=len(data) + 1, column_names=names),
        arrow_csv.ParseOptions(
            delimiter=parser.delimiter.decode(),
            quote_char=parser.quote.decode() if parser.quote and parser.quote in data else False,
            double_quote=True,
            invalid_row_handler=skip,
        ),
        arrow_csv.ConvertOptions(
            check_utf8=False,  # certified lines are
            column_types=dict.fromkeys(names, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
        ),
    )
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    return frame, wrong


def _columns(frame: pl.DataFrame, layout: Layout) -> pl.DataFrame:
    """The declared columns under their names, and the undeclared ones as one JSON object."""
    named = [
        pl.lit(None, pl.String).alias(name) if place is None else pl.col(f"{place}").alias(name)
        for name, place in layout.columns.items()
    ]
    if len(layout.undeclared) > _WIDE:
        extra = _extra_of_many(frame, layout.undeclared)
        return frame.select(ROW_NUMBER, *named).join(extra, on=ROW_NUMBER, how="left", maintain_order="left")
    return frame.select(ROW_NUMBER, *named, _extra(layout.undeclared).alias(EXTRA))


def _extra(undeclared: dict[str, int]) -> pl.Expr:
    """`{"name":"text",...}` of the fields that have a value; null if no field has one."""
    if not undeclared:
        return pl.lit(None, pl.String)
    members = [
        pl.when(pl.col(f"{place}").is_not_null()).then(_member(pl.col(f"{place}"), name))
        for name, place in undeclared.items()
    ]
    joined = pl.concat_str(members, separator=",", ignore_nulls=True)
    return pl.when(joined != "").then(pl.concat_str(pl.lit("{"), joined, pl.lit("}")))


def _extra_of_many(frame: pl.DataFrame, undeclared: dict[str, int]) -> pl.DataFrame:
    """row_number and extra as `_extra` gives it, of the rows that have one, in any order.

    An expression for each of 100,000 fields takes Polars gigabytes and half an hour; a row for each value is cheap.
    """
    places = [f"{place}" for place in undeclared.values()]
    names = pl.DataFrame({"place": places, "name": list(undeclared)}, schema={"place": pl.String, "name": pl.String})
    values = frame.unpivot(places, index=ROW_NUMBER, variable_name="place").drop_nulls("value")
    values = values.join(names, on="place", how="left", maintain_order="left")
    member = pl.concat_str(_json(pl.col("name")), pl.lit(":"), _json(pl.col("value")))
    joined = values.group_by(ROW_NUMBER, maintain_order=True).agg(member.str.join(",").alias(EXTRA))
    return joined.with_columns(pl.concat_str(pl.lit("{"), EXTRA, pl.lit("}")).alias(EXTRA))


def _member(value: pl.Expr, name: str) -> pl.Expr:
    """`"name":"text"`"""
    return pl.struct(value.alias(name)).struct.json_encode().str.head(-1).str.slice(1)


def _json(text: pl.Expr) -> pl.Expr:
    """A text as a JSON string."""
    return _member(text, "a").str.slice(4)

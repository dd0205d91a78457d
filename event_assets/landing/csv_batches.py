"""A block's CSV records as a batch of columns."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.csv as arrow_csv

from event_assets.landing.csv_records import RecordParser, Values
from event_assets.landing.record_batches import EXTRA, MALFORMED, ROW_NUMBER, Batch, Fields, Reject


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
        """The own text of the record at a place, from 0."""
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
        """The same without the lines that are no records: a certified run may hold some."""
        if not self.certified:
            return self
        lines = self.data.splitlines(keepends=True)
        return Segment(b"".join(line for line in lines if line.strip(blanks + b"\r\n")))


@dataclass(frozen=True)
class Layout:
    """How a record's fields become columns: by their places in the record."""

    width: int
    columns: dict[str, int | None]
    """Column to the place of its field; None where the file has no such field."""
    undeclared: dict[str, int]
    dash_is_null: bool = False
    """Whether a field that is `-` is null, as logs in W3C's format have it."""

    @classmethod
    def of(cls, names: list[str], fields: Fields, *, dash_is_null: bool = False) -> Layout:
        """The layout under a header; FileRejected as `Fields.check` says."""
        fields.check(names)
        places = {name: place for place, name in enumerate(names)}
        used = set(fields.sources.values())
        columns = {name: places.get(source) for name, source in fields.sources.items()}
        undeclared = {name: place for name, place in places.items() if name not in used}
        return cls(len(names), columns, undeclared, dash_is_null)


def to_batch(segments: list[Segment], *, layout: Layout, parser: RecordParser) -> Batch:
    """The segments' records, numbered from 1."""
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
        blank = frame.height + len(wrong) < len(numbers)  # Arrow passes over empty lines
        wrong_numbers = [] if blank else numbers[wrong].tolist()
        wrong_texts = texts(wrong_numbers)
        if blank or not all(text.strip(parser.blanks) for text in wrong_texts):
            filled = [segment.without_blank_lines(parser.blanks) for segment in segments]
            return to_batch([segment for segment in filled if segment.data], layout=layout, parser=parser)
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
    """The batch of so many records, given the fields of the good ones: row_number, then texts named by their places."""
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
    """(the fields of certified lines by their places, which lines from 0 have another number of fields)."""
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
        # One block on one thread: only so does Arrow know the numbers of the rows that it refuses.
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


#: Certified lines hold no quotes here: every run of blanks separates two fields, or none at a line's ends.
_PADDING = re.compile(rb"^[ \t]++|[ \t]++(?=\r?$)", re.M)
_BLANKS = re.compile(rb"[ \t]+")


def _columns(frame: pl.DataFrame, layout: Layout) -> pl.DataFrame:
    """The declared columns under their names, and the undeclared ones as one JSON object."""
    named = [
        pl.lit(None, pl.String).alias(name) if place is None else pl.col(f"{place}").alias(name)
        for name, place in layout.columns.items()
    ]
    return frame.select(ROW_NUMBER, *named, _extra(layout.undeclared).alias(EXTRA))


def _extra(undeclared: dict[str, int]) -> pl.Expr:
    """`{"name":"text",...}` of the fields that hold a value; null where none does."""
    if not undeclared:
        return pl.lit(None, pl.String)
    members = [
        pl.when(pl.col(f"{place}").is_not_null()).then(
            pl.struct(pl.col(f"{place}").alias(name)).struct.json_encode().str.head(-1).str.slice(1)
        )
        for name, place in undeclared.items()
    ]
    joined = pl.concat_str(members, separator=",", ignore_nulls=True)
    return pl.when(joined != "").then(pl.concat_str(pl.lit("{"), joined, pl.lit("}")))

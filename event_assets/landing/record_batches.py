"""What every reader is asked for and gives: fields, batches of records, rejects."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate

import polars as pl

from event_assets.declaration import Events, Source

#: The text of a record's time travels in this column, whose name no declared column may have.
TIME = "event_time"
ROW_NUMBER = "row_number"
EXTRA = "extra"
EVENT_DATE = "event_date"

#: Of a rejected record's text so much is kept (SPEC §4).
MAX_RAW_BYTES = 64 * 1024

MALFORMED = "malformed_record"
NOT_UTF8 = "not_utf8"
TOO_LONG = "record_too_long"


class FileRejected(Exception):
    """The file as a whole can't be landed; the message is the reason that `source_files` shows."""


@dataclass(frozen=True)
class Fields:
    """The fields to be read: column name to its place in the source, time included."""

    sources: dict[str, str]
    required: tuple[str, ...]
    """Sources without which a CSV or Parquet file is rejected."""
    json: frozenset[str] = frozenset()
    """Columns of JSON: a JSON source's values are kept as they are written, strings with their quotes."""

    @classmethod
    def of(cls, source: Source) -> Fields:
        columns = [column for column in source.columns if column.constant is None]
        sources = {column.name: column.source for column in columns}
        required = [column.source for column in columns if column.required or column.in_every_file]
        if isinstance(source, Events):
            sources[TIME] = source.time.source
            required.append(source.time.source)
        json = frozenset(column.name for column in columns if column.type == "json")
        return cls(sources, tuple(dict.fromkeys(required)), json)

    @property
    def schema(self) -> pl.Schema:
        """The columns of a batch's frame."""
        return pl.Schema({ROW_NUMBER: pl.Int64(), **dict.fromkeys([*self.sources, EXTRA], pl.String())})

    def check(self, names: Sequence[str]) -> None:
        """FileRejected where a header has two fields of one name or lacks a required one."""
        for name, times in Counter(names).items():
            if times > 1:
                raise FileRejected(f"duplicate_column: {name}")
        for source in self.required:
            if source not in names:
                raise FileRejected(f"missing_column: {source}")


@dataclass(frozen=True)
class Reject:
    """A record that can't be read. `text` is its own, at least the first 64 KiB."""

    row_number: int
    reason: str
    text: bytes


@dataclass(frozen=True)
class Batch:
    """Some consecutive records of a file; their numbers begin with 1 in each batch.

    `frame` holds the columns of `Fields.schema`, by row_number; together with `rejects` every number from
    1 to `count` appears once. `texts` gives the records' own text by number.
    """

    count: int
    frame: pl.DataFrame
    rejects: list[Reject]
    texts: Callable[[Sequence[int]], list[bytes]]
    present: frozenset[str] = frozenset()
    """Names of columns whose source occurs at all, if only with nulls."""
    undeclared: Counter[str] = field(default_factory=Counter)
    """Undeclared field to the number of records that hold it."""
    user_place: int | None = None
    """The place of the user's field among a CSV record's fields, from 0."""


def gathered(batches: Iterable[Batch], size: int) -> Iterator[Batch]:
    """The same records in batches of at least so many bytes: what is done with one has a price of its own."""
    waiting: list[Batch] = []
    waiting_bytes = 0
    for batch in batches:
        waiting.append(batch)
        waiting_bytes += int(batch.frame.estimated_size())
        if waiting_bytes >= size:
            yield _merged(waiting)
            waiting, waiting_bytes = [], 0
    if waiting:
        yield _merged(waiting)


def _merged(batches: list[Batch]) -> Batch:
    before = list(accumulate((batch.count for batch in batches), initial=0))
    each = list(zip(before, batches, strict=False))

    def texts(numbers: Sequence[int]) -> list[bytes]:
        places = [bisect_left(before, number) - 1 for number in numbers]
        return [batches[at].texts([number - before[at]])[0] for at, number in zip(places, numbers, strict=True)]

    return Batch(
        before[-1],
        pl.concat([batch.frame.with_columns(pl.col(ROW_NUMBER) + first) for first, batch in each]),
        [replace(one, row_number=one.row_number + first) for first, batch in each for one in batch.rejects],
        texts,
        frozenset().union(*(batch.present for batch in batches)),
        sum((batch.undeclared for batch in batches), Counter()),
    )


def raw_text(text: bytes) -> str:
    """A record's text as it is kept: at most 64 KiB of UTF-8, bytes that are none shown as \\xNN."""
    head = text[:MAX_RAW_BYTES]
    if len(text) > MAX_RAW_BYTES:
        head = _without_half_character(head)
    return head.decode("utf-8", "backslashreplace").encode()[:MAX_RAW_BYTES].decode("utf-8", "ignore")


def _without_half_character(head: bytes) -> bytes:
    """The bytes without the UTF-8 character at their end of which a part is cut off."""
    for back in range(1, 4):
        lead = head[-back]
        if lead >= 0xC0:
            width = 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
            return head[:-back] if width > back else head
    return head

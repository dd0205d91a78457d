"""The interface of every reader: fields, batches of records, rejects."""

from __future__ import annotations

import codecs
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate

import polars as pl

from event_assets.declaration import Column, Events, Source
from event_assets.declaration.events_and_profiles import AS_JSON
from event_assets.landing.schema_drift import missing_column, shown_name
from event_assets.tables.landed_tables import AS_WRITTEN, MAX_RAW_BYTES
from event_assets.text.field_paths import FILE_PATH

#: The column with the text of a record's time; no declared column may have this name.
TIME = "event_time"
ROW_NUMBER = "row_number"
EXTRA = "extra"
EVENT_DATE = "event_date"

MALFORMED = "malformed_record"
NOT_UTF8 = "not_utf8"
TOO_LONG = "record_too_long"


class FileRejected(Exception):
    """The file as a whole can't be landed; the message is the reason that `source_files` shows."""


@dataclass(frozen=True)
class Fields:
    """The fields to read: a reader's column to its source, the time's included.

    A column of several sources is read into several (`user_id`, `user_id 2`), which `RawColumns` merges.
    """

    sources: dict[str, str]
    required: tuple[tuple[str, ...], ...] = ()
    """Groups of sources. A file with a header is rejected if it lacks all sources of a group."""
    json: frozenset[str] = frozenset()
    """Columns of JSON: a JSON source's values stay as they are written, strings with their quotes."""
    strings: frozenset[str] = frozenset()
    """Columns of text: their texts show strings of a JSON source as they are, and no other value."""
    as_written: bool = False
    """Whether a batch has the column AS_WRITTEN, as batches of JSON sources do."""
    merged: frozenset[str] = frozenset()
    """Columns that are one of several sources of a column, or parts of a time."""
    of_two_notations: frozenset[str] = frozenset()
    """Columns whose texts have another decimal mark than numbers: for each a batch has the column `number_flag`."""

    @classmethod
    def of(cls, source: Source) -> Fields:
        columns = [column for column in source.columns if is_read(column)]
        groups = [(column.name, column.sources) for column in columns]
        required = [column.sources for column in columns if column.required or column.in_every_file]
        if isinstance(source, Events):
            groups.append((TIME, source.time.sources))
            required += [(path,) for path in source.time.sources]

        def read_for(columns: Iterable[Column]) -> frozenset[str]:
            return frozenset(name for column in columns for name in names_of(column.name, column.sources))

        return cls(
            {name: path for group in groups for name, path in zip(names_of(*group), group[1], strict=True)},
            tuple(dict.fromkeys(required)),
            json=read_for(column for column in columns if column.type == "json"),
            strings=read_for(column for column in columns if column.type == "string"),
            as_written=source.format in AS_JSON,
            merged=frozenset(name for group in groups if len(group[1]) > 1 for name in names_of(*group)),
            of_two_notations=read_for(column for column in source.of_two_notations if is_read(column)),
        )

    @property
    def schema(self) -> pl.Schema:
        """The columns of a batch's frame."""
        texts = [*self.sources, EXTRA, *([AS_WRITTEN] if self.as_written else [])]
        flags = [number_flag(name) for name in self.sources if name in self.of_two_notations]
        return pl.Schema(
            {ROW_NUMBER: pl.Int64(), **dict.fromkeys(texts, pl.String()), **dict.fromkeys(flags, pl.Boolean())}
        )

    def check(self, names: Sequence[str]) -> None:
        """FileRejected where a header has two fields of one name or lacks a required one."""
        for name, times in Counter(names).items():
            if times > 1:
                raise FileRejected(f"duplicate_column: {shown_name(name)}")
        missing = [group for group in self.required if not set(group) & set(names)]
        if missing:
            raise FileRejected(missing_column(missing, names))


def is_read(column: Column) -> bool:
    """Whether a column's values are in the records, and not in the declaration or in the file's path."""
    return column.constant is None and column.source != FILE_PATH


def names_of(name: str, sources: Sequence[str]) -> list[str]:
    """The reader's columns of a column with these sources."""
    return [name if number == 1 else f"{name} {number}" for number in range(1, len(sources) + 1)]


def number_flag(name: str) -> str:
    """The column of flags: whether a value of a reader's column is a number in the source."""
    return f"is number {name}"


@dataclass(frozen=True)
class Reject:
    """A record that can't be read. `text` is its own, at least the first 64 KiB."""

    row_number: int
    reason: str
    text: bytes
    column: str | None = None


@dataclass(frozen=True)
class Batch:
    """Some consecutive records of a file; their numbers begin with 1 in each batch.

    `frame` has the columns of `Fields.schema`, by row_number; together with `rejects` every number from
    1 to `count` appears once. `texts` gives the records' own text by number.
    """

    count: int
    frame: pl.DataFrame
    rejects: list[Reject]
    texts: Callable[[Sequence[int]], list[bytes]]
    present: frozenset[str] = frozenset()
    """Names of columns whose source occurs at all, if only with nulls."""
    undeclared: Counter[str] = field(default_factory=Counter)
    """Undeclared field to the number of records that have it."""
    user_place: int | None = None
    """The position of the user's field among a CSV record's fields, from 0."""


def texts_of(texts: Sequence[bytes], numbers: Sequence[int]) -> list[bytes]:
    """The texts of the records with these numbers, from 1: `Batch.texts` of a reader that has all texts in memory."""
    return [texts[number - 1] for number in numbers]


def gathered(batches: Iterable[Batch], size: int) -> Iterator[Batch]:
    """The same records in batches of at least so many bytes: each batch has a cost of its own."""
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
    """A record's text as it is kept: at most 64 KiB of UTF-8, bytes that are not UTF-8 shown as \\xNN."""
    # If not final, the decoder leaves out a last character that is cut off.
    decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
    head = decoder.decode(text[:MAX_RAW_BYTES], final=len(text) <= MAX_RAW_BYTES)
    return head.encode()[:MAX_RAW_BYTES].decode("utf-8", "ignore")

"""Reads Parquet in batches of text columns: each value as a CSV export would write it, nested values as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from event_assets.landing.check_parquet_readable import probe
from event_assets.landing.parquet_paths import Steps, exploded, leads_somewhere, value_at
from event_assets.landing.reader_interface import (
    EXTRA,
    NOT_UTF8,
    ROW_NUMBER,
    TOO_LONG,
    Batch,
    Fields,
    FileRejected,
    Reject,
    number_flag,
)
from event_assets.landing.unpack import Limits
from event_assets.text.field_paths import parse_path

_BATCH_ROWS = 64 * 1024
#: Fewer rows are read at once if they are long, by the lengths in the file's metadata.
_BATCH_BYTES = 16 * 1024 * 1024


def read_parquet(
    path: Path,
    fields: Fields,
    *,
    max_record_bytes: int,
    memory_bytes: int,
    limits: Limits,
    explode: str | None = None,
) -> Iterator[Batch]:
    """The rows in order. FileRejected where the file is damaged, names a column twice or lacks a required one.

    It is read by a process that may die of it first (check_parquet_readable.py), with so much memory.
    """
    try:
        with pq.ParquetFile(path) as file:
            groups = [file.metadata.row_group(at) for at in range(file.metadata.num_row_groups)]
            limits.check(sum(max(0, group.total_byte_size) for group in groups), path.stat().st_size)
            longest = max((group.total_byte_size // max(1, group.num_rows) for group in groups), default=0)
            batch_rows = max(1, min(_BATCH_ROWS, _BATCH_BYTES // max(1, longest)))
            array = parse_path(explode) if explode else ()
            nothing = exploded(_decoded(pa.RecordBatch.from_pylist([], file.schema_arrow)), array)
            places = _places(nothing.schema, fields)
            if reason := probe(path, batch_rows, memory_bytes):
                raise FileRejected(f"unreadable: {reason}")
            for rows in file.iter_batches(batch_rows):
                yield _batch(exploded(_decoded(rows), array), fields, places, max_record_bytes)
    except (OSError, pa.ArrowException, ValueError) as error:
        raise FileRejected(f"unreadable: {' '.join(str(error).split())[:300]}") from None


def _places(schema: pa.Schema, fields: Fields) -> dict[str, Steps]:
    """Where each source is: the column of that name, else the value at that path."""
    places: dict[str, Steps] = {}
    for source in fields.sources.values():
        steps: Steps = (source,) if source in schema.names else parse_path(source)
        if leads_somewhere(pa.struct(list(schema)), steps):
            places[source] = steps
    fields.check([*schema.names, *(source for source in places if source not in schema.names)])
    return places


def _decoded(rows: pa.RecordBatch) -> pa.RecordBatch:
    """The rows without dictionaries and views, for which Arrow lacks half of its functions."""
    columns = []
    for column in rows.columns:
        if pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        if pa.types.is_string_view(column.type) or pa.types.is_binary_view(column.type):
            column = column.cast(pa.large_binary())
        columns.append(column)
    return pa.RecordBatch.from_arrays(columns, names=rows.schema.names)


def _batch(rows: pa.RecordBatch, fields: Fields, places: dict[str, Steps], max_record_bytes: int) -> Batch:
    undecodable: set[int] = set()
    numeric: dict[str, pl.Series] = {}
    columns: dict[str, pl.Series] = {ROW_NUMBER: pl.Series(range(1, rows.num_rows + 1), dtype=pl.Int64)}
    for name, source in fields.sources.items():
        path = places.get(source)
        if path is None:
            values, columns[name] = None, pl.Series([None] * rows.num_rows, dtype=pl.String)
        else:
            values = value_at(rows, path)
            columns[name] = _texts(values, undecodable)
        if name in fields.of_two_notations:
            is_number = values is not None and not _is_text(values.type)
            numeric[number_flag(name)] = pl.Series([is_number] * rows.num_rows, dtype=pl.Boolean)
    undeclared: Counter[str] = Counter()
    columns[EXTRA] = pl.Series(_extras(rows, list(places.values()), undeclared), dtype=pl.String)
    columns |= numeric
    frame = pl.DataFrame(columns, fields.schema)
    refused = {place + 1: NOT_UTF8 for place in undecodable}
    if frame.estimated_size() > max_record_bytes:
        length = pl.sum_horizontal(pl.col(pl.String).str.len_bytes().cast(pl.Int64))
        too_long = frame.filter(length > max_record_bytes)[ROW_NUMBER].to_list()
        refused |= dict.fromkeys(too_long, TOO_LONG)
    frame = frame.filter(~pl.col(ROW_NUMBER).is_in(list(refused)))

    def texts(numbers: Sequence[int]) -> list[bytes]:
        # A row of Parquet has no text of its own: it is written as JSON.
        places = pa.array([number - 1 for number in numbers], pa.int64())
        picked = [_pylist(column.take(places)) for column in rows.columns]
        return [_json(dict(zip(rows.schema.names, row, strict=True))).encode() for row in zip(*picked, strict=True)]

    numbers = sorted(refused)
    rejects = [Reject(number, refused[number], text) for number, text in zip(numbers, texts(numbers), strict=True)]
    present = frozenset(name for name, source in fields.sources.items() if source in places)
    return Batch(rows.num_rows, frame, rejects, texts, present, undeclared)


def _texts(column: pa.Array, undecodable: set[int]) -> pl.Series:
    """A column's values as text; rows whose bytes aren't UTF-8 are reported in `undecodable`."""
    if pa.types.is_nested(column.type) or (_is_text(column.type) and not _is_utf8(column)):
        texts = [_cell(value, place, undecodable) for place, value in enumerate(_pylist(column))]
        return pl.Series(texts, dtype=pl.String).replace("", None)
    series = pl.from_arrow(column.cast(pa.large_string()))
    assert isinstance(series, pl.Series)
    return series.replace("", None)


def _is_text(kind: pa.DataType) -> bool:
    texts = (pa.string(), pa.large_string(), pa.binary(), pa.large_binary())
    return kind in texts or bool(pa.types.is_fixed_size_binary(kind))


def _is_utf8(column: pa.Array) -> bool:
    """Arrow believes a Parquet file that its strings are UTF-8; they need not be."""
    try:
        column.cast(pa.large_binary()).cast(pa.large_string()).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _cell(value: object, place: int, undecodable: set[int]) -> str | None:
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            undecodable.add(place)
    return None if value is None or isinstance(value, bytes) else _json(value)


def _extras(rows: pa.RecordBatch, paths: list[Steps], undeclared: Counter[str]) -> list[str | None]:
    """Each row's values that no column declares, as a JSON object; nulls are left out."""
    names = [name for name in rows.schema.names if (name,) not in paths]
    if not names:
        return [None] * rows.num_rows
    extras: list[str | None] = []
    for row in zip(*(_pylist(rows.column(name)) for name in names), strict=True):
        rest = _rest(dict(zip(names, row, strict=True)), paths, "", undeclared)
        extras.append(_json(rest) if rest else None)
    return extras


def _rest(members: dict[str, Any], paths: list[Steps], prefix: str, undeclared: Counter[str]) -> dict[str, Any]:
    rest = {}
    for name, value in members.items():
        below = [path[1:] for path in paths if path[:1] == (name,)]
        if value is None or () in below:
            continue
        if below and not isinstance(below[0][0], str):
            rest[name] = value  # an array with some declared elements stays whole
        elif below and isinstance(value, dict):
            if inner := _rest(value, below, f"{prefix}{name}.", undeclared):
                rest[name] = inner
        else:
            undeclared[prefix + name] += 1
            rest[name] = value
    return rest


def _pylist(column: pa.Array) -> list[Any]:
    """The values as Python's; texts as bytes, since they need not be UTF-8, and times as text, to the nanosecond."""
    kind = pa.large_binary() if _is_text(column.type) else _times_as_text(column.type)
    values: list[Any] = column.cast(kind).to_pylist()
    return values


def _times_as_text(kind: pa.DataType) -> pa.DataType:
    """The type with text for times wherever they are within: Python has none before year 1 nor a nanosecond."""
    if pa.types.is_temporal(kind):
        return pa.large_string()
    if pa.types.is_map(kind):
        return pa.map_(_times_as_text(kind.key_type), _times_as_text(kind.item_type))
    if pa.types.is_struct(kind):
        members = [kind.field(at) for at in range(kind.num_fields)]
        return pa.struct([member.with_type(_times_as_text(member.type)) for member in members])
    if pa.types.is_large_list(kind):
        return pa.large_list(kind.value_field.with_type(_times_as_text(kind.value_type)))
    if pa.types.is_list(kind):
        return pa.list_(kind.value_field.with_type(_times_as_text(kind.value_type)))
    return kind


def _json(value: object) -> str:
    """JSON of a value; a float that is not a number is null in JSON."""
    return orjson.dumps(value, default=_plain).decode()


def _plain(value: object) -> str:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)

"""What commands write for other programs: JSON, CSV and Parquet, to a file or to standard output."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import orjson
import typer

from event_assets.storage.atomic_write import atomic_write

if TYPE_CHECKING:
    import polars as pl

FORMATS = (".csv", ".parquet", ".json", ".ndjson")
#: The output is kept in memory up to this number of bytes, else in a temporary file.
_BUFFER_BYTES = 16_000_000


def json_text(value: object) -> str:
    """JSON; decimals as exact numbers, times in ISO 8601, bytes in hexadecimal."""
    return orjson.dumps(value, default=_plain, option=orjson.OPT_UTC_Z).decode()


def _plain(value: object) -> object:
    match value:
        case Decimal():
            return orjson.Fragment(format(value, "f"))
        case bytes():
            return value.hex()
    return str(value)


def json_pieces(rows: Iterable[Mapping[str, Any]], form: str = "json") -> Iterator[str]:
    """The pieces of a JSON array with one object per line, or of NDJSON if `form` is ndjson."""
    if form == "ndjson":
        yield from (f"{json_text(row)}\n" for row in rows)
        return
    before = "["
    for row in rows:
        yield f"{before}\n{json_text(row)}"
        before = ","
    yield "[]\n" if before == "[" else "\n]\n"


def check_suffix(out: Path | None) -> None:
    """Wrong usage where the name of a file of results has an unknown ending."""
    if out is not None and out.suffix not in FORMATS:
        raise typer.BadParameter(f"--out {out.name} ends in none of {', '.join(FORMATS)}")


def write_file(frames: Iterable[pl.DataFrame], out: Path, *, form: str | None = None, raw: bool = False) -> int:
    """Write frames of the same columns as a file that appears whole, in the format of its ending or in `form` (csv,
    parquet, json, ndjson); the number of rows.

    In CSV a text that a spreadsheet would run as a formula gets a ' in front, unless `raw`; texts that read as
    "no value" (NA, null, the empty text) are quoted, nulls are empty.
    """
    with atomic_write(out) as stream:
        return write_stream(frames, stream, form or out.suffix[1:], raw=raw)


def write_stream(frames: Iterable[pl.DataFrame], stream: BinaryIO, form: str, *, raw: bool = False) -> int:
    """Write frames as `write_file` does; the number of rows."""
    from event_assets.warehouse.csv_output import csv_pieces  # loads a database, which printing needn't wait for

    rows = 0

    def counting() -> Iterator[pl.DataFrame]:
        nonlocal rows
        for frame in frames:
            rows += frame.height
            yield frame

    if form == "parquet":
        _write_parquet(counting(), stream)
        return rows
    named = (row for frame in counting() for row in frame.iter_rows(named=True))
    pieces = csv_pieces(counting(), raw=raw) if form == "csv" else json_pieces(named, form)
    for text in pieces:
        stream.write(text.encode())
    return rows


@contextmanager
def whole_output() -> Iterator[BinaryIO]:
    """A stream that is printed once the block has ended well: a query can fail, or begin again, at its last row."""
    with tempfile.SpooledTemporaryFile(_BUFFER_BYTES) as buffer:
        yield cast(BinaryIO, buffer)
        buffer.seek(0)
        sys.stdout.flush()
        shutil.copyfileobj(buffer, sys.stdout.buffer)
        sys.stdout.buffer.flush()


def from_the_start(stream: BinaryIO) -> BinaryIO:
    """The stream, emptied."""
    stream.seek(0)
    stream.truncate()
    return stream


def _write_parquet(frames: Iterator[pl.DataFrame], stream: BinaryIO) -> None:
    import pyarrow.parquet as pq

    first = next(frames).to_arrow()
    with pq.ParquetWriter(stream, first.schema, compression="snappy") as writer:
        writer.write_table(first)
        for frame in frames:
            writer.write_table(frame.to_arrow().cast(first.schema))

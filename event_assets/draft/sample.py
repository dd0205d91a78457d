"""The first records of a file, field by field, as the texts that landing will see."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import polars as pl

from event_assets.errors import LandingError
from event_assets.landing.csv_dialect import Dialect, detect
from event_assets.landing.decode_file import plain_chunks
from event_assets.landing.json import lines_of
from event_assets.landing.json_elements import elements_of
from event_assets.landing.record_batches import FileRejected
from event_assets.text.encodings import detect_encoding

Format = Literal["csv", "json", "ndjson", "parquet"]

MAX_RECORDS = 2000
_HEAD_BYTES = 8 * 1024 * 1024
_MAX_RECORD_BYTES = 1024 * 1024
#: An object with more places for values than this becomes one JSON column.
_MAX_MEMBERS = 12


@dataclass(frozen=True)
class Field:
    """One place where records hold a value: a column of CSV or Parquet, a dotted path into JSON."""

    source: str
    values: tuple[str | None, ...]
    """The texts of the sampled records, trimmed; None where there is none."""
    nested: bool = False
    """Whether values are objects or arrays, kept as JSON."""

    @property
    def texts(self) -> list[str]:
        return [value for value in self.values if value is not None]


@dataclass(frozen=True)
class Sample:
    """What was read of a file."""

    path: Path
    format: Format
    fields: tuple[Field, ...]
    records: int
    dialect: Dialect | None = None
    """How it is written, where it is CSV."""
    encoding: str = "utf-8"


def bare(name: str) -> str:
    """A name without case and marks."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def read_sample(path: Path) -> Sample:
    """The first records of a CSV, JSON, NDJSON or Parquet file, also .gz or .zst.

    LandingError where the file can't be read, or holds no record.
    """
    try:
        found = _read(path)
    except (FileRejected, pl.exceptions.PolarsError) as error:
        state = f"can't be read ({' '.join(str(error).split())})"
        raise LandingError(str(path), state, "name a CSV, JSON, NDJSON or Parquet file") from None
    except OSError as error:
        raise LandingError(str(path), f"can't be read ({error.strerror or error})", "name a file that can") from None
    if not found.records or not found.fields:
        raise LandingError(str(path), "holds no record to look at", "name a file with some records")
    return found


def _read(path: Path) -> Sample:
    head = b"".join(islice(plain_chunks(path, path.name), 1))[:4096]
    if head.startswith(b"PAR1"):
        return _of_parquet(path)
    first = head.removeprefix(b"\xef\xbb\xbf").replace(b"\x00", b"").strip()[:1]
    if first in (b"[", b"{") and not path.name.removesuffix(".gz").removesuffix(".zst").endswith((".csv", ".tsv")):
        return _of_json(path, "json" if first == b"[" else "ndjson")
    return _of_csv(path)


def _of_csv(path: Path) -> Sample:
    dialect = detect(path)
    columns = zip(*dialect.records, strict=True) if dialect.records else ([] for _ in dialect.names)
    fields = tuple(Field(name, _trimmed(values)) for name, values in zip(dialect.names, columns, strict=True))
    return Sample(path, "csv", fields, len(dialect.records), dialect, dialect.encoding)


def _of_json(path: Path, form: Literal["json", "ndjson"]) -> Sample:
    encoding = detect_encoding(plain_chunks(path, path.name))
    with tempfile.TemporaryDirectory(prefix="event_assets-init-") as folder:
        head = Path(folder) / "head"
        head.write_bytes(_head(path).decode(encoding, "ignore").removeprefix("\ufeff").encode())
        read = elements_of if form == "json" else lines_of
        texts = (
            text
            for elements in read(head, _MAX_RECORD_BYTES, block_bytes=1024 * 1024)
            for text, value in zip(elements.texts, elements.values, strict=True)
            if value is not None
        )
        # Numbers as they are written: 12.50 is a decimal of two digits.
        records = [json.loads(text, parse_float=str, parse_int=str) for text in islice(texts, MAX_RECORDS)]
    return Sample(path, form, tuple(_places(records)), len(records), encoding=encoding)


def _head(path: Path) -> bytes:
    found = b""
    for chunk in plain_chunks(path, path.name):
        found += chunk
        if len(found) >= _HEAD_BYTES:
            break
    return found[:_HEAD_BYTES]


def _of_parquet(path: Path) -> Sample:
    rows = pl.scan_parquet(path, glob=False, hive_partitioning=False).head(MAX_RECORDS).collect()
    times = [name for name, kind in rows.schema.items() if isinstance(kind, pl.Datetime)]
    utc = [pl.col(name).dt.convert_time_zone("UTC") for name in times if getattr(rows.schema[name], "time_zone", None)]
    shown = rows.with_columns(utc).with_columns(pl.col(times).dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ"))
    return Sample(path, "parquet", tuple(_places(list(shown.iter_rows(named=True)))), rows.height)


def _places(records: list[dict[str, Any]], prefix: str = "") -> Iterator[Field]:
    """The places of values in objects, in the order in which they first occur; those of small objects within, too."""
    for name in dict.fromkeys(name for record in records for name in record):
        values = [record.get(name) for record in records]
        objects = [value for value in values if isinstance(value, dict)]
        if objects and all(value is None or isinstance(value, dict) for value in values):
            inner = list(_places([value or {} for value in values], f"{prefix}{name}."))
            if len(inner) <= _MAX_MEMBERS and "." not in name:
                yield from inner
                continue
        nested = any(isinstance(value, (dict, list)) for value in values)
        yield Field(f"{prefix}{name}", _trimmed(_text(value) for value in values), nested)


def _text(value: Any) -> str | None:
    match value:
        case None:
            return None
        case bool():
            return "true" if value else "false"
        case dict() | list():
            return json.dumps(value, default=str)
    return str(value)


def _trimmed(values: Any) -> tuple[str | None, ...]:
    return tuple((value.strip(" \t\r\n") or None) if value is not None else None for value in values)

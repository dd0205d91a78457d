"""The first records of a file of any format that landing reads."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl

from event_assets.declaration import Column, Source
from event_assets.draft.csv_dialect import MAX_TABLE_RECORDS, Dialect, detect
from event_assets.draft.json_fields import Number, json_fields, parse
from event_assets.draft.json_sample import json_sample
from event_assets.draft.log_patterns_and_headers import LOGS, PAIR, TEXTS, Log, header_of, with_pairs
from event_assets.draft.sample import MAX_RECORDS, Field, Found, Sample, plain_name, trimmed
from event_assets.errors import LandingError
from event_assets.landing.plain_text import head_of, plain_chunks
from event_assets.landing.reader_interface import FileRejected
from event_assets.landing.unpack import members
from event_assets.text.encodings import detect_encoding

#: The share of a log's lines that must match its pattern.
_MOST = 0.8
#: How JSON begins: a log's line may begin with a bracket, too.
_JSON = re.compile(rb"\{|\[\s*(?:[\[{\]]|\Z)")
#: If a smaller share of its lines are records, a text is not a table.
_WHOLE_TABLE = 0.95
#: A sheet's header is searched in this number of its first rows.
_HEAD_ROWS = 50


def read_sample(file: Found) -> Sample:
    """The first records of a file. LandingError where it can't be read or has no record."""
    path = file.path
    try:
        found = _read(path)
    except (FileRejected, pl.exceptions.PolarsError) as error:
        state = f"can't be read ({' '.join(str(error).split())})"
        remedy = "name a CSV, JSON, NDJSON, Parquet, Avro, Excel or log file, compressed or not"
        raise LandingError(str(path), state, remedy) from None
    except OSError as error:
        state = f"can't be read ({error.strerror or error})"
        raise LandingError(str(path), state, "check the name and the rights of the file") from None
    if not found.records or not found.fields:
        raise LandingError(str(path), "has no records", "name a file with some records")
    return replace(found, files=(file,))


def header_alone(path: Path) -> tuple[str, ...]:
    """The names in a delimited file that is nothing but a header; empty where it is another file."""
    try:
        dialect = detect(path)
    except (FileRejected, OSError):
        return ()
    return () if dialect.records else dialect.names


def text_log(file: Found) -> Sample | None:
    """The lines of a text as a time and what is around it; None where most have no time within."""
    found = _log(file.path, TEXTS)
    if found is None:
        return None
    messages = next(one.texts for one in found.fields if one.source == "message")
    pattern = with_pairs(found.options["log"]["pattern"], messages)
    found = _log(file.path, [Log(pattern)]) or found
    return replace(found, remarks=(_TEXT_REMARK,), files=(file,))


_TEXT_REMARK = (
    r"each line is read as a time and the texts around it; name further parts in log.pattern, such as "
    r"user=(?P<user>\S+), and declare them as columns"
)


def _read(path: Path) -> Sample:
    start = b"".join(islice(plain_chunks(path, path.name), 1))[:4096]
    for magic, read in _BINARY.items():
        if start.startswith(magic):
            return read(path)
    text = start.removeprefix(b"\xef\xbb\xbf").replace(b"\x00", b"").strip()
    if _JSON.match(text) and not plain_name(path).endswith((".csv", ".tsv")):
        return json_sample(path, "json" if text[:1] == b"[" else "ndjson")
    if (log := _log(path, LOGS)) is not None:
        return log
    table = _csv(path)
    looked_at = min(len(_lines(path)), MAX_TABLE_RECORDS)
    has_pairs = any(one.texts and all(map(PAIR.fullmatch, one.texts)) for one in table.fields)
    is_text = table.is_nameless and (has_pairs or table.records < _WHOLE_TABLE * looked_at)
    is_text |= any(len(PAIR.findall(one.source)) > 1 for one in table.fields)  # the first line, taken for a header
    return (text_log(Found(path, path.parent)) if is_text else None) or table


def _csv(path: Path) -> Sample:
    dialect = detect(path)
    names = dialect.names
    layout, known = header_of(len(names)) if not dialect.csv.header and not dialect.repeated else ("", ())
    remarks = _csv_remarks(dialect, layout)
    columns = list(zip(*dialect.records, strict=True)) if dialect.records else [() for _ in names]
    if dialect.csv.header == "w3c":
        columns = [tuple(None if value == "-" else value for value in values) for values in columns]
    parts = dialect.repeated or known or names
    named = zip(names, parts, columns, strict=True)
    fields = tuple(Field(name, trimmed(values), (part,)) for name, part, values in named)
    options: dict[str, Any] = {"encoding": dialect.encoding} if dialect.encoding != "utf-8" else {}
    if dialect.lines != "plain":
        options["lines"] = dialect.lines
    if keys := dialect.csv.model_dump(exclude_defaults=True):
        options["csv"] = keys
    return Sample("csv", fields, len(dialect.records), options, tuple(remarks))


def _csv_remarks(dialect: Dialect, known: str) -> Iterator[str]:
    if dialect.encoding != "utf-8":
        yield f"encoding {dialect.encoding} was detected: are accents and signs right?"
    csv = dialect.csv
    if csv.skip_lines and not dialect.repeated:
        yield f"{csv.skip_lines} lines above the header are skipped: {dialect.preamble[:80]!r}"
    if csv.footer_lines:
        yield f"{csv.footer_lines} lines below the table are left out"
    if csv.header_lines > 1:
        yield f"the header takes {csv.header_lines} lines, such as {dialect.names[0]!r}"
    if dialect.repeated:
        twice = next(name for name in dialect.repeated if dialect.repeated.count(name) > 1)
        yield f"several columns are called {twice!r}: the header is skipped, and columns are known by their place"
    elif not csv.header:
        named = f"; there are as many as {known} have" if known else ""
        yield f"no header was recognised: columns are known by their place, as column_1, column_2, ...{named}"
    if csv.comment:
        yield f"lines that begin with {csv.comment} are remarks, not records"


def _log(path: Path, logs: Sequence[Log]) -> Sample | None:
    """The records of a log; None if no pattern matches most of its lines."""
    lines = _lines(path)
    for log in logs:
        found = [match for line in lines if (match := log.regex.fullmatch(line))]
        if found and len(found) >= _MOST * len(lines):
            values = {name: [None if m[name] == "-" else m[name] for m in found] for name in log.regex.groupindex}
            forms = {name: log.time_form if name == "time" else "" for name in values}
            fields = tuple(Field(name, trimmed(some), (name,), form=forms[name]) for name, some in values.items())
            return Sample("log", fields, len(found), {"log": {"pattern": log.pattern}})
    return None


def _lines(path: Path) -> list[str]:
    """The first lines of a text but blank ones."""
    text = head_of(path).decode(detect_encoding(plain_chunks(path, path.name)), "replace")
    return [line for line in text.splitlines() if line.strip()][:MAX_RECORDS]


def _parquet(path: Path) -> Sample:
    rows = pl.scan_parquet(path, glob=False, hive_partitioning=False).head(MAX_RECORDS).collect()
    times = [name for name, kind in rows.schema.items() if isinstance(kind, pl.Datetime)]
    utc = [pl.col(name).dt.convert_time_zone("UTC") for name in times if getattr(rows.schema[name], "time_zone", None)]
    shown = rows.with_columns(utc).with_columns(pl.col(times).dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ"))
    return Sample("parquet", json_fields(_numbers(shown.iter_rows(named=True))), rows.height)


def _avro(path: Path) -> Sample:
    from event_assets.landing.avro_excel_as_json import avro_lines

    return _lines_of_json("avro", avro_lines(path, path.name))


def _excel(path: Path) -> Sample:
    from event_assets.landing.avro_excel_as_json import excel_lines, sheet_rows

    def source(names: Sequence[str]) -> Source:
        """A block that needs these fields, by which landing finds the header."""
        columns = [Column(name=f"c{n}", description="x", source=name, required=True) for n, name in enumerate(names)]
        anything = Column(name="anything", description="x", constant="")
        return Source(files=("*",), format="excel", columns=(anything, *columns))

    head = list(islice(sheet_rows(path, source(())), _HEAD_ROWS))
    widths = [sum(cell != "" for cell in row) for row in head]
    full = (at for at, width in enumerate(widths) if width >= _MOST * max(widths))
    at = next((at for at in full if all(isinstance(cell, str) for cell in head[at])), 0)
    names = [cell for cell in head[at] if cell != ""] if head else []
    found = _lines_of_json("excel", excel_lines(path, path.name, source(names)))
    found = replace(found, fields=tuple(replace(one, source=one.parts[0]) for one in found.fields))
    above = ["".join(map(str, row)) for row in head[:at]]
    return found.remarking(f"rows above the header are passed over: {' / '.join(above)!r}") if above else found


def _lines_of_json(form: str, chunks: Iterable[bytes]) -> Sample:
    lines = islice((line for chunk in chunks for line in chunk.splitlines()), MAX_RECORDS)
    records = [parse(line) for line in lines]
    return Sample(form, json_fields(records), len(records))


def _zip(path: Path) -> Sample:
    """The first of its members, which are all read alike."""
    if path.suffix.lower() in (".xlsx", ".xlsm", ".xlsb", ".ods"):
        return _excel(path)
    with tempfile.TemporaryDirectory(prefix="event_assets-init-") as folder:
        for name, copy in members(path, Path(folder)):
            return _read(copy.rename(copy.with_name(Path(name).name)))
    raise FileRejected("unreadable: the archive is empty")


def _numbers(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows as JSON has them, so that numbers are known as numbers."""

    def marked(value: Any) -> Any:
        match value:
            case bool() | None | str():
                return value
            case dict():
                return {name: marked(inner) for name, inner in value.items()}
            case list():
                return [marked(inner) for inner in value]
            case int() | float():
                return Number(value)
        return value if not hasattr(value, "as_tuple") else Number(value)

    return [{name: marked(value) for name, value in row.items()} for row in rows]


_BINARY: dict[bytes, Callable[[Path], Sample]] = {b"PAR1": _parquet, b"Obj\x01": _avro, b"PK\x03\x04": _zip}

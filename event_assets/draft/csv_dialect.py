"""The dialect of a delimited file, detected from its content: for a draft of a declaration, never for landing.

The dialect under which the most lines have equally many fields is selected (each is tried with the exact parser of
landing). Then the preamble, the header and the footer are recognised by what the columns contain. ADR 3 explains why no
library does this.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from pathlib import Path
from typing import Literal

from event_assets.declaration import CsvDialect
from event_assets.draft.infer_time_formats import infer_time_formats
from event_assets.landing.csv_records import RecordParser, header_names
from event_assets.landing.plain_text import plain_chunks
from event_assets.text.encodings import detect_encoding

#: The bytes of a file's head that are tried under each dialect, and of its end that are searched for a footer.
_HEAD_BYTES = 256 * 1024
_TAIL_BYTES = 64 * 1024
MAX_TABLE_RECORDS = 500
_MAX_HEADER_LINES = 5
_MAX_FOOTER_LINES = 20

_DELIMITERS = (",", ";", "\t", "|", ", ", " ", ":", "^", "~", "\x1f", "\x01")
_QUOTES = ('"', "'")
_ESCAPES = ("\\", '"')
#: A dialect with a lower score explains no more than blanks within texts.
_BARELY = 0.25
#: Times, addresses and plain sentences have these at equal numbers by chance.
_DOUBTFUL = {":": 0.3, " ": 0.85, "~": 0.9, "^": 0.9}

_FIELDS = re.compile(rb"^#Fields:[ \t]*([^\r\n]+)", re.MULTILINE)
_COMMENTS = re.compile(rb"^#[^\r\n]*(?:\r\n|\n|\r|\Z)", re.MULTILINE)

_VALUE = re.compile(
    r"\s*(?:[-+(]?[$€£¥]?\s?\d[\d.,' ]*(?:[eE][-+]?\d+)?\s?[%$€£¥)]?"  # numbers, amounts
    r"|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?:[T ].*)?"  # dates
    r"|\d{1,2}:\d\d(?::\d\d(?:\.\d+)?)?(?:\s?[AaPp][Mm])?"  # times
    r"|(?:[A-Z][a-z]{2}, )?\d{1,2}[-/ ][A-Z][a-z]{2}[-/ ]\d{4}(?:[: ].*)?"  # dates with a month's name
    r"|[a-z]+://\S+|\S+@\S+\.\S+"  # addresses
    r"|[0-9A-Fa-f]{8}-[0-9A-Fa-f-]{27}|(?:\d{1,3}\.){3}\d{1,3}"  # ids
    r"|(?i:true|false|null|nan|n/a))\s*"
)


@dataclass(frozen=True)
class Dialect:
    """How a delimited text file is written, and what its table is."""

    csv: CsvDialect
    encoding: str = "utf-8"
    """Python's name of it; `utf-8` also where the file begins with a byte order mark."""
    lines: Literal["plain", "quoted_whole"] = "plain"
    """`quoted_whole`: every line is wrapped in quotes as a whole."""
    preamble: str = ""
    """The text of the skipped lines."""
    names: tuple[str, ...] = ()
    """The names in the header, `column_1`, ... without a header. Empty in an empty file."""
    repeated: tuple[str, ...] = ()
    """The names of a header that is skipped, since it has some of them twice."""
    records: tuple[tuple[str | None, ...], ...] = field(default=(), repr=False)
    """The first records behind the header that have a field for each name, empty fields as None."""


def detect(path: Path) -> Dialect:
    """The dialect of a CSV file (`.gz` and `.zst` too), from its first 256 KiB; of its encoding, from all of it.

    Deterministic; there is always a result (a comma if nothing separates fields). FileRejected where it can't be
    unpacked, OSError where it can't be read.
    """
    encoding = detect_encoding(plain_chunks(path, path.name))
    head, tail, whole = _ends(plain_chunks(path, path.name), encoding)
    if fields := _FIELDS.search(head):
        return _w3c(head, fields[1], encoding)
    is_wrapped = _wrapped(head)
    if is_wrapped:
        head, tail = _unwrap(head), _unwrap(tail)
    comment = "#" if _is_commented(head) else None
    if comment:
        head, tail = _COMMENTS.sub(b"", head), _COMMENTS.sub(b"", tail)
    found = _best(head, whole)
    table = _with_table(found.csv, found.rows, head, tail)
    csv = table.csv.model_copy(update={"comment": comment})
    return replace(table, csv=csv, encoding=encoding, lines="quoted_whole" if is_wrapped else "plain")


def _w3c(head: bytes, names: bytes, encoding: str) -> Dialect:
    """A log whose `#Fields:` lines name the columns (IIS, CloudFront): the first of these lines is used."""
    delimiter = "\t" if b"\t" in head else "whitespace"
    fields = tuple(names.decode().split())
    lines = [line for line in head.decode().splitlines() if line.strip() and not line.startswith("#")]
    rows = [line.split("\t" if delimiter == "\t" else None) for line in lines[:MAX_TABLE_RECORDS]]
    records = tuple(tuple(value or None for value in row) for row in rows if len(row) == len(fields))
    return Dialect(CsvDialect(header="w3c", delimiter=delimiter), encoding, names=fields, records=records)


def _is_commented(head: bytes) -> bool:
    """Whether lines that begin with `#` are remarks: not the header, and not as wide as the others."""
    lines = [line for line in head.splitlines() if line.strip()]
    remarks = [line for line in lines if line.startswith(b"#")]
    others = [line for line in lines if not line.startswith(b"#")]
    if not remarks or len(remarks) > len(others):
        return False
    widths = {mark: {line.count(mark) for line in others} for mark in (b",", b";", b"\t", b"|")}
    regular = {mark: found for mark, found in widths.items() if len(found) == 1 and found != {0}}
    return not any(line.count(mark) in found for line in remarks for mark, found in regular.items())


def _ends(chunks: Iterator[bytes], encoding: str) -> tuple[bytes, bytes, bool]:
    """(the first whole lines, the last ones, whether the first ones are all), in UTF-8."""
    head, tail = b"", b""
    for chunk in chunks:
        if len(head) < 4 * _HEAD_BYTES:
            head += chunk
        tail = (tail + chunk)[-4 * _TAIL_BYTES :]
    whole = len(tail) == len(head) or len(head) < _HEAD_BYTES
    text = head.decode(encoding, "replace").removeprefix("\ufeff").encode()
    if len(text) > _HEAD_BYTES:
        cut = max(text.rfind(b"\n", 0, _HEAD_BYTES), text.rfind(b"\r", 0, _HEAD_BYTES - 1)) + 1
        text, whole = text[: cut or _HEAD_BYTES], False
    end = tail[len(tail) % 4 :] if encoding.startswith(("utf-16", "utf-32")) else tail
    return text, end.decode(encoding, "replace").encode()[-_TAIL_BYTES:], whole


def _wrapped(head: bytes) -> bool:
    """Whether each line is one quoted text with delimiters in it."""
    lines = [line for line in re.split(rb"\r\n|\n|\r", head)[:-1] or [head] if line.strip()]
    inner = [line.strip()[1:-1] for line in lines if re.fullmatch(rb'\s*"(?:[^"]|"")*"\s*', line)]
    commas = {re.sub(rb'""(?:[^"]|"""")*""', b"", line).count(b",") for line in inner}
    return bool(lines) and len(inner) == len(lines) and len(commas) == 1 and commas != {0}


def _unwrap(text: bytes) -> bytes:
    lines = (re.sub(rb'^\s*"((?:[^"]|"")*)"\s*$', rb"\1", line) for line in re.split(rb"\r\n|\n|\r", text))
    return b"\n".join(line.replace(b'""', b'"') for line in lines)


Row = tuple[int, list[str | None] | None]
"""The place of a record, and its fields; None where it is malformed."""


@dataclass(frozen=True)
class _Tried:
    csv: CsvDialect
    rows: list[Row]
    score: tuple[float, ...] = (0.0,)


def _best(head: bytes, whole: bool) -> _Tried:
    """The dialect with the highest score; the first of several with an equal score."""
    tried = [
        _try(head, whole, CsvDialect(delimiter=delimiter, quote=quote, escape=escape))
        for delimiter in _DELIMITERS
        if delimiter.encode() in head
        for quote in _QUOTES
        for escape in (quote, *(e for e in _ESCAPES if e != quote and (e + quote).encode() in head))
    ]
    if not tried or (best := max(tried, key=lambda one: one.score)).score[0] < _BARELY:
        return _try(head, whole, CsvDialect())  # a single column
    return _aligned(head) or best if best.csv.delimiter == " " else best


def _aligned(head: bytes) -> _Tried | None:
    """Columns set apart by runs of blanks; None where single blanks do."""
    lines = head.splitlines(keepends=True)[:MAX_TABLE_RECORDS]
    places = accumulate(map(len, lines), initial=0)
    rows: list[Row] = [
        (place, [*line.decode(errors="replace").split()])
        for place, line in zip(places, lines, strict=False)
        if line.strip()
    ]
    widths = {len(values) for _, values in rows if values}
    is_padded = re.search(rb"\S(?:  +|\t+)\S", head) is not None
    return _Tried(CsvDialect(delimiter="whitespace"), rows) if is_padded and len(widths) == 1 else None


def _try(head: bytes, whole: bool, csv: CsvDialect) -> _Tried:
    parser = RecordParser(csv, None, _HEAD_BYTES)
    rows: list[Row] = []
    place = 0
    while place < len(head) and len(rows) < MAX_TABLE_RECORDS:
        taken = parser.take(head, place, final=whole)
        if taken is None:
            break
        if taken.values is not None or taken.reason is not None:
            rows.append((place, taken.values))
        place = taken.next
    return _Tried(csv, rows, _score(rows, csv, head))


def _width(rows: list[Row]) -> tuple[int, int]:
    """The number of fields that most records have (more than one before one), and how many have it; 0 of no records."""
    widths = Counter(len(values) for _, values in rows if values is not None)
    return max(widths.items(), key=lambda item: (item[1] * (item[0] > 1), item[0]), default=(0, 0))


def _score(rows: list[Row], csv: CsvDialect, head: bytes) -> tuple[float, ...]:
    """How well a dialect explains the text: share of equally wide records, then of fields that are well formed."""
    width, same = _width(rows)
    if not width:
        return (0.0,)
    fields = [value for _, values in rows if values and len(values) == width for value in values if value]
    # A quote or a blank left at an end of a field speaks for another dialect; a value that is a number for this one.
    ragged = sum(value[0] in "\"' " or value[-1] in "\"' " for value in fields) / max(1, len(fields))
    typed = sum(_VALUE.fullmatch(value) is not None for value in fields) / max(1, len(fields))
    likely = _DOUBTFUL.get(csv.delimiter, 1) * (1 - 1 / (width + 1)) * (0.7 + 0.3 * typed)
    return (same / len(rows) * (1 - ragged) * likely, csv.quote == '"' and b'"' in head)


def _with_table(csv: CsvDialect, rows: list[Row], head: bytes, tail: bytes) -> Dialect:
    """The dialect with its preamble, header and footer."""
    width, _ = _width(rows)
    if not width:
        return Dialect(csv.model_copy(update={"header": False}))
    first = _first_of_table([values for _, values in rows], width)
    table = [values for _, values in rows[first:] if values is not None and len(values) == width]
    header = _header_lines(table)
    names = header_names(table[:header] or [[None] * width])
    repeated: tuple[str, ...] = ()
    if header and len(set(names)) < len(names):
        # Landing rejects such a file, unless its columns are known by their place.
        repeated, names = tuple(names), header_names([[None] * width])
        first, header, table = first + header, 0, table[header:]
    body = tuple(tuple(values) for values in table[header:])
    preamble = head[: rows[first][0] if first < len(rows) else len(head)]
    keys = {
        "header": header > 0,
        "header_lines": max(1, header),
        # Blank lines before the header are passed over anyway.
        "skip_lines": len(re.findall(rb"\r\n|\n|\r", preamble)) if preamble.strip() else 0,
        "footer_lines": _footer_lines(csv, width, tail) if len(body) > 1 else 0,
    }
    found = csv.model_copy(update=keys)
    lines = (line.strip(" ;,\t") for line in preamble.decode(errors="replace").splitlines())
    shown = " / ".join(filter(None, lines))
    return Dialect(found, preamble=shown, names=tuple(names), repeated=repeated, records=body)


def _first_of_table(rows: Sequence[list[str | None] | None], width: int) -> int:
    """The first record that isn't of a preamble: as wide as the table, and with more than a title in it."""
    wide = [(at, values) for at, values in enumerate(rows) if values is not None and len(values) == width]
    return next((at for at, values in wide if width < 3 or sum(bool(v and v.strip()) for v in values) > 1), 0)


def _header_lines(table: list[list[str | None]]) -> int:
    """How many of the first records are names: texts above columns of values, or texts that don't come again."""
    if not table:
        return 0
    body = table[min(_MAX_HEADER_LINES, len(table) // 2) :]
    typed = [at for at in range(len(table[0])) if _is_typed([values[at] for values in body])]
    if not _could_be_names(table[0], table[1:]):
        return 0
    lines = 1
    while typed and lines < min(_MAX_HEADER_LINES, len(table) // 2):
        if any(text is None or _VALUE.fullmatch(text) for text in (table[lines][at] for at in typed)):
            break
        lines += 1
    return lines


def _is_typed(column: Sequence[str | None]) -> bool:
    values = [value for value in column if value]
    return bool(values) and sum(_VALUE.fullmatch(value) is not None for value in values) >= 0.9 * len(values)


def _could_be_names(values: list[str | None], below: list[list[str | None]]) -> bool:
    names = [value.strip() for value in values if value and value.strip()]
    if not names or len(names) < len(values) / 2 or any(map(_is_value, names)) or len(set(names)) < len(names) / 2:
        return False
    # Texts that come again in their own column are values: but the same header may come once more.
    again = (sum(row[at] == value for row in below[:100]) for at, value in enumerate(values) if value)
    return not below or all(count <= len(below[:100]) / 3 for count in again)


def _is_value(text: str) -> bool:
    """Whether a text is a number, a time or the like. Words such as null may be a column's name."""
    return not text.isalpha() and bool(_VALUE.fullmatch(text) or infer_time_formats([text]))


def _footer_lines(csv: CsvDialect, width: int, tail: bytes) -> int:
    """The number of lines at the end that have fewer fields: a remark, a number of rows."""
    if width < 2 or csv.delimiter == "whitespace":
        return 0
    parser = RecordParser(csv, None, _TAIL_BYTES)
    lines = [line for line in re.split(rb"\r\n|\n|\r", tail) if line.strip()][-_MAX_FOOTER_LINES - 1 :]
    count = 0
    for line in reversed(lines):
        taken = parser.take(line, 0, final=True)
        values = taken.values if taken and taken.values else ()
        if sum(bool(value and value.strip()) for value in values) != 1 or parser.quote in line:
            break
        count += 1
    return count if 0 < count <= min(_MAX_FOOTER_LINES, len(lines) - 1) else 0

"""Avro and Excel as lines of JSON: their readers are packages of their own, and JSON has all that they hold."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson

from event_assets.declaration import Source
from event_assets.errors import LandingError
from event_assets.landing.csv_records import header_names
from event_assets.landing.record_batches import Fields, FileRejected
from event_assets.landing.unpack import Chunks, Ending

#: Whole numbers from here on are not exact in a float, which all numbers of Excel are.
_EXACT = 2**53
_LINES = 1000


def avro_lines(path: Path, name: str) -> Chunks:
    """The records of an Avro container file, an object a line; a file that is cut off gives every whole record."""
    try:
        import fastavro
    except ImportError:
        raise _missing(name, "avro") from None
    records = 0
    with path.open("rb") as file:
        try:
            for some in _gathered(fastavro.reader(file)):
                records += len(some)
                yield b"".join(some)
        except (
            ValueError,
            EOFError,
            KeyError,
            IndexError,
            TypeError,
            OverflowError,
            fastavro.schema.SchemaParseException,
        ) as error:
            if not records:
                raise FileRejected(
                    f"unreadable: is not Avro, or damaged ({' '.join(str(error).split())[:200]})"
                ) from None
            return Ending(trailing=b"")
    return Ending()


def _gathered(records: Iterable[Any]) -> Iterator[list[bytes]]:
    """Lines of JSON, some at a time: those before an error are handed on, too."""
    some: list[bytes] = []
    try:
        for record in records:
            some.append(_line(record))
            if len(some) == _LINES:
                yield some
                some = []
    except BaseException:
        if some:
            yield some
        raise
    if some:
        yield some


def excel_lines(path: Path, name: str, source: Source) -> Chunks:
    """The rows of a sheet below its first row that holds something, which names the fields; an object a line.

    FileRejected where there is no such sheet, or the header lacks a required field.
    """
    try:
        import python_calamine as calamine
    except ImportError:
        raise _missing(name, "excel") from None
    try:
        book = calamine.CalamineWorkbook.from_path(str(path))
        wanted = source.excel.sheet
        if wanted is not None and wanted not in book.sheet_names:
            raise FileRejected(f"unreadable: no sheet {wanted}; there are {', '.join(book.sheet_names)}")
        sheet = book.get_sheet_by_index(0) if wanted is None else book.get_sheet_by_name(wanted)
        rows = iter(sheet.to_python(skip_empty_area=False))
    except (calamine.CalamineError, OSError, IndexError) as error:
        raise FileRejected(f"unreadable: is not Excel, or damaged ({error})") from None
    header = next((row for row in rows if any(cell != "" for cell in row)), None)
    if header is None:
        return Ending()
    names = header_names([[str(cell) for cell in header]])
    Fields.of(source).check(names)
    for some in _gathered(_named(names, row) for row in rows if any(cell != "" for cell in row)):
        yield b"".join(some)
    return Ending()


def _named(names: list[str], row: Sequence[Any]) -> dict[str, Any]:
    return {name: None if cell == "" else cell for name, cell in zip(names, row, strict=True)}


def _line(record: object) -> bytes:
    return orjson.dumps(_plain(record), option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS)


def _plain(value: Any) -> Any:
    """A value as JSON knows it: bytes as text, a decimal with all its digits, a whole number of Excel as such."""
    match value:
        case dict():
            return {str(name): _plain(member) for name, member in value.items()}
        case list() | tuple():
            return [_plain(member) for member in value]
        case bytes():
            return value.decode("utf-8", "backslashreplace")
        case Decimal():
            return orjson.Fragment(str(value)) if value.is_finite() else None
        case bool():
            return value
        case int() if not -(2**63) <= value < 2**64:
            return orjson.Fragment(str(value))
        case float() if math.isfinite(value) and value.is_integer() and abs(value) < _EXACT:
            return int(value)
        case dt.timedelta():
            return str(value)
        case dt.datetime() | dt.date() | dt.time():
            return value.isoformat()
        case _:
            return value if isinstance(value, (str, int, float)) or value is None else str(value)


def _missing(name: str, extra: str) -> LandingError:
    return LandingError(
        name,
        f"is read by a package that is not installed ({extra})",
        f"pip install 'event_assets[{extra}]' and run again",
    )

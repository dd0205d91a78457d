"""Avro and Excel as lines of JSON: their readers are packages of their own, and JSON has all that they hold."""

from __future__ import annotations

import datetime as dt
import math
import zipfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson

from event_assets.declaration import Source
from event_assets.errors import LandingError
from event_assets.landing.csv_records import header_names
from event_assets.landing.reader_interface import Fields, FileRejected
from event_assets.landing.unpack import DEFAULT_LIMITS, Ending, Limits

#: Whole numbers from here on are not exact in a float, which all numbers of Excel are.
_EXACT = 2**53
#: What fastavro raises where bytes are not what the schema announces.
_DAMAGES = (ValueError, EOFError, KeyError, IndexError, TypeError, OverflowError)


def avro_lines(path: Path, name: str, ending: Ending | None = None) -> Iterator[bytes]:
    """The records of an Avro container file, an object a line; a file that is cut off gives every whole record."""
    try:
        import fastavro
    except ImportError:
        raise _missing(name, "avro") from None
    records = 0
    with path.open("rb") as file:
        try:
            for record in fastavro.reader(file):
                yield _line(record)
                records += 1
        except (*_DAMAGES, fastavro.schema.SchemaParseException) as error:
            if not records:
                reason = " ".join(str(error).split())[:200]
                raise FileRejected(f"unreadable: is not Avro, or damaged ({reason})") from None
            if ending:
                ending.trailing = b""


def excel_lines(path: Path, name: str, source: Source, limits: Limits = DEFAULT_LIMITS) -> Iterator[bytes]:
    """The rows of a sheet below its header, an object a line. The header is the first row that names the required
    fields; rows above it are titles.

    FileRejected where there is no such sheet, no row names the required fields, or the sheet is too large.
    """
    try:
        rows = sheet_rows(path, source, limits)
    except ImportError:
        raise _missing(name, "excel") from None
    fields = Fields.of(source)
    first: list[str] = []
    for row in rows:
        names = header_names([[str(cell) for cell in row]])
        if all(set(group) & set(names) for group in fields.required):
            fields.check(names)
            break
        first = first or names
    else:
        if first:
            fields.check(first)  # reports what is missing in the first row
        return
    for row in rows:
        yield _line({name: None if cell == "" else cell for name, cell in zip(names, row, strict=True)})


def sheet_rows(path: Path, source: Source, limits: Limits = DEFAULT_LIMITS) -> Iterator[list[Any]]:
    """The rows of the declared sheet that hold something, each as wide as the sheet."""
    import python_calamine as calamine

    try:
        limits.check_workbook(path)
        book = calamine.CalamineWorkbook.from_path(str(path))
        wanted = source.excel.sheet
        if wanted is not None and wanted not in book.sheet_names:
            raise FileRejected(f"unreadable: no sheet {wanted}; there are {', '.join(book.sheet_names)}")
        sheet = book.get_sheet_by_index(0) if wanted is None else book.get_sheet_by_name(wanted)
        rows = sheet.iter_rows()  # cell by cell as Python objects; the sheet itself is in memory
    except (calamine.CalamineError, zipfile.BadZipFile, OSError, IndexError) as error:
        raise FileRejected(f"unreadable: is not Excel, or damaged ({error})") from None
    return (row for row in rows if any(cell != "" for cell in row))


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

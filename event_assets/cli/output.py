"""What commands print and write: tables for people, JSON, and files of results."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import orjson
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from event_assets.storage.atomic_write import atomic_write

if TYPE_CHECKING:
    import polars as pl

FORMATS = (".csv", ".parquet", ".json")
_PIPE_WIDTH = 200
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def working(title: str) -> AbstractContextManager[object]:
    """Shows that something goes on and since when, on standard error and only where that is a terminal."""
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    shown = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    shown.add_task(title, total=None)
    return shown


def note(text: str) -> None:
    """A line beside the data: on standard error."""
    typer.echo(_CONTROLS.sub(" ", text), err=True)


def print_table(frame: pl.DataFrame, title: str | None = None) -> None:
    """The rows of a small frame."""
    print_rows({name: dtype.is_numeric() for name, dtype in frame.schema.items()}, frame.iter_rows(), title)


def print_rows(numeric: Mapping[str, bool], rows: Iterable[Sequence[Any]], title: str | None = None) -> None:
    """A few rows, as they are but for control characters, which a terminal would obey; numbers to the right."""
    table = Table(title=Text(title) if title else None, title_justify="left")
    for name, is_number in numeric.items():
        table.add_column(Text(name), justify="right" if is_number else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text("" if value is None else _CONTROLS.sub(_as_escape, str(value))) for value in row))
    console = Console(highlight=False)
    if not console.is_terminal:  # a file or a pipe has no edge at which to fold texts
        console.width = max(console.width, _PIPE_WIDTH)
    console.print(table)


def _as_escape(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode()


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


def json_array(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Rows as the pieces of one JSON array, an object a line."""
    before = "["
    for row in rows:
        yield f"{before}\n{json_text(row)}"
        before = ","
    yield "[]\n" if before == "[" else "\n]\n"


def check_suffix(out: Path | None) -> None:
    """Wrong usage where a file of results has no ending that is known."""
    if out is not None and out.suffix not in FORMATS:
        raise typer.BadParameter(f"--out {out.name} ends in none of {', '.join(FORMATS)}")


def write_file(frames: Iterable[pl.DataFrame], out: Path, *, raw: bool = False) -> int:
    """Write frames of the same columns as a .csv, .parquet or .json file that appears whole; the number of rows.

    In CSV a text that a spreadsheet would run as a formula gets a ' in front, unless `raw`; texts that read as
    "no value" (NA, null, the empty text) are quoted, nulls are empty.
    """
    from event_assets.warehouse.csv_output import csv_pieces  # loads a database, which printing needn't wait for

    rows = 0

    def counted() -> Iterator[pl.DataFrame]:
        nonlocal rows
        for frame in frames:
            rows += frame.height
            yield frame

    with atomic_write(out) as stream:
        match out.suffix:
            case ".csv":
                for text in csv_pieces(counted(), raw=raw):
                    stream.write(text.encode())
            case ".json":
                for text in json_array(row for frame in counted() for row in frame.iter_rows(named=True)):
                    stream.write(text.encode())
            case _:
                _write_parquet(counted(), stream)
    return rows


def _write_parquet(frames: Iterator[pl.DataFrame], stream: BinaryIO) -> None:
    import pyarrow.parquet as pq

    first = next(frames).to_arrow()
    with pq.ParquetWriter(stream, first.schema, compression="snappy") as writer:
        writer.write_table(first)
        for frame in frames:
            writer.write_table(frame.to_arrow().cast(first.schema))

"""Rows for people to read in a terminal: a table as wide as the terminal, or a record a block.

A value is never broken inside. Columns that don't fit are left out and named; long ids make room for all others.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer
from rich.cells import cell_len

from event_assets.cli.console import plain
from event_assets.wording import counted

if TYPE_CHECKING:
    import polars as pl

#: A UUID or a SHA-256, such as ids of sessions and files.
_LONG_ID = re.compile(r"[0-9a-f-]{32,}")
#: What a column takes beside its values: a blank on both sides and a line.
_EDGE = 3


@dataclass(frozen=True)
class Shown:
    """How rows are shown."""

    wide: bool = False
    """All columns, however long the lines become."""
    records: bool = False
    """One block per record, one line per column."""


def print_table(frame: pl.DataFrame, title: str | None = None, shown: Shown = Shown(), *, err: bool = False) -> None:
    """The rows of a small frame."""
    numeric = {name: dtype.is_numeric() for name, dtype in frame.schema.items()}
    print_rows(numeric, frame.iter_rows(), title, shown, err=err)


def print_rows(
    numeric: Mapping[str, bool],
    rows: Iterable[Sequence[Any]],
    title: str | None = None,
    shown: Shown = Shown(),
    *,
    err: bool = False,
) -> None:
    """A few rows, on standard output or error; numbers to the right. Control characters, which a terminal would obey,
    are printed as escapes."""
    from rich.console import Console  # with Table a tenth of the start of `top`
    from rich.table import Table
    from rich.text import Text

    cells = [["" if value is None else plain(str(value)) for value in row] for row in rows]
    widths = [
        max(map(cell_len, (name, *column))) for name, column in zip(numeric, _columns(cells, len(numeric)), strict=True)
    ]
    opaque = {place for place, values in enumerate(_columns(cells, len(numeric))) if _is_opaque(values)}
    first = sorted(range(len(numeric)), key=lambda place: place in opaque)
    fitting = range(len(numeric)) if shown.wide else _fitting(widths, terminal_width(), first)
    if shown.records or not fitting:
        for line in _blocks(list(numeric), cells, title):
            typer.echo(line, err=err)
        return
    table = Table(title=Text(title) if title else None, title_justify="left")
    names = list(numeric)
    for place in fitting:
        table.add_column(Text(names[place]), justify="right" if numeric[names[place]] else "left", no_wrap=True)
    for row in cells:
        table.add_row(*(Text(row[place]) for place in fitting))
    console = Console(stderr=err, highlight=False)
    console.width = max(terminal_width(), 1 + sum(widths[place] + _EDGE for place in fitting))
    console.print(table)
    left_out = [name for place, name in enumerate(names) if place not in fitting]
    if left_out:
        what = counted(len(left_out), "column")
        typer.echo(wrapped(f"{what} not shown: {', '.join(left_out)} (--wide or --records shows them)"), err=True)


def terminal_width() -> int:
    """The columns of the terminal (COLUMNS where set); 80 where there is none."""
    from rich.console import Console

    return Console().width


def wrapped(text: str) -> str:
    """A sentence in lines that fit the terminal. No word is broken inside."""
    return textwrap.fill(text, terminal_width(), break_long_words=False, break_on_hyphens=False)


def _columns(cells: list[list[str]], count: int) -> list[tuple[str, ...]]:
    return list(zip(*cells, strict=True)) if cells else [()] * count


def _is_opaque(values: Sequence[str]) -> bool:
    """Whether a column has only long ids, which identify a row and don't describe it."""
    return any(values) and all(_LONG_ID.fullmatch(value) for value in values if value)


def _fitting(widths: Sequence[int], width: int, first: Iterable[int] | None = None) -> list[int]:
    """The places of the columns that fit, chosen in the order `first`, else from the left. A column that is too wide is
    skipped."""
    left, fitting = width - 1, []
    for place in range(len(widths)) if first is None else first:
        if widths[place] + _EDGE <= left:
            fitting.append(place)
            left -= widths[place] + _EDGE
    return sorted(fitting)


def _blocks(names: list[str], cells: list[list[str]], title: str | None) -> Iterator[str]:
    if title:
        yield title
    label = max(map(cell_len, names), default=0)
    for number, row in enumerate(cells, 1):
        yield f"[ record {number} ]"
        for name, value in zip(names, row, strict=True):
            yield f"{name}{' ' * (label - cell_len(name))} | {value}"

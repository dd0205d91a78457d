"""Writes the records of a recipe's plan as source files, a slice of records at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import polars as pl

from event_assets.storage.atomic_write import atomic_write
from event_assets.synthetic.recipe import CLEAN, Recipe
from event_assets.synthetic.seeded_random import Draw
from event_assets.synthetic.text_columns import BAD_BYTE, PLACEHOLDER
from event_assets.synthetic.time_texts import stamp

#: Records that are text at one time; part of what the bytes depend on.
SLICE = 250_000
#: Every third file has the undeclared column.
DRIFT_EVERY = 3


def write_file(
    path: Path,
    recipe: Recipe,
    records: pl.DataFrame,
    draw: Draw,
    mess: float,
    *,
    drift: bool,
    wrote: Callable[[int], None] = lambda records: None,
) -> None:
    """One source file of the records of a plan, in their order; `wrote` receives how many more were written."""
    drift = drift and bool(recipe.drift_header)
    end = recipe.terminator
    with atomic_write(path) as stream:
        if recipe.array:
            stream.write(f"[{end}".encode())
        else:
            stream.write(f"{recipe.drift_header if drift else recipe.header}{end}".encode())
        waiting = b""
        for number, blob in enumerate(_blobs(recipe, records, draw, mess, drift)):
            stream.write(waiting)
            waiting = blob
            wrote(min(SLICE, records.height - number * SLICE))
        # The last element of an array has no comma after it.
        stream.write(waiting.removesuffix(f",{end}".encode()) + f"{end}]{end}".encode() if recipe.array else waiting)


def drifts(file: int, mess: float) -> bool:
    """Whether a file's source had a column that is not declared."""
    return mess > 0 and file % DRIFT_EVERY == DRIFT_EVERY - 1


def _blobs(recipe: Recipe, records: pl.DataFrame, draw: Draw, mess: float, drift: bool) -> Iterator[bytes]:
    terminator = f",{recipe.terminator}" if recipe.array else recipe.terminator
    for number, chunk in enumerate(records.iter_slices(SLICE)):
        text = BytesIO()
        lines = _lines(recipe, chunk, draw.child(number), mess, drift)
        lines.write_csv(text, include_header=False, quote_style="never", line_terminator=terminator)
        yield text.getvalue().replace(PLACEHOLDER.encode(), BAD_BYTE)


def _lines(recipe: Recipe, chunk: pl.DataFrame, draw: Draw, mess: float, drift: bool) -> pl.DataFrame:
    """The text of each record: clean ones apart from the few others, whose many special cases cost their own number."""
    numbered = chunk.with_row_index("row")
    is_clean = pl.col("kind") == CLEAN
    parts = []
    for part, records in enumerate((numbered.filter(is_clean), numbered.filter(~is_clean))):
        if records.height:
            lines = recipe.lines(records.with_columns(stamp=stamp(records)), draw.child(part), mess, drift)
            parts.append(pl.DataFrame({"row": records["row"], "line": lines}))
    return pl.concat(parts).sort("row").select("line")

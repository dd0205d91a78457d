"""Text expressions that several recipes share: spellings of categories, amounts, CSV lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from event_assets.synthetic.seeded_random import Draw
from event_assets.synthetic.time_texts import lookup

#: Stands for a byte that is no UTF-8 until a file is written (BAD_BYTE is é in Latin-1).
PLACEHOLDER = "\x01"
BAD_BYTE = b"\xe9"

_CENTS = [f".{cents:02}".rstrip("0").rstrip(".") for cents in range(100)]


def hundredths(column: str) -> pl.Expr:
    """A number of hundredths as exports write it: 1250 is 12.5, 1200 is 12."""
    return pl.concat_str(pl.col(column) // 100, lookup(_CENTS, pl.col(column) % 100))


def one_of(texts: Sequence[str | None]) -> pl.Expr:
    """One of the texts, by the record's salt."""
    return lookup(texts, pl.col("salt") % len(texts))


def replaced(chunk: pl.DataFrame, usual: pl.Expr, kinds: Mapping[str, pl.Expr]) -> pl.Expr:
    """The usual text of a field, but for records of the given kinds. Kinds that no record has cost nothing."""
    text, present = usual, set(chunk["kind"].unique())
    for kind, other in kinds.items():
        if kind in present:
            text = pl.when(pl.col("kind") == kind).then(other).otherwise(text)
    return text


def costume(draw: Draw, chunk: pl.DataFrame, spellings: Sequence[Sequence[str]], column: str, share: float) -> pl.Expr:
    """The text of a category code: its first spelling, or with the given share any of them.

    Each code has as many spellings as the first one. All of a code clean to the same value.
    """
    width = len(spellings[0])
    other = draw.below(chunk.height, width) * draw.chance(chunk.height, share)
    return lookup([text for row in spellings for text in row], pl.col(column).cast(pl.Int64) * width + pl.Series(other))


def csv_lines(chunk: pl.DataFrame, fields: Sequence[pl.Expr]) -> pl.Series:
    """Fields with commas between them; a null is an empty field. Whoever needs quotes has put them.

    A record of kind malformed_record is cut short, has two fields too many or a NUL byte, by its salt.
    """
    whole, line = pl.concat_str([field.fill_null("") for field in fields], separator=","), pl.col("line")
    # Cut after the second field, since the first two are never quoted: no quote must be left open.
    few = line.str.replace(r"(?s)^([^,]*,[^,]*),.*$", "$1")
    return some_malformed(chunk, whole, few, line + ",surplus,", line + "\x00")


def some_malformed(chunk: pl.DataFrame, line: pl.Expr, *broken: pl.Expr) -> pl.Series:
    """The lines; those of kind malformed_record are broken in one of three ways, by their salt."""
    lines, way = chunk.select("kind", "salt", line=line), pl.col("salt") % 3
    wrong = pl.when(way == 0).then(broken[0]).when(way == 1).then(broken[1]).otherwise(broken[2])
    return lines.select(replaced(lines, pl.col("line"), {"malformed_record": wrong}).alias("line"))["line"]

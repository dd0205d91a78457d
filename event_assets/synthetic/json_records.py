"""JSON records as text, joined from members (`"name": value`); most members are prepared in tables."""

from __future__ import annotations

import json
from collections.abc import Sequence

import polars as pl

from event_assets.synthetic.text_columns import some_malformed
from event_assets.synthetic.time_texts import lookup


def member(name: str, value: object) -> str:
    """One member, for a table of them."""
    return f'"{name}": {json.dumps(value, ensure_ascii=False)}'


def spelled(name: str, spellings: Sequence[Sequence[str]]) -> list[list[str]]:
    """The members of a category's spellings, for `costume`."""
    return [[member(name, text) for text in row] for row in spellings]


def text_member(name: str, *pieces: pl.Expr) -> pl.Expr:
    """A member whose value is a text of some pieces that need no escapes."""
    return pl.concat_str(pl.lit(f'"{name}": "'), *pieces, pl.lit('"'))


def missing(name: str) -> pl.Expr:
    """The member with null, with an empty text, or none at all, by the record's salt."""
    return lookup([member(name, None), member(name, ""), None], pl.col("salt") % 3)


def json_lines(chunk: pl.DataFrame, members: Sequence[pl.Expr]) -> pl.Series:
    """Each record as an object of its members that are not null.

    One of kind malformed_record has lost a colon or a value, or has an unquoted word, by its salt. Braces
    stay in pairs, so that a reader can find the next record; no parser accepts any of the three.
    """
    line = pl.col("line")
    broken = (line.str.replace(": ", wrong, literal=True) for wrong in (" ", ": undefined", ": , "))
    return some_malformed(chunk, json_object(members), *broken)


def json_object(members: Sequence[pl.Expr]) -> pl.Expr:
    """An object of the members that are not null."""
    return pl.concat_str(pl.lit("{"), pl.concat_str(members, separator=", ", ignore_nulls=True), pl.lit("}"))

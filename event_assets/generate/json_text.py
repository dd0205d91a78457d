"""JSON records as text, member by member."""

from __future__ import annotations

import json
from collections.abc import Sequence

import polars as pl

from event_assets.generate.stamps import lookup
from event_assets.generate.text import replaced

#: Three ways in which a value is missing: null, empty, and its member left out altogether.
MISSING = ("null", '""', None)


def quoted(text: pl.Expr) -> pl.Expr:
    """A JSON string of a text that needs no escapes."""
    return pl.concat_str(pl.lit('"'), text, pl.lit('"'))


def strings(texts: Sequence[str | None], index: pl.Expr) -> pl.Expr:
    """The JSON of the text at each index; None is null."""
    return lookup([json.dumps(text, ensure_ascii=False) for text in texts], index)


def member(name: str, value: pl.Expr) -> pl.Expr:
    """`"name": value`, or null where the value is."""
    return pl.concat_str(pl.lit(f'"{name}": '), value)


def json_object(members: Sequence[pl.Expr]) -> pl.Expr:
    """An object of the members that are not null."""
    return pl.concat_str(pl.lit("{"), pl.concat_str(members, separator=", ", ignore_nulls=True), pl.lit("}"))


def missing_value() -> pl.Expr:
    """null, an empty string or no member at all, by the record's salt."""
    return lookup(MISSING, pl.col("salt") % len(MISSING))


def broken_json(chunk: pl.DataFrame, record: pl.Expr) -> pl.Expr:
    """The record, but for kind malformed_record with an unquoted word, a lost colon or a lost value.

    Braces stay in pairs, so that a reader can find the next record; none of it is JSON to any parser.
    """
    colon = record.str.replace(": ", " ", literal=True)
    word = record.str.replace(": ", ": undefined", literal=True)
    lost = record.str.replace(": ", ": , ", literal=True)
    way = pl.col("salt") % 3
    broken = pl.when(way == 0).then(colon).when(way == 1).then(word).otherwise(lost)
    return replaced(chunk, record, {"malformed_record": broken})

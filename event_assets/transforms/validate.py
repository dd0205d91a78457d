"""Validates raw records: normalises and types their values, and separates valid records from those to quarantine.

A judged frame holds the raw frame's own columns and, for each declared column NAME, `text NAME` (trimmed,
aliased, folded; null where it means null), `no NAME` (whether that is null) and `typed NAME`, of JSON also
`canonical NAME`, and `is valid` and `is excluded` (bool, not both): excluded are records that a block's `where` leaves
out. Declared names contain no blank, so they can't collide with these columns.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from zoneinfo import ZoneInfo

import narwhals as nw

from event_assets.declaration import Column, Source
from event_assets.declaration.dataset import Kind
from event_assets.tables.landed_tables import CAME_AS_NUMBER, SOURCE_BLOCK
from event_assets.text.numbers import mark_pattern, notation_pattern, unit_pattern
from event_assets.text.parse_iso_timestamps import instants
from event_assets.transforms.cast_text import (
    canonical_numbers,
    canonical_texts,
    odd_number,
    typed,
    within_bounds,
)
from event_assets.transforms.conditions import holds
from event_assets.transforms.interface import Frame, Scope, TextFunction
from event_assets.transforms.normalize import BLANKS, named, normalised, trimmed
from event_assets.transforms.record_text import RecordTexts

#: A reason is one of these, of equal length, and a column.
_MISSING, _INVALID = "missing_", "invalid_"


def judged(
    raw: Frame, columns: Sequence[Column], required: Collection[str], scope: Scope, kind: Kind = "events"
) -> Frame:
    """The raw frame with texts, typed values, `is valid` and `is excluded`; `required` names the columns that may not
    be null. `kind` is whose blocks the records were read by."""
    are_named = {f"text {c.name}": c for c in columns if (c.aliases or c.case) and c.type != "json"}
    others = {f"text {c.name}": c for c in columns if f"text {c.name}" not in are_named}
    frame = raw.with_columns(*(_text(column).alias(text) for text, column in others.items()))
    frame = _named(frame, are_named, scope)
    booleans = {f"lower {column.name}": (f"text {column.name}", "lower") for column in columns if column.type == "bool"}
    frame = scope.ports.folded(frame, booleans) if booleans else frame
    read_times = instants(ZoneInfo(scope.dataset.source_timezone))
    for column in columns:
        match column.type:
            case "json":
                frame = _with_json(frame, column, scope)
            case "timestamp":
                text, into = [f"text {column.name}"], f"typed {column.name}"
                frame = scope.ports.from_text(frame, text, into=into, declared_type="timestamp", function=read_times)
    frame = _with_canonical_digits(frame, [column for column in columns if column.is_number], scope, kind)
    frame = frame.with_columns(
        *(
            typed(nw.col(_before_cast(c)), c).alias(f"typed {c.name}")
            for c in columns
            if c.type not in ("json", "timestamp")
        )
    )
    rules = [valid for column in columns if (valid := _valid(column, column.name in required)) is not None]
    frame = frame.with_columns(
        *(nw.col(f"text {column.name}").is_null().alias(f"no {column.name}") for column in columns)
    )
    frame = frame.with_columns(_excluded(columns, scope, kind).alias("is excluded"))
    return frame.with_columns(nw.all_horizontal(~nw.col("is excluded"), *rules, ignore_nulls=False).alias("is valid"))


def _by_block(kind: Kind, scope: Scope, expression: Callable[[Source], nw.Expr]) -> nw.Expr:
    """What an expression gives for each record's own block, where blocks differ."""
    blocks = scope.dataset.blocks(kind)
    if not scope.dataset.is_mixed(kind):
        return expression(blocks[0])
    made = expression(blocks[-1])
    for number, block in enumerate(blocks[:-1]):
        made = nw.when(nw.col(SOURCE_BLOCK) == number).then(expression(block)).otherwise(made)
    return made


def _excluded(columns: Sequence[Column], scope: Scope, kind: Kind) -> nw.Expr:
    """Whether a block's `where` leaves a record out; never null. One whose columns can't be cast is quarantined."""
    by_name = {column.name: column for column in columns}

    def excluded(block: Source) -> nw.Expr:
        if not block.where:
            return nw.lit(False)
        cast = [nw.col(f"no {name}") | ~nw.col(f"typed {name}").is_null() for name in block.where]
        wanted = holds(block.where, by_name.__getitem__, lambda name: nw.col(f"typed {name}"))
        return nw.all_horizontal(*cast, ~wanted, ignore_nulls=False)

    return _by_block(kind, scope, excluded)


def _before_cast(column: Column) -> str:
    if column.is_number:
        return f"digits {column.name}"
    return f"{'lower' if column.type == 'bool' else 'text'} {column.name}"


def _with_canonical_digits(frame: Frame, columns: Sequence[Column], scope: Scope, kind: Kind) -> Frame:
    """The frame with `digits NAME`: a number's text where it is plain, else its canonical digits (null if invalid)."""
    if not columns:
        return frame
    noted = {column.name: f"text {column.name}" for column in columns}
    for column in columns:
        if any(own.numbers for block in scope.dataset.blocks(kind) if (own := block.column(column.name))):
            noted[column.name] = f"noted {column.name}"
            frame = frame.with_columns(
                _by_block(kind, scope, partial(_in_points, column.name)).alias(noted[column.name])
            )
    odd = {column.name: odd_number(nw.col(noted[column.name]), column) for column in columns}
    frame = frame.with_columns(*(expr.alias(f"odd {name}") for name, expr in odd.items()))
    for column in columns:
        into, function = f"digits {column.name}", canonical_numbers(column)
        frame = scope.ports.from_text(frame, [f"odd {column.name}"], into=into, function=function)
    digits = [
        nw.when(nw.col(f"odd {c.name}").is_null())
        .then(nw.col(noted[c.name]))
        .otherwise(nw.col(f"digits {c.name}"))
        .alias(f"digits {c.name}")
        for c in columns
    ]
    return frame.with_columns(*digits).drop(*(f"odd {name}" for name in odd))


def _in_points(name: str, block: Source) -> nw.Expr:
    """The text of a block's number column with a point and without thousands; null where it is written otherwise.
    A number of the source is no text: it is as it came."""
    text, column = nw.col(f"text {name}"), block.column(name)
    if column is None or column.numbers is None:
        return text
    decimal, thousands, unit = column.numbers.decimal, column.numbers.thousands, column.numbers.unit
    plain = text.str.replace_all(unit_pattern(unit), "") if unit else text
    plain = plain.str.replace_all(mark_pattern(thousands), "") if thousands else plain
    plain = plain.str.replace_all(decimal, ".", literal=True)
    plain = nw.when(text.str.contains(rf"\A(?:{notation_pattern(decimal, thousands, unit)})\z")).then(plain)
    if column not in block.of_two_notations:
        return plain
    return nw.when(nw.col(CAME_AS_NUMBER).str.contains(f"(?:^| ){name}(?: |$)")).then(text).otherwise(plain)


def _with_json(frame: Frame, column: Column, scope: Scope) -> Frame:
    """The frame with the column's `canonical` and `typed` JSON. Null values are for texts that are not JSON."""
    text, canonical = f"text {column.name}", f"canonical {column.name}"
    frame = scope.ports.from_text(frame, [text], into=canonical, function=canonical_texts)
    is_json = ~nw.col(canonical).is_null()
    meant = is_json | ~nw.col(text).is_in(sorted({"", *column.null_values}))
    is_null = nw.col(canonical) == "null"
    frame = frame.with_columns(
        nw.when(meant & ~is_null.fill_null(False)).then(nw.col(text)).alias(text),
        nw.when(~is_null).then(nw.col(canonical)).alias(canonical),
    )
    return frame.with_columns(nw.when(~nw.col(canonical).is_null()).then(nw.col(text)).alias(f"typed {column.name}"))


def quarantine_rows(
    frame: Frame, columns: Sequence[Column], required: Collection[str], scope: Scope, kind: Kind = "events"
) -> Frame:
    """The rows of the quarantine: file_id, row_number, reason, reasons, column, raw of the judged records that are not
    valid. Of a judged frame, their texts and canonical forms are not needed."""
    bad = frame.filter(~nw.col("is valid") & ~nw.col("is excluded"))
    reasons = {column.name: _reason(column, column.name in required) for column in columns}
    bad = bad.with_columns(*(reason.alias(f"reason {name}") for name, reason in reasons.items()))
    every = [nw.col(f"reason {name}") for name in reasons]
    bad = bad.with_columns(
        nw.coalesce(*every).alias("reason"), nw.concat_str(every, separator=",", ignore_nulls=True).alias("reasons")
    )
    bad = bad.with_columns(nw.col("reason").str.slice(len(_MISSING)).alias("column"))
    records = RecordTexts(scope.dataset, kind)
    if SOURCE_BLOCK in records.columns:
        bad = bad.with_columns(nw.col(SOURCE_BLOCK).cast(nw.String))
    return scope.ports.from_text(bad, records.columns, into="raw", function=records.texts)


def _text(column: Column) -> nw.Expr:
    """The text that a column's rules are for; of JSON, into which they don't reach, without blanks around it."""
    if column.constant is not None:
        return nw.lit(column.constant)
    if column.type == "json":
        return nw.col(column.name).str.strip_chars(BLANKS)
    return trimmed(nw.col(column.name), column)


def _named(frame: Frame, columns: Mapping[str, Column], scope: Scope) -> Frame:
    """The frame with the texts (under the given names) of columns that have aliases or a case."""

    def by_expressions(some: Frame, texts: Sequence[str]) -> Frame:
        own = [columns[text] for text in texts]
        folds = {f"{column.case} {column.name}": (f"text {column.name}", column.case) for column in own if column.case}
        folds |= {f"lower {column.name}": (f"text {column.name}", "lower") for column in own if column.aliases}
        some = some.with_columns(*(_text(column).alias(f"text {column.name}") for column in own))
        named_texts = [
            named(nw.col(f"text {c.name}"), nw.col(f"{c.case} {c.name}"), nw.col(f"lower {c.name}"), c).alias(
                f"text {c.name}"
            )
            for c in own
        ]
        return scope.ports.folded(some, folds).with_columns(*named_texts).drop(*folds)

    def by_text(column: Column) -> TextFunction:
        return lambda texts: [normalised(text, column) for text in texts[0]]

    functions = {text: (c.name, by_text(c)) for text, c in columns.items() if c.constant is None}
    frame = scope.ports.few_texts(frame, functions, by_expressions) if functions else frame
    constants = [text for text in columns if text not in functions]
    return by_expressions(frame, constants) if constants else frame


def _valid(column: Column, required: bool) -> nw.Expr | None:
    """Whether a record keeps the column's rules (never null); None where it has none that could fail."""
    missing, value = nw.col(f"no {column.name}"), nw.col(f"typed {column.name}")
    bounds = within_bounds(value, column)
    if bounds is not None:
        return (missing & nw.lit(not required)) | bounds.fill_null(False)
    if required:
        return ~value.is_null()
    return None if column.type == "string" else missing | ~value.is_null()


def _reason(column: Column, required: bool) -> nw.Expr:
    valid = _valid(column, required)
    if valid is None:
        return nw.lit(None, nw.String)
    reason = nw.when(nw.col(f"no {column.name}")).then(nw.lit(_MISSING)).otherwise(nw.lit(_INVALID))
    return nw.when(~valid).then(nw.concat_str(reason, nw.lit(column.name)))

"""Raw records judged: normalised, typed, and told apart into valid and rejected.

A judged frame holds the raw frame's own columns and, for each declared column NAME, `text NAME` (trimmed,
aliased, folded; null where it means null) and `typed NAME`, of JSON also `canonical NAME`, and `is valid` (bool).
Declared names hold no blank, so none of these can collide with one.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from zoneinfo import ZoneInfo

import narwhals as nw

from event_assets.declaration import Column
from event_assets.text.timestamps import instants
from event_assets.transforms.casts import (
    canonical_numbers,
    canonical_texts,
    is_number,
    odd_number,
    typed,
    within_bounds,
)
from event_assets.transforms.interface import Frame, Scope, TextFunction
from event_assets.transforms.normalize import BLANKS, named, trimmed

_RAW_BYTES = 64 * 1024


def judged(raw: Frame, columns: Sequence[Column], required: Collection[str], scope: Scope) -> Frame:
    """The raw frame with texts, typed values and `valid`; `required` names the columns that may not be null."""
    frame = raw.with_columns(*(_text(column).alias(f"text {column.name}") for column in columns))
    frame = _named(frame, [c for c in columns if (c.aliases or c.case) and c.type != "json"], scope)
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
    frame = _with_canonical_digits(frame, [column for column in columns if is_number(column)], scope)
    frame = frame.with_columns(
        *(
            typed(nw.col(_before_cast(c)), c).alias(f"typed {c.name}")
            for c in columns
            if c.type not in ("json", "timestamp")
        )
    )
    rules = [good for column in columns if (good := _good(column, column.name in required)) is not None]
    return frame.with_columns(nw.all_horizontal(nw.lit(True), *rules, ignore_nulls=False).alias("is valid"))


def _before_cast(column: Column) -> str:
    if is_number(column):
        return f"digits {column.name}"
    return f"{'lower' if column.type == 'bool' else 'text'} {column.name}"


def _with_canonical_digits(frame: Frame, columns: Sequence[Column], scope: Scope) -> Frame:
    """The frame with `digits NAME`: a number's text where it is plain, else its canonical digits (null if invalid)."""
    if not columns:
        return frame
    odd = {column.name: odd_number(nw.col(f"text {column.name}"), column) for column in columns}
    frame = frame.with_columns(*(expr.alias(f"odd {name}") for name, expr in odd.items()))
    for column in columns:
        into, function = f"digits {column.name}", canonical_numbers(column)
        frame = scope.ports.from_text(
            frame, [f"odd {column.name}"], into=into, declared_type="string", function=function
        )
    digits = [
        nw.when(nw.col(f"odd {c.name}").is_null())
        .then(nw.col(f"text {c.name}"))
        .otherwise(nw.col(f"digits {c.name}"))
        .alias(f"digits {c.name}")
        for c in columns
    ]
    return frame.with_columns(*digits).drop(*(f"odd {name}" for name in odd))


def _with_json(frame: Frame, column: Column, scope: Scope) -> Frame:
    """The frame with the column's `canonical` and `typed` JSON. Null values are for texts that are not JSON."""
    text, canonical = f"text {column.name}", f"canonical {column.name}"
    frame = scope.ports.from_text(frame, [text], into=canonical, declared_type="string", function=canonical_texts)
    is_json = ~nw.col(canonical).is_null()
    meant = is_json | ~nw.col(text).is_in(sorted({"", *column.null_values}))
    is_null = nw.col(canonical) == "null"
    frame = frame.with_columns(
        nw.when(meant & ~is_null.fill_null(False)).then(nw.col(text)).alias(text),
        nw.when(~is_null).then(nw.col(canonical)).alias(canonical),
    )
    return frame.with_columns(nw.when(~nw.col(canonical).is_null()).then(nw.col(text)).alias(f"typed {column.name}"))


def rejects(frame: Frame, columns: Sequence[Column], required: Collection[str], scope: Scope) -> Frame:
    """file_id, row_number, reason, reasons, column, raw of the judged records that are not valid."""
    bad = frame.filter(~nw.col("is valid"))
    reasons = {column.name: _reason(column, column.name in required) for column in columns}
    bad = bad.with_columns(*(reason.alias(f"reason {name}") for name, reason in reasons.items()))
    every = [nw.col(f"reason {name}") for name in reasons]
    bad = bad.with_columns(
        nw.coalesce(*every).alias("reason"),
        nw.concat_str(every, separator=",", ignore_nulls=True).alias("reasons"),
        nw.coalesce(*(nw.when(~nw.col(f"reason {n}").is_null()).then(nw.lit(n)) for n in reasons)).alias("column"),
    )
    sources = {column.name: column.source for column in columns if column.constant is None}
    return scope.ports.from_text(
        bad, [*sources, "extra"], into="raw", declared_type="string", function=_records([*sources.values()])
    )


def _text(column: Column) -> nw.Expr:
    """The text that a column's rules are for; of JSON, into which they don't reach, without blanks around it."""
    if column.constant is not None:
        return nw.lit(column.constant)
    if column.type == "json":
        return nw.col(column.name).str.strip_chars(BLANKS)
    return trimmed(nw.col(column.name), column)


def _named(frame: Frame, columns: Sequence[Column], scope: Scope) -> Frame:
    """The frame with the texts of columns that have aliases or a case replaced by what these make of them."""
    if not columns:
        return frame
    folds = {f"{column.case} {column.name}": (f"text {column.name}", column.case) for column in columns if column.case}
    folds |= {f"lower {column.name}": (f"text {column.name}", "lower") for column in columns if column.aliases}
    texts = [
        named(nw.col(f"text {c.name}"), nw.col(f"{c.case} {c.name}"), nw.col(f"lower {c.name}"), c).alias(
            f"text {c.name}"
        )
        for c in columns
    ]
    return scope.ports.folded(frame, folds).with_columns(*texts).drop(*folds)


def _good(column: Column, required: bool) -> nw.Expr | None:
    """Whether a record keeps the column's rules (never null); None where it has none that could fail."""
    text, value = nw.col(f"text {column.name}"), nw.col(f"typed {column.name}")
    bounds = within_bounds(value, column)
    if bounds is not None:
        return (text.is_null() & nw.lit(not required)) | bounds.fill_null(False)
    if required:
        return ~value.is_null()
    return None if column.type == "string" else text.is_null() | ~value.is_null()


def _reason(column: Column, required: bool) -> nw.Expr:
    good = _good(column, required)
    if good is None:
        return nw.lit(None, nw.String)
    missing = nw.col(f"text {column.name}").is_null()
    return (
        nw.when(~good & missing)
        .then(nw.lit(f"missing_{column.name}"))
        .when(~good)
        .then(nw.lit(f"invalid_{column.name}"))
    )


def _records(sources: Sequence[str]) -> TextFunction:
    """Rows of source texts, the last one `extra`, as JSON objects: the record as far as it was kept."""
    keys = [json.dumps(source, ensure_ascii=False) for source in sources]

    def records(columns: Sequence[Sequence[str | None]]) -> list[str]:
        return [_record(keys, row) for row in zip(*columns, strict=True)]

    return records


def _record(keys: Sequence[str], row: Sequence[str | None]) -> str:
    *texts, extra = row
    fields = {k: json.dumps(text, ensure_ascii=False) for k, text in zip(keys, texts, strict=True) if text is not None}
    members = [f"{key}: {text}" for key, text in fields.items()]
    # Spliced rather than parsed and written again: a number of 30 digits stays as the source wrote it.
    undeclared = (extra or "").strip()[1:-1].strip()
    whole = "{" + ", ".join([*members, undeclared] if undeclared else members) + "}"
    return whole.encode()[:_RAW_BYTES].decode(errors="ignore")

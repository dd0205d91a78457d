"""Raw records judged: normalised, typed, and told apart into valid and rejected.

A judged frame holds the raw frame's own columns and, for each declared column NAME, `text NAME` (trimmed,
aliased, folded; null where it means null) and `typed NAME`, and `valid` (bool). Declared names hold no
blank, so none of these can collide with one.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from zoneinfo import ZoneInfo

import narwhals as nw

from event_assets.declaration import Column
from event_assets.transforms.casts import typed, valid_json, within_bounds
from event_assets.transforms.interface import Frame, Scope, TextFunction
from event_assets.transforms.normalize import named, trimmed
from event_assets.transforms.timestamps import instants

_RAW_BYTES = 64 * 1024


def judged(raw: Frame, columns: Sequence[Column], required: Collection[str], scope: Scope) -> Frame:
    """The raw frame with texts, typed values and `valid`; `required` names the columns that may not be null."""
    frame = raw.with_columns(*(_text(column).alias(f"text {column.name}") for column in columns))
    frame = _named(frame, [column for column in columns if column.aliases or column.case], scope)
    booleans = {f"lower {column.name}": (f"text {column.name}", "lower") for column in columns if column.type == "bool"}
    frame = scope.ports.folded(frame, booleans) if booleans else frame
    parsers: dict[str, TextFunction] = {
        "json": valid_json,
        "timestamp": instants(ZoneInfo(scope.dataset.source_timezone)),
    }
    for column in columns:
        if column.type in parsers:
            text, into, parser = f"text {column.name}", f"typed {column.name}", parsers[column.type]
            frame = scope.ports.from_text(frame, [text], into=into, declared_type=column.type, function=parser)
    simple = [column for column in columns if column.type not in parsers]
    frame = frame.with_columns(
        *(
            typed(nw.col(f"{'lower' if c.type == 'bool' else 'text'} {c.name}"), c).alias(f"typed {c.name}")
            for c in simple
        )
    )
    rules = [good for column in columns if (good := _good(column, column.name in required)) is not None]
    return frame.with_columns(nw.all_horizontal(*rules, ignore_nulls=False).alias("valid"))


def rejects(frame: Frame, columns: Sequence[Column], required: Collection[str], scope: Scope) -> Frame:
    """file_id, row_number, reason, reasons, column, raw of the judged records that are not valid."""
    bad = frame.filter(~nw.col("valid"))
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
    return nw.lit(column.constant) if column.constant is not None else trimmed(nw.col(column.name), column)


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

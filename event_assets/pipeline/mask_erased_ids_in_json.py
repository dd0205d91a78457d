"""Masks the ids of erased users in the JSON of other users' rows.

The name of a member that contains an erased id as a whole token is masked, in every column and at every depth: in
undeclared fields, in columns of JSON, in a rejected record's own text. A value may be a count as well as an id, and is
data of the other user: it stays, but in undeclared fields where the erasure removes mentions as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import polars as pl

from event_assets.digest import digest
from event_assets.pipeline.mask_names import MASK, mask_tokens
from event_assets.pipeline.user_records import Judge
from event_assets.storage.parquet import scan_parquet
from event_assets.text.json_strings_and_numbers import is_name, may_be_nested, replaced, tokens_of, with_text

Masks = dict[str, dict[str, str]]
"""Column to its texts that contain an erased id, and the same texts masked."""

_EXTRA = "extra"
_FILE_ID = "file_id"
#: At most this number of rows is searched at once.
_ROWS = 250_000


def masks_of(path: Path, judges: Sequence[Judge]) -> Masks:
    """What to mask in the texts of a file of the lake."""
    masks: Masks = {}
    rows = scan_parquet(path)
    for column in _texts(rows) if judges else ():
        values = column == _EXTRA and any(judge.mentions for judge in judges)

        def masked_token(token: str, values: bool = values) -> str:
            if not values and not is_name(token):
                return token
            return with_text(token, partial(mask_tokens, judges=judges, mention=not is_name(token)))

        for texts in _chunks(rows.select(column)):
            found = [token for token in tokens_of(texts, names=not values) if masked_token(token) != token]
            having = texts.filter(texts.str.contains_any(found)).unique() if found else ()
            masks[column] = masks.get(column, {}) | {text: replaced(text, masked_token) for text in having}
    changes = {column: {old: new for old, new in texts.items() if new != old} for column, texts in masks.items()}
    return {column: texts for column, texts in changes.items() if texts}


def digest_of_masks(path: Path) -> str:
    """A digest of the rows of a part in which something is masked; empty where nothing is. Whatever was erased first,
    it is the same."""
    rows = scan_parquet(path)
    texts = _texts(rows)
    having = pl.any_horizontal(pl.col(column).str.contains(MASK, literal=True) for column in texts)
    found = rows.filter(having).select("row_number", *texts).collect().sort("row_number")
    return digest(found.rows(), length=8) if found.height else ""


def _texts(rows: pl.LazyFrame) -> list[str]:
    return [name for name, kind in rows.collect_schema().items() if kind == pl.String and name != _FILE_ID]


def _chunks(rows: pl.LazyFrame) -> Iterator[pl.Series]:
    """The texts of one column that may be JSON with members, some at once."""
    for start in range(0, rows.select(pl.len()).collect().item(), _ROWS):
        [texts] = rows.slice(start, _ROWS).filter(may_be_nested(pl.all())).collect()
        yield texts

"""The declared columns out of the fields that a reader found: several fields as one, and what only the path tells."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from event_assets.declaration import Column, Dataset, Events, Source
from event_assets.declaration.dataset import Kind
from event_assets.landing.path_columns import path_value
from event_assets.landing.record_batches import TIME, TIME_TEXT, names_of
from event_assets.text.paths import FILE_PATH
from event_assets.text.times import BLANKS

#: Which block of a kind read a record, where there are several.
SOURCE_BLOCK = "source_block"


class Assembly:
    """Makes the columns of the raw table of a batch's fields, for files of one block."""

    def __init__(self, dataset: Dataset, kind: Kind, block: Source) -> None:
        merged = {column.name: column for column in dataset.columns_of(kind)}
        own = {column.name: column for column in block.columns}
        self._coalesced = [column for column in block.columns if len(column.sources) > 1]
        self._of_path = [column for column in block.columns if column.source == FILE_PATH]
        self._absent = [pl.lit(None, pl.String).alias(name) for name in merged if name not in own]
        # A constant of all blocks alike is a rule of cleaning: it is in no raw table.
        self._constant = [
            pl.lit(None if merged[name].constant is not None else column.constant, pl.String).alias(name)
            for name, column in own.items()
            if column.constant is not None
        ]
        if dataset.is_mixed(kind):
            number = dataset.blocks(kind).index(block)
            self._constant.append(pl.lit(number, pl.Int64).alias(SOURCE_BLOCK))
        self._time_parts: list[tuple[str, set[str]]] = []
        if isinstance(block, Events):
            self._time_parts = [
                (name, _null_values(block, source))
                for name, source in zip(names_of(TIME, block.time.sources), block.time.sources, strict=True)
            ]

    def columns(self, frame: pl.DataFrame, path: str) -> pl.DataFrame:
        """The frame with every declared column as text, and of events `event_time` and `time_text`: the time's text,
        null where it is missing, and as it came. `path` is the file's below the inbox."""
        made = [*self._absent, *self._constant]
        made += [pl.lit(path_value(column, path), pl.String).alias(column.name) for column in self._of_path]
        made += [_first_meant(column) for column in self._coalesced]
        further = [name for column in self._coalesced for name in names_of(column.name, column.sources)[1:]]
        if self._time_parts:
            names = [name for name, _ in self._time_parts]
            parts = [_meant(name, nulls) for name, nulls in self._time_parts]
            made.append((parts[0] if len(parts) == 1 else pl.concat_str(parts, separator=" ")).alias(TIME))
            made.append(pl.concat_str(names, separator=" ", ignore_nulls=True).replace("", None).alias(TIME_TEXT))
            further += names[1:]
        return frame.with_columns(made).drop(further) if made else frame


def _null_values(block: Source, source: str) -> set[str]:
    return {"", *(value for c in block.columns if c.source == source for value in c.null_values)}


def _meant(name: str, nulls: set[str]) -> pl.Expr:
    bare = pl.col(name).str.strip_chars(BLANKS)
    return pl.when(bare != "" if nulls == {""} else ~bare.is_in(sorted(nulls))).then(bare)


def _first_meant(column: Column) -> pl.Expr:
    """The first field that isn't null once blanks and null values are out; as it came, which cleaning reads."""
    names, nulls = names_of(column.name, column.sources), {"", *column.null_values}
    return pl.coalesce(*(pl.when(_meant(name, nulls).is_not_null()).then(name) for name in names), *names).alias(
        column.name
    )


def present_columns(found: frozenset[str], columns: Sequence[Column]) -> frozenset[str]:
    """The columns of which some field is in the file."""
    return frozenset(column.name for column in columns if set(names_of(column.name, column.sources)) & found)

"""How the rows of a table's unit differ from those of another version of it: added, removed and changed by key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from event_assets.storage.parquet import scan_parquet
from event_assets.tables.table import Table

#: At most this number of rows that differ is kept of each partition, as examples.
SAMPLE_ROWS = 5
#: Partitions with files of at most this number of bytes are compared in memory.
_SMALL_BYTES = 32_000_000

_OLD, _NEW, _CHANGE = "old ", "new ", "change"


@dataclass(frozen=True)
class Difference:
    """Rows by the table's key: only in the new version, only in the old version, or in both with different values."""

    added: int = 0
    removed: int = 0
    changed: int = 0
    columns: Mapping[str, int] = field(default_factory=dict)
    """Column to the number of changed rows whose value in it differs."""
    sample: tuple[tuple[str, Mapping[str, Any], tuple[str, ...]], ...] = ()
    """The first rows that differ, by key: `added`, `removed` or `changed`; the key; the columns that differ."""

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


def compare(table: Table, old: Sequence[Path], new: Sequence[Path], rows: int | None = SAMPLE_ROWS) -> Difference:
    """Compare the files of a unit with those of another version; `rows` bounds the sample (None: all that differ)."""
    differing = _differing(table, old, new)
    key = _key(table)
    columns = [name.removeprefix(f"{_CHANGE} ") for name in differing.collect_schema().names()[len(key) + 1 :]]
    counts = differing.select(
        *((pl.col(_CHANGE) == change).sum().alias(change) for change in ("added", "removed", "changed")),
        *(pl.col(f"{_CHANGE} {name}").sum().alias(f"{_CHANGE} {name}") for name in columns),
    )
    first = differing.sort(key)
    # Small units are many, and starting the streaming engine costs more than they do.
    is_small = sum(path.stat().st_size for path in (*old, *new)) <= _SMALL_BYTES
    counted, chosen = pl.collect_all(
        [counts, first if rows is None else first.head(rows)], engine="in-memory" if is_small else "streaming"
    )
    found = counted.row(0, named=True)
    by_column = {name: found[f"{_CHANGE} {name}"] for name in columns if found[f"{_CHANGE} {name}"]}
    sample = tuple(
        (
            str(row[_CHANGE]),
            {name: row[name] for name in key},
            tuple(name for name in columns if row[f"{_CHANGE} {name}"]),
        )
        for row in chosen.iter_rows(named=True)
    )
    return Difference(found["added"], found["removed"], found["changed"], by_column, sample)


def _differing(table: Table, old: Sequence[Path], new: Sequence[Path]) -> pl.LazyFrame:
    """The rows that differ: the key, `change`, and for each other column whether its value changed."""
    key, types = _key(table), _types(table, [*old, *new])
    columns = [name for name in types if name not in key]
    before, after = _scan(table, types, old, _OLD), _scan(table, types, new, _NEW)
    both = before.join(after, on=key, how="full", coalesce=True, nulls_equal=True)
    kept = pl.col(f"{_OLD}row") & pl.col(f"{_NEW}row")
    change = (
        pl.when(pl.col(f"{_OLD}row").is_null())
        .then(pl.lit("added"))
        .when(pl.col(f"{_NEW}row").is_null())
        .then(pl.lit("removed"))
        .otherwise(pl.lit("changed"))
    )
    differs = [
        (pl.col(f"{_OLD}{name}").ne_missing(pl.col(f"{_NEW}{name}")) & kept.fill_null(False)).alias(f"{_CHANGE} {name}")
        for name in columns
    ]
    marked = both.select(*key, change.alias(_CHANGE), *differs)
    changed = pl.any_horizontal(pl.col(f"{_CHANGE} {name}") for name in columns) if columns else pl.lit(False)
    return marked.filter((pl.col(_CHANGE) != "changed") | changed)


def _key(table: Table) -> list[str]:
    """The key over all files of a unit: with the Hive column, within whose values alone the table's key is unique."""
    return [*([table.hive_column] if table.hive_column else []), *table.key]


def _types(table: Table, paths: Sequence[Path]) -> dict[str, pl.DataType]:
    """The columns to compare: of the table, and (as text) of files by an older declaration."""
    hive: dict[str, pl.DataType] = {table.hive_column: pl.String()} if table.hive_column else {}
    older = sorted(
        {name for path in paths for name in scan_parquet(path).collect_schema().names()}.difference(table.names)
    )
    return {**hive, **table.polars_schema(), **{name: pl.String() for name in older}}


def _scan(table: Table, types: Mapping[str, pl.DataType], paths: Sequence[Path], prefix: str) -> pl.LazyFrame:
    """The rows of some files: the key under its own names, the other columns and `row` (true) with a prefix.

    A file of another declaration may lack columns, which are null then, or have others types, whose values are cast.
    """
    names = {name: name if name in _key(table) else f"{prefix}{name}" for name in types}
    schema = {names[name]: dtype for name, dtype in types.items()} | {f"{prefix}row": pl.Boolean()}
    frames = [pl.LazyFrame(schema=schema)]
    for path in paths:
        file = scan_parquet(path)
        there = file.collect_schema().names()
        given = {name: pl.col(name).cast(dtype, strict=False) for name, dtype in types.items() if name in there}
        if table.hive_column:
            given[table.hive_column] = pl.lit(path.parent.name.split("=", 1)[1])
        values = (given.get(name, pl.lit(None, dtype)).alias(names[name]) for name, dtype in types.items())
        frames.append(file.select(*values, pl.lit(True).alias(f"{prefix}row")))
    return pl.concat(frames)

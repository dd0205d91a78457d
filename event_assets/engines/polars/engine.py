"""The default engine: Polars, one date at a time in memory."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import narwhals as nw
import polars as pl

from event_assets.engines.engine import Content, Written
from event_assets.engines.polars.ports import PolarsPorts, Way, in_order
from event_assets.storage.parquet import NO_VALUE, read_parquet, scan_parquet, write_parquet
from event_assets.storage.written_file import WrittenFile
from event_assets.tables.column_types import polars_type
from event_assets.tables.contract import Violation, violations
from event_assets.tables.table import Table
from event_assets.transforms.interface import Outputs

#: Stands beside the tables' names, none of which holds a blank.
_FIGURES = "the figures"


class PolarsEngine:
    """Scans staged and published files, runs a transform's outputs together, hands back frames in row order.

    `way` is in-memory for one date and streaming for what merges all dates (docs/adr/0016).
    """

    name = "polars"
    holds_frames = True

    def __init__(self, geo_db: Path | None = None, way: Way = "in-memory") -> None:
        self.ports = PolarsPorts(geo_db, way)
        self._way: Way = way

    def scan(self, table: Table, partitions: Mapping[dt.date | None, Content]) -> nw.LazyFrame[Any]:
        frames = [_partition(table, date, content) for date, content in sorted(partitions.items(), key=_by_date)]
        if not frames:
            frames = [_with_date(pl.LazyFrame(schema=table.polars_schema()), table, None)]
        return nw.from_native(pl.concat(frames) if len(frames) > 1 else frames[0])

    def constant(self, rows: pl.DataFrame) -> nw.LazyFrame[Any]:
        return nw.from_native(rows.lazy())

    def write(self, outputs: Outputs, tables: Mapping[str, Table], folder: Path) -> Written:
        plans = _plans(outputs, tables)
        del outputs  # with the plans it is all that holds what the tables share, which sorting needs room beside
        frames, figures = _computed(plans, tables, self._way)
        pieces, parts = {}, {}
        for name, table in tables.items():
            by_hive = _by_hive(frames.pop(name), table)
            pieces[name] = _write(by_hive, table, folder, figures)
            parts[name] = list(by_hive.values())
        return Written(pieces, figures, parts)

    def violations(self, table: Table, pieces: Sequence[WrittenFile]) -> Sequence[Violation]:
        frames = (read_parquet(piece.path) for piece in pieces)
        return [violation for frame in frames for violation in violations(table, frame)]

    def collect(self, outputs: Outputs, tables: Mapping[str, Table]) -> tuple[dict[str, pl.DataFrame], dict[str, int]]:
        """Every output table in its contract's row order (its Hive column kept, if it is not a date), and the
        transform's figures; what they share is computed once."""
        return _computed(_plans(outputs, tables), tables, self._way)


def _plans(outputs: Outputs, tables: Mapping[str, Table]) -> dict[str, pl.LazyFrame]:
    """Of each table, in its contract's columns, and of the figures, if there are any."""
    plans = {name: nw.to_native(frame).select(_columns(tables[name])) for name, frame in outputs.tables.items()}
    return plans if outputs.figures is None else {**plans, _FIGURES: nw.to_native(outputs.figures)}


def _computed(
    plans: dict[str, pl.LazyFrame], tables: Mapping[str, Table], way: Way
) -> tuple[dict[str, pl.DataFrame], dict[str, int]]:
    """Uses the plans up: they hold what they share."""
    computed = dict(zip(plans, pl.collect_all(list(plans.values()), engine=way), strict=True))
    plans.clear()
    figures = computed.pop(_FIGURES).row(0, named=True) if _FIGURES in computed else {}
    # One at a time, so that only one is there twice.
    frames = {
        name: in_order(computed.pop(name), [*_hive(tables[name]), *tables[name].row_order]) for name in [*computed]
    }
    return frames, {name: int(value) for name, value in figures.items()}


def _by_hive(frame: pl.DataFrame, table: Table) -> dict[str | None, pl.DataFrame]:
    hive = table.hive_column
    if hive is None:
        return {None: frame}
    found = frame.partition_by(hive, as_dict=True, include_key=False)
    return {str(key[0]): part for key, part in sorted(found.items())} or {NO_VALUE: frame.drop(hive)}


def _write(
    parts: Mapping[str | None, pl.DataFrame], table: Table, folder: Path, figures: Mapping[str, int]
) -> list[WrittenFile]:
    pieces = []
    for number, (value, part) in enumerate(parts.items()):
        path = folder / f"{table.name}-{number:04d}.parquet"
        write_parquet(part, path, figures)
        pieces.append(WrittenFile(path, part.height, value))
    return pieces


def _columns(table: Table) -> list[str]:
    return [*_hive(table), *table.names]


def _hive(table: Table) -> list[str]:
    return [column] if (column := table.hive_column) else []


def _partition(table: Table, date: dt.date | None, content: Content) -> pl.LazyFrame:
    schema = table.polars_schema()
    if isinstance(content, pl.DataFrame):
        plan = content.lazy()
    elif not content:
        plan = pl.LazyFrame(schema=schema)
    else:
        # Each file is read by its own schema: after a change of declaration old files stand beside new ones.
        plan = pl.concat([_aligned(path, schema) for path in content])
    return _with_date(plan.select(schema.names()), table, date)


def _aligned(path: Path, schema: pl.Schema) -> pl.LazyFrame:
    plan = scan_parquet(path)
    stored = plan.collect_schema()
    if stored == schema:
        return plan
    return plan.select(
        pl.col(name).cast(dtype, strict=False) if name in stored else pl.lit(None, dtype).alias(name)
        for name, dtype in schema.items()
    )


def _with_date(plan: pl.LazyFrame, table: Table, date: dt.date | None) -> pl.LazyFrame:
    if table.partitioned_by != "event_date":
        return plan
    return plan.with_columns(pl.lit(date, polars_type("date")).alias("event_date"))


def _by_date(item: tuple[dt.date | None, object]) -> dt.date:
    return item[0] or dt.date.min

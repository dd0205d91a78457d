"""The default engine: Polars, as many dates in memory as are computed together."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import narwhals as nw
import polars as pl

from event_assets.engines.engine import Content, Dates, Figures, Written, figures_by_date, split_column
from event_assets.engines.polars.ports import PolarsPorts, Way
from event_assets.engines.polars.row_order import in_order
from event_assets.storage.parquet import NO_VALUE, read_parquet, scan_parquet, write_parquets
from event_assets.storage.written_file import WrittenFile
from event_assets.tables.column_types import polars_type
from event_assets.tables.contract import Violation, violations
from event_assets.tables.table import Table
from event_assets.transforms.interface import Outputs

#: At most this number of files is read as one plan.
MANY_FILES = 32
#: The file of a row; no declared column has a blank.
_FILE = "file path"
#: Stands beside the tables' names, none of which holds a blank.
_FIGURES = "the figures"


class PolarsEngine:
    """Scans staged and published files, runs a transform's outputs together, hands back frames in row order.

    `way` is in-memory for one date and streaming for what merges all dates (docs/adr/0016).
    """

    name = "polars"
    holds_frames = True
    batch_rows = 100_000

    def __init__(self, geo_db: Path | None = None, way: Way = "in-memory") -> None:
        self.ports = PolarsPorts(geo_db, way)
        self._way: Way = way

    def scan(self, table: Table, partitions: Mapping[dt.date | None, Content]) -> nw.LazyFrame[Any]:
        parts: list[pl.LazyFrame] = []
        # Files first: those of many dates are one plan.
        ordered = sorted(
            partitions.items(), key=lambda item: (isinstance(item[1], pl.DataFrame), item[0] or dt.date.min)
        )
        for in_memory, group in groupby(ordered, key=lambda item: isinstance(item[1], pl.DataFrame)):
            # One plan for each frame would cost more than to put small frames together.
            contents: dict[dt.date | None, Any] = dict(group)
            parts += [_together(table, contents)] if in_memory else _partitions(table, contents)
        if not parts:
            parts = [_with_date(pl.LazyFrame(schema=table.polars_schema()), table, None)]
        return nw.from_native(pl.concat(parts) if len(parts) > 1 else parts[0])

    def constant(self, rows: pl.DataFrame) -> nw.LazyFrame[Any]:
        return nw.from_native(rows.lazy())

    def write(self, outputs: Outputs, tables: Mapping[str, Table], folder: Path, dates: Dates = (None,)) -> Written:
        plans = _plans(outputs, tables, dates)
        del outputs  # frees the rows that the tables share, whose memory sorting needs
        frames, figures = _computed(plans, tables, self._way, dates)
        pieces, parts = {}, {}
        together = dict(frames) if len(dates) > 1 else {}
        for name, table in tables.items():
            parts[name] = _parts(frames.pop(name), table, dates)
            pieces[name] = _write(parts[name], table, folder, figures)
        rows = {name: {date: [*by_value.values()] for date, by_value in found.items()} for name, found in parts.items()}
        return Written(pieces, figures, rows, together)

    def violations(self, table: Table, pieces: Sequence[WrittenFile]) -> Sequence[Violation]:
        frames = (read_parquet(piece.path) for piece in pieces)
        return [violation for frame in frames for violation in violations(table, frame)]

    def collect(self, outputs: Outputs, tables: Mapping[str, Table]) -> tuple[dict[str, pl.DataFrame], dict[str, int]]:
        """Every output table in its contract's row order (its Hive column kept, if it is not a date), and the
        transform's figures; what they share is computed once."""
        frames, figures = _computed(_plans(outputs, tables, (None,)), tables, self._way, (None,))
        return frames, dict(figures[None])


def _plans(outputs: Outputs, tables: Mapping[str, Table], dates: Dates) -> dict[str, pl.LazyFrame]:
    """Of each table, in its contract's columns, and of the figures, if there are any."""
    plans = {
        name: nw.to_native(frame).select(*_split(tables[name], dates), *tables[name].names)
        for name, frame in outputs.tables.items()
    }
    return plans if outputs.figures is None else {**plans, _FIGURES: nw.to_native(outputs.figures)}


def _computed(
    plans: dict[str, pl.LazyFrame], tables: Mapping[str, Table], way: Way, dates: Dates
) -> tuple[dict[str, pl.DataFrame], Figures]:
    """The plans are emptied, since they keep the shared rows in memory."""
    computed = dict(zip(plans, pl.collect_all(list(plans.values()), engine=way), strict=True))
    plans.clear()
    counts = computed.pop(_FIGURES) if _FIGURES in computed else pl.DataFrame()
    # One at a time, so that only one is there twice.
    frames = {
        name: in_order(computed.pop(name), [*_split(tables[name], dates), *tables[name].row_order])
        for name in [*computed]
    }
    return frames, figures_by_date(counts.columns, counts.rows(), dates)


#: The rows of a table by date and by value of its own Hive column.
_Parts = Mapping[dt.date | None, Mapping[str | None, pl.DataFrame]]


def _parts(frame: pl.DataFrame, table: Table, dates: Dates) -> _Parts:
    """A frame, which is in order, cut into the rows of each file."""
    split = split_column(table, dates)
    if split is None:
        return {dates[0]: {None: frame}}
    found = _runs(frame, split)
    empty = frame.clear().drop(split)
    if len(dates) > 1:
        assert found.keys() <= set(dates), "a transform made rows of other dates than its own"
        return {date: {None: found.get(date, empty)} for date in dates}
    return {dates[0]: found or {NO_VALUE: empty}}


def _write(parts: _Parts, table: Table, folder: Path, figures: Figures) -> dict[dt.date | None, list[WrittenFile]]:
    pieces: dict[dt.date | None, list[WrittenFile]] = {date: [] for date in parts}
    rows = ((date, hive, part) for date, by_value in parts.items() for hive, part in by_value.items())
    files = []
    for number, (date, hive, part) in enumerate(rows):
        path = folder / f"{table.name}-{number:04d}.parquet"
        files.append((part, path, figures[date]))
        pieces[date].append(WrittenFile(path, part.height, hive))
    write_parquets(files)
    return pieces


def _runs(frame: pl.DataFrame, split: str) -> dict[Any, pl.DataFrame]:
    """The rows of each value of a column by which they are in order, without it."""
    lengths = frame[split].rle().struct.unnest()
    rows = frame.drop(split)
    offsets = lengths["len"].cum_sum() - lengths["len"]
    return {
        value: rows.slice(offset, length)
        for value, offset, length in zip(lengths["value"], offsets, lengths["len"], strict=True)
    }


def _split(table: Table, dates: Dates) -> list[str]:
    return [column] if (column := split_column(table, dates)) else []


def _together(table: Table, partitions: Mapping[dt.date | None, pl.DataFrame]) -> pl.LazyFrame:
    """Frames of several dates as one."""
    names = table.polars_schema().names()
    if len(partitions) == 1:
        ((date, rows),) = partitions.items()
        return _with_date(rows.lazy().select(names), table, date)
    lengths = pl.Series([rows.height for rows in partitions.values()])
    dates = pl.Series("event_date", [*partitions], pl.Date).repeat_by(lengths)
    alike = [rows if rows.columns == names else rows.select(names) for rows in partitions.values()]
    together = pl.concat(alike, rechunk=True)
    return together.lazy().with_columns(dates.explode())


def _partitions(table: Table, contents: Mapping[dt.date | None, Sequence[Path]]) -> list[pl.LazyFrame]:
    """Plans over the files of several dates. Polars opens the files of all plans at once, and those of one plan a few
    at a time: many files are one plan, in which a row's file gives its date."""
    files = [(path, date) for date, paths in contents.items() for path in paths]
    if len(files) < MANY_FILES:
        return [_partition(table, date, paths) for date, paths in contents.items()]
    schema = table.polars_schema()
    plans: list[pl.LazyFrame] = []
    for stored, group in groupby(files, key=lambda file: pl.read_parquet_schema(file[0])):
        alike = dict(group)
        dates = pl.Series("date", list(alike.values()), pl.Date)
        rows = scan_parquet(*alike, file_column=_FILE).with_columns(_cast_to(schema, stored))
        date = pl.col(_FILE).replace_strict(pl.Series([str(path) for path in alike]), dates, return_dtype=pl.Date)
        dated = [date.alias("event_date")] if table.by_date else []
        plans.append(rows.select(*schema.names(), *dated))
    return plans


def _cast_to(schema: pl.Schema, stored: Mapping[str, pl.DataType]) -> list[pl.Expr]:
    """The columns that files of an old declaration lack (null), or have in another type (null where no cast is)."""
    return [
        pl.col(name).cast(dtype, strict=False) if name in stored else pl.lit(None, dtype).alias(name)
        for name, dtype in schema.items()
        if stored.get(name) != dtype
    ]


def _partition(table: Table, date: dt.date | None, content: Content) -> pl.LazyFrame:
    schema = table.polars_schema()
    assert not isinstance(content, pl.DataFrame)
    if not content:
        plan = pl.LazyFrame(schema=schema)
    else:
        # Each file is read by its own schema: after a change of declaration a table has old and new files.
        plan = pl.concat([_aligned(path, schema) for path in content])
    return _with_date(plan.select(schema.names()), table, date)


def _aligned(path: Path, schema: pl.Schema) -> pl.LazyFrame:
    plan = scan_parquet(path)
    stored = plan.collect_schema()
    return plan if stored == schema else plan.with_columns(_cast_to(schema, stored))


def _with_date(plan: pl.LazyFrame, table: Table, date: dt.date | None) -> pl.LazyFrame:
    if not table.by_date:
        return plan
    return plan.with_columns(pl.lit(date, polars_type("date")).alias("event_date"))

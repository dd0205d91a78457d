"""Writes raw rows as one Parquet file per date: gathered while a source file is read, in memory if they fit."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from pathlib import Path

import polars as pl

from event_assets.landing.reader_interface import EVENT_DATE

#: The least and greatest raw text help no query to skip rows, and take a tenth of the write.
_STATISTICS = {"min": False, "max": False, "null_count": True, "distinct_count": False}


class PartitionWriter:
    """Takes frames in the order of their rows, writes Parquet with the rows in that order.

    With `by_date` the frames have a column `event_date`, which no file contains, and each date has its own
    file. Beyond `memory_bytes` rows go to Arrow files in `into`, each sorted by date, which are removed
    when all is written.
    """

    def __init__(self, into: Path, name: str, schema: pl.Schema, *, memory_bytes: int, by_date: bool) -> None:
        self._into, self._name, self._schema = into, name, schema
        self._memory_bytes, self._by_date = memory_bytes, by_date
        self._frames: list[pl.DataFrame] = []
        self._bytes = 0
        self._spilled: list[Path] = []
        self._slices: defaultdict[dt.date | None, list[tuple[Path, int, int]]] = defaultdict(list)
        self.rows: Counter[dt.date | None] = Counter()

    def add(self, frame: pl.DataFrame) -> None:
        if not frame.height:
            return
        self._frames.append(frame)
        self._bytes += int(frame.estimated_size())
        if self._bytes > self._memory_bytes:
            self._spill()

    def finish(self, plans: list[pl.LazyFrame] | None = None) -> dict[dt.date | None, Path]:
        """The Parquet files by date (the key is None without dates), dates in order.

        With `plans` the caller writes rows in memory, by the plans that are added: those of many small files together.
        """
        if self._spilled and self._frames:
            self._spill()
        if self._spilled:
            written = {date: self._write_slices(date) for date in sorted(self._slices, key=_date_order)}
        else:
            parts = self._parts(self._gathered())
            written = {date: self._write(date, parts.pop(date), plans) for date in sorted(parts, key=_date_order)}
        for path in self._spilled:
            path.unlink()
        return written

    def _gathered(self) -> pl.DataFrame:
        frames, self._frames, self._bytes = self._frames, [], 0
        columns = [*self._schema.names(), *([EVENT_DATE] if self._by_date else [])]
        return pl.concat(frames).select(columns) if frames else pl.DataFrame()

    def _parts(self, frame: pl.DataFrame) -> dict[dt.date | None, pl.DataFrame]:
        """The frame by date, each part's rows in their order."""
        if not frame.height:
            return {}
        parts: dict[dt.date | None, pl.DataFrame] = {None: frame}
        if self._by_date:
            by_date = frame.partition_by(EVENT_DATE, maintain_order=True, include_key=False, as_dict=True)
            parts = {key[0]: part for key, part in by_date.items()}
        for date, part in parts.items():
            self.rows[date] += part.height
        return parts

    def _spill(self) -> None:
        parts = self._parts(self._gathered())
        path = self._into / f"{self._name}-{len(self._spilled)}.arrow"
        place = 0
        for date, part in parts.items():
            self._slices[date].append((path, place, part.height))
            place += part.height
        pl.concat(parts.values()).write_ipc(path)
        self._spilled.append(path)

    def _path(self, date: dt.date | None) -> Path:
        return self._into / (f"{self._name}-{date}.parquet" if date else f"{self._name}.parquet")

    def _write(self, date: dt.date | None, frame: pl.DataFrame, plans: list[pl.LazyFrame] | None) -> Path:
        path = self._path(date)
        if plans is None:
            frame.write_parquet(path, compression="snappy", statistics=_STATISTICS)
        else:
            plans.append(frame.lazy().sink_parquet(path, compression="snappy", statistics=_STATISTICS, lazy=True))
        return path

    def _write_slices(self, date: dt.date | None) -> Path:
        """Streaming, so that a date larger than memory passes."""
        slices = [pl.scan_ipc(path).slice(place, rows) for path, place, rows in self._slices[date]]
        path = self._path(date)
        pl.concat(slices).sink_parquet(path, compression="snappy", statistics=_STATISTICS, maintain_order=True)
        return path


def _date_order(date: dt.date | None) -> dt.date:
    return date or dt.date.min

"""A file of text records as one Parquet file of text columns, in bounded memory, every record accounted for."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from event_assets.cli.detect_format import csv_header, format_of
from event_assets.cli.normalize_as_declared import Declared
from event_assets.declaration import Column, CsvDialect, Source
from event_assets.errors import QueryError
from event_assets.landing.csv import read_csv
from event_assets.landing.json import BLOCK_BYTES, read_json
from event_assets.landing.json_elements import elements_of, lines_of
from event_assets.landing.plain_text import PlainFile, plain_file
from event_assets.landing.reader_interface import MALFORMED, Batch, Fields, FileRejected
from event_assets.settings import Settings

_GROUP_ROWS = 128 * 1024
_GROUP_BYTES = 64 * 1024 * 1024


@dataclass
class Converted:
    """The counts of files' records: rows + refused = all of them."""

    rows: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    """Reason to the number of records."""
    normalized: set[str] = field(default_factory=set)
    """The datasets as whose files values were normalized."""


@dataclass(frozen=True)
class TextConversion:
    """How files of text become Parquet of text columns."""

    form: str | None
    """csv, tsv, json or ndjson; by the file's name if None."""
    settings: Settings
    fail_fast: bool
    """Whether the first refused record is a QueryError."""
    declared: Callable[[str, Sequence[str]], Declared | None]
    """How values are normalized, by the name of a file and its columns."""
    progress: Callable[[float], None]
    """Receives each newly finished share of the work."""

    def convert(self, path: Path, target: Path) -> Converted:
        """Write the records of a file, or of all files below a folder by path, in order, as Snappy Parquet.

        The columns are those of the header, or all members of the JSON objects, of all files in the order in which
        they first occur; what a file lacks is null. Nested values are JSON text, empty CSV fields null. Records that
        can't be read are refused by landing's rules. Hidden files of a folder, and those whose names begin with `_`,
        are left out. QueryError where nothing can be read.
        """
        if not path.is_dir():
            return self._file(path, target, 1.0)
        files = sorted(one for one in path.rglob("*") if one.is_file() and not _is_hidden(one.relative_to(path)))
        if not files:
            raise QueryError(str(path), "has no file", "name a file, or a folder with files")
        done, folder = Converted(), target.parent / "parts"
        folder.mkdir()
        parts = [folder / f"{number:08d}.parquet" for number in range(len(files))]
        for file, part in zip(files, parts, strict=True):
            made = self._file(file, part, 1 / len(files))
            done.rows += made.rows
            done.refused.update(made.refused)
            done.normalized.update(made.normalized)
        scans = [pl.scan_parquet(part, hive_partitioning=False, glob=False) for part in parts]
        pl.concat(scans, how="diagonal").sink_parquet(target, compression="snappy", maintain_order=True)
        return done

    def _file(self, file: Path, target: Path, share: float) -> Converted:
        """Write one file's records, whose part of all work is `share`."""
        done = Converted()
        try:
            source = _source(self.form or format_of(file))
            prepared = plain_file(file, file.name, source, target.parent)
            passes = 1 if source.format == "csv" else 2  # JSON is first read for the names of its members
            work = max(1, passes * prepared.path.stat().st_size)

            def read(some: int) -> None:
                self.progress(share * some / work)

            names = _names(prepared, source, read)
            if not names:
                raise FileRejected("holds no column")
            # The whole name identifies a member of JSON, also if it contains the marks of a path.
            quote = json.dumps if source.format != "csv" else str
            fields = Fields({f"c{place}": quote(name) for place, name in enumerate(names)})
            batches: Iterator[Batch] = (
                read_csv(prepared.path, source, fields, workers=self.settings.workers, read=read)
                if source.format == "csv"
                else read_json(prepared.path, source, fields, read=read)
            )
            normalize = self.declared(file.name, names)
            done.normalized.update([normalize.dataset] if normalize else [])
            frames = (batch.frame.select(fields.sources.keys()) for batch in self._counted(file, batches, done))
            _write(frames, names, target, normalize)
        except FileRejected as rejected:
            raise QueryError(str(file), str(rejected), "fix the file, or say its --format") from None
        except OSError as error:
            state = f"can't be converted ({error.strerror or error})"
            raise QueryError(str(file), state, "fix that and try again") from None
        for _ in prepared.rejects:
            self._refuse(file, done, MALFORMED, done.rows + done.refused.total() + 1)
        return done

    def _counted(self, file: Path, batches: Iterator[Batch], done: Converted) -> Iterator[Batch]:
        for batch in batches:
            before = done.rows + done.refused.total()
            for reject in batch.rejects:
                self._refuse(file, done, reject.reason, before + reject.row_number)
            done.rows += batch.frame.height
            yield batch

    def _refuse(self, file: Path, done: Converted, reason: str, number: int) -> None:
        if self.fail_fast:
            raise QueryError(str(file), f"record {number} is refused ({reason})", "fix it, or leave out --fail-fast")
        done.refused[reason] += 1


def _is_hidden(path: Path) -> bool:
    return any(name.startswith((".", "_")) for name in path.parts)


def _source(form: str) -> Source:
    """The file's format, as readers take it; the columns come later, from the file."""
    if form == "parquet":
        raise FileRejected("is Parquet already")
    no_column = Column(name="none", description="Stands for those of the file.")
    csv = CsvDialect(delimiter="\t" if form == "tsv" else ",")
    return Source(files=("*",), format="csv" if form == "tsv" else form, csv=csv, columns=(no_column,))


def _names(prepared: PlainFile, source: Source, report: Callable[[int], None]) -> list[str]:
    if source.format == "csv":
        # The reader reports the names of undeclared fields with its first records.
        for batch in read_csv(prepared.path, source, Fields({}, ())):
            return list(batch.undeclared)
        return csv_header(prepared.path, source.csv.delimiter)
    read = elements_of if source.format == "json" else lines_of
    found: dict[str, None] = {}
    for elements in read(prepared.path, source.max_record_bytes, block_bytes=BLOCK_BYTES, read=report):
        for value in elements.values:
            found.update(dict.fromkeys(value or ()))
    return list(found)


def _write(frames: Iterator[pl.DataFrame], names: list[str], target: Path, normalize: Declared | None) -> None:
    """Write row groups of about the same size, independent of the sizes of the frames."""
    schema = pa.schema([(name, pa.large_string()) for name in names])
    with pq.ParquetWriter(target, schema, compression="snappy") as writer:
        for frame in _gathered(frames):
            named = frame.rename(dict(zip(frame.columns, names, strict=True)))
            writer.write_table((normalize.normalized(named) if normalize else named).to_arrow().cast(schema))


def _gathered(frames: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    waiting: list[pl.DataFrame] = []
    for frame in frames:
        waiting.append(frame)
        if sum(f.height for f in waiting) >= _GROUP_ROWS or sum(f.estimated_size() for f in waiting) >= _GROUP_BYTES:
            yield pl.concat(waiting)
            waiting = []
    if waiting:
        yield pl.concat(waiting)

"""Land source files: their records become staged Parquet or raw rows, and every record is accounted for."""

from __future__ import annotations

import datetime as dt
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import polars as pl

from event_assets.declaration import Dataset, Source
from event_assets.declaration.dataset import Kind
from event_assets.errors import LandingError
from event_assets.landing.batches_to_raw_rows import FileBatch, RowConverter
from event_assets.landing.file_accounting import FileAccount, Landed, RowSink
from event_assets.landing.inbox import Identity, block_of, check_unchanged
from event_assets.landing.partition_writer import PartitionWriter
from event_assets.landing.plain_text import PlainFile, plain_files
from event_assets.landing.reader_interface import MALFORMED, Batch, Fields, FileRejected, Reject, texts_of
from event_assets.landing.unpack import DEFAULT_LIMITS, Limits
from event_assets.tables.catalog import tables
from event_assets.tables.landed_tables import LANDING_REJECTS

#: This part of the memory gathers rows; the rest is for the current block and its copies.
_ROWS_SHARE = 4
#: No more is gathered, however much memory there is: sorting it by date takes a multiple, and disks are fast.
_MAX_ROWS_BYTES = 96_000_000
#: Up to this number of small Parquet files is written as one plan, at two thirds of the cost.
_PLANS_AT_ONCE = 50
#: The rows of small files are converted together up to this size: larger frames gain nothing.
_TOGETHER_BYTES = 16_000_000


def land_file(
    dataset: Dataset,
    kind: Kind,
    path: Path,
    name: str,
    identity: Identity,
    into: Path,
    *,
    landed_at: dt.datetime,
    memory_bytes: int,
    workers: int = 1,
    limits: Limits = DEFAULT_LIMITS,
    rows: RowSink | None = None,
) -> Landed:
    """Read a source file once, streaming, and stage its tables in the folder `into` (created if missing).

    Staged files are Snappy Parquet with the columns of `raw_events` or `raw_profiles` and `landing_rejects`
    (`tables/catalog.py`), ordered by row_number. `landed_at` (aware) decides `out_of_range`.

    With `rows` nothing is staged: it receives the raw rows (of events with `event_date`) as they are read, rejects are
    only counted, and the result has no dates and no files.

    NotReadyError where the file changed since it was identified; LandingError where it can't be read or staged, and
    with `mode: fail_fast` at the first reject. Then nothing stays in `into`.
    """
    file = InputFile(path, name, identity, landed_at)
    with _staging(into, name) as staging:
        landing = _Landing(dataset, kind, file, staging, memory_bytes, rows)
        converter = RowConverter(dataset, kind, landing.source)
        for batch in landing.batches(staging, memory_bytes, workers, limits):
            converter.convert([batch])
        landed = landing.account.result()
        if rows is not None or landed.reason is not None:
            return landed
        landing.write()
        return landing.move(landed, into)


@dataclass(frozen=True)
class InputFile:
    """A file that is landed together with others; the fields are those of `land_file`."""

    path: Path
    name: str
    identity: Identity
    landed_at: dt.datetime


def land_files(
    dataset: Dataset,
    kind: Kind,
    files: Sequence[InputFile],
    into: Path,
    *,
    memory_bytes: int,
    workers: int = 1,
    limits: Limits = DEFAULT_LIMITS,
) -> list[Landed | Exception]:
    """Land files of one block: for each what `land_file` returns or raises, and its staged files in `into`.

    Records of several files are converted together, which saves most of the time that a small file takes. After any
    error there the files that aren't landed yet are landed one by one, so that an error is the error of its file.
    """
    landed: dict[int, Landed | Exception] = {}
    if len(files) > 1 and dataset.mode == "lenient":
        with suppress(Exception), _staging(into, files[0].name) as staging:
            _land_together(dataset, kind, files, staging, into, memory_bytes, limits, landed)
    alone = partial(land_file, dataset, kind, memory_bytes=memory_bytes, workers=workers, limits=limits)
    for place, file in enumerate(files):
        if place not in landed:
            try:
                landed[place] = alone(file.path, file.name, file.identity, into, landed_at=file.landed_at)
            except Exception as error:
                landed[place] = error
    return [landed[place] for place in range(len(files))]


def _land_together(
    dataset: Dataset,
    kind: Kind,
    files: Sequence[InputFile],
    staging: Path,
    into: Path,
    memory_bytes: int,
    limits: Limits,
    landed: dict[int, Landed | Exception],
) -> None:
    """Add what becomes of the files to `landed`, by position."""
    converter: RowConverter | None = None
    waiting: list[FileBatch] = []
    waiting_bytes = 0
    whole: dict[int, _Landing] = {}

    def convert() -> None:
        nonlocal waiting_bytes
        if waiting and converter:
            converter.convert(waiting)
        results = {place: landing.account.result() for place, landing in whole.items()}
        plans: list[pl.LazyFrame] = []
        for place, result in results.items():
            if result.reason is None:
                whole[place].write(plans)
        for begin in range(0, len(plans), _PLANS_AT_ONCE):
            pl.collect_all(plans[begin : begin + _PLANS_AT_ONCE])
        for place, result in results.items():
            landed[place] = whole[place].move(result, into) if result.reason is None else result
        waiting.clear()
        whole.clear()
        waiting_bytes = 0

    for place, file in enumerate(files):
        landing = _Landing(dataset, kind, file, staging, memory_bytes)
        converter = converter or RowConverter(dataset, kind, landing.source)
        try:
            for batch in landing.batches(staging, memory_bytes, 1, limits):
                waiting.append(batch)
                waiting_bytes += int(batch.batch.frame.estimated_size())
                if waiting_bytes > _TOGETHER_BYTES:
                    convert()
            whole[place] = landing
        except LandingError as error:
            landed[place] = error
            waiting[:] = [batch for batch in waiting if batch.file is not landing.account]
    convert()


class _Landing:
    """One source file while it is landed: its account, and its Parquet files in a temporary folder."""

    def __init__(
        self,
        dataset: Dataset,
        kind: Kind,
        file: InputFile,
        staging: Path,
        memory_bytes: int,
        rows: RowSink | None = None,
    ) -> None:
        self.source = dataset.blocks(kind)[block_of(file.name, dataset, kind) or 0]
        file_id, share = file.identity.file_id, min(memory_bytes // _ROWS_SHARE, _MAX_ROWS_BYTES)
        schemas = [tables(dataset)[name].polars_schema() for name in (f"raw_{kind}", LANDING_REJECTS)]
        writer = partial(PartitionWriter, staging, memory_bytes=share)
        self._path = file.path
        self._rows = writer(f"{file_id}-{kind}", schemas[0], by_date=kind == "events")
        self._rejects = writer(f"{file_id}-rejects", schemas[1], by_date=False)
        sinks = (rows, lambda rejects: None) if rows else (self._rows.add, self._rejects.add)
        self.account = FileAccount(dataset, kind, self.source, file.name, file.identity, file.landed_at, *sinks)

    def batches(self, staging: Path, memory_bytes: int, workers: int, limits: Limits) -> Iterator[FileBatch]:
        """The file's records in order. Repairs, and the reason if the whole file is rejected, go to its account."""
        fields, account = Fields.of(self.source), self.account
        check_unchanged(self._path, account.identity.signature)
        try:
            for where, plain in plain_files(self._path, account.name, self.source, staging, limits):
                for batch in _read(plain, self.source, fields, memory_bytes, workers, limits):
                    yield FileBatch(account, where, batch)
                account.repairs |= dict.fromkeys(plain.repairs)
        except FileRejected as rejected:
            account.reason = str(rejected)
        check_unchanged(self._path, account.identity.signature)

    def write(self, plans: list[pl.LazyFrame] | None = None) -> None:
        """Write what is left; with `plans` the caller does."""
        self._parts, self._reject_file = self._rows.finish(plans), self._rejects.finish(plans).get(None)

    def move(self, landed: Landed, into: Path) -> Landed:
        """Move the files, which are complete, into the folder."""
        return replace(
            landed,
            dates={date: self._rows.rows[date] for date in self._parts if date is not None},
            parts={date: path.replace(into / path.name) for date, path in self._parts.items()},
            rejects=self._reject_file.replace(into / self._reject_file.name) if self._reject_file else None,
        )


@contextmanager
def _staging(into: Path, name: str) -> Iterator[Path]:
    """A temporary folder in `into`."""
    into.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(dir=into, prefix="landing-"))
    try:
        yield staging
    except OSError as error:
        raise LandingError(
            name, f"can't be landed ({error.strerror or error})", "fix that and land it again"
        ) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _read(
    plain: PlainFile, source: Source, fields: Fields, memory_bytes: int, workers: int, limits: Limits
) -> Iterator[Batch]:
    # Each reader is imported where it is needed: importing the others takes a tenth of a second.
    match source.format:
        case "csv":
            from event_assets.landing.csv import read_csv

            yield from read_csv(plain.path, source, fields, workers=workers)
        case "json" | "ndjson" | "avro" | "excel":
            from event_assets.landing.json import read_json

            yield from read_json(plain.path, source, fields)
        case "parquet":
            from event_assets.landing.parquet import read_parquet

            yield from read_parquet(
                plain.path,
                fields,
                max_record_bytes=source.max_record_bytes,
                memory_bytes=memory_bytes,
                limits=limits,
                explode=source.explode,
            )
        case "log":
            from event_assets.landing.log_lines import read_log

            yield from read_log(plain.path, source, fields)
    for text in plain.rejects:
        texts = partial(texts_of, [text])
        yield Batch(1, pl.DataFrame(schema=fields.schema), [Reject(1, MALFORMED, text)], texts)

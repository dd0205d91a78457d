"""Land a source file: its records become staged Parquet or raw rows, and every record is accounted for."""

from __future__ import annotations

import datetime as dt
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import polars as pl

from event_assets.declaration import Dataset, Events, Source
from event_assets.declaration.dataset import Kind
from event_assets.errors import LandingError
from event_assets.landing.inbox import Identity, block_of, check_unchanged
from event_assets.landing.partition_writer import PartitionWriter
from event_assets.landing.plain_text import PlainFile, plain_files
from event_assets.landing.raw_rows import EventDates, RawColumns, present_columns
from event_assets.landing.record_batches import (
    MALFORMED,
    ROW_NUMBER,
    Batch,
    Fields,
    FileRejected,
    Reject,
    is_read,
    raw_text,
)
from event_assets.landing.schema_drift import Drift, TypeDrift
from event_assets.landing.unpack import DEFAULT_LIMITS, Limits
from event_assets.tables.catalog import tables

#: The reason of a file that is rejected by `drift: fail`.
SCHEMA_DRIFT = "schema_drift"
#: This part of the memory gathers rows; the rest is for the current block and its copies.
_ROWS_SHARE = 4
#: No more is gathered, however much memory there is: sorting it by date takes a multiple, and disks are fast.
_MAX_ROWS_BYTES = 96_000_000


@dataclass(frozen=True)
class Landed:
    """The result of landing a file. records == landed + rejected, always."""

    file_id: str
    kind: Kind
    records: int = 0
    landed: int = 0
    rejected: int = 0
    dates: dict[dt.date, int] = field(default_factory=dict)
    """event_date to its number of rows, in order of date; empty for profiles."""
    parts: dict[dt.date | None, Path] = field(default_factory=dict)
    """event_date to its staged `raw_events`; None to the staged `raw_profiles`. A part has rows."""
    rejects: Path | None = None
    """Staged `landing_rejects`, where there are any."""
    reasons: dict[str, int] = field(default_factory=dict)
    """Reason to the number of rejects, in order of reason."""
    drift: Drift = field(default_factory=Drift)
    repairs: tuple[str, ...] = ()
    """What was fixed while reading, such as `encoding: cp1252` or `lines: quoted_whole`."""
    reason: str | None = None
    """Why the whole file is rejected; then nothing of it is landed."""
    user_place: int | None = None
    """The position of the user's field among a CSV file's fields, from 0."""


#: Receives rows in the order of the file, some at a time.
RowSink = Callable[[pl.DataFrame], None]


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
    with _staging(into, name) as staging:
        reading = _Reading(dataset, kind, name, identity, landed_at)
        read = partial(reading.run, path, staging, memory_bytes=memory_bytes, workers=workers, limits=limits)
        if rows is not None:
            return read(rows, lambda _: None)
        share = min(memory_bytes // _ROWS_SHARE, _MAX_ROWS_BYTES)

        def writer(table: str, stem: str, *, by_date: bool) -> PartitionWriter:
            schema = tables(dataset)[table].polars_schema()
            return PartitionWriter(staging, f"{identity.file_id}-{stem}", schema, memory_bytes=share, by_date=by_date)

        events = kind == "events"
        raw = writer("raw_events" if events else "raw_profiles", kind, by_date=events)
        rejects = writer("landing_rejects", "rejects", by_date=False)
        landed = read(raw.add, rejects.add)
        if landed.reason is not None:
            return landed
        parts = raw.finish()
        dates = {date: raw.rows[date] for date in parts if date is not None}
        return _moved(replace(landed, dates=dates, parts=parts, rejects=rejects.finish().get(None)), into)


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


def _moved(landed: Landed, into: Path) -> Landed:
    """Move the staged files, which are complete, out of the temporary folder."""
    parts = {date: path.replace(into / path.name) for date, path in landed.parts.items()}
    rejects = landed.rejects.replace(into / landed.rejects.name) if landed.rejects else None
    return replace(landed, parts=parts, rejects=rejects)


def _same_texts(text: bytes, numbers: Sequence[int]) -> list[bytes]:
    return [text] * len(numbers)


#: Number within the batch, reason, column, text.
_Rejected = tuple[int, str, str | None, bytes]


class _Reading:
    """Reads one file; its rows and its rejects go to their sinks."""

    def __init__(
        self,
        dataset: Dataset,
        kind: Kind,
        name: str,
        identity: Identity,
        landed_at: dt.datetime,
    ) -> None:
        self._dataset, self._kind, self._name, self._identity = dataset, kind, name, identity
        self._path = name
        self._source: Source = dataset.blocks(kind)[block_of(name, dataset, kind) or 0]
        self._columns = RawColumns(dataset, kind, self._source)
        self._dates = EventDates(dataset, self._source, name, landed_at) if isinstance(self._source, Events) else None
        self._reject_schema = tables(dataset)["landing_rejects"].polars_schema()
        self._reasons: Counter[str] = Counter()
        self._new: Counter[str] = Counter()
        self._type_drift = TypeDrift(self._source.columns)
        self._present: set[str] = set()
        self._user_place: int | None = None
        self._records = self._landed = 0

    def run(
        self,
        path: Path,
        staging: Path,
        rows: RowSink,
        rejects: RowSink,
        *,
        memory_bytes: int,
        workers: int,
        limits: Limits,
    ) -> Landed:
        """Read all of it. The caller discards what the sinks received where the file is rejected as a whole."""
        self._take_rows, self._take_rejects = rows, rejects
        check_unchanged(path, self._identity.signature)
        try:
            landed = self._read(path, staging, memory_bytes, workers, limits)
        except FileRejected as rejected:
            landed = Landed(self._identity.file_id, self._kind, reason=str(rejected))
        check_unchanged(path, self._identity.signature)
        return landed

    def _read(self, path: Path, staging: Path, memory_bytes: int, workers: int, limits: Limits) -> Landed:
        fields = Fields.of(self._source)
        repairs: dict[str, None] = {}
        for where, plain in plain_files(path, self._name, self._source, staging, limits):
            self._path = where
            for batch in self._batches(plain, fields, memory_bytes, workers, limits):
                self._take(batch)
            repairs |= dict.fromkeys(plain.repairs)
        declared = [column.name for column in self._source.columns if is_read(column)]
        missing = tuple(name for name in declared if self._present and name not in self._present)
        drift = Drift(dict(sorted(self._new.items())), missing, self._type_drift.retyped())
        if self._dataset.drift == "fail" and str(drift):
            raise FileRejected(f"{SCHEMA_DRIFT}: {drift.without_names()}")
        return Landed(
            self._identity.file_id,
            self._kind,
            records=self._records,
            landed=self._landed,
            rejected=self._reasons.total(),
            reasons=dict(sorted(self._reasons.items())),
            drift=drift,
            repairs=tuple(repairs),
            user_place=self._user_place,
        )

    def _batches(
        self, plain: PlainFile, fields: Fields, memory_bytes: int, workers: int, limits: Limits
    ) -> Iterator[Batch]:
        # Each reader is imported where it is needed: importing the others takes a tenth of a second.
        match self._source.format:
            case "csv":
                from event_assets.landing.csv import read_csv

                yield from read_csv(plain.path, self._source, fields, workers=workers)
            case "json" | "ndjson" | "avro" | "excel":
                from event_assets.landing.json import read_json

                yield from read_json(plain.path, self._source, fields)
            case "parquet":
                from event_assets.landing.parquet import read_parquet

                yield from read_parquet(
                    plain.path,
                    fields,
                    max_record_bytes=self._source.max_record_bytes,
                    memory_bytes=memory_bytes,
                    limits=limits,
                    explode=self._source.explode,
                )
            case "log":
                from event_assets.landing.log_lines import read_log

                yield from read_log(plain.path, self._source, fields)
        for text in plain.rejects:
            yield Batch(
                1,
                pl.DataFrame(schema=fields.schema),
                [Reject(1, MALFORMED, text)],
                partial(_same_texts, text),
            )

    def _take(self, batch: Batch) -> None:
        frame = self._columns.of(batch.frame, self._path)
        self._type_drift.add(frame)
        rejects: list[_Rejected] = [(reject.row_number, reject.reason, None, reject.text) for reject in batch.rejects]
        if self._dates:
            frame, undated = self._dates.of(frame)
            texts = batch.texts([number for number, _ in undated])
            column = self._dates.column
            rejects += [(number, reason, column, text) for (number, reason), text in zip(undated, texts, strict=True)]
        if rejects:
            self._reject(sorted(rejects, key=lambda reject: reject[0]))
        self._take_rows(self._as_rows(frame))
        self._landed += frame.height
        self._new.update(batch.undeclared)
        self._present |= present_columns(batch.present, self._source.columns)
        self._user_place = batch.user_place if batch.user_place is not None else self._user_place
        self._records += batch.count

    def _reject(self, rejects: list[_Rejected]) -> None:
        if self._dataset.mode == "fail_fast":
            number, reason, _, _ = rejects[0]
            raise LandingError(
                self._name,
                f"record {self._records + number} is refused ({reason}) and mode is fail_fast: nothing landed",
                "fix the record, or declare mode: lenient",
            )
        reasons = [reason for _, reason, _, _ in rejects]
        self._reasons.update(reasons)
        columns = {
            "file_id": [self._identity.file_id] * len(rejects),
            ROW_NUMBER: [self._records + number for number, _, _, _ in rejects],
            "reason": reasons,
            "reasons": reasons,
            "column": [column for _, _, column, _ in rejects],
            "raw": [raw_text(text) for _, _, _, text in rejects],
        }
        self._take_rejects(pl.DataFrame(columns, self._reject_schema))

    def _as_rows(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The batch's frame in the columns of the raw table, numbered as in the file."""
        return frame.with_columns(pl.col(ROW_NUMBER) + self._records, pl.lit(self._identity.file_id).alias("file_id"))

"""The one door of landing: a source file in, its records as staged raw Parquet out, every one accounted for."""

from __future__ import annotations

import datetime as dt
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl

from event_assets.contracts.tables import tables
from event_assets.dataset import Dataset, Events, Source
from event_assets.errors import LandingError
from event_assets.landing.csv import read_csv
from event_assets.landing.dating import Dating
from event_assets.landing.drift import Drift, Kinds
from event_assets.landing.identity import Identity, check_unchanged
from event_assets.landing.inbox import Kind
from event_assets.landing.json import read_json
from event_assets.landing.limits import DEFAULT_LIMITS, Limits
from event_assets.landing.parquet import read_parquet
from event_assets.landing.prepare import Prepared, prepare
from event_assets.landing.records import MALFORMED, ROW_NUMBER, Batch, Fields, FileRejected, Reject, raw_text
from event_assets.landing.spool import Spool

#: Why a whole file is refused under `drift: fail`.
SCHEMA_DRIFT = "schema_drift"
#: Of the memory that landing may take, so much gathers rows; the rest is for the block in work and its copies.
_SPOOL_SHARE = 4
#: More than this is not gathered, however much memory there is: sorted by date it takes a multiple, and disks are fast.
_MAX_SPOOL_BYTES = 96_000_000


@dataclass(frozen=True)
class Landed:
    """What became of a file. records == landed + rejected, always."""

    file_id: str
    kind: Kind
    records: int = 0
    landed: int = 0
    rejected: int = 0
    dates: dict[dt.date, int] = field(default_factory=dict)
    """event_date to its rows, in order of date; of profiles nothing."""
    parts: dict[dt.date | None, Path] = field(default_factory=dict)
    """event_date to its staged `raw_events`; None to the staged `raw_profiles`. No rows, no part."""
    rejects: Path | None = None
    """Staged `landing_rejects`, where there are any."""
    reasons: dict[str, int] = field(default_factory=dict)
    """Reason to the number of rejects, in order of reason."""
    drift: Drift = field(default_factory=Drift)
    repairs: tuple[str, ...] = ()
    """What was mended on the way, such as `encoding: cp1252` or `lines: quoted_whole`."""
    reason: str | None = None
    """Why the whole file is rejected; then nothing of it landed."""


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
) -> Landed:
    """Read a source file once, streaming, and stage its tables in the folder `into` (made where missing).

    Staged files are Snappy Parquet with the columns of `raw_events` or `raw_profiles` and
    `landing_rejects` (contracts.tables), rows by row_number. `landed_at` (aware) decides `out_of_range`.

    NotReadyError where the file changed since it was identified; LandingError where it can't be read or
    staged, and with `mode: fail_fast` at the first reject. Then nothing stays in `into`.
    """
    into.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(dir=into, prefix="landing-"))
    try:
        check_unchanged(path, identity.signature)
        landing = _Landing(dataset, kind, name, identity, staging, landed_at, memory_bytes, limits)
        landed = landing.run(path, workers)
        check_unchanged(path, identity.signature)
        return _moved(landed, into)
    except OSError as error:
        raise LandingError(
            name, f"can't be landed ({error.strerror or error})", "mend that and land it again"
        ) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _moved(landed: Landed, into: Path) -> Landed:
    """The staged files out of the working folder, where only whole ones arrive."""
    parts = {date: path.replace(into / path.name) for date, path in landed.parts.items()}
    rejects = landed.rejects.replace(into / landed.rejects.name) if landed.rejects else None
    return replace(landed, parts=parts, rejects=rejects)


#: Number within the batch, reason, column, text.
_Rejected = tuple[int, str, str | None, bytes]


class _Landing:
    """One file on its way."""

    def __init__(
        self,
        dataset: Dataset,
        kind: Kind,
        name: str,
        identity: Identity,
        staging: Path,
        landed_at: dt.datetime,
        memory_bytes: int,
        limits: Limits,
    ) -> None:
        self._dataset, self._kind, self._name, self._identity = dataset, kind, name, identity
        self._staging, self._memory_bytes, self._limits = staging, memory_bytes, limits
        source = dataset.events if kind == "events" else dataset.profiles
        assert source is not None
        self._source: Source = source
        self._dating = Dating(dataset, name, landed_at) if isinstance(source, Events) else None
        made = tables(dataset)
        schema = made["raw_events" if self._dating else "raw_profiles"].polars_schema()
        share = min(memory_bytes // _SPOOL_SHARE, _MAX_SPOOL_BYTES)
        self._rows = Spool(
            staging, f"{identity.file_id}-{kind}", schema, memory_bytes=share, by_date=self._dating is not None
        )
        self._reject_schema = made["landing_rejects"].polars_schema()
        self._rejects = Spool(
            staging, f"{identity.file_id}-rejects", self._reject_schema, memory_bytes=share, by_date=False
        )
        self._reasons: Counter[str] = Counter()
        self._new: Counter[str] = Counter()
        self._kinds = Kinds(source.columns)
        self._present: set[str] = set()
        self._records = 0

    def run(self, path: Path, workers: int) -> Landed:
        fields = Fields.of(self._source)
        try:
            prepared = prepare(path, self._name, self._source, self._staging, self._limits)
            for batch in self._batches(prepared, fields, workers):
                self._take(batch)
            drift = self._drift(fields)
            if self._dataset.drift == "fail" and str(drift):
                raise FileRejected(f"{SCHEMA_DRIFT}: {drift}")
        except FileRejected as rejected:
            return Landed(self._identity.file_id, self._kind, reason=str(rejected))
        return self._done(prepared, drift)

    def _drift(self, fields: Fields) -> Drift:
        declared = [column.name for column in self._source.columns if column.name in fields.sources]
        missing = tuple(name for name in declared if self._present and name not in self._present)
        return Drift(dict(sorted(self._new.items())), missing, self._kinds.retyped())

    def _batches(self, prepared: Prepared, fields: Fields, workers: int) -> Iterator[Batch]:
        match self._source.format:
            case "csv":
                yield from read_csv(prepared.path, self._source, fields, workers=workers)
            case "json" | "ndjson":
                yield from read_json(prepared.path, self._source, fields)
            case "parquet":
                yield from read_parquet(
                    prepared.path,
                    fields,
                    max_record_bytes=self._source.max_record_bytes,
                    memory_bytes=self._memory_bytes,
                    limits=self._limits,
                )
        if prepared.cut_off is not None:
            text = prepared.cut_off
            yield Batch(
                1,
                pl.DataFrame(schema=fields.schema),
                [Reject(1, MALFORMED, text)],
                lambda numbers: [text] * len(numbers),
            )

    def _take(self, batch: Batch) -> None:
        frame = batch.frame
        self._kinds.look(frame)
        rejects: list[_Rejected] = [(reject.row_number, reject.reason, None, reject.text) for reject in batch.rejects]
        if self._dating:
            frame, undated = self._dating.date(frame)
            texts = batch.texts([number for number, _ in undated])
            column = self._dating.column
            rejects += [(number, reason, column, text) for (number, reason), text in zip(undated, texts, strict=True)]
        if rejects:
            self._reject(sorted(rejects, key=lambda reject: reject[0]))
        self._rows.add(self._as_rows(frame))
        self._new.update(batch.undeclared)
        self._present |= batch.present
        self._records += batch.count

    def _reject(self, rejects: list[_Rejected]) -> None:
        if self._dataset.mode == "fail_fast":
            number, reason, _, _ = rejects[0]
            raise LandingError(
                self._name,
                f"record {self._records + number} is refused ({reason}) and mode is fail_fast: nothing landed",
                "mend the record, or declare mode: lenient",
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
        self._rejects.add(pl.DataFrame(columns, self._reject_schema))

    def _as_rows(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The batch's frame in the columns of the raw table, numbered as in the file."""
        constants = [c.name for c in self._source.columns if c.constant is not None]
        return frame.with_columns(
            pl.col(ROW_NUMBER) + self._records,
            pl.lit(self._identity.file_id).alias("file_id"),
            *(pl.lit(None, pl.String).alias(name) for name in constants),
        )

    def _done(self, prepared: Prepared, drift: Drift) -> Landed:
        parts, rejects = self._rows.finish(), self._rejects.finish()
        return Landed(
            self._identity.file_id,
            self._kind,
            records=self._records,
            landed=self._rows.rows.total(),
            rejected=self._reasons.total(),
            dates={date: self._rows.rows[date] for date in parts if date is not None},
            parts=parts,
            rejects=rejects.get(None),
            reasons=dict(sorted(self._reasons.items())),
            drift=drift,
            repairs=prepared.repairs,
        )

"""The accounting of a file: how many of its records become raw rows, how many are rejected and why."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from event_assets.declaration import Dataset, Source
from event_assets.declaration.dataset import Kind
from event_assets.errors import LandingError
from event_assets.landing.inbox import Identity
from event_assets.landing.reader_interface import ROW_NUMBER, Batch, Reject, is_read, names_of, raw_text
from event_assets.landing.schema_drift import Drift, TypeDrift
from event_assets.tables.catalog import tables
from event_assets.tables.landed_tables import LANDING_REJECTS

#: The reason of a file that is rejected by `drift: fail`.
SCHEMA_DRIFT = "schema_drift"


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


class FileAccount:
    """The counts of one file while it is read; its rows and rejects go to the sinks."""

    def __init__(
        self,
        dataset: Dataset,
        kind: Kind,
        source: Source,
        name: str,
        identity: Identity,
        landed_at: dt.datetime,
        rows: RowSink,
        rejects: RowSink,
    ) -> None:
        self.name, self.identity, self.landed_at = name, identity, landed_at
        self.records = 0
        self.repairs: dict[str, None] = {}
        self.reason: str | None = None
        """Why the whole file is rejected. The caller then discards what the sinks received."""
        self.types = TypeDrift(source.columns, source.of_two_notations)
        self._dataset, self._kind, self._source = dataset, kind, source
        self._rows, self._rejects = rows, rejects
        self._reasons: Counter[str] = Counter()
        self._new: Counter[str] = Counter()
        self._present: set[str] = set()
        self._user_place: int | None = None
        self._landed = 0

    def add(self, batch: Batch, rows: pl.DataFrame, rejects: list[Reject]) -> None:
        """Count a batch, given its raw rows and its rejects. LandingError at a reject with `mode: fail_fast`."""
        if rejects:
            self._reject(sorted(rejects, key=lambda reject: reject.row_number))
        self._rows(rows)
        self._landed += rows.height
        self._new.update(batch.undeclared)
        for column in self._source.columns:
            if not batch.present.isdisjoint(names_of(column.name, column.sources)):
                self._present.add(column.name)
        self._user_place = batch.user_place if batch.user_place is not None else self._user_place
        self.records += batch.count

    def _reject(self, rejects: list[Reject]) -> None:
        if self._dataset.mode == "fail_fast":
            number, reason = self.records + rejects[0].row_number, rejects[0].reason
            raise LandingError(
                self.name,
                f"record {number} is refused ({reason}) and mode is fail_fast: nothing landed",
                "fix the record, or declare mode: lenient",
            )
        reasons = [reject.reason for reject in rejects]
        self._reasons.update(reasons)
        columns = {
            "file_id": [self.identity.file_id] * len(rejects),
            ROW_NUMBER: [self.records + reject.row_number for reject in rejects],
            "reason": reasons,
            "reasons": reasons,
            "column": [reject.column for reject in rejects],
            "raw": [raw_text(reject.text) for reject in rejects],
        }
        self._rejects(pl.DataFrame(columns, tables(self._dataset)[LANDING_REJECTS].polars_schema()))

    def result(self) -> Landed:
        """The result of all batches, without dates and staged files."""
        declared = [column.name for column in self._source.columns if is_read(column)]
        missing = tuple(name for name in declared if self._present and name not in self._present)
        # A field without any value, such as an empty column of a file without a header, is not a difference.
        drift = Drift(dict(sorted((+self._new).items())), missing, self.types.retyped())
        reason = self.reason
        if reason is None and self._dataset.drift == "fail" and str(drift):
            reason = f"{SCHEMA_DRIFT}: {drift.without_names()}"
        if reason is not None:
            return Landed(self.identity.file_id, self._kind, reason=reason)
        return Landed(
            self.identity.file_id,
            self._kind,
            records=self.records,
            landed=self._landed,
            rejected=self._reasons.total(),
            reasons=dict(sorted(self._reasons.items())),
            drift=drift,
            repairs=tuple(self.repairs),
            user_place=self._user_place,
        )

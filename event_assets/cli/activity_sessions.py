"""Computes for `top FILE` the sessions in a file, by the rules of the shipped dataset `activity`.

So `top FILE` counts what `top activity` counts once the file is in its inbox. Two rules that only a lake
has are left out: a file is bound to no `start_date` and to no clock, and a record without a time counts
although the file's name has no date (unless dates are given).
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import unquote

import narwhals as nw
import polars as pl

from event_assets.cli.detect_format import csv_header, format_of
from event_assets.declaration import SHIPPED, Column, CsvDialect, Dataset, load_dataset
from event_assets.engines.polars.engine import PolarsEngine
from event_assets.errors import LandingError, QueryError
from event_assets.landing.file_accounting import Landed, RowSink
from event_assets.landing.inbox import Identity, signature
from event_assets.landing.land_file import land_file
from event_assets.landing.reader_interface import EVENT_DATE
from event_assets.settings import Settings
from event_assets.tables.catalog import tables
from event_assets.text.dates_in_file_names import file_date
from event_assets.transforms.clean import required_columns
from event_assets.transforms.interface import Scope
from event_assets.transforms.normalize import normalised
from event_assets.transforms.top_users import platform_sessions
from event_assets.transforms.validate import judged, quarantine_rows

_NO_CLOCK = dt.datetime(9999, 12, 30, tzinfo=dt.UTC)
_NO_DATE = "1970-01-01"
#: Rows are judged together up to about this number of bytes, which are half a million usual rows.
_GATHERED_BYTES = 64_000_000
_HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True)
class Names:
    """What the file calls its columns."""

    user_id: str = "user_id"
    source_session_id: str = "session_id"
    platform: str = "platform"
    activity_time: str = "activity_time"
    event_type: str = "activity_type"


@dataclass
class Activity:
    """What was read."""

    shipped: Dataset
    """The dataset `activity` as it is declared."""
    rules: Dataset
    """The same with the file's names for its columns, each of which the file must have."""
    sessions: pl.DataFrame = field(default_factory=pl.DataFrame)
    """platform_sessions without dates: platform, user_id, session_id; each once."""
    records: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    """Reason to the number of records that were refused for it."""
    uncounted: int = 0
    """Valid records without a platform or a session."""


def read_activity(
    path: Path,
    names: Names,
    wanted: Callable[[dt.date], bool] | None,
    settings: Settings,
    into: Path,
    *,
    fail_fast: bool = False,
) -> Activity:
    """The sessions of a file, or of a folder of Parquet files with their Hive columns. Copies of packed files are in
    `into` while these are read.

    `wanted` chooses the dates that are counted; by default all are. QueryError where a column is missing or nothing can
    be read, and with `fail_fast` at the first record that is refused.
    """
    shipped = load_dataset(SHIPPED / "activity" / "defs.yaml")
    read, found = Activity(shipped, _rules(shipped, names, fail_fast)), list[pl.DataFrame]()
    for number, (file, hive) in enumerate(_files(path)):
        dataset = _with_hive(read.rules, hive)
        gathered = _Gathered(partial(_sessions, dataset, read, file))
        landed = _read(dataset, path, file, number, settings, into, gathered.add, wanted)
        found += gathered.made()
        read.records += landed.records
        read.refused.update(landed.reasons)
    schema = tables(read.rules)["platform_sessions"].polars_schema()
    read.sessions = pl.concat([schema.to_frame(), *found]).unique()
    return read


class _Gathered:
    """Collects rows and hands them on many at a time: each call of the rules has a fixed cost."""

    def __init__(self, make: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
        self._make, self._made = make, list[pl.DataFrame]()
        self._frames, self._bytes = list[pl.DataFrame](), 0

    def add(self, rows: pl.DataFrame) -> None:
        self._frames.append(rows)
        self._bytes += int(rows.estimated_size())
        if self._bytes >= _GATHERED_BYTES:
            self._make_some()

    def made(self) -> list[pl.DataFrame]:
        """What was made of all rows."""
        if self._frames:
            self._make_some()
        return self._made

    def _make_some(self) -> None:
        frames, self._frames, self._bytes = self._frames, [], 0
        self._made.append(self._make(pl.concat(frames)))


def _rules(shipped: Dataset, names: Names, fail_fast: bool) -> Dataset:
    sources = asdict(names)
    columns = [c.model_copy(update={"source": sources[c.name], "required": True}) for c in shipped.columns]
    time = Column(name="activity_time", source=names.activity_time, required=True, description="When it happened.")
    [block] = shipped.events
    events = block.model_copy(
        update={"columns": (*columns, time), "time": block.time.model_copy(update={"source": names.activity_time})}
    )
    mode = "fail_fast" if fail_fast else "lenient"
    return shipped.model_copy(update={"events": (events,), "mode": mode, "start_date": dt.date.min})


def _files(path: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """The files, and the Hive columns in their folders' names."""
    if not path.is_dir():
        yield path, {}
        return
    # Parquet writers give files without data (a table's log, metadata) names that begin with _ or a point.
    parts = {file: file.relative_to(path).parts for file in path.rglob("*.parquet")}
    files = sorted(file for file, names in parts.items() if not any(name.startswith((".", "_")) for name in names))
    if not files:
        raise QueryError(str(path), "holds no Parquet file", "name a CSV file, or a folder that `convert` made")
    for file in files:
        yield file, {unquote(k): unquote(v) for k, _, v in (folder.partition("=") for folder in parts[file][:-1])}


def _with_hive(dataset: Dataset, hive: Mapping[str, str]) -> Dataset:
    """The rules for a file whose folder's name contains the value of a column."""

    def read_by_name(column: Column) -> Column:
        [source] = column.sources
        if source not in hive or column.name == "activity_time":
            return column
        value = None if hive[source] == _HIVE_NULL else normalised(hive[source], column)
        if value is None:  # a column that the file doesn't have and needn't
            return column.model_copy(update={"source": f"{source} ", "required": False, "in_every_file": False})
        return column.model_copy(update={"constant": value})

    columns = tuple(read_by_name(column) for column in dataset.columns)
    return _with_events(dataset, columns=columns)


def _with_events(dataset: Dataset, **keys: object) -> Dataset:
    [block] = dataset.events
    return dataset.model_copy(update={"events": (block.model_copy(update=keys),)})


def _read(
    dataset: Dataset,
    root: Path,
    file: Path,
    number: int,
    settings: Settings,
    into: Path,
    take: RowSink,
    wanted: Callable[[dt.date], bool] | None,
) -> Landed:
    kind = "parquet" if root.is_dir() else format_of(file)
    csv = CsvDialect(delimiter="\t" if kind == "tsv" else ",")
    dataset = _with_events(dataset, format="csv" if kind == "tsv" else kind, csv=csv)
    name = file.name if file_date(file.name) or root == file else f"{root.absolute().name} {file.name}"
    if wanted is None and file_date(name) is None:
        name = f"{_NO_DATE} {name}"

    def rows(read: pl.DataFrame) -> None:
        if wanted is not None:
            read = read.filter(read[EVENT_DATE].is_in([date for date in read[EVENT_DATE].unique() if wanted(date)]))
        take(read)

    try:
        identity = Identity(f"{number:08d}", file.stat().st_size, signature(file))
        landed = land_file(
            dataset,
            "events",
            file,
            name,
            identity,
            into,
            rows=rows,
            landed_at=_NO_CLOCK,
            memory_bytes=settings.memory_bytes,
            workers=settings.workers,
        )
    except LandingError as error:
        remedy = "fix it, or leave out --fail-fast" if dataset.mode == "fail_fast" else error.remedy
        raise QueryError(str(file), error.state.replace(" and mode is fail_fast: nothing landed", ""), remedy) from None
    except OSError as error:
        raise QueryError(str(file), f"can't be read ({error.strerror})", "name a file that can") from None
    missing = [s for c in dataset.columns if c.name in landed.drift.missing and c.required for s in c.sources]
    if landed.reason is not None or missing:
        reason = landed.reason or f"missing_column: {', '.join(missing)}"
        what, _, column = reason.partition(": ")
        if what != "missing_column":
            raise QueryError(str(file), reason, "fix the file")
        header = csv_header(file, csv.delimiter) if kind in ("csv", "tsv") else []
        there = (list(pl.read_parquet_schema(file)) if kind == "parquet" else header) or [
            *(source for c in dataset.columns for source in c.sources if source not in missing),
            *landed.drift.new,
        ]
        remedy = "name yours by --user-column, --session-column, --platform-column, --time-column or --type-column"
        raise QueryError(str(file), f"has no column {column.partition(' (')[0]}; there are {', '.join(there)}", remedy)
    return landed


def _sessions(dataset: Dataset, read: Activity, path: Path, rows: pl.DataFrame) -> pl.DataFrame:
    """The platform_sessions of some rows; adds to `read` the refused records and the valid records that don't count."""
    scope = Scope(dataset, PolarsEngine().ports)
    columns = [column for column in dataset.columns if column.name != "activity_time"]
    required = required_columns(read.shipped)
    records = scope.ports.shared(judged(nw.from_native(rows.lazy()), columns, required, scope))
    valid = records.filter(nw.col("is valid")).select(*(nw.col(f"typed {c.name}").alias(c.name) for c in columns))
    counts = nw.all_horizontal(
        ~nw.col("platform").is_null(), ~nw.col("source_session_id").is_null(), ignore_nulls=False
    )
    refused = quarantine_rows(records, columns, required, scope).select("row_number", "reason")
    plans: list[pl.LazyFrame] = [
        nw.to_native(platform_sessions({"joined_facts": valid}, scope).tables["platform_sessions"]),
        nw.to_native(valid.filter(~counts).select(nw.len().alias("uncounted"))),
        nw.to_native(refused.sort("row_number")),
    ]
    sessions, uncounted, why = pl.collect_all(plans, engine="in-memory")
    if dataset.mode == "fail_fast" and why.height:
        number, reason = why.row(0)
        raise QueryError(str(path), f"record {number} is refused ({reason})", "fix it, or leave out --fail-fast")
    read.uncounted += uncounted.item()
    read.refused.update(why["reason"].to_list())
    return sessions

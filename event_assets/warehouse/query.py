"""Runs one SELECT over the views, in a DuckDB connection that can read the tables' files and nothing else."""

from __future__ import annotations

import json
import re
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import duckdb

from event_assets.declaration import Dataset
from event_assets.engines.duckdb.resources import failed_access, thread_settings
from event_assets.errors import LakeError, QueryError
from event_assets.settings import Settings
from event_assets.storage.damaged_files import damaged, damaged_files
from event_assets.storage.lake import Lake
from event_assets.storage.retry_missing_files import retry_missing_files
from event_assets.tables.facts_table import FACTS
from event_assets.text.sql import literal
from event_assets.warehouse.query_result import ArrowReaderError, QueryResult, Rows, query_result
from event_assets.warehouse.views import create_views, paths_literal

if TYPE_CHECKING:
    import polars as pl

T = TypeVar("T")

_OFFLINE = {"autoinstall_known_extensions": False, "autoload_known_extensions": False}
#: The parts of a query that only read. DuckDB takes INSERT and COPY as bodies of a WITH too, and calls it a SELECT.
_READING = {"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"}
#: A query has at most this number of SELECTs, UNIONs and WITHs.
MAX_PARTS = 1_000
_EVENTS = re.compile(r"^Catalog Error: Table with name events does not exist", re.IGNORECASE)
_GONE = re.compile(r"No files found|No such file|Cannot open file", re.IGNORECASE)


#: Kinds of DuckDB's errors that are about the query's text, its values or its limits. All others, those of its Thrift
#: reader among them, which have no kind, may come from a file that isn't the Parquet that it should be.
_OF_THE_QUERY = {
    *("Parser", "Syntax", "Binder", "Catalog", "Permission", "Not implemented"),
    *("Conversion", "Out of Range", "Mismatch Type", "Out of Memory", "INTERRUPT"),
}


class _ReplacedError(Exception):
    """A partition was replaced after the log was read and before its files were."""


def read(
    sql: str,
    datasets: Mapping[str, Dataset],
    settings: Settings,
    take: Callable[[Iterator[pl.DataFrame]], T],
    parameters: Sequence[object] = (),
) -> T:
    """What `take` makes of the rows of one SELECT over the views `<dataset>.<table>`.

    `take` is given frames of some ten thousand rows, at least one (without rows, where there are none), all of
    the same columns: nested values as JSON text, intervals and other types that a frame lacks as text, times in
    UTC. Where a partition is replaced meanwhile, `take` is called again from the first row.

    QueryError where the text is not one SELECT, or DuckDB refuses it: other statements, files and settings are
    out of reach. LakeError where the lake can't be read.
    """
    return _again(
        datasets, settings, lambda: _read(sql, datasets, settings, lambda found: take(found.frames()), parameters)
    )


def read_rows(sql: str, datasets: Mapping[str, Dataset], settings: Settings, take: Callable[[Rows], T]) -> T:
    """What `take` makes of the rows of one SELECT, as `read`, with the values that its frames would have."""
    return _again(datasets, settings, lambda: _read(sql, datasets, settings, lambda found: take(found.rows()), ()))


def read_frame(
    sql: str, datasets: Mapping[str, Dataset], settings: Settings, parameters: Sequence[object] = ()
) -> pl.DataFrame:
    """All rows of one SELECT, as `read` gives them."""
    import polars as pl

    return read(sql, datasets, settings, pl.concat, parameters)


def _again(datasets: Mapping[str, Dataset], settings: Settings, once: Callable[[], T]) -> T:
    """What `once` reads, begun again where a partition is replaced meanwhile."""

    def attempt() -> T:
        try:
            return once()
        except _ReplacedError as replaced:
            raise FileNotFoundError(str(replaced)) from None

    try:
        return retry_missing_files(attempt, lambda: None)
    except FileNotFoundError as error:
        command = f"event-assets run {next(iter(datasets)) if len(datasets) == 1 else 'DATASET'}"
        raise LakeError(
            str(settings.lake), f"its files can't be found ({error})", f"{command} recomputes them"
        ) from None


def _read(
    sql: str,
    datasets: Mapping[str, Dataset],
    settings: Settings,
    take: Callable[[QueryResult], T],
    parameters: Sequence[object],
) -> T:
    with (
        tempfile.TemporaryDirectory(prefix="event_assets-query-") as spill,
        duckdb.connect(":memory:", config={**_OFFLINE}) as connection,
    ):
        files: list[Path] = []
        try:
            _check_that_it_only_reads(connection, sql)
            create_views(connection, datasets, Lake(settings.lake, settings.cache), sql, files)
            connection.execute(f"SET allowed_paths = {paths_literal(files)}")
            for name, value in {
                "temp_directory": literal(spill),
                "memory_limit": literal(f"{settings.query_memory_bytes or settings.memory_bytes}B"),
                "max_temp_directory_size": literal(f"{settings.query_spill_bytes}B"),
                **thread_settings(settings.workers),
                "TimeZone": "'UTC'",
                "python_enable_replacements": "false",
                "enable_external_access": "false",
                "lock_configuration": "true",
            }.items():
                connection.execute(f"SET {name} = {value}")
            with _time_limit(connection, settings.query_seconds):
                return take(query_result(connection, sql, parameters))
        except (duckdb.Error, ArrowReaderError, QueryError) as error:
            # DuckDB reports a file that was deleted meanwhile as forbidden, since it isn't among the allowed files.
            if any(not file.exists() for file in files):
                raise _ReplacedError(" ".join(str(error).split())) from None
            if isinstance(error, QueryError):
                raise
            if _kind_of(error) not in _OF_THE_QUERY and (found := damaged_files(files)):
                raise damaged(found[0]) from None
            raise _understood(error) from None


@contextmanager
def _time_limit(connection: duckdb.DuckDBPyConnection, seconds: int) -> Iterator[None]:
    """QueryError where what runs inside takes longer."""
    passed = threading.Event()

    def stop() -> None:
        passed.set()
        connection.interrupt()

    timer = threading.Timer(seconds, stop)
    timer.start()
    try:
        yield
    except Exception:
        if passed.is_set():
            remedy = "ask for fewer columns or dates, or set EVENT_ASSETS_QUERY_SECONDS higher"
            raise QueryError("query", f"took longer than {seconds} s", remedy) from None
        raise
    finally:
        timer.cancel()


def _check_that_it_only_reads(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    statements = connection.extract_statements(sql)
    if len(statements) != 1:
        raise QueryError("query", f"holds {len(statements)} statements", "write one SELECT")
    text = connection.execute("SELECT json_serialize_sql(?)", [statements[0].query]).fetchall()[0][0]
    try:
        tree = json.loads(text)
        nodes = [kind for kind in _kinds(tree) if kind.endswith("_NODE")]
    except RecursionError:
        raise QueryError("query", "is nested too deeply", "split it") from None
    if len(nodes) > MAX_PARTS:  # DuckDB takes minutes to plan such a chain, and can't be interrupted meanwhile
        state = f"has {len(nodes):,} SELECTs and UNIONs of at most {MAX_PARTS:,}"
        raise QueryError("query", state, "write fewer, or split it")
    if tree["error"] or not set(nodes) <= _READING:
        raise QueryError("query", "is no plain SELECT", "write one SELECT: tables are read here, never changed")


def _kinds(tree: Any) -> Iterator[str]:
    """The `type` of every part of a syntax tree."""
    if isinstance(tree, dict):
        if isinstance(tree.get("type"), str):
            yield tree["type"]
        for part in tree.values():
            yield from _kinds(part)
    elif isinstance(tree, list):
        for part in tree:
            yield from _kinds(part)


def _kind_of(error: Exception) -> str:
    """What an error of DuckDB's begins with: its kind; all of its text where it has none."""
    return str(error).partition(" Error: ")[0]


def _understood(error: Exception) -> Exception:
    """DuckDB's error in one line of ours."""
    text = " ".join(re.split(r"\n\s*LINE \d+:", str(error))[0].split())
    match _kind_of(error):
        case "IO" if failed := failed_access(text):
            return LakeError("query", *failed)
        case "IO" if _GONE.search(text):
            return _ReplacedError(text)
        case "Permission":
            return QueryError("query", f"reaches beyond the tables ({text})", "read the views <dataset>.<table> only")
        case "Catalog" if _EVENTS.search(text):
            return QueryError("query", "no table is named events", f"events are in {FACTS}")
        case "Catalog":
            return QueryError("query", text, "SHOW ALL TABLES lists what there is")
        case "Out of Memory":
            return QueryError(
                "query",
                text,
                "set EVENT_ASSETS_QUERY_MEMORY or EVENT_ASSETS_QUERY_SPILL higher, or ask for fewer columns or dates",
            )
    return QueryError("query", text, "fix the query")

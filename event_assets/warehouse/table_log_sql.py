"""SQL for the views of the warehouse file: reads the table log at each query, and the rows of the files that are
current then.

A view reads the log at every query, so it stays right while the file is open and runs publish partitions. A fixed list
of files would name deleted files after the next run, and a glob alone would read a partition twice while it is
replaced. DuckDB has a Delta reader, but as an extension that must be downloaded.
"""

from __future__ import annotations

from pathlib import Path

from event_assets.text.sql import literal

#: The column with the file of a row; no declared column begins with an underscore.
FILE_COLUMN = "_file"

#: The columns by which tables have folders.
_HIVE_TYPES = {None: "", "event_date": "DATE", "geo_region": "VARCHAR"}
#: The actions on files since the newest checkpoint, which has all files that were live then.
_COMMITS = (
    "SELECT add.path AS added, remove.path AS removed, CAST(parse_filename(log, true) AS BIGINT) AS version"
    " FROM read_json(pattern || '/_delta_log/[0-9]*.json', format = 'newline_delimited', filename = 'log',"
    " columns = {add: 'STRUCT(path VARCHAR)', remove: 'STRUCT(path VARCHAR)'})"
)
_CHECKPOINTS = (
    "SELECT add.path AS added, CAST(NULL AS VARCHAR) AS removed,"
    " CAST(split_part(parse_filename(log), '.', 1) AS BIGINT) AS version"
    " FROM read_parquet(pattern || '/_delta_log/*.checkpoint.parquet', union_by_name = true, filename = 'log')"
)
_NO_CHECKPOINTS = "SELECT CAST(NULL AS VARCHAR) AS added, CAST(NULL AS VARCHAR) AS removed, -1::BIGINT AS version"

#: A commit is missing if the log was shortened since the view was created: then the view doesn't know all files.
_WHOLE = (
    "CASE WHEN (SELECT count(DISTINCT version) <> max(version) - (FROM base) FROM commits WHERE version > (FROM base))"
    " THEN error('the log of ' || folder || ' was cut down since these views were made; any run makes them again')"
    " ELSE true END"
)


def macros() -> tuple[str, ...]:
    """Statements that create the functions that `live_rows` calls."""
    return (*_live_files(), *(_rows_of_files(hive) for hive in _HIVE_TYPES))


def without_files() -> tuple[str, ...]:
    """Statements that create those functions so that they find no file. A view is then created without opening the
    table's files, which takes a quarter of a millisecond per file; `macros` runs after it."""
    return tuple(
        f"CREATE OR REPLACE MACRO main.{_rows_function(hive)}(pattern) AS TABLE (SELECT ''::VARCHAR AS {FILE_COLUMN}"
        f"{f', NULL::{kind} AS {hive}' if hive else ''} WHERE false)"
        for hive, kind in _HIVE_TYPES.items()
    )


def _rows_function(hive: str | None) -> str:
    return f"rows_by_{hive}" if hive else "rows_of_files"


def _rows_of_files(hive: str | None) -> str:
    known = f"true, hive_types = {{{literal(hive)}: {_HIVE_TYPES[hive]}}}" if hive else "false"
    return (
        f"CREATE OR REPLACE MACRO main.{_rows_function(hive)}(pattern) AS TABLE (FROM read_parquet(pattern,"
        f" union_by_name = true, filename = '{FILE_COLUMN}', hive_partitioning = {known}))"
    )


def _live_files() -> tuple[str, ...]:
    return tuple(
        f"CREATE OR REPLACE MACRO main.{name}(folder, pattern) AS TABLE ("
        f"WITH commits AS MATERIALIZED ({_COMMITS}), checkpoints AS MATERIALIZED ({checkpoints}),"
        " base AS MATERIALIZED (SELECT max(version) FROM checkpoints),"
        " actions AS (FROM commits WHERE version > (FROM base)"
        " UNION ALL FROM checkpoints WHERE version = (FROM base))"
        " SELECT folder || '/' || coalesce(added, removed) AS file FROM actions"
        f" WHERE coalesce(added, removed) IS NOT NULL AND {_WHOLE}"
        " GROUP BY ALL HAVING arg_max(added IS NOT NULL, version))"
        for name, checkpoints in (("live_files", _NO_CHECKPOINTS), ("live_files_of_long_log", _CHECKPOINTS))
    )


def live_rows(folder: Path, hive_column: str | None) -> str:
    """A SELECT of all rows of a table that has files, with the columns of the files and the Hive column.

    The order matters: DuckDB lists the log's files, then the table's files, then looks for live files that are missing.
    So a partition that is replaced meanwhile is an error with that message; it is never missing or read twice.
    """
    long = any(folder.glob("_delta_log/*.checkpoint.parquet"))
    root = literal(folder.as_posix())
    live = f"main.live_files{'_of_long_log' if long else ''}({root}, {literal(_escaped(folder))})"
    pattern = literal(f"{_escaped(folder)}/{f'{hive_column}=*/' if hive_column else ''}*.parquet")
    return (
        f"WITH live AS MATERIALIZED (FROM {live})"
        f" SELECT rows.* FROM live JOIN main.{_rows_function(hive_column)}({pattern}) AS rows"
        f" ON rows.{FILE_COLUMN} = live.file"
        f" WHERE (SELECT CASE WHEN count(*) > 0 THEN error({root} || ' was replaced while the query began; run it"
        f" again') ELSE true END FROM live ANTI JOIN glob({pattern}) AS there ON there.file = live.file)"
    )


def _escaped(folder: Path) -> str:
    """A pattern that matches only this path."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in folder.as_posix())

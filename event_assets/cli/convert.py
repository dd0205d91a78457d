"""`event-assets convert`: a CSV or JSON file as Snappy Parquet, partitioned by a column."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from event_assets.errors import EventAssetsError, QueryError
from event_assets.wording import counted

#: Each value of the partitioning column keeps a file open while the rows stream by.
MAX_VALUES = 10_000


def convert(
    file: Annotated[Path, typer.Argument(help="A CSV, TSV, JSON array or NDJSON file, also .gz or .zst.")],
    out: Annotated[Path, typer.Option(help="The folder to write; it is new, or --overwrite replaces it.")],
    partition_by: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="One Hive folder COLUMN=VALUE a value; without, one file.")
    ] = None,
    form: Annotated[
        str | None, typer.Option("--format", help="csv, tsv, json or ndjson, where the name doesn't tell.")
    ] = None,
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast/--lenient", help="Stop at the first bad record, or write all others.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a folder of Parquet files.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was written as JSON.")] = False,
) -> None:
    """Converts a file of any size to Snappy Parquet. Every value stays the text that it was: no type is guessed.

    \b
    event-assets convert Dataset_20250101.csv --out data/by_platform
        --partition-by platform
    event-assets convert events.json.gz --out data/events
    """
    if form not in (None, "csv", "tsv", "json", "ndjson"):
        raise typer.BadParameter(f"--format {form} is none of csv, tsv, json, ndjson")
    _check_target(out, overwrite)

    from event_assets.cli.output import json_text, note
    from event_assets.cli.progress_bar import progressing
    from event_assets.cli.text_to_parquet import to_parquet
    from event_assets.settings import load_settings

    target = out.absolute()
    try:
        size = file.stat().st_size / 1e6 if file.is_file() else 0.0
        with progressing(f"converting {file.name}", size, "MB") as advance, _beside(target) as at:
            plain, finished = at / "00000000.parquet", at / "finished"
            read = to_parquet(
                file, form, plain, load_settings(), fail_fast=fail_fast, progress=lambda share: advance(share * size)
            )
            finished.mkdir()
            if partition_by is None:
                plain.replace(finished / plain.name)
            else:
                _partition(file, plain, finished, partition_by)
            _check_rows(finished, read.rows)
            if target.exists():
                target.replace(at / "replaced")
            finished.replace(target)
    except OSError as error:
        raise EventAssetsError(
            f"--out {out}", f"can't be written ({error.strerror})", "choose another folder"
        ) from None
    files = sorted(path.relative_to(target).as_posix() for path in target.rglob("*.parquet"))
    if as_json:
        print(json_text({"out": str(out), "files": files, "rows": read.rows, "refused": dict(read.refused)}))
        return
    for name in files:
        print(out / name)
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in sorted(read.refused.items()))
    refused = counted(read.refused.total(), "record") + " refused" + (f": {reasons}" if reasons else "")
    note(f"{counted(read.rows, 'row')} written; {refused}")


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """A folder to work in, on the disk of the target, so that the end is a rename."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as folder:
        yield Path(folder)


def _check_target(out: Path, overwrite: bool) -> None:
    if out.exists() and not out.is_dir():
        raise EventAssetsError(f"--out {out}", "is a file", "name a folder")
    there = [path for path in out.rglob("*") if not path.is_dir()] if out.exists() else []
    if there and not overwrite:
        raise EventAssetsError(f"--out {out}", "holds files already", "name a new folder, or take --overwrite")
    # A slip such as --out ~ must not cost more than what this command writes.
    if foreign := [path for path in there if path.suffix != ".parquet"]:
        raise EventAssetsError(f"--out {out}", f"holds {foreign[0].name}, no Parquet file", "name another folder")


def _partition(file: Path, plain: Path, into: Path, column: str) -> None:
    import polars as pl

    rows = pl.scan_parquet(plain, hive_partitioning=False, glob=False)
    names = rows.collect_schema().names()
    if column not in names:
        raise QueryError(str(file), f"has no column {column}", f"choose one of {', '.join(names) or 'none'}")
    if len(names) == 1:
        raise QueryError(str(file), f"has no column but {column}", "leave out --partition-by")
    values = rows.select(pl.col(column).n_unique()).collect(engine="streaming").item()
    if values > MAX_VALUES:
        raise QueryError(str(file), f"has {values:,} values of {column}", f"choose a column of at most {MAX_VALUES:,}")
    # One file a value, its rows in the order of the source.
    folders = pl.PartitionBy(into, key=column, include_key=False, approximate_bytes_per_file=None)
    rows.sink_parquet(folders, compression="snappy", maintain_order=True, mkdir=True)


def _check_rows(finished: Path, rows: int) -> None:
    """Nothing is lost: on a disk that doesn't tell upper from lower case, folders of two values may be one."""
    import pyarrow.parquet as pq

    written = sum(pq.read_metadata(path).num_rows for path in finished.rglob("*.parquet"))
    if written != rows:
        raise EventAssetsError(
            "convert", f"wrote {written:,} of {rows:,} rows", "nothing was kept; take a disk that tells cases apart"
        )

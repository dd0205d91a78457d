"""`event-assets convert`: a CSV or JSON file as Snappy Parquet, partitioned by a column."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from event_assets.cli.arguments import JsonOption
from event_assets.cli.console import note
from event_assets.errors import EventAssetsError
from event_assets.wording import counted


def convert(
    file: Annotated[
        Path, typer.Argument(help="A CSV, TSV, JSON array or NDJSON file, also .gz or .zst; or a folder of such files.")
    ],
    out: Annotated[Path, typer.Option(help="The folder to write; it must be new unless --overwrite is given.")],
    partition_by: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Write a Hive folder COLUMN=VALUE for each value instead of one file."),
    ] = None,
    normalize_as: Annotated[
        str | None,
        typer.Option(
            "--as",
            metavar="DATASET",
            help="Normalize values by this dataset's declaration; none keeps them as they are.",
        ),
    ] = None,
    form: Annotated[
        str | None, typer.Option("--format", help="csv, tsv, json or ndjson, if the name doesn't show it.")
    ] = None,
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast/--lenient", help="Stop at the first bad record, or write all others.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a folder of Parquet files.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Converts files of any size to Snappy Parquet. All values stay text; no type is guessed.

    Values are normalized (blanks, null values, aliases, case) as the dataset that --as names declares them. Without
    --as, they are normalized if the file's name and columns match exactly one shipped dataset.

    \b
    event-assets convert Dataset_20250101.csv --out data/by_platform
        --partition-by platform
    event-assets convert events.json.gz --out data/events
    """
    if form not in (None, "csv", "tsv", "json", "ndjson"):
        raise typer.BadParameter(f"--format {form} is none of csv, tsv, json, ndjson")
    _check_target(out, overwrite)

    import polars as pl

    from event_assets.cli.machine_output import json_text
    from event_assets.cli.normalize_as_declared import declared_as
    from event_assets.cli.progress_bar import progressing
    from event_assets.cli.text_to_parquet import TextConversion
    from event_assets.cli.write_hive_folders import write_hive_folders
    from event_assets.declaration import load_datasets
    from event_assets.settings import load_settings

    target, settings = out.absolute(), load_settings()
    datasets = load_datasets(settings.datasets)
    inside = [path for path in file.rglob("*") if path.is_file()] if file.is_dir() else [file]
    try:
        size = sum(path.stat().st_size for path in inside if path.is_file()) / 1e6
        with progressing(f"converting {file.name}", size, "MB") as advance, _beside(target) as at:
            plain, finished = at / "00000000.parquet", at / "finished"
            conversion = TextConversion(
                form,
                settings,
                fail_fast,
                declared=lambda name, columns: declared_as(normalize_as, datasets, name, columns),
                progress=lambda share: advance(share * size),
            )
            read = conversion.convert(file, plain)
            finished.mkdir()
            if partition_by is None:
                plain.replace(finished / plain.name)
            else:
                rows = pl.scan_parquet(plain, hive_partitioning=False, glob=False)
                write_hive_folders(str(file), rows, finished, partition_by)
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
        found = {"out": str(out), "files": files, "rows": read.rows, "refused": dict(read.refused)}
        print(json_text({**found, "as": sorted(read.normalized)}))
        return
    for name in files:
        print(out / name)
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in sorted(read.refused.items()))
    refused = counted(read.refused.total(), "record") + " refused" + (f": {reasons}" if reasons else "")
    if read.normalized and normalize_as is None:
        note(f"Values are normalized as {' and '.join(sorted(read.normalized))} declares them; --as none keeps them.")
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


def _check_rows(finished: Path, rows: int) -> None:
    """Fail if rows are lost: on a disk that ignores case, the folders of two values may be one."""
    import pyarrow.parquet as pq

    written = sum(pq.read_metadata(path).num_rows for path in finished.rglob("*.parquet"))
    if written != rows:
        raise EventAssetsError(
            "convert", f"wrote {written:,} of {rows:,} rows", "nothing was kept; take a disk that tells cases apart"
        )

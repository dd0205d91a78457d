"""`event-assets quarantine`: the refused records with their reasons, and whether fixed rules accept them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from event_assets.cli.arguments import (
    DatasetName,
    JsonOption,
    RawOption,
    RecordsOption,
    WideOption,
    known_reasons,
    named_dataset,
    refusal_reasons,
)
from event_assets.cli.console import note
from event_assets.settings import Settings, load_settings
from event_assets.wording import counted

if TYPE_CHECKING:
    import polars as pl

    from event_assets.cli.text_table import Shown
    from event_assets.declaration import Dataset

#: At most this number of characters of a record is shown, and of lines about files.
RAW_SHOWN, FILES_SHOWN = 200, 20


def quarantine(
    dataset: DatasetName,
    reason: Annotated[
        str | None,
        typer.Option(
            help="Only records refused for this reason, such as missing_user_id.", autocompletion=known_reasons
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=0, help="How many records to show.")] = 10,
    out: Annotated[Path | None, typer.Option(help="Write all of them to this .csv, .parquet or .json file.")] = None,
    raw: RawOption = False,
    replay: Annotated[
        bool,
        typer.Option("--replay", help="First read records again by the current rules and recompute stale partitions."),
    ] = False,
    wide: WideOption = False,
    blocks: RecordsOption = False,
    as_json: JsonOption = False,
) -> None:
    """Counts the refused records by reason, date and file and shows the first ones with their original text.

    \b
    event-assets quarantine benefits
    event-assets quarantine benefits --reason missing_user_id --limit 20
    event-assets quarantine benefits --out refused.csv
    event-assets quarantine benefits --replay          (after a rule was fixed)
    """
    declared, settings = named_dataset(dataset), load_settings()

    import polars as pl

    from event_assets.cli.machine_output import check_suffix, json_text
    from event_assets.cli.text_table import Shown, print_table

    check_suffix(out)
    if reason is not None:
        _check_reason(declared, settings, reason)
    shown = Shown(wide, blocks)
    refused = _Refused(declared, settings, reason)
    replayed = None
    if replay:
        from event_assets.cli.run_progress import run_with_progress

        before = refused.keys()
        run_with_progress(declared, settings)
        after = refused.keys()
        replayed = {"left": len(before - after), "entered": len(after - before), "stayed": len(before & after)}
    files, records = refused.by_file(), refused.records(limit)
    counts = files.group_by("reason", "event_date").agg(pl.col("records").sum()).sort("reason", "event_date")
    if out is not None:
        written = counted(refused.write(out, raw=raw), "record")
        note(f"{written} in {out}" + (", formulas left as they are (--raw)" if raw else ""))
    if as_json:
        found = {"counts": counts.to_dicts(), "files": files.to_dicts(), "records": records.to_dicts()}
        print(json_text({**found, "replayed": replayed}))
        return
    if replayed:
        left = counted(replayed["left"], "record")
        print("{0} left quarantine, {entered:,} entered it, {stayed:,} stayed".format(left, **replayed))
    if counts.is_empty():
        print(f"No record of {dataset} is refused" + (f" for {reason}" if reason else ""))
        return
    print_table(counts, f"{counted(int(counts['records'].sum()), 'refused record')} of {dataset}", shown)
    _print_files(files, shown)
    if limit:
        raw_text = pl.col("raw").str.head(RAW_SHOWN)
        first = records.select("event_date", "file", "row_number", "reason", "column", raw_text)
        print_table(first, f"The first {first.height}", shown)


def _check_reason(dataset: Dataset, settings: Settings, reason: str) -> None:
    """Wrong usage where no record of the dataset is, or could be, refused for a reason."""
    from event_assets.pipeline.count_refused_records import possible_reasons

    there = refusal_reasons(dataset, settings)
    if reason not in there and reason not in possible_reasons(dataset):
        are = f"refused are records for {', '.join(there)}" if there else "no record of it is refused"
        raise typer.BadParameter(f"{dataset.name} refuses no record for {reason!r}; {are}")


@dataclass(frozen=True)
class _Refused:
    """The refused records of a dataset, or those with one reason."""

    dataset: Dataset
    settings: Settings
    reason: str | None

    def by_file(self) -> pl.DataFrame:
        """file (a name of it), file_id, reason, event_date (null if unknown), records; in that order."""
        return self._query(
            f"SELECT file, file_id, reason, event_date, count(*) AS records FROM {self._with_names}"
            " GROUP BY ALL ORDER BY file, file_id, reason, event_date NULLS FIRST"
        )

    def records(self, limit: int) -> pl.DataFrame:
        """event_date, file, row_number, reason, reasons, column, raw, file_id of the first; by date, file and row."""
        return self._query(f"{self._records} LIMIT {limit}")

    def write(self, out: Path, *, raw: bool) -> int:
        """Write all records to a file; returns their number."""
        from event_assets.cli.machine_output import write_file
        from event_assets.warehouse.query import read

        write = partial(write_file, out=out, raw=raw)
        return read(self._records, {self.dataset.name: self.dataset}, self.settings, write, [self.reason])

    def keys(self) -> set[tuple[str, int]]:
        """(file_id, row_number) of every record."""
        return set(self._query(f"SELECT file_id, row_number FROM {self._chosen}").rows())

    @property
    def _chosen(self) -> str:
        return f"(FROM {self.dataset.name}.rejected_records WHERE reason = coalesce(?, reason))"

    @property
    def _with_names(self) -> str:
        files = f"SELECT file_id, json_extract_string(names, '$[0]') AS file FROM {self.dataset.name}.source_files"
        return f"{self._chosen} LEFT JOIN ({files}) USING (file_id)"

    @property
    def _records(self) -> str:
        return (
            f'SELECT event_date, file, row_number, reason, reasons, "column", raw, file_id FROM {self._with_names}'
            " ORDER BY event_date NULLS FIRST, file, file_id, row_number"
        )

    def _query(self, sql: str) -> pl.DataFrame:
        from event_assets.warehouse.query import read_frame

        return read_frame(sql, {self.dataset.name: self.dataset}, self.settings, [self.reason])


def _print_files(files: pl.DataFrame, shown: Shown) -> None:
    """Print the number of records per file and reason over all dates; if there are many lines, the largest numbers."""
    import polars as pl

    from event_assets.cli.text_table import print_table

    dates = pl.col("event_date")
    found = files.group_by("file", "file_id", "reason").agg(
        pl.col("records").sum(), dates.min().alias("first_date"), dates.max().alias("last_date")
    )
    found = found.sort("records", "file", "file_id", "reason", descending=[True, False, False, False]).drop("file_id")
    print_table(found.head(FILES_SHOWN), "By file", shown)
    if found.height > FILES_SHOWN:
        note(f"These are the first {FILES_SHOWN} of {found.height:,} lines; --json gives all of them.")

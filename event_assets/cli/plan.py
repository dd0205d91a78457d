"""`event-assets plan`: what a run would do, why, and how the rows of each table would differ."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from event_assets.cli.arguments import DatasetName, JsonOption, named_dataset
from event_assets.cli.console import say
from event_assets.settings import load_settings

if TYPE_CHECKING:
    from event_assets.pipeline.compare_rows import Difference
    from event_assets.pipeline.plan import Plan
    from event_assets.pipeline.planned_difference import PlannedDifference

#: At most this number of rows that differ is shown for each table.
_SAMPLE = 3
#: The exit code with --exit-code if a run would do something, as of `git diff --exit-code`.
_SOMETHING = 1


def plan(
    dataset: DatasetName,
    diff: Annotated[
        bool, typer.Option("--diff", help="Also count the rows that would be added, removed and changed.")
    ] = False,
    as_json: JsonOption = False,
    out: Annotated[
        Path | None,
        typer.Option(help="Write the plan to a .json file, or each row that differs to a .csv or .parquet file."),
    ] = None,
    exit_code: Annotated[
        bool,
        typer.Option("--exit-code", help="Exit with 1 if a run would do (with --diff: change) something, else with 0."),
    ] = False,
) -> None:
    """Shows what `run` would do now and why: new files, changed keys of the declaration, partitions to compute.

    With --diff it also computes them in a temporary folder and compares them with the published tables by key. It
    doesn't change the lake. `run` makes exactly these changes.

    \b
    event-assets plan shop
    event-assets plan shop --diff
    event-assets plan shop --diff --out plan.json --exit-code
    """
    from event_assets.cli.machine_output import check_suffix

    declared = named_dataset(dataset)
    check_suffix(out)
    listed = out is not None and out.suffix != ".json"
    if listed and not diff:
        raise typer.BadParameter(f"--out {out} lists rows that differ: add --diff, or name a .json file")

    from event_assets.cli.machine_output import json_text, write_file
    from event_assets.cli.progress_bar import working
    from event_assets.pipeline.compare_rows import SAMPLE_ROWS
    from event_assets.pipeline.plan import preview
    from event_assets.pipeline.planned_difference import planned_difference
    from event_assets.pipeline.workspace import Workspace
    from event_assets.storage.atomic_write import atomic_write

    workspace = Workspace(declared, load_settings())
    found: Plan | PlannedDifference
    if diff:
        with working(f"computing {dataset} in a temporary lake"):
            most = None if listed else SAMPLE_ROWS
            found = planned_difference(workspace, now=lambda: dt.datetime.now(dt.UTC), rows=most)
        planned = found.plan
    else:
        workspace.refresh()
        found = planned = preview(workspace)
    if out is not None and listed:
        import polars as pl

        rows = [(table, date or None, *row) for table, date, *row in _rows(getattr(found, "tables", {}))]
        schema = dict.fromkeys(("table", "event_date", "change", "key", "columns"), pl.String())
        write_file([pl.DataFrame(rows, schema, orient="row")], out)
    elif out is not None:
        with atomic_write(out) as stream:
            stream.write(json_text(found.as_json()).encode() + b"\n")
    if as_json:
        print(json_text(found.as_json()))
    else:
        _print(found, planned)
    if exit_code and not found.is_empty:
        raise typer.Exit(_SOMETHING)


def _print(found: Plan | PlannedDifference, planned: Plan) -> None:
    from event_assets.pipeline.planned_difference import PlannedDifference

    for line in (*(f"warning: {warning}" for warning in planned.warnings), *planned.lines()):
        say(line)
    if not isinstance(found, PlannedDifference):
        return
    for table, dates in found.refused.items():
        say(f"would not be published: {table} {', '.join(dates)}".rstrip())
    if not found.tables:
        say("No row of any table would differ.")
        return
    say("Rows that would differ:")
    for table, units in found.tables.items():
        say(f"{table}{_summed(units)}")
        for _, date, change, key, columns in islice(_rows({table: dict(sorted(units.items()))}), _SAMPLE):
            shown = " ".join(filter(None, (change, date, key)))
            say(f"  {shown}: {columns}" if columns else f"  {shown}")


def _summed(units: Mapping[str, Difference]) -> str:
    """The dates of a table with its rows added, removed and changed, and how often each column changed."""
    from event_assets.pipeline.plan import date_range

    dates = date_range([dt.date.fromisoformat(date) for date in sorted(units) if date])
    sums = [(kind, sum(getattr(unit, kind) for unit in units.values())) for kind in ("added", "removed", "changed")]
    columns = Counter[str]()
    for unit in units.values():
        columns.update(unit.columns)
    which = f" ({', '.join(f'{name} {count:,}' for name, count in columns.items())})" if columns else ""
    counts = ", ".join(f"{count:,} {kind}" for kind, count in sums if count)
    return f" {dates}: {counts}{which}" if dates else f": {counts}{which}"


def _rows(tables: Mapping[str, Mapping[str, Difference]]) -> Iterator[tuple[str, str, str, str, str]]:
    """table, event_date (empty for a table without dates), change, key (JSON), columns of each row that differs."""
    from event_assets.cli.machine_output import json_text

    for table, dates in tables.items():
        for date, unit in dates.items():
            for change, key, columns in unit.sample:
                yield table, date, change, json_text(dict(key)), ", ".join(columns)

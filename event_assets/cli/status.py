"""`event-assets status`: the status of the datasets."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from event_assets.cli.arguments import (
    JsonOption,
    RecordsOption,
    WideOption,
    known_datasets,
    name_unused,
    one_or_all,
    unused_samples,
)
from event_assets.cli.console import note
from event_assets.settings import load_settings


def status(
    dataset: Annotated[
        str | None, typer.Argument(help="One dataset, with its tables; by default all.", autocompletion=known_datasets)
    ] = None,
    wide: WideOption = False,
    records: RecordsOption = False,
    as_json: JsonOption = False,
) -> None:
    """Shows dates, rows, the share of rejected records, stale partitions, waiting files and the last run.

    It lands and computes nothing. Partitions downstream of a stale one are only compared once it is computed.

    \b
    event-assets status
    event-assets status shop
    event-assets status --json
    """
    from event_assets.pipeline.status import status as status_of
    from event_assets.pipeline.workspace import Workspace

    settings, found = load_settings(), one_or_all(dataset)
    statuses, runs = [status_of(Workspace(one, settings)) for one in found], {}
    if (settings.dagster_home / "dagster.yaml").exists():
        from event_assets.cli.dagster_runs import last_runs  # loads Dagster, which takes a second

        runs = last_runs([one.name for one in found], settings)
    if as_json:
        from event_assets.cli.machine_output import json_text

        shown = [
            {**asdict(one), "refused_share": one.refused_share, "last_run": run and asdict(run)}
            for one in statuses
            for run in [runs.get(one.dataset)]
        ]
        print(json_text(shown[0] if dataset else shown))
        return

    from event_assets.cli.text_table import Shown, print_rows

    unused, rows = unused_samples(found, settings), []
    for one in statuses:
        if one.dataset not in unused:
            share = f"{one.refused_share:.1%}" if one.records else ""
            last = f"{run.ended:%m-%d %H:%M} {run.state}" if (run := runs.get(one.dataset)) else ""
            dates, counts = (one.first_date, one.last_date), (one.stale, one.new_files)
            rows.append((one.dataset, *dates, f"{one.records:,}", share, *counts, last, one.files))
    print_rows(_COLUMNS, rows, shown=Shown(wide, records))
    if dataset:
        tables = [tuple(asdict(table).values()) for table in statuses[0].tables]
        print_rows(_TABLE_COLUMNS, tables, shown=Shown(wide, records))
    for one in statuses:
        for warning in one.warnings:
            note(f"warning: {one.dataset}: {warning}")
        if one.dataset not in unused and (one.stale or one.new_files):
            note(f"event-assets run {one.dataset} lands new files and recomputes stale partitions; --dry-run shows why")
    name_unused(unused)


def _columns(names: str, numeric: str) -> dict[str, bool]:
    """Columns of a table, and whether they contain numbers."""
    return {name: name in numeric.split(",") for name in names.split(",")}


_COLUMNS = _columns(
    "dataset,first date,last date,records,refused,stale,new files,last run,files",
    "records,refused,stale,new files,files",
)
_TABLE_COLUMNS = _columns("table,partitions,rows,first date,last date,stale", "partitions,rows,stale")

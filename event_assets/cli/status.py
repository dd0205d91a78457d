"""`event-assets status`: the status of the datasets."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

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
from event_assets.settings import Settings, load_settings

if TYPE_CHECKING:
    from event_assets.cli.dagster_runs import LastRun
    from event_assets.declaration import Dataset
    from event_assets.pipeline.status import DatasetStatus


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
    settings = load_settings()
    found = one_or_all(dataset)
    from event_assets.pipeline.status import status as status_of
    from event_assets.pipeline.workspace import Workspace

    statuses = [status_of(Workspace(one, settings)) for one in found]
    runs = _last_runs(found, settings)
    if as_json:
        from event_assets.cli.machine_output import json_text

        shown = [_as_json(one, runs.get(one.dataset)) for one in statuses]
        print(json_text(shown[0] if dataset else shown))
        return

    from event_assets.cli.text_table import Shown, print_rows

    unused = unused_samples(found, settings)
    rows = [_row(one, runs.get(one.dataset)) for one in statuses if one.dataset not in unused]
    print_rows(_COLUMNS, rows, shown=Shown(wide, records))
    if dataset:
        tables = [tuple(asdict(table).values()) for table in statuses[0].tables]
        numeric = {"table": False, "partitions": True, "rows": True, "first date": False, "last date": False}
        print_rows({**numeric, "stale": True}, tables, shown=Shown(wide, records))
    for one in statuses:
        for warning in one.warnings:
            note(f"warning: {one.dataset}: {warning}")
        if one.dataset not in unused and (one.stale or one.new_files):
            note(f"event-assets run {one.dataset} lands new files and recomputes stale partitions; --dry-run shows why")
    name_unused(unused)


#: Columns of the datasets' table, and whether they hold numbers.
_COLUMNS = {
    "dataset": False,
    "first date": False,
    "last date": False,
    "records": True,
    "refused": True,
    "stale": True,
    "new files": True,
    "last run": False,
    "files": True,
}


def _row(found: DatasetStatus, run: LastRun | None) -> tuple[object, ...]:
    share = f"{found.refused_share:.1%}" if found.records else ""
    last = f"{run.ended:%m-%d %H:%M} {run.state}" if run else ""
    dates = (found.first_date, found.last_date)
    return (found.dataset, *dates, f"{found.records:,}", share, found.stale, found.new_files, last, found.files)


def _as_json(found: DatasetStatus, run: LastRun | None) -> dict[str, Any]:
    return {**asdict(found), "refused_share": found.refused_share, "last_run": asdict(run) if run else None}


def _last_runs(datasets: list[Dataset], settings: Settings) -> dict[str, LastRun]:
    if not (settings.dagster_home / "dagster.yaml").exists():  # Dagster takes a second to load
        return {}
    from event_assets.cli.dagster_runs import last_runs

    return last_runs([dataset.name for dataset in datasets], settings)

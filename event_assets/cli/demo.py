"""`event-assets demo`: sample files for every dataset, every table, and where each record went."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from event_assets.cli.arguments import JsonOption
from event_assets.cli.console import note, say
from event_assets.errors import LakeError
from event_assets.settings import Settings, load_settings, local_folder

if TYPE_CHECKING:
    from event_assets.pipeline.reconcile import Reconciliation

SAMPLE = {"rows": 3000, "days": 4, "seed": 1}
SHOWN_TABLES = ("daily_summary", "top_users_overall", "watch_time_overall", "events_by_type", "funnel_summary")
SHOWN_ROWS = 3


def demo(
    inbox: Annotated[
        Path | None, typer.Option(help="A folder with one folder for each dataset, instead of sample files.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Generates sample files for all datasets, lands them, computes every table and counts every record.

    \b
    event-assets demo
    event-assets demo --inbox /data/exports      (with one folder per dataset)
    """
    from event_assets.tables.catalog import load_datasets

    settings = _places(inbox)
    datasets = load_datasets(settings.datasets)
    folder = local_folder(settings.inbox, "EVENT_ASSETS_INBOX")
    if inbox is None:
        _make_samples(folder)
    present = {name: dataset for name, dataset in datasets.items() if (folder / name).is_dir()}
    if not present:
        raise LakeError(str(folder), "has no folder of a dataset", f"make one of {', '.join(datasets)} in it")

    from event_assets.cli.machine_output import json_text
    from event_assets.cli.reconciliation_tables import print_reconciliation
    from event_assets.cli.run_progress import run_with_progress
    from event_assets.cli.text_table import print_table
    from event_assets.pipeline.first_rows_of_table import first_rows
    from event_assets.pipeline.workspace import Workspace

    found: dict[str, Reconciliation] = {}
    for name, dataset in present.items():
        done = run_with_progress(dataset, settings)
        found[name] = done.reconciliation
        for warning in done.summary.warnings if done.summary else ():
            note(f"warning: {warning}")
    if as_json:
        print(json_text({name: one.as_json() for name, one in found.items()}))
        return
    for name, dataset in present.items():
        workspace = Workspace(dataset, settings)
        for table in SHOWN_TABLES:
            if table in workspace.tables:
                print_table(first_rows(workspace, table, SHOWN_ROWS), f"{name}.{table}")
    print_reconciliation(list(found.values()))
    say(f"Tables:  {settings.lake}/DATASET/TABLE/  (Snappy Parquet, by event_date)")
    say(f"Inbox:   {settings.inbox}/DATASET/  (drop more files here, then: event-assets run DATASET)")
    say(f"Views:   {settings.warehouse}  (a DuckDB file for charts)")
    say(f"Runs:    {settings.dagster_home}")
    say(f"UI:      {_how_to_open_the_ui(settings)}  then http://127.0.0.1:3000")


def _places(inbox: Path | None) -> Settings:
    """A folder of the user's gets a lake of its own, so that its figures are not mixed with the samples'."""
    settings = load_settings()
    if inbox is None:
        return settings
    if not inbox.is_dir():
        raise typer.BadParameter(f"{inbox} is not a folder")
    name = inbox.absolute().name

    def own(path: Path, default: Path) -> Path:
        return path.with_name(f"{path.stem}-{name}{path.suffix}") if path == default.absolute() else path

    lake = own(settings.lake, Path("data/lake")) if isinstance(settings.lake, Path) else settings.lake
    warehouse = own(settings.warehouse, Settings().warehouse)
    return dataclasses.replace(settings, inbox=inbox.absolute(), lake=lake, warehouse=warehouse)


def _make_samples(inbox: Path) -> None:
    """Files for each dataset that ships and has none; a dataset of the user's has no generator."""
    from event_assets.synthetic import RECIPES, generate

    for name in RECIPES:
        folder = inbox / name
        if not folder.exists():
            generate(name, rows=SAMPLE["rows"], days=SAMPLE["days"], seed=SAMPLE["seed"], out=folder)


def _how_to_open_the_ui(settings: Settings) -> str:
    usual = load_settings()
    variables = [
        f"EVENT_ASSETS_{key.upper()}={getattr(settings, key)}"
        for key in ("inbox", "lake", "warehouse")
        if getattr(settings, key) != getattr(usual, key)
    ]
    makefile = Path("Makefile")
    if makefile.is_file() and "\nui:" in makefile.read_text(encoding="utf-8", errors="replace"):
        return " ".join([*variables, "make ui"])
    home = f"DAGSTER_HOME={settings.dagster_home}"
    # `dagster dev` warns at each start that `dg dev` supersedes it. That needs a project, and there may be none here.
    return " ".join([*variables, home, "python -W ignore:Function -m dagster dev -m event_assets.definitions"])

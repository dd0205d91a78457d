"""`event-assets init`: a dataset's declaration drafted from a sample file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from event_assets.errors import DeclarationError
from event_assets.settings import load_settings


def init(
    name: Annotated[str, typer.Argument(help="What the dataset shall be called, such as web_clicks.")],
    sample: Annotated[
        Path, typer.Option("--from", metavar="FILE", help="A CSV, JSON, NDJSON or Parquet file, also .gz or .zst.")
    ],
    time_column: Annotated[
        str | None, typer.Option(metavar="FIELD", help="The field with the event's time, where it isn't told rightly.")
    ] = None,
    user_column: Annotated[str | None, typer.Option(metavar="FIELD", help="The field with the user's id.")] = None,
    type_column: Annotated[str | None, typer.Option(metavar="FIELD", help="The field that says what was done.")] = None,
    show: Annotated[bool, typer.Option("--show", help="Print the draft and write nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was drafted as JSON.")] = False,
) -> None:
    """Drafts a dataset's declaration from a sample file, as a YAML file that loads at once, to be read and edited.

    It is written to NAME/defs.yaml in the folder of your datasets (EVENT_ASSETS_DATASETS, else datasets/).

    \b
    event-assets init web_clicks --from export_2025-01-31.csv
    event-assets init github --from 2015-01-01-15.json.gz --user-column actor.id
    event-assets init orders --from orders.parquet --show
    """
    from event_assets.declaration import load_dataset, load_datasets
    from event_assets.draft import draft

    settings = load_settings()
    if name in load_datasets(settings.datasets):
        raise DeclarationError(name, "is declared already", "choose another name, or edit its defs.yaml")
    made = draft(name, sample, time=time_column, user=user_column, kind=type_column)
    checks = made.text.count("# CHECK")
    drafted = {"dataset": name, "columns": len(made.dataset.columns), "records": made.records, "checks": checks}
    if show:
        print(json.dumps({**drafted, "yaml": made.text}) if as_json else made.text, end="\n" if as_json else "")
        return
    path = settings.datasets / name / "defs.yaml"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8", newline="\n") as file:  # x: what stands there is never overwritten
            file.write(made.text)
    except FileExistsError:
        raise DeclarationError(str(path), "exists already", "choose another name, or remove it first") from None
    except OSError as error:
        state = f"can't be written ({error.strerror})"
        raise DeclarationError(str(path), state, "set EVENT_ASSETS_DATASETS to a folder that can be") from None
    load_dataset(path)
    if as_json:
        print(json.dumps({**drafted, "path": str(path), "inbox": str(settings.inbox / name)}))
        return
    typer.echo(f"{path}: {len(made.dataset.columns)} columns drafted from {made.records:,} records", err=True)
    typer.echo(f"Next: read the {checks} lines marked CHECK; put files into {settings.inbox / name}/;", err=True)
    typer.echo(f"then: event-assets run {name}", err=True)

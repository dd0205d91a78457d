"""`event-assets export`: a dataset's tables as other tools describe tables."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from event_assets.cli.arguments import DatasetName, named_dataset
from event_assets.settings import load_settings


def export(
    dataset: DatasetName,
    form: Annotated[
        Literal["dbt", "odcs"], typer.Option("--as", help="dbt: a sources.yml; odcs: an Open Data Contract.")
    ],
    out: Annotated[Path | None, typer.Option(help="The file to write; by default standard output.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON instead of YAML.")] = False,
) -> None:
    """Describes a dataset's tables for other tools, with descriptions, types, keys and tests.

    In dbt's profiles.yml, attach the warehouse file with alias: event_assets, whatever the file's name is.

    \b
    event-assets export shop --as dbt --out models/sources/shop.yml
    event-assets export shop --as odcs --out shop.odcs.yaml
    """
    import yaml

    from event_assets.cli.machine_output import json_text
    from event_assets.exports.dbt import DATABASE, dbt_sources
    from event_assets.exports.odcs import data_contract
    from event_assets.storage.atomic_write import atomic_write

    declared = named_dataset(dataset)
    document = dbt_sources(declared) if form == "dbt" else data_contract(declared, load_settings().lake)
    text = json_text(document) if as_json else yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120)
    if form == "dbt" and not as_json:
        text = (
            f"# Attach {load_settings().warehouse.name} in profiles.yml with alias: {DATABASE}, read_only: true\n{text}"
        )
    if out is None:
        print(text.rstrip())
        return
    with atomic_write(out) as stream:
        stream.write(text.encode())
    print(f"{len(document['sources'][0]['tables'] if form == 'dbt' else document['schema'])} tables in {out}")

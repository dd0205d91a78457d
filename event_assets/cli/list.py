"""`event-assets list`: the datasets and their tables."""

from __future__ import annotations

from typing import Annotated, Any

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
from event_assets.settings import load_settings


def list_tables(
    dataset: Annotated[
        str | None, typer.Argument(help="One dataset; by default all.", autocompletion=known_datasets)
    ] = None,
    wide: WideOption = False,
    records: RecordsOption = False,
    as_json: JsonOption = False,
) -> None:
    """Lists the datasets and their tables: layer, partitions, key and the meaning of a row.

    \b
    event-assets list
    event-assets list shop
    event-assets list --json
    """
    from event_assets.tables.catalog import tables

    found = one_or_all(dataset)
    listed: list[dict[str, Any]] = [
        {
            "dataset": one.name,
            "description": one.description,
            "tables": [
                {"table": t.name, "layer": t.layer, "by": t.partitioned_by, "key": t.key, "description": t.description}
                for t in tables(one).values()
                if not t.internal
            ],
        }
        for one in found
    ]
    if as_json:
        from event_assets.cli.machine_output import json_text

        print(json_text(listed))
        return

    from event_assets.cli.text_table import Shown, print_rows, wrapped

    names = ("table", "layer", "by", "key", "description")
    unused = unused_samples(found, load_settings())
    for one in listed:
        if one["dataset"] in unused:
            continue
        print(wrapped(f"{one['dataset']}: {one['description']}"))
        rows = [(t["table"], t["layer"], t["by"], ", ".join(t["key"]), t["description"]) for t in one["tables"]]
        print_rows(dict.fromkeys(names, False), rows, shown=Shown(wide, records))
    name_unused(unused)

"""`event-assets list`: the datasets and their tables."""

from __future__ import annotations

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
from event_assets.settings import load_settings

if TYPE_CHECKING:
    from event_assets.declaration import Dataset


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
    found = one_or_all(dataset)
    listed = [_listed(one) for one in found]
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


def _listed(dataset: Dataset) -> dict[str, Any]:
    from event_assets.tables.catalog import tables

    return {
        "dataset": dataset.name,
        "description": dataset.description,
        "tables": [
            {
                "table": table.name,
                "layer": table.layer,
                "by": table.partitioned_by,
                "key": table.key,
                "description": table.description,
            }
            for table in tables(dataset).values()
            if not table.internal
        ],
    }

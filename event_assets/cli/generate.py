"""`event-assets generate`: synthetic source files with faulty records, and how many records of each kind they
contain."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from event_assets.cli.arguments import JsonOption, MessOption, SeedOption, known_datasets, named_dataset, parse_date


def generate(
    dataset: Annotated[str, typer.Argument(help="A shipped dataset, such as shop.", autocompletion=known_datasets)],
    out: Annotated[Path, typer.Option(help="The folder for the files; created if missing.")],
    rows: Annotated[int, typer.Option(min=1, help="Event records in all files together.")] = 10_000,
    days: Annotated[int, typer.Option(min=1, help="Number of dates with events.")] = 7,
    seed: SeedOption = 1,
    files: Annotated[
        int | None, typer.Option(min=1, help="Number of event files; by default one for each date.")
    ] = None,
    start: Annotated[str | None, typer.Option(metavar="DATE", help="The first date.")] = None,
    mess: MessOption = 1.0,
    as_json: JsonOption = False,
) -> None:
    """Writes synthetic files in the dataset's input format, and prints how many records of each kind are in them.

    \b
    event-assets generate shop --rows 100000 --days 30 --out data/inbox/shop
    event-assets generate streaming --rows 1000000 --days 1 --files 4 --mess 0
        --out /tmp/logs
    """
    named_dataset(dataset)
    first = parse_date(start, "--start") if start else None

    from event_assets import synthetic
    from event_assets.cli.machine_output import json_text
    from event_assets.cli.progress_bar import progressing

    with progressing(f"generating {rows:,} records of {dataset}", rows, "records") as advance:
        made = synthetic.generate(
            dataset, rows=rows, days=days, seed=seed, out=out, files=files, start=first, mess=mess, wrote=advance
        )
    if as_json:
        print(json_text({"files": [str(path) for path in made.files], "truth": made.truth}))
        return
    for path in made.files:
        print(path)
    width = max(len(name) for name in made.truth)
    for name, number in made.truth.items():
        print(f"  {name:<{width}}  {number:>12,}")

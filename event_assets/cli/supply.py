"""`event-assets supply`: a live feed into a dataset's inbox."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated

import typer

from event_assets.cli.names import known_datasets, named_dataset
from event_assets.settings import load_settings, local_folder


def supply(
    dataset: Annotated[
        str, typer.Argument(help="A dataset that ships, such as activity.", autocompletion=known_datasets)
    ],
    rate: Annotated[int, typer.Option(min=1, help="Records in each file.")] = 1_000,
    every: Annotated[float, typer.Option(min=0.01, help="Seconds from one file to the next.")] = 5.0,
    for_seconds: Annotated[
        float | None, typer.Option("--for", min=0.01, help="Stop after so many seconds; without, Ctrl-C stops.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="What the records are drawn from.")] = 1,
    mess: Annotated[float, typer.Option(min=0.0, help="How messy: 0 is clean, 1 the usual shares.")] = 1.0,
) -> None:
    """Keeps dropping new files of events of the last hour into the dataset's inbox, until Ctrl-C.

    \b
    event-assets supply activity --rate 1000 --every 5
    event-assets supply shop --rate 100 --every 1 --for 60
    """
    named_dataset(dataset)

    from event_assets import generate

    def dropped(path: Path) -> None:
        print(path, flush=True)

    files = generate.supply(
        dataset,
        inbox=local_folder(load_settings().inbox, "EVENT_ASSETS_INBOX"),
        rate=rate,
        every=every,
        for_seconds=for_seconds,
        seed=seed,
        mess=mess,
        now=lambda: dt.datetime.now(dt.UTC),
        dropped=dropped,
    )
    typer.echo(f"{files} files dropped; event-assets run {dataset} lands them, as the sensor in the UI does", err=True)

"""`event-assets supply`: a live feed into a dataset's inbox."""

from __future__ import annotations

import datetime as dt
import math
from pathlib import Path
from typing import Annotated

import typer

from event_assets.cli.arguments import JsonOption, MessOption, SeedOption, known_datasets, named_dataset
from event_assets.settings import load_settings, local_folder
from event_assets.wording import counted


def supply(
    dataset: Annotated[str, typer.Argument(help="A shipped dataset, such as activity.", autocompletion=known_datasets)],
    rate: Annotated[int, typer.Option(min=1, help="Records in each file.")] = 1_000,
    every: Annotated[float, typer.Option(min=0.01, help="Seconds from one file to the next.")] = 5.0,
    for_seconds: Annotated[
        float | None, typer.Option("--for", min=0.01, help="Stop after so many seconds; by default on Ctrl-C.")
    ] = None,
    seed: SeedOption = 1,
    mess: MessOption = 1.0,
    as_json: JsonOption = False,
) -> None:
    """Keeps dropping new files of events of the last hour into the dataset's inbox, until Ctrl-C.

    \b
    event-assets supply activity --rate 1000 --every 5
    event-assets supply shop --rate 100 --every 1 --for 60 --json
    """
    named_dataset(dataset)

    from event_assets import synthetic
    from event_assets.cli.machine_output import json_text
    from event_assets.cli.progress_bar import progressing

    inbox = local_folder(load_settings().inbox, "EVENT_ASSETS_INBOX")
    wanted = None if for_seconds is None else math.ceil(for_seconds / every)
    with progressing(f"supplying {dataset}", wanted, "files") as advance:

        def dropped(path: Path) -> None:
            print(json_text({"file": str(path)}) if as_json else path, flush=True)
            advance(1)

        files = synthetic.supply(
            dataset,
            inbox=inbox,
            rate=rate,
            every=every,
            for_seconds=for_seconds,
            seed=seed,
            mess=mess,
            now=lambda: dt.datetime.now(dt.UTC),
            dropped=dropped,
        )
    if as_json:
        print(json_text({"files": files}))
        return
    typer.echo(
        f"{counted(files, 'file')} dropped; event-assets run {dataset} lands them, as the sensor in the UI does",
        err=True,
    )

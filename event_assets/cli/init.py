"""`event-assets init`: a dataset's declaration drafted from sample files, tried on them, and what to do next."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from event_assets.cli.arguments import JsonOption, RecordsOption, WideOption
from event_assets.cli.console import note
from event_assets.errors import DeclarationError
from event_assets.settings import Settings, load_settings
from event_assets.wording import counted

if TYPE_CHECKING:
    from event_assets.cli.text_table import Shown
    from event_assets.declaration import Dataset
    from event_assets.draft.events_and_profiles import Kinds
    from event_assets.draft.trial_run import Refused, Trial

_EXAMPLE_LENGTH = 160
#: Before any event: the trial itself finds the sample's first date.
EARLIEST = dt.date(1900, 1, 1)


def init(
    name: Annotated[str, typer.Argument(help="The name of the dataset, such as web_clicks.")],
    samples: Annotated[
        list[Path],
        typer.Option("--from", metavar="FILE", help="A sample file or a folder of them; repeat it for several."),
    ],
    time_column: Annotated[
        str | None, typer.Option(metavar="FIELD", help="The field with the event's time, if init chose another one.")
    ] = None,
    user_column: Annotated[str | None, typer.Option(metavar="FIELD", help="The field with the user's id.")] = None,
    type_column: Annotated[str | None, typer.Option(metavar="FIELD", help="The field with the event's type.")] = None,
    show: Annotated[bool, typer.Option("--show", help="Print the draft and write nothing.")] = False,
    wide: WideOption = False,
    blocks: RecordsOption = False,
    as_json: JsonOption = False,
) -> None:
    """Drafts a dataset's declaration from sample files: a valid YAML file for you to read and edit.

    Sample files are CSV, JSON, NDJSON, Parquet or logs, compressed or not. Files of different shape become several
    blocks; files with one line for each user become profiles. The draft is written to NAME/defs.yaml in the folder of
    your datasets (EVENT_ASSETS_DATASETS, else datasets/) and tested on the samples: the command prints how many records
    are landed, which are rejected, and the first rows. For an existing dataset the command proposes the differences.

    \b
    event-assets init web_clicks --from export_2025-01-31.csv
    event-assets init github --from 2015-01-01-15.json.gz --user-column actor.id
    event-assets init shop_web --from exports/ --show
    """
    from event_assets.cli.text_table import Shown
    from event_assets.draft import draft
    from event_assets.draft.events_and_profiles import kinds_of
    from event_assets.draft.trial_run import try_out
    from event_assets.tables.catalog import load_datasets

    settings = load_settings()
    now = dt.datetime.now(dt.UTC)
    if (declared := load_datasets(settings.datasets).get(name)) is not None:
        kinds = kinds_of(samples, time=time_column, user=user_column, kind=type_column)
        _compare(declared, kinds, now, Shown(wide, blocks), as_json)
        return
    made = draft(name, samples, time=time_column, user=user_column, kind=type_column)
    trial = try_out(made.dataset.model_copy(update={"start_date": EARLIEST}), made.files, now)
    if trial.first_date is not None:
        made = made.starting(trial.first_date)
    drafted = {
        "dataset": name,
        "columns": len(made.dataset.columns),
        "records": made.records,
        "checks": len(made.notes),
        "trial": _tried(trial),
    }
    if show:
        print(json.dumps({**drafted, "yaml": made.text}) if as_json else made.text, end="\n" if as_json else "")
    else:
        path = _write(name, made.text, settings)
        if as_json:
            print(json.dumps({**drafted, "path": str(path), "inbox": str(settings.inbox / name)}))
        else:
            typer.echo(f"{path}: {len(made.dataset.columns)} columns drafted from {made.records:,} records", err=True)
    if not as_json:
        _report(trial, Shown(wide, blocks))
    if not show and not as_json:
        checks = f"read the {len(made.notes)} lines marked CHECK"
        typer.echo(f"Next: {checks}; put files into {settings.inbox / name}/;", err=True)
        typer.echo(f"then: event-assets run {name}", err=True)


def _compare(declared: Dataset, kinds: Kinds, now: dt.datetime, shown: Shown, as_json: bool) -> None:
    """Propose the changes of the declaration that the samples need. Nothing is written."""
    from event_assets.draft.proposed_changes import differences, with_files
    from event_assets.draft.trial_run import try_out

    trial = try_out(with_files(declared, kinds), kinds.files, now)
    changes = [*differences(declared, kinds, trial)]
    if as_json:
        found = {"dataset": declared.name, "records": kinds.records, "trial": _tried(trial)}
        print(json.dumps({**found, "changes": [asdict(change) for change in changes]}))
        return
    count = f"{counted(len(changes), 'change')} proposed" if changes else "nothing to change"
    typer.echo(f"{declared.name} is declared already, and nothing is written; {count}")
    for change in changes:
        kept = f"{change.declared} -> " if change.declared else ("add " if change.proposed else "")
        typer.echo(f"  {change.key}: {kept}{change.proposed or 'remove, or keep for other files'}  # {change.why}")
    _report(trial, shown, "The sample, read by the declaration as it is:")


def _write(name: str, text: str, settings: Settings) -> Path:
    from event_assets.declaration import load_dataset

    path = settings.datasets / name / "defs.yaml"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8", newline="\n") as file:  # x: an existing file is never overwritten
            file.write(text)
    except FileExistsError:
        raise DeclarationError(str(path), "exists already", "choose another name, or remove it first") from None
    except OSError as error:
        state = f"can't be written ({error.strerror})"
        raise DeclarationError(str(path), state, "set EVENT_ASSETS_DATASETS to a folder that can be") from None
    load_dataset(path)
    return path


def _tried(trial: Trial) -> dict[str, Any]:
    return {
        "records": trial.records,
        "taken": trial.taken,
        "duplicates": trial.duplicates,
        "excluded": trial.excluded,
        "refused": {one.reason: one.records for one in trial.refused},
        "profiles": trial.profiles,
        "profiles_refused": {one.reason: one.records for one in trial.profiles_refused},
        "files_refused": dict(trial.files_refused),
    }


def _report(trial: Trial, shown: Shown, title: str = "The sample, read by this draft:") -> None:
    """What became of the samples, on standard error: a drafted YAML may go to standard output."""
    from event_assets.cli.text_table import print_table

    note("")
    note(title)
    excluded = f", {trial.excluded:,} excluded" if trial.excluded else ""
    became = f"{trial.taken:,} taken, {counted(trial.duplicates, 'duplicate')}{excluded}"
    note(f"  {counted(trial.records, 'record')}: {became}, {_count(trial.refused):,} refused")
    if trial.profiles:
        note(f"  {counted(trial.profiles, 'record')} of profiles: {_count(trial.profiles_refused):,} refused")
    for one in (*trial.refused, *trial.profiles_refused):
        note(f"  refused {one.records:,} as {one.reason}, such as {_start_of(one.example)}")
    for file, reason in trial.files_refused:
        note(f"  file {file} can't be read: {reason}")
    for file in trial.shortened:
        note(f"  of {file} only the first records were tried")
    if trial.rows.height:
        print_table(trial.rows, "The first events", shown, err=True)


def _start_of(text: str) -> str:
    return text if len(text) <= _EXAMPLE_LENGTH else f"{text[:_EXAMPLE_LENGTH]}..."


def _count(refused: Sequence[Refused]) -> int:
    return sum(one.records for one in refused)

"""Arguments that name things (datasets, tables, reasons, dates), and what completion offers for them."""

from __future__ import annotations

import datetime as dt
import difflib
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from event_assets.errors import EventAssetsError
from event_assets.settings import Settings, load_settings
from event_assets.tables.landed_tables import RAW_EVENTS

if TYPE_CHECKING:
    from event_assets.declaration import Dataset


def known_datasets(incomplete: str) -> list[str]:
    """What completion offers for a dataset's name."""
    from event_assets.tables.catalog import load_datasets

    return [name for name in load_datasets(load_settings().datasets) if name.startswith(incomplete)]


def known_tables_at_the_end(incomplete: str) -> list[str]:
    """What completion offers for a query: the tables that its last word may become."""
    from event_assets.tables.catalog import load_datasets
    from event_assets.warehouse.views import views

    before, last = re.fullmatch(r"(.*?)([\w.]*)", incomplete, re.DOTALL).groups()  # type: ignore[union-attr]
    found = load_datasets(load_settings().datasets)
    if not last or not any(f"{name}.".startswith(last[: len(name) + 1]) for name in found):
        return []
    names = (f"{name}.{view.name}" for name, dataset in found.items() for view in views(dataset))
    return [before + name for name in names if name.startswith(last)]


def known_reasons(context: typer.Context, incomplete: str) -> list[str]:
    """What completion offers for --reason: the reasons for which records of the dataset are refused."""
    return [reason for reason in _of_dataset(context, refusal_reasons) if reason.startswith(incomplete)]


def known_dates(context: typer.Context, incomplete: str) -> list[str]:
    """What completion offers for --from and --to: the dates of which the dataset has raw events."""
    return [date for date in _of_dataset(context, _raw_dates) if date.startswith(incomplete)]


def known_dimensions(context: typer.Context, incomplete: str) -> list[str]:
    """What completion offers for --by: the columns by which `ask` can group."""
    from event_assets.warehouse.metrics import dimensions

    found = _of_dataset(context, lambda dataset, settings: dimensions(dataset))
    return [column for column in found if column.startswith(incomplete)]


def known_metrics(incomplete: str) -> list[str]:
    """What completion offers for --metric."""
    from event_assets.warehouse.metrics import METRICS

    return [metric for metric in METRICS if metric.startswith(incomplete)]


#: Arguments and options that several commands have.
DatasetName = Annotated[str, typer.Argument(help="The dataset, such as shop.", autocompletion=known_datasets)]
FirstDate = Annotated[
    str | None, typer.Option("--from", metavar="DATE", help="The first date.", autocompletion=known_dates)
]
LastDate = Annotated[
    str | None, typer.Option("--to", metavar="DATE", help="The last date.", autocompletion=known_dates)
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
RawOption = Annotated[
    bool, typer.Option("--raw", help="In CSV, don't escape texts that a spreadsheet would run as formulas.")
]
SeedOption = Annotated[int, typer.Option(min=0, help="The same seed gives the same records.")]
MessOption = Annotated[float, typer.Option(min=0.0, help="Share of faulty records: 0 is none, 1 the usual share.")]
WideOption = Annotated[bool, typer.Option("--wide", help="Show all columns, also if lines become long.")]
RecordsOption = Annotated[bool, typer.Option("--records", help="Show each record as a block with one column per line.")]


def refusal_reasons(dataset: Dataset, settings: Settings) -> list[str]:
    """The reasons for which records of a dataset are refused now, by name."""
    from event_assets.warehouse.query import read_rows

    sql = f"SELECT DISTINCT reason FROM {dataset.name}.rejected_records ORDER BY 1"
    return read_rows(sql, {dataset.name: dataset}, settings, lambda found: [row[0] for row in found.rows])


def _raw_dates(dataset: Dataset, settings: Settings) -> list[str]:
    from event_assets.storage.lake import Lake

    return sorted(Lake(settings.lake, settings.cache).store(dataset.name, RAW_EVENTS, None, "event_date").entries())


def _of_dataset(context: typer.Context, values: Callable[[Dataset, Settings], list[str]]) -> list[str]:
    """Values of the dataset that the line already names; none where it names none. Completion prints no error."""
    from event_assets.tables.catalog import load_datasets

    try:
        settings = load_settings()
        known = load_datasets(settings.datasets)
        # Click gives no argument its value while the last option of the line lacks its own.
        words = (context.params.get("dataset"), context.params.get("source"), *context.args)
        named = next((word for word in words if word in known), None)
        return values(known[named], settings) if named else []
    except EventAssetsError:
        return []


def one_or_all(name: str | None) -> list[Dataset]:
    """The named dataset, or every dataset that loads, the user's own first. A warning names each dataset that doesn't
    load."""
    from event_assets.tables.catalog import load_datasets

    if name is not None:
        return [named_dataset(name)]
    found = load_datasets(load_settings().datasets)
    for error in found.failures.values():
        typer.echo(f"warning: {error} (the other datasets load)", err=True)
    return sorted(found.values(), key=lambda dataset: dataset.name in found.shipped)


def unused_samples(datasets: list[Dataset], settings: Settings) -> list[str]:
    """The shipped datasets without data. Empty if none of the datasets is the user's own."""
    from event_assets.tables.catalog import load_datasets

    shipped, inbox = load_datasets().shipped, settings.inbox
    samples = [dataset for dataset in datasets if dataset.name in shipped]
    if len(samples) == len(datasets):
        return []
    dropped = [one.name for one in samples if isinstance(inbox, Path) and (inbox / one.name).is_dir()]
    return [one.name for one in samples if one.name not in dropped and not _raw_dates(one, settings)]


def name_unused(names: list[str]) -> None:
    """A line, on standard error, about the datasets that a table for people leaves out."""
    if names:
        typer.echo(f"shipped datasets without data: {', '.join(names)} (event-assets demo fills them)", err=True)


def named_dataset(name: str) -> Dataset:
    """The dataset of that name; wrong usage where there is none."""
    from event_assets.tables.catalog import load_datasets  # half a second, which help and wrong usage needn't wait for

    found = load_datasets(load_settings().datasets)
    if name in found.failures:  # a second declaration of the name also fails: the name would be ambiguous
        raise found.failures[name]
    if name not in found:
        close = difflib.get_close_matches(name, found, n=1)
        hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(found)}"
        raise typer.BadParameter(f"no dataset is named {name!r}; {hint}")
    return found[name]


def date_range(first: str | None, last: str | None) -> tuple[dt.date, dt.date]:
    """The dates of --from and --to, the earliest and the latest possible date by default; wrong usage otherwise."""
    start = parse_date(first, "--from") if first else dt.date.min
    end = parse_date(last, "--to") if last else dt.date.max
    if start > end:
        raise typer.BadParameter(f"--from {start} is after --to {end}")
    return start, end


def parse_date(text: str, option: str) -> dt.date:
    """YYYY-MM-DD; wrong usage otherwise."""
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{option} {text!r} is not a valid date; write it as 2025-01-31") from None

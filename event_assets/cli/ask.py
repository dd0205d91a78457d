"""`event-assets ask`: a figure over any range of dates."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from event_assets.cli.arguments import (
    DatasetName,
    FirstDate,
    JsonOption,
    LastDate,
    date_range,
    known_dimensions,
    known_metrics,
    named_dataset,
)
from event_assets.settings import load_settings


def ask(
    dataset: DatasetName,
    metric: Annotated[
        str,
        typer.Option(
            help="users, persons, sessions, events, minutes, conversions or revenue.", autocompletion=known_metrics
        ),
    ] = "users",
    by: Annotated[
        str | None,
        typer.Option(
            metavar="COL",
            help="event_date, week, month or a column of the facts; by default one figure.",
            autocompletion=known_dimensions,
        ),
    ] = None,
    first: FirstDate = None,
    last: LastDate = None,
    as_json: JsonOption = False,
) -> None:
    """Prints the exact number of users, persons, sessions, events, minutes or conversions in a range of dates.

    The figure is read from the smallest table that contains it. If none does, the facts are scanned, and the answer
    reports it. `gold.users_by` adds a table of users by the columns that it names.

    \b
    event-assets ask shop --metric users --from 2020-09-24 --to 2020-09-30
    event-assets ask activity --metric users --by platform
    event-assets ask streaming --metric minutes --by event_date
    event-assets ask benefits --metric users --by month
    event-assets ask shop --metric events --by event_type --json
    event-assets ask app_events --metric conversions --by channel
    """
    declared, settings = named_dataset(dataset), load_settings()

    from event_assets.cli.machine_output import json_text
    from event_assets.warehouse.metrics import METRICS, answer, counted_traffic, dates_of_facts
    from event_assets.warehouse.query import read_rows

    if metric not in METRICS:
        raise typer.BadParameter(f"{metric!r} is not one of {', '.join(METRICS)}", param_hint="--metric")
    start, end = date_range(first, last)

    def read(sql: str) -> list[tuple[Any, ...]]:
        return read_rows(sql, {declared.name: declared}, settings, lambda some: list(some.rows))

    found = answer(declared, metric, by, start, end)
    rows = read(found.sql)
    tables = [f"{declared.name}.{table}" for table in found.tables]
    names = [*([by] if by else []), metric]
    kinds = counted_traffic(declared, by)
    if as_json:
        printed = {
            "metric": metric,
            "by": by,
            "from": str(start) if first else None,
            "to": str(end) if last else None,
            "tables": tables,
            "scanned": found.scanned,
            "traffic": list(kinds) or None,
            "rows": [dict(zip(names, row, strict=True)) for row in rows],
        }
        print(json_text(printed))
        return
    from event_assets.cli.text_table import Shown, print_rows

    print_rows({name: name == metric for name in names}, rows, shown=Shown(wide=True))
    if kinds:
        typer.echo(f"only {' and '.join(kinds)} traffic is counted; --by traffic shows all")
    if not any(row[-1] for row in rows):
        [(since, until)] = read(dates_of_facts(declared))
        typer.echo(f"{declared.name} has facts from {since} to {until}" if since else f"{declared.name} has no facts")
    source = " and ".join(tables)
    verb = "was" if len(tables) == 1 else "were"
    typer.echo(f"no rollup covers this: {source} {verb} scanned" if found.scanned else f"read from {source}")

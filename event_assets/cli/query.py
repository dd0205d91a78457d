"""`event-assets query`: SQL over all tables, read-only."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from event_assets.warehouse.query import Rows

SHOWN_ROWS = 100


def query(
    sql: Annotated[
        str, typer.Argument(help='One SELECT over views such as shop.sessions; "SHOW ALL TABLES" lists them.')
    ],
    out: Annotated[Path | None, typer.Option(help="Write all rows to this .csv, .parquet or .json file.")] = None,
    raw: Annotated[
        bool, typer.Option("--raw", help="In CSV, leave texts that a spreadsheet would run as formulas as they are.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print all rows as a JSON array.")] = False,
) -> None:
    """Runs one SELECT of DuckDB's SQL over all tables, as views DATASET.TABLE. Nothing can be changed by it.

    \b
    event-assets query "SELECT * FROM shop.funnel_summary"
    event-assets query "SELECT event_date, count(*) FROM shop.sessions GROUP BY ALL ORDER BY 1" --out days.csv
    event-assets query "SELECT reason, count(*) AS records FROM benefits.rejected_records GROUP BY 1" --json
    """
    from event_assets.cli.output import check_suffix, json_text, note, print_rows, working, write_file
    from event_assets.declaration import load_datasets
    from event_assets.settings import load_settings
    from event_assets.warehouse.known_datasets import known_datasets
    from event_assets.warehouse.query import read, read_rows

    check_suffix(out)
    settings = load_settings()
    datasets = known_datasets(load_datasets(settings.datasets), settings)
    if out is not None:
        target = out
        with working(f"querying into {out}"):
            rows = read(sql, datasets, settings, lambda frames: write_file(frames, target, raw=raw))
        print(json_text({"rows": rows, "out": str(out)}) if as_json else f"{rows:,} rows in {out}")
    elif as_json:
        # Gathered before a line of it is printed: a query can fail, or begin again, at its last row.
        print("".join(read_rows(sql, datasets, settings, _as_json)), end="")
    else:
        numeric, shown = read_rows(sql, datasets, settings, _first_rows)
        print_rows(numeric, shown[:SHOWN_ROWS])
        if not shown and isinstance(settings.lake, Path) and not any(settings.lake.glob("*/*/_delta_log")):
            note(f"{settings.lake} holds no tables yet: event-assets demo makes some, event-assets run DATASET yours")
        if len(shown) > SHOWN_ROWS:
            note(f"These are the first {SHOWN_ROWS} rows; --out F.csv or --json gives all of them.")


def _first_rows(found: Rows) -> tuple[dict[str, bool], list[tuple[Any, ...]]]:
    """Which columns hold numbers, and the rows to be shown, with one more where there are more."""
    return found.numeric, list(islice(found.rows, SHOWN_ROWS + 1))


def _as_json(found: Rows) -> list[str]:
    from event_assets.cli.output import json_array

    return list(json_array(dict(zip(found.numeric, row, strict=True)) for row in found.rows))

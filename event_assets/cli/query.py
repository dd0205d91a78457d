"""`event-assets query`: SQL over all tables, read-only."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import polars as pl

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
    from event_assets.cli.output import check_suffix, json_array, json_text, note, print_table, working, write_file
    from event_assets.dataset import load_datasets
    from event_assets.settings import load_settings
    from event_assets.warehouse import read

    check_suffix(out)
    settings = load_settings()
    datasets = load_datasets(settings.datasets)
    if out is not None:
        target = out
        with working(f"querying into {out}"):
            rows = read(sql, datasets, settings, lambda frames: write_file(frames, target, raw=raw))
        print(json_text({"rows": rows, "out": str(out)}) if as_json else f"{rows:,} rows in {out}")
    elif as_json:
        # Gathered before a line of it is printed: a query can fail, or begin again, at its last row.
        print("".join(read(sql, datasets, settings, lambda frames: list(json_array(frames)))), end="")
    else:
        shown, more = read(sql, datasets, settings, _first_rows)
        print_table(shown)
        if shown.is_empty() and isinstance(settings.lake, Path) and not any(settings.lake.glob("*/*/_delta_log")):
            note(f"{settings.lake} holds no tables yet: event-assets demo makes some, event-assets run DATASET yours")
        if more:
            note(f"These are the first {SHOWN_ROWS} rows; --out F.csv or --json gives all of them.")


def _first_rows(frames: Iterator[pl.DataFrame]) -> tuple[pl.DataFrame, bool]:
    """The rows to be shown, and whether there are more."""
    shown = next(frames)
    for frame in frames:
        shown = shown.vstack(frame)
        if shown.height > SHOWN_ROWS:
            break
    return shown.head(SHOWN_ROWS), shown.height > SHOWN_ROWS

"""`event-assets query`: SQL over all tables, read-only."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, Literal

import typer

from event_assets.cli.arguments import RawOption, RecordsOption, WideOption, known_tables_at_the_end
from event_assets.cli.console import note
from event_assets.settings import Settings, load_settings

if TYPE_CHECKING:
    from event_assets.declaration import Dataset
    from event_assets.warehouse.query_result import Rows

SHOWN_ROWS = 100
Format = Literal["table", "csv", "json", "ndjson"]


def query(
    sql: Annotated[
        str,
        typer.Argument(
            help='One SELECT over views such as shop.sessions; "SHOW ALL TABLES" lists them.',
            autocompletion=known_tables_at_the_end,
        ),
    ],
    form: Annotated[
        Format | None, typer.Option("--format", help="The format of the rows; all formats but table print every row.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="F|-", help="Write all rows to this .csv, .parquet, .json or .ndjson file; - prints CSV."),
    ] = None,
    wide: WideOption = False,
    records: RecordsOption = False,
    raw: RawOption = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print all rows as a JSON array.")] = False,
) -> None:
    """Runs one SELECT of DuckDB's SQL over all tables, as views DATASET.TABLE. It can't change data.

    \b
    event-assets query "SELECT * FROM shop.funnel_summary"
    event-assets query "SELECT * FROM shop.sessions" --out sessions.parquet
    event-assets query "SELECT * FROM shop.daily_summary" --format csv | head
    event-assets query "SELECT reason, count(*) AS records
        FROM benefits.rejected_records GROUP BY 1" --json
    """
    if as_json and form not in (None, "json"):
        raise typer.BadParameter(f"--json and --format {form} contradict each other: leave out one")

    from event_assets.cli.machine_output import FORMATS, check_suffix
    from event_assets.tables.catalog import load_datasets
    from event_assets.warehouse.datasets_in_lake import known_datasets

    settings = load_settings()
    datasets = known_datasets(load_datasets(settings.datasets), settings)
    if out is not None and str(out) != "-":
        if form == "table":
            raise typer.BadParameter(f"--format table is for people: write {out.name} as one of {', '.join(FORMATS)}")
        if form is None:
            check_suffix(out)
        _to_file(sql, datasets, settings, out, form, raw=raw, as_json=as_json)
        return
    if as_json:
        form = "json"
    elif out is not None and form is None:
        form = "csv"
    if form in (None, "table"):
        _print(sql, datasets, settings, wide=wide, records=records)
    else:
        _to_output(sql, datasets, settings, form, raw=raw)


def _to_file(
    sql: str,
    datasets: Mapping[str, Dataset],
    settings: Settings,
    out: Path,
    form: Format | None,
    *,
    raw: bool,
    as_json: bool,
) -> None:
    from event_assets.cli.machine_output import json_text, write_file
    from event_assets.cli.progress_bar import working
    from event_assets.warehouse.query import read
    from event_assets.wording import counted

    with working(f"querying into {out}"):
        rows = read(sql, datasets, settings, lambda frames: write_file(frames, out, form=form, raw=raw))
    print(json_text({"rows": rows, "out": str(out)}) if as_json else f"{counted(rows, 'row')} in {out}")


def _to_output(sql: str, datasets: Mapping[str, Dataset], settings: Settings, form: str, *, raw: bool) -> None:
    from event_assets.cli.machine_output import from_the_start, json_pieces, whole_output, write_stream
    from event_assets.warehouse.query import read, read_rows

    def print_json(found: Rows, stream: BinaryIO) -> None:
        for piece in json_pieces((dict(zip(found.numeric, row, strict=True)) for row in found.rows), form):
            stream.write(piece.encode())

    with whole_output() as stream:
        if form == "csv":
            read(sql, datasets, settings, lambda frames: write_stream(frames, from_the_start(stream), form, raw=raw))
        else:  # without frames, whose libraries take longer to load than a small table takes to read
            read_rows(sql, datasets, settings, lambda found: print_json(found, from_the_start(stream)))


def _print(sql: str, datasets: Mapping[str, Dataset], settings: Settings, *, wide: bool, records: bool) -> None:
    from event_assets.cli.text_table import Shown, print_rows
    from event_assets.warehouse.query import read_rows

    numeric, rows = read_rows(sql, datasets, settings, _first_rows)
    print_rows(numeric, rows[:SHOWN_ROWS], shown=Shown(wide, records))
    if not rows and isinstance(settings.lake, Path) and not any(settings.lake.glob("*/*/_delta_log")):
        note(f"{settings.lake} holds no tables yet: event-assets demo makes some, event-assets run DATASET yours")
    if len(rows) > SHOWN_ROWS:
        note(f"These are the first {SHOWN_ROWS} rows; --out F.csv or --json gives all of them.")


def _first_rows(found: Rows) -> tuple[dict[str, bool], list[tuple[Any, ...]]]:
    """Whether each column contains numbers, and the rows to show, with one more if there are more."""
    return found.numeric, list(islice(found.rows, SHOWN_ROWS + 1))

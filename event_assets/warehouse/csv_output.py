"""Rows as CSV that neither a spreadsheet nor a data frame misreads: formulas disarmed, "NA" kept a text."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator

import polars as pl

#: Texts that spreadsheets and data frames take for "no value": North America's code among them.
_LOOKS_MISSING = ["", "NA", "N/A", "n/a", "<NA>", "#N/A", "#NA", "NaN", "nan", "NaT", "NULL", "null", "None", "none"]
#: What makes a spreadsheet run a text as a formula.
_FORMULA = r"^[=+\-@\t\r]"


def csv_pieces(frames: Iterable[pl.DataFrame], *, raw: bool) -> Iterator[str]:
    """The header, then the lines of each frame."""
    header = True
    for frame in frames:
        if header:
            line = io.StringIO()
            csv.writer(line, lineterminator="\n").writerow(frame.columns)
            yield line.getvalue()
            header = False
        texts = frame.select(_as_field(name, dtype, raw) for name, dtype in frame.schema.items())
        yield texts.write_csv(include_header=False, quote_style="never")


def _as_field(name: str, dtype: pl.DataType, raw: bool) -> pl.Expr:
    column = pl.col(name)
    match dtype:
        case pl.String():
            safe = column if raw else pl.when(column.str.contains(_FORMULA)).then("'" + column).otherwise(column)
            odd = safe.str.contains(r'[,"\r\n]|^\s|\s$') | safe.is_in(_LOOKS_MISSING)
            quoted = pl.concat_str(pl.lit('"'), safe.str.replace_all('"', '""', literal=True), pl.lit('"'))
            return pl.when(odd).then(quoted).otherwise(safe).alias(name)
        case pl.Datetime():
            return column.dt.strftime("%Y-%m-%dT%H:%M:%S%.6f" + ("Z" if dtype.time_zone else ""))
        case pl.Binary():
            return column.bin.encode("hex")
    return column

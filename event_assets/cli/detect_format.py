"""Which format an input file has, by its name or, for .json, by its first character."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import IO, Literal, cast

from event_assets.errors import QueryError

Format = Literal["csv", "tsv", "json", "ndjson", "parquet"]

COMPRESSED = (".gz", ".zst")
_FORMATS: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".json": "json",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".parquet": "parquet",
}


def stem_of(path: Path) -> str:
    """The file's name without the endings of its format and compression."""
    name = Path(path.absolute().name)
    name = Path(name.stem) if name.suffix in COMPRESSED else name
    return name.stem if name.suffix in _FORMATS else name.name


def format_of(path: Path) -> Format:
    """The file's format. QueryError if its name has no known ending."""
    plain = Path(path.stem) if path.suffix in COMPRESSED else path
    found = _FORMATS.get(plain.suffix.lower())
    if found is None:
        raise QueryError(str(path), "its name tells no format", f"name it as one of {', '.join(_FORMATS)}")
    return "ndjson" if found == "json" and _first_character(path) == b"{" else found


def csv_header(path: Path, delimiter: str) -> list[str]:
    """The names of a CSV file's columns as the file has them, for messages; none where they can't be read."""
    import polars as pl

    try:
        return pl.read_csv(path, separator=delimiter, infer_schema=False, n_rows=0, truncate_ragged_lines=True).columns
    except (pl.exceptions.PolarsError, OSError, ValueError):
        return []


def _first_character(path: Path) -> bytes:
    if path.suffix == ".zst":
        return b"["
    try:
        with cast(IO[bytes], gzip.open(path) if path.suffix == ".gz" else path.open("rb")) as file:
            return file.read(4096).removeprefix(b"\xef\xbb\xbf").strip()[:1]
    except (OSError, EOFError):
        return b""

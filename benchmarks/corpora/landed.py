"""A file of no known dataset through `land_file`, the door that every source file takes, and its accounting."""

from __future__ import annotations

import datetime as dt
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from event_assets.declaration import Dataset, parse_dataset
from event_assets.errors import EventAssetsError
from event_assets.landing.file_accounting import Landed
from event_assets.landing.inbox import identify
from event_assets.landing.land_file import land_file

_LANDED_AT = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)


@dataclass
class Result:
    """What became of a file: its rows as texts by place, or why there are none."""

    landed: Landed | None = None
    rows: list[tuple[str | None, ...]] = field(default_factory=list)
    rejects: list[tuple[int, str]] = field(default_factory=list)
    """(row_number, reason)"""
    error: str | None = None
    """One of our own one-line errors; anything else is a crash, and raised."""

    @property
    def accounted(self) -> bool:
        """Whether each record stands in one table, once, and a refused file says why."""
        if self.landed is None:
            return self.error is not None
        landed = self.landed
        return (
            landed.records == landed.landed + landed.rejected
            and landed.landed == len(self.rows)
            and landed.rejected == len(self.rejects) == sum(landed.reasons.values())
            and (landed.reason is None or landed.records == 0)
        )


def dataset_of(sources: Sequence[str], *, format: str = "csv", **source_keys: Any) -> Dataset:
    """A dataset whose profiles have a text column for each source; profiles need no time, so any table fits."""
    names = ["user_id", *(f"c{place}" for place in range(1, len(sources)))]
    columns = [
        {"name": name, "source": source or name, "description": "A field."}
        for name, source in zip(names, sources or ["user_id"], strict=False)
    ]
    one = [{"name": name, "description": "A field."} for name in ("user_id", "event_type")]
    declared = {
        "name": "corpus",
        "description": "Files of a corpus.",
        "start_date": "1970-01-01",
        "events": {"files": ["none"], "format": "csv", "time": {"source": "at"}, "columns": one},
        "profiles": {"files": ["*"], "format": format, "columns": columns, **source_keys},
    }
    return parse_dataset(declared, "corpus")


def land(path: Path, dataset: Dataset, *, name: str | None = None) -> Result:
    """Land the file as profiles and read back what was staged."""
    folder = Path(tempfile.mkdtemp(prefix="corpus-"))
    try:
        landed = land_file(
            dataset,
            "profiles",
            path,
            name or path.name,
            identify(path),
            folder,
            landed_at=_LANDED_AT,
            memory_bytes=2**28,
        )
        result = Result(landed)
        if None in landed.parts:
            columns = [column.name for column in dataset.columns_of("profiles")]
            result.rows = pl.read_parquet(landed.parts[None], glob=False).select(columns).rows()
        if landed.rejects is not None:
            result.rejects = pl.read_parquet(landed.rejects, glob=False).select("row_number", "reason").rows()
        return result
    except EventAssetsError as error:
        return Result(error=str(error))
    finally:
        shutil.rmtree(folder)

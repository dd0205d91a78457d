"""A small dataset, and what became of a file under it, for the tests of landing."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import polars as pl

from event_assets.declaration import Dataset, parse_dataset
from event_assets.landing.file_accounting import Landed

LANDED_AT = dt.datetime(2024, 1, 10, 12, tzinfo=dt.UTC)


def declare(format: str = "csv", *, columns: list[dict[str, Any]] | None = None, **keys: Any) -> Dataset:
    """A dataset with the event columns user_id, event_type and value; `events__x` sets a key of its events."""
    events = {
        "files": ["events*"],
        "format": format,
        "time": {"source": "at"},
        "columns": columns
        or [
            {"name": "user_id", "required": True, "description": "The user."},
            {"name": "event_type", "description": "What happened."},
            {"name": "value", "description": "A value."},
        ],
    }
    events |= {key.removeprefix("events__"): keys.pop(key) for key in list(keys) if key.startswith("events__")}
    profiles = {"files": ["users*"], "format": "csv", "columns": [{"name": "user_id", "description": "The user."}]}
    attributes = {"name": "tiny", "description": "A test.", "start_date": "2020-01-01", "events": events}
    return parse_dataset({**attributes, "profiles": profiles, **keys}, "test")


@dataclass(frozen=True)
class Outcome:
    """What landed, with the staged tables read back."""

    landed: Landed

    @property
    def rows(self) -> pl.DataFrame:
        """All staged rows by row_number."""
        parts = [pl.read_parquet(path) for path in self.landed.parts.values()]
        return pl.concat(parts).sort("row_number") if parts else pl.DataFrame()

    def values(self, *columns: str) -> list[tuple[Any, ...]]:
        return self.rows.select(columns).rows() if self.landed.parts else []

    @property
    def rejects(self) -> list[tuple[int, str, str | None, str]]:
        if self.landed.rejects is None:
            return []
        return pl.read_parquet(self.landed.rejects).select("row_number", "reason", "column", "raw").rows()


def check_accounts(outcome: Outcome) -> None:
    """Each record stands in one table, once, under its number."""
    landed = outcome.landed
    numbers = [] if not landed.parts else outcome.rows["row_number"].to_list()
    numbers += [number for number, *_ in outcome.rejects]
    assert sorted(numbers) == list(range(1, landed.records + 1))
    assert landed.records == landed.landed + landed.rejected
    assert landed.rejected == sum(landed.reasons.values()) == len(outcome.rejects)
    assert landed.kind == "profiles" or landed.landed == sum(landed.dates.values())

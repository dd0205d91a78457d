"""Small literal tables as frames of each engine, and the transforms' outputs as rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import polars as pl

from event_assets.declaration import Dataset, parse_dataset
from event_assets.engines.engine import Engine
from event_assets.engines.select_engine import open_engine
from event_assets.settings import Settings
from event_assets.tables.catalog import tables
from event_assets.tables.column_types import polars_type
from event_assets.transforms.interface import Frame, Inputs, Outputs, Scope

Rows = list[dict[str, Any]]
Transform = Callable[[Inputs, Scope], Outputs]
DAY = dt.date(2024, 5, 2)


def at(text: str, day: dt.date = DAY) -> dt.datetime:
    """A time of the day (or a full ISO time), UTC."""
    return dt.datetime.fromisoformat(text if "-" in text else f"{day}T{text}").replace(tzinfo=dt.UTC)


def micros(time: dt.datetime) -> int:
    return (time - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1)


def declared(columns: Sequence[Mapping[str, Any]] = (), **attributes: Any) -> Dataset:
    """A dataset with user_id, event_type and further columns; attributes over the plain ones."""
    plain = [{"name": "user_id"}, {"name": "event_type"}]
    named = {column["name"] for column in columns}
    every = [c for c in plain if c["name"] not in named] + list(columns)
    return parse_dataset(
        {
            "name": "tiny",
            "description": "Tiny.",
            "start_date": "2020-01-01",
            "events": {
                "files": ["*.csv"],
                "format": "csv",
                "time": {"source": "time"},
                "columns": [{"description": "It.", **column} for column in every],
            },
            **attributes,
        },
        "tiny",
    )


def opened(engine: str) -> Engine:
    """An engine by name; all of a process share one Spark session."""
    settings = Settings(engine=engine, spark="local[2]", workers=2, memory_bytes=10**9)
    return open_engine(declared(), settings)


def collected(frame: Frame) -> pl.DataFrame:
    """A small frame of any engine as a Polars frame."""
    return pl.DataFrame(frame.collect("pyarrow").to_native())


class Bench:
    """One engine: literal rows in, a transform's output rows out, sorted so that tables can be compared whole."""

    def __init__(self, engine: str) -> None:
        self.engine = engine
        self.opened = opened(engine)
        self.ports = self.opened.ports

    def frame(self, rows: Iterable[Mapping[str, Any]], schema: Mapping[str, pl.DataType]) -> Frame:
        table = pl.DataFrame([{name: row.get(name) for name in schema} for row in rows], schema=schema, orient="row")
        return self.opened.constant(table)

    def rows(self, frame: Frame) -> Rows:
        table = collected(frame)
        return sorted(table.to_dicts(), key=lambda row: [(v is not None, str(v)) for v in row.values()])

    def run(
        self,
        transform: Transform,
        dataset: Dataset,
        inputs: Mapping[str, Iterable[Mapping[str, Any]]],
        date: dt.date | None = DAY,
    ) -> tuple[dict[str, Rows], dict[str, int]]:
        """The transform's tables and figures. Rows of tables by date that name no `event_date` get `date`."""
        frames = {name: self.frame(_dated(rows, date), schema_of(dataset, name)) for name, rows in inputs.items()}
        outputs = transform(frames, Scope(dataset, self.ports, (date,) if date else ()))
        for name, frame in outputs.tables.items():
            assert schema_of(dataset, name, hive=False) == self.schema(frame), name
        figures = self.rows(outputs.figures)[0] if outputs.figures is not None else {}
        made = {name: self.rows(frame) for name, frame in outputs.tables.items()}
        if date:
            self._check_batch(transform, dataset, frames, date, made, figures)
        return made, figures

    def _check_batch(
        self,
        transform: Transform,
        dataset: Dataset,
        frames: Inputs,
        date: dt.date,
        made: Mapping[str, Rows],
        figures: Mapping[str, int],
    ) -> None:
        """A date has the same rows and figures where it is computed together with the dates around it."""
        day = dt.timedelta(days=1)
        together = transform(frames, Scope(dataset, self.ports, (date - day, date, date + day)))
        for name, frame in together.tables.items():
            rows = [row for row in self.rows(frame) if row.pop("event_date") == date]
            assert rows == made[name], name
        counts = [] if together.figures is None else self.rows(together.figures)
        assert [row for row in counts if row.pop("event_date") == date and any(row.values())] == (
            [figures] if any(figures.values()) else []
        )

    def table(self, transform: Transform, dataset: Dataset, inputs: Any, date: dt.date | None = DAY) -> Rows:
        """The one table that the transform makes."""
        made, _ = self.run(transform, dataset, inputs, date)
        (rows,) = made.values()
        return rows

    def schema(self, frame: Frame) -> dict[str, pl.DataType]:
        return dict(collected(frame.head(0)).schema)


def schema_of(dataset: Dataset, table: str, hive: bool = True) -> dict[str, pl.DataType]:
    if table == "profile_snapshots":
        return {"file_id": pl.String(), "name": pl.String(), "snapshot_date": pl.Date()}
    contract = tables(dataset)[table]
    schema = {column.name: polars_type(column.type) for column in contract.columns}
    if contract.partitioned_by == "event_date" and hive:
        schema["event_date"] = pl.Date()
    elif contract.partitioned_by == "geo_region":
        schema["geo_region"] = pl.String()
    return schema


def _dated(rows: Iterable[Mapping[str, Any]], date: dt.date | None) -> Rows:
    return [{"event_date": date, **row} for row in rows]


def only(rows: Rows, *names: str) -> list[tuple[Any, ...]]:
    """Some columns of rows, as tuples."""
    return [tuple(row[name] for name in names) for row in rows]
